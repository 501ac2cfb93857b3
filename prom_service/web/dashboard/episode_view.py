"""What the page of an episode is given to show: past and future, the course, and who the patient is."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from prom_service.mail.addresses import is_usable
from prom_service.models import Clinic, Episode, Patient
from prom_service.models.flag import SEVERITIES
from prom_service.models.message import PENDING_PHASES
from prom_service.queries import directory
from prom_service.queries.flags import FlagFilter, list_flags
from prom_service.queries.instants import written
from prom_service.queries.missing import missing_answers
from prom_service.queries.pathways import find_pathway
from prom_service.queries.timeline import timeline
from prom_service.queries.trajectory import trajectory
from prom_service.queries.visits import visits_of
from prom_service.services import brake
from prom_service.services.clinics import zone_of
from prom_service.services.contact import Permission, addressees, foresee
from prom_service.web.dashboard.trajectory_chart import draw
from prom_service.web.dashboard.trajectory_view import Scale, course_of, scales_of
from prom_service.web.dashboard.words import read_in

Moment = dict[str, Any]
"""An administration or a message as ``timeline`` shows it."""


def episode_view(
    session: Session, clinic_id: uuid.UUID, episode_id: uuid.UUID, *, production: bool, now: dt.datetime
) -> dict[str, Any]:
    """Return everything the page says; raise ``NotFoundError`` when the clinic has no such episode."""
    episode = directory.find_episode(session, clinic_id, episode_id)
    told = timeline(session, episode.id, now=now)
    foreseen = _foreseen(session, told["administrations"], production=production, now=now)
    clinic = session.get_one(Clinic, clinic_id)
    course = course_view(session, episode)
    read_in(clinic.time_zone, days=zone_of(course["patient"], clinic))
    return {
        **course,
        "charts": _charts(session, course, told["administrations"], now),
        "clinic": clinic,
        "administrations": told["administrations"],
        "patient_changes": told["patient_changes"],
        "foreseen": foreseen,
        "next_message": _next_message(told["administrations"], foreseen),
        "flags": _gravest_first(list_flags(session, clinic_id, FlagFilter(episode_id=episode.id))),
        "missing": missing_answers(session, clinic_id, episode_id=episode.id, now=now),
        "standing": _standing(course["patient"], told["patient_changes"]),
        "stopped": brake.in_force(session) is not None,
    }


def _gravest_first(flags: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the flags by severity; within one they stay as they are, the newest first."""
    return sorted(flags, key=lambda flag: SEVERITIES.index(flag["severity"]))


def _charts(
    session: Session, view: dict[str, Any], administrations: list[Moment], now: dt.datetime
) -> list[tuple[Scale, str]]:
    """Return the scales of a course with their charts, those by which response is judged first."""
    shared = course_of(view["episode"], view["pathway"], administrations, visits_of(session, view["episode"]), now)
    scales = scales_of(view["course"], view["pathway"], administrations, now)
    return [(scale, draw(scale, shared)) for scale in scales]


def course_view(session: Session, episode: Episode) -> dict[str, Any]:
    """Return whose course it is, and its scores by timepoint."""
    course = trajectory(session, episode.id)
    pathway = find_pathway(session, episode.pathway)
    reached = {point["timepoint"] for scale in course["scales"] for point in scale["points"]}
    return {
        "episode": episode,
        "patient": session.get_one(Patient, episode.patient_id),
        "pathway": pathway,
        "titles": {one.key: one.title for one in pathway.timepoints},
        "course": course,
        "timepoints": [one.key for one in pathway.timepoints if one.key in reached],
    }


def _standing(patient: Patient, changes: list[dict[str, Any]]) -> list[str]:
    """Return the reasons that stand against any email to the patient now; codes."""
    refused = [change["kind"] for change in changes if change["recorded_at"] == written(patient.bounced_at)]
    against = {
        patient.status: patient.status != "active",
        "unsubscribed": patient.unsubscribed_at is not None,
        "email_not_allowed": not patient.email_allowed,
        "no_address": not is_usable(patient.email or ""),
        "not_me": patient.bounced_at is not None and "not_me" in refused,
        "address_refused": patient.bounced_at is not None and "not_me" not in refused,
    }
    return [reason for reason, applies in against.items() if applies]


def _foreseen(
    session: Session, administrations: list[Moment], *, production: bool, now: dt.datetime
) -> dict[str, Permission]:
    """Return by its id what will be decided about each email that is still to go, if nothing changes until then."""
    pending = {
        message["id"]: (uuid.UUID(one["id"]), dt.datetime.fromisoformat(message["due_at"]))
        for one in administrations
        for message in one["messages"]
        if message["phase"] in PENDING_PHASES
    }
    known = addressees(
        session, {administration for administration, _ in pending.values()}, production=production, now=now
    )
    return {
        message_id: foresee(known[administration].facts, at=max(now, due_at))
        for message_id, (administration, due_at) in pending.items()
    }


def _next_message(administrations: list[Moment], foreseen: Mapping[str, Permission]) -> Moment | None:
    """Return the email that will go next, with its timepoint; None when none will."""
    going = [
        {**message, "timepoint": one["timepoint"]}
        for one in administrations
        for message in one["messages"]
        if message["id"] in foreseen and foreseen[message["id"]].allowed
    ]
    return min(going, key=lambda message: dt.datetime.fromisoformat(message["due_at"]), default=None)
