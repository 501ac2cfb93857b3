"""What the page of a flag is given to show: the flag, what it rests on, who did what, and what lies beside it."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import Clinic, Flag, Response
from prom_service.pathway.facts import LIVE_STATUSES
from prom_service.queries import directory
from prom_service.queries.amendments import amendments_of
from prom_service.queries.colleagues import list_readers, names_of
from prom_service.queries.flags import find_flag
from prom_service.queries.guidance import with_guidance_at
from prom_service.queries.registry import as_id
from prom_service.queries.waiting import waiting_in_episode
from prom_service.queries.worklist import neighbours
from prom_service.web.context import prom
from prom_service.web.dashboard.episode_view import course_view
from prom_service.web.dashboard.worklist_filter import wanted_flags


def flag_view(session: Session, clinic_id: uuid.UUID, flag_id: uuid.UUID, kept: Mapping[str, str]) -> dict[str, Any]:
    """Return everything the page says; raise ``NotFoundError`` when the clinic has no such flag."""
    flag = with_guidance_at(find_flag(session, clinic_id, flag_id), prom.now())
    episode = directory.find_episode(session, clinic_id, uuid.UUID(flag["episode_id"]))
    previous, following = neighbours(session, clinic_id, wanted_flags(kept), flag_id)
    return {
        **course_view(session, episode),
        "flag": flag,
        "live": flag["status"] in LIVE_STATUSES,
        "changed_since": _changed_since(flag),
        "people": _people(session, flag),
        "readers": list_readers(session, clinic_id),
        "clinic": session.get_one(Clinic, clinic_id),
        "amendments": amendments_of(session, episode.id),
        "waiting": waiting_in_episode(session, episode.id, now=prom.now()),
        "kept": kept,
        "previous": previous,
        "following": following,
        "rests_on": _rests_on(session, clinic_id, flag_id),
        "successor": _successor(session, clinic_id, episode.id, flag_id),
    }


def _changed_since(flag: Mapping[str, Any]) -> bool:
    """Return whether the rules changed the flag after somebody took it up."""
    return flag["status"] in ("acknowledged", "assigned") and flag["history"][-1]["type"] == "updated"


def _people(session: Session, flag: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of all who took a step with the flag or were given it."""
    took = [event["actor"]["id"] for event in flag["history"]]
    given = [f"user:{event['detail']['user_id']}" for event in flag["history"] if "user_id" in event["detail"]]
    return names_of(session, (*took, *given))


def _rests_on(session: Session, clinic_id: uuid.UUID, flag_id: uuid.UUID) -> dict[str, uuid.UUID]:
    """Return by its kind what a flag rests on and can be read: an answered administration, or another flag."""
    basis = session.scalars(select(Flag).where(Flag.clinic_id == clinic_id, Flag.id == flag_id)).one().found_basis
    kind, number = basis.split(":")[:2] if basis.count(":") else (basis, "")
    keys = {"response": Response.id, "administration": Response.administration_id}
    found = as_id(number)
    if kind not in keys or found is None:
        return {"flag": found} if kind == "flag" and found else {}
    answered = select(Response.administration_id).where(Response.clinic_id == clinic_id, keys[kind] == found).limit(1)
    administration_id = session.scalar(answered)
    return {"administration": administration_id} if administration_id else {}


def _successor(session: Session, clinic_id: uuid.UUID, episode_id: uuid.UUID, flag_id: uuid.UUID) -> uuid.UUID | None:
    """Return the flag as which the finding came back on a new basis, if it did."""
    of_episode = (Flag.clinic_id == clinic_id, Flag.episode_id == episode_id)
    return session.scalar(select(Flag.id).where(*of_episode, Flag.predecessor_id == flag_id).order_by(Flag.id).limit(1))
