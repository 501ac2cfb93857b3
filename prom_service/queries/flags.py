"""Flags as a clinic reads them: a list, one flag with its history, and the feed of events."""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, select
from sqlalchemy.orm import Session

from prom_service.errors import NotFoundError
from prom_service.models import Clinic, Episode, Flag, FlagEvent, Patient
from prom_service.models.flag import IS_LIVE
from prom_service.queries.instants import written

# Written once and kept: a poller asks for these all day, and building a statement costs more than running it.
FEED_POSITION = select(Clinic.flag_event_count).where(Clinic.id == bindparam("clinic"))
EVENTS = (
    select(FlagEvent.number, FlagEvent.type, FlagEvent.at, FlagEvent.actor, FlagEvent.detail, FlagEvent.flag)
    .where(FlagEvent.clinic_id == bindparam("clinic"), FlagEvent.number > bindparam("after"))
    .order_by(FlagEvent.number)
    .limit(bindparam("limit", type_=Integer()))
)


@dataclass(frozen=True)
class FlagFilter:
    """Which flags are wanted; None leaves a property open. Without ``status`` the live ones are meant."""

    status: str | None = None
    kind: str | None = None
    checkpoint: str | None = None
    queue: str | None = None
    severity: str | None = None
    clinician: str | None = None
    episode_id: uuid.UUID | None = None
    assignee_id: uuid.UUID | None = None
    patient: str | None = None
    """Any part of the clinic's own number for the patient, in capitals or not."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose a flag is: its episode and its patient, as far as a flag and its events speak of them."""

    clinic_id: uuid.UUID
    episode_id: uuid.UUID
    diagnosis: str
    clinician: str
    patient_id: uuid.UUID
    patient_number: str

    @staticmethod
    def of(episode: Episode, patient: Patient) -> "Whose":
        """Return whose the flags of this episode are."""
        said = (episode.diagnosis, episode.clinician)
        return Whose(episode.clinic_id, episode.id, *said, patient.id, patient.external_id)


def list_flags(
    session: Session, clinic_id: uuid.UUID, wanted: FlagFilter, *, after: uuid.UUID | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Return up to ``limit`` flags of the clinic with their histories, newest first, those older than ``after``."""
    query = _flags(clinic_id).where(*conditions(wanted)).order_by(Flag.id.desc()).limit(limit)
    if after is not None:
        query = query.where(Flag.id < after)
    return _with_history(session, clinic_id, _views(session.execute(query)))


def conditions(wanted: FlagFilter) -> list[ColumnElement[bool]]:
    """Return what a flag has to meet, for a select that joins its episode and its patient."""
    equal = (
        (Flag.kind, wanted.kind),
        (Flag.checkpoint, wanted.checkpoint),
        (Flag.queue, wanted.queue),
        (Flag.severity, wanted.severity),
        (Episode.clinician, wanted.clinician),
        (Flag.episode_id, wanted.episode_id),
        (Flag.assignee_id, wanted.assignee_id),
    )
    met = [Flag.status == wanted.status if wanted.status else IS_LIVE]
    met += [column == value for column, value in equal if value is not None]
    return met + of_patient(wanted.patient)


def of_patient(part: str | None) -> list[ColumnElement[bool]]:
    """Return what the patient's number has to meet; nothing when no part of it is given."""
    return [Patient.external_id.icontains(part, autoescape=True)] if part else []


def find_flag(session: Session, clinic_id: uuid.UUID, flag_id: uuid.UUID) -> dict[str, Any]:
    """Return one flag of the clinic with its history; raise ``NotFoundError`` when it is not there."""
    row = session.execute(_flags(clinic_id).where(Flag.id == flag_id)).first()
    if row is None:
        raise NotFoundError("There is no such flag.")
    return _with_history(session, clinic_id, _views([row]))[0]


def feed_position(session: Session, clinic_id: uuid.UUID) -> int:
    """Return the number of the clinic's newest flag event; 0 when there is none."""
    return session.scalar(FEED_POSITION, {"clinic": clinic_id}) or 0


def list_events(session: Session, clinic_id: uuid.UUID, *, after: int, limit: int) -> list[dict[str, Any]]:
    """Return up to ``limit`` flag events numbered above ``after``, in order; none is ever skipped or shown twice."""
    rows = session.execute(EVENTS, {"clinic": clinic_id, "after": after, "limit": limit})
    return [{**_event(*row), "flag": flag} for *row, flag in rows]


def flag_view(flag: Flag, patient_external_id: str, patient_id: uuid.UUID, clinician: str) -> dict[str, Any]:
    """Return the flag in the shape the API gives it, without its history."""
    return {
        "id": str(flag.id),
        "number": flag.number,
        "version": flag.version,
        "episode_id": str(flag.episode_id),
        "patient": {"id": str(patient_id), "external_id": patient_external_id},
        "clinician": clinician,
        "kind": flag.kind,
        "checkpoint": flag.checkpoint or None,
        "severity": flag.severity,
        "queue": flag.queue,
        "status": flag.status,
        "raised_at": written(flag.raised_at),
        "updated_at": written(flag.updated_at),
        "why": flag.why,
        "guidance": flag.guidance,
        "evidence": flag.evidence,
        "assignee_id": str(flag.assignee_id) if flag.assignee_id else None,
        "snoozed_until": written(flag.snoozed_until),
        "escalated_to": flag.escalated_to,
        "resolution": flag.resolution,
        "resolved_at": written(flag.resolved_at),
        "predecessor_id": str(flag.predecessor_id) if flag.predecessor_id else None,
    }


def _flags(clinic_id: uuid.UUID) -> Select[Flag, str, uuid.UUID, str]:
    return (
        select(Flag, Patient.external_id, Patient.id, Episode.clinician)
        .join(Episode, Episode.id == Flag.episode_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(Flag.clinic_id == clinic_id)
    )


def _views(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [flag_view(*row) for row in rows]


def _with_history(session: Session, clinic_id: uuid.UUID, views: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    if not views:
        return []
    histories: dict[str, list[dict[str, Any]]] = {view["id"]: [] for view in views}
    rows = session.execute(
        select(FlagEvent.flag_id, FlagEvent.number, FlagEvent.type, FlagEvent.at, FlagEvent.actor, FlagEvent.detail)
        .where(FlagEvent.clinic_id == clinic_id, FlagEvent.flag_id.in_([uuid.UUID(view["id"]) for view in views]))
        .order_by(FlagEvent.flag_id, FlagEvent.number)  # By flag first, or SQLite walks through all of the clinic.
    )
    for flag_id, number, type_, at, actor, detail in rows:
        histories[str(flag_id)].append({**_event(number, type_, at, actor, detail), "detail": detail})
    return [{**view, "history": histories[view["id"]]} for view in views]


def _event(number: int, type_: str, at: dt.datetime, actor: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": number,
        "type": type_,
        "at": at.isoformat(),
        "actor": {"id": actor, "on_behalf_of": detail.get("on_behalf_of")},
    }
