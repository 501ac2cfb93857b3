"""Visits: recording, correcting and voiding them under the clinic's own number."""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from prom_service.db import insert_if_absent
from prom_service.errors import ConflictError, InvalidInputError, NotFoundError
from prom_service.models import Clinic, Episode, EpisodeVisit, Visit, VisitVersion
from prom_service.models.visit import VISIT_FORMATS, VISIT_STATUSES
from prom_service.services import assessment
from prom_service.services.clinics import today_at

FUTURE_SLACK = dt.timedelta(days=1)  # It is tomorrow already at a clinic east of us.

HELD = (
    select(Visit)
    .where(Visit.clinic_id == bindparam("clinic"), Visit.external_id == bindparam("external"))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True)
class VisitDetails:
    """What a clinic says of a visit. ``documentation`` is optional: dose, interventions, education …"""

    visited_on: dt.date
    clinician: str = ""
    status: str = "attended"
    format: str = "individual"
    reassessed: bool = False
    documentation: Mapping[str, Any] = field(default_factory=dict)


def record_visit(
    session: Session, episode: Episode, external_id: str, details: VisitDetails, *, actor: str, now: dt.datetime
) -> tuple[Visit, bool]:
    """Record the visit, or correct it; return it and whether it is new to this episode. Repeating changes nothing."""
    visit, added = put_visit(session, episode, external_id, details, actor=actor, now=now)
    assess_served(session, [visit.id], now=now)
    return visit, added


def record_visits(
    session: Session, entries: Iterable[tuple[Episode, str, VisitDetails]], *, actor: str, now: dt.datetime
) -> int:
    """Record many visits of one clinic and assess their episodes together; return how many were new to an episode."""
    recorded = [put_visit(session, *entry, actor=actor, now=now) for entry in entries]
    assess_served(session, [visit.id for visit, _ in recorded], now=now)
    return sum(added for _, added in recorded)


def assess_served(session: Session, visit_ids: Iterable[uuid.UUID], *, now: dt.datetime) -> None:
    """Assess every episode that these visits serve. After this the clinic's flags wait for the transaction to end."""
    served = select(EpisodeVisit.episode_id).where(
        EpisodeVisit.visit_id.in_(list(visit_ids)), EpisodeVisit.removed_at.is_(None)
    )
    assessment.assess_episodes(session, session.scalars(served), now=now)


def put_visit(
    session: Session, episode: Episode, external_id: str, details: VisitDetails, *, actor: str, now: dt.datetime
) -> tuple[Visit, bool]:
    """Write the visit without assessing its episodes; whoever writes many calls ``assess_served`` once, at the end."""
    _check(session, episode, external_id, details, now)
    values = {**vars(details), "documentation": dict(details.documentation)}
    fresh = insert_if_absent(
        session,
        Visit,
        {
            "clinic_id": episode.clinic_id,
            "external_id": external_id,
            "recorded_at": now,
            "number": 1,
            "restorations": 0,
            **values,
        },
        unique=["clinic_id", "external_id"],
    )
    visit = _locked(session, episode, external_id)
    if not fresh:
        _leave_other_episodes(session, episode, visit, now)
    if fresh:
        _keep_version(session, visit, actor, now)
    elif not is_recorded(visit, details):
        for name, value in values.items():
            setattr(visit, name, value)
        visit.restorations += visit.voided_at is not None
        visit.voided_at = None
        visit.number += 1
        _keep_version(session, visit, actor, now)
    return visit, _serve(session, episode, visit, now)


def void_visit(session: Session, episode: Episode, external_id: str, *, actor: str, now: dt.datetime) -> None:
    """Take the visit off this episode; when it serves no other, it is void. Doing so again changes nothing."""
    visit = _locked(session, episode, external_id)
    link = _serving(session, episode, visit)
    if link is None:
        _must_have_served(session, episode, visit)
        return
    if visit.voided_at is not None:
        return
    if len(_served(session, visit)) > 1:
        link.removed_at = now
    else:
        visit.voided_at = now
        visit.number += 1
        _keep_version(session, visit, actor, now)
    session.flush()
    assessment.assess_episodes(session, [episode.id], now=now)


def _check(session: Session, episode: Episode, external_id: str, details: VisitDetails, now: dt.datetime) -> None:
    """Refuse what cannot be, unless exactly that is on record already: then it was taken, and nothing changes."""
    errors: dict[str, list[str]] = {}
    today = today_at(session.get_one(Clinic, episode.clinic_id), now=now)
    if details.status not in VISIT_STATUSES:
        errors["status"] = [f"Allowed are {', '.join(VISIT_STATUSES)}."]
    if details.format not in VISIT_FORMATS:
        errors["format"] = [f"Allowed are {', '.join(VISIT_FORMATS)}."]
    if details.visited_on < episode.started_on:
        errors["date"] = [f"Before the episode started ({episode.started_on})."]
    elif details.visited_on > (now + FUTURE_SLACK).date():
        errors["date"] = ["Must not lie in the future."]
    elif details.status == "attended" and details.visited_on > today:
        errors["date"] = [f"After today at the clinic ({today}): a visit to come has not been attended."]
    elif episode.closed_on is not None and details.visited_on > episode.closed_on:
        errors["date"] = [f"After the episode was closed ({episode.closed_on})."]
    if errors and not _is_on_record(session, episode, external_id, details):
        raise InvalidInputError(errors)


def _is_on_record(session: Session, episode: Episode, external_id: str, details: VisitDetails) -> bool:
    visit = session.scalar(HELD, {"clinic": episode.clinic_id, "external": external_id})
    return visit is not None and is_recorded(visit, details) and _serving(session, episode, visit) is not None


def is_recorded(visit: Visit, details: VisitDetails) -> bool:
    """Say whether this is what is on record of the visit; of a void one nothing is."""
    return visit.voided_at is None and all(getattr(visit, name) == value for name, value in vars(details).items())


def _locked(session: Session, episode: Episode, external_id: str) -> Visit:
    visit = session.scalar(HELD, {"clinic": episode.clinic_id, "external": external_id})
    if visit is None:
        raise NotFoundError("This episode has no such visit.")
    return visit


def _keep_version(session: Session, visit: Visit, actor: str, now: dt.datetime) -> None:
    session.add(
        VisitVersion(
            clinic_id=visit.clinic_id,
            visit_id=visit.id,
            number=visit.number,
            voided=visit.voided_at is not None,
            visited_on=visit.visited_on,
            clinician=visit.clinician,
            status=visit.status,
            format=visit.format,
            reassessed=visit.reassessed,
            documentation=visit.documentation,
            actor=actor,
            recorded_at=now,
        )
    )
    session.flush()


def _serve(session: Session, episode: Episode, visit: Visit, now: dt.datetime) -> bool:
    """Let the visit serve the episode; return whether it did not before. The visit's row is held, so nobody races."""
    if _serving(session, episode, visit) is not None:
        return False
    session.add(EpisodeVisit(clinic_id=episode.clinic_id, episode_id=episode.id, visit_id=visit.id, recorded_at=now))
    session.flush()
    return True


def _leave_other_episodes(session: Session, episode: Episode, visit: Visit, now: dt.datetime) -> None:
    """Take a void visit off where it was: it was taken back there, and comes back on this episode alone.

    Raise ``ConflictError`` when the number is that of another patient's visit that stands: a slip must not merge two
    people.
    """
    others = session.execute(
        select(EpisodeVisit, Episode.patient_id)
        .join(Episode, Episode.id == EpisodeVisit.episode_id)
        .where(
            EpisodeVisit.visit_id == visit.id,
            EpisodeVisit.removed_at.is_(None),
            EpisodeVisit.episode_id != episode.id,
        )
    ).all()
    if visit.voided_at is not None:
        for link, _ in others:
            link.removed_at = now
        session.flush()
    elif any(patient_id != episode.patient_id for _, patient_id in others):
        raise ConflictError("This number is that of another patient's visit.")


def _serving(session: Session, episode: Episode, visit: Visit) -> EpisodeVisit | None:
    return session.scalar(
        select(EpisodeVisit).where(
            EpisodeVisit.episode_id == episode.id, EpisodeVisit.visit_id == visit.id, EpisodeVisit.removed_at.is_(None)
        )
    )


def _must_have_served(session: Session, episode: Episode, visit: Visit) -> None:
    """Raise ``NotFoundError`` unless the visit served this episode once."""
    once = select(EpisodeVisit.id).where(EpisodeVisit.episode_id == episode.id, EpisodeVisit.visit_id == visit.id)
    if session.scalars(once.limit(1)).first() is None:
        raise NotFoundError("This episode has no such visit.")


def _served(session: Session, visit: Visit) -> list[uuid.UUID]:
    return list(
        session.scalars(
            select(EpisodeVisit.episode_id).where(EpisodeVisit.visit_id == visit.id, EpisodeVisit.removed_at.is_(None))
        )
    )
