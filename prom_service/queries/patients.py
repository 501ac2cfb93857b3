"""The clinic's patients as staff look for them: whether they can be reached, and how far their answers came."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from prom_service.models import Administration, Clinic, Episode, Patient, PatientChange
from prom_service.pathway.plan import phone_from
from prom_service.queries.facts import planned_as
from prom_service.queries.flags import of_patient
from prom_service.queries.pathways import find_pathway

ANSWERED = ("completed", "partial")
PENDING = ("planned", "open", "started")
ASKED = (*PENDING, "missed")
"""Once its day has come, a questionnaire counts as asked, also when nothing has opened it yet."""


@dataclass(frozen=True)
class PatientRow:
    """One patient in the list. The two states stand apart: who cannot be reached may have answered all the same."""

    id: uuid.UUID
    external_id: str
    name: str
    contact: str
    """``reachable``, ``paused``, ``opted_out``, ``unreachable``, ``withdrawn`` or ``deceased``."""
    answers: str
    """Of the newest questionnaire that was due: ``answered``, ``in_part``, ``waiting``, ``overdue``, ``missed``; else
    ``nothing_asked``."""
    timepoint: str | None
    since: dt.datetime | None
    """When it was answered, or was due."""
    next_timepoint: str | None
    next_at: dt.datetime | None
    open_episodes: int
    zone: ZoneInfo
    """By whose clock the patient's days begin and end."""


@dataclass(frozen=True)
class _Asked:
    administration: Administration
    episode: Episode
    phone_from: dt.datetime


def list_rows(
    session: Session,
    clinic: Clinic,
    *,
    containing: str = "",
    after: uuid.UUID | None = None,
    limit: int = 50,
    now: dt.datetime,
) -> list[PatientRow]:
    """Return up to ``limit`` patients in the order of the clinic's own numbers, those behind the patient ``after``.

    ``containing`` is any part of such a number or of the name, in large or small letters. The number of
    queries does not depend on theirs.
    """
    query = select(Patient).where(Patient.clinic_id == clinic.id)
    if containing:
        parts = (column.icontains(containing, autoescape=True) for column in (Patient.external_id, Patient.name))
        query = query.where(or_(*parts))
    if after is not None:
        anchor = select(Patient.external_id).where(Patient.clinic_id == clinic.id, Patient.id == after)
        query = query.where(Patient.external_id > anchor.scalar_subquery())
    patients = session.scalars(query.order_by(Patient.external_id).limit(limit)).all()
    zones = {patient.id: ZoneInfo(patient.time_zone or clinic.time_zone) for patient in patients}
    asked = _asked(session, clinic, zones)
    return [_row(patient, zones[patient.id], asked[patient.id], now) for patient in patients]


def find_by_number(session: Session, clinic_id: uuid.UUID, external_id: str) -> Patient | None:
    """Return the patient of that number of the clinic's own, or None."""
    return session.scalar(select(Patient).where(Patient.clinic_id == clinic_id, Patient.external_id == external_id))


def has_number_with(session: Session, clinic_id: uuid.UUID, part: str) -> bool:
    """Return whether a patient of the clinic has a number that contains ``part``, in large or small letters."""
    found = select(Patient.id).where(Patient.clinic_id == clinic_id, *of_patient(part)).limit(1)
    return session.scalar(found) is not None


def episodes_of(session: Session, patient: Patient) -> Sequence[Episode]:
    """Return the patient's courses of care, the newest first."""
    query = select(Episode).where(Episode.clinic_id == patient.clinic_id, Episode.patient_id == patient.id)
    return session.scalars(query.order_by(Episode.started_on.desc(), Episode.id.desc())).all()


def changes_of(session: Session, patient: Patient) -> Sequence[PatientChange]:
    """Return what was recorded of the patient, the oldest first."""
    query = select(PatientChange).where(
        PatientChange.clinic_id == patient.clinic_id, PatientChange.patient_id == patient.id
    )
    return session.scalars(query.order_by(PatientChange.recorded_at, PatientChange.id)).all()


def contact_state(patient: Patient) -> str:
    """Return whether the patient can be emailed, and if not why: what weighs most comes first."""
    if patient.status in ("deceased", "withdrawn"):
        return patient.status
    if patient.unsubscribed_at is not None or not patient.email_allowed:
        return "opted_out"
    if not patient.email or patient.bounced_at is not None:
        return "unreachable"
    return "paused" if patient.status == "paused" else "reachable"


def _asked(
    session: Session, clinic: Clinic, zones: Mapping[uuid.UUID, ZoneInfo]
) -> defaultdict[uuid.UUID, list[_Asked]]:
    """Return by patient what was planned in all courses of care, in the order in which it is due."""
    rows = session.execute(
        select(Administration, Episode)
        .join(Episode, Episode.id == Administration.episode_id)
        .where(Episode.clinic_id == clinic.id, Episode.patient_id.in_(zones))
        .order_by(Administration.target_at, Administration.id)
    )
    asked: defaultdict[uuid.UUID, list[_Asked]] = defaultdict(list)
    for administration, episode in rows:
        calling = phone_from(
            find_pathway(session, episode.pathway),
            planned_as(administration),
            enrolled_at=episode.enrolled_at,
            zone=zones[episode.patient_id],
        )
        asked[episode.patient_id].append(_Asked(administration, episode, calling))
    return asked


def _row(patient: Patient, zone: ZoneInfo, asked: Sequence[_Asked], now: dt.datetime) -> PatientRow:
    newest = next((one for one in reversed(asked) if _was_due(one, now)), None)
    coming = next((one.administration for one in asked if _is_coming(one.administration, now)), None)
    return PatientRow(
        id=patient.id,
        external_id=patient.external_id,
        name=patient.name,
        contact=contact_state(patient),
        answers=_answers(newest, now) if newest else "nothing_asked",
        timepoint=newest.administration.timepoint if newest else None,
        since=_since(newest.administration) if newest else None,
        next_timepoint=coming.timepoint if coming else None,
        next_at=coming.target_at if coming else None,
        open_episodes=len({one.episode.id for one in asked if one.episode.closed_on is None}),
        zone=zone,
    )


def _was_due(one: _Asked, now: dt.datetime) -> bool:
    """Return whether it was answered, or asked in a course that goes on: nobody waits for answers in a closed one."""
    state, asked = one.administration.state, one.episode.closed_on is None
    return state in ANSWERED or (asked and state in ASKED and one.administration.target_at <= now)


def _is_coming(administration: Administration, now: dt.datetime) -> bool:
    return administration.state in PENDING and administration.target_at > now


def _answers(newest: _Asked, now: dt.datetime) -> str:
    state = newest.administration.state
    if state in ANSWERED:
        return "answered" if state == "completed" else "in_part"
    if now >= newest.administration.closes_at:
        return "missed"
    return "overdue" if state == "missed" or now >= newest.phone_from else "waiting"


def _since(administration: Administration) -> dt.datetime:
    return administration.completed_at or administration.partial_at or administration.target_at
