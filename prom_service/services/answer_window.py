"""When answers are taken: in the window of the administration, while the patient takes part."""

import datetime as dt

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError, PromError
from prom_service.models import Administration, Clinic, Episode, Patient, PatientChange
from prom_service.services.clinics import zone_of

NOON = dt.time(12)
ENDED = ("withdrawn", "deceased")
"""Statuses, and kinds of changes, of a patient who no longer takes part."""
ENDINGS = (  # The newest first.
    select(PatientChange.effective_on, PatientChange.recorded_at)
    .where(PatientChange.patient_id == bindparam("patient"), PatientChange.kind.in_(ENDED))
    .order_by(PatientChange.recorded_at.desc(), PatientChange.id.desc())
)


class AnswersClosedError(PromError):
    """The administration takes no answers; ``reason`` is one word for why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"No answers are taken: {reason.replace('_', ' ')}.")


def noon_of(session: Session, administration: Administration, day: dt.date, *, now: dt.datetime) -> dt.datetime:
    """Return the instant of answers of which only the day is known: its noon where the patient lives.

    Today's noon may be still to come; then it is now. A day to come stays in the future, and is refused for that.
    """
    patient = session.scalars(
        select(Patient)
        .join(Episode, Episode.patient_id == Patient.id)
        .where(Episode.id == administration.episode_id, Episode.clinic_id == administration.clinic_id)
    ).one()
    zone = zone_of(patient, session.get_one(Clinic, administration.clinic_id))
    noon = dt.datetime.combine(day, NOON, zone)
    return min(noon, now) if day == now.astimezone(zone).date() else noon


def check_open(administration: Administration, episode: Episode, patient: Patient, *, at: dt.datetime) -> None:
    """Raise ``AnswersClosedError`` unless answers given ``at`` that moment are taken."""
    if patient.status in ENDED:
        raise AnswersClosedError("withdrawn")
    if administration.state == "completed":
        raise AnswersClosedError("completed")
    if administration.state == "cancelled":
        raise AnswersClosedError("cancelled")
    _check_window(administration, at)
    if episode.closed_on is not None:
        raise AnswersClosedError("closed")


def _check_window(administration: Administration, at: dt.datetime) -> None:
    if at < administration.opens_at:
        raise AnswersClosedError("not_open_yet")
    if at >= administration.closes_at:
        raise AnswersClosedError("closed")


def check_moment(
    session: Session,
    administration: Administration,
    episode: Episode,
    patient: Patient,
    at: dt.datetime,
    now: dt.datetime,
) -> None:
    """Raise unless answers given ``at`` a moment, and entered ``now``, are taken.

    Those of an earlier day are, also when the patient's part or the episode has ended since; a complete set may be
    sent again or amended at any time. Raise ``AnswersClosedError``, or ``InvalidInputError`` for the future.
    """
    if at > now:
        raise InvalidInputError({"answered_at": ["Must not lie in the future."]})
    in_time = at < now and _was_taking_part(session, administration, episode, patient, at)
    if administration.state == "completed" and (in_time or patient.status not in ENDED):
        return  # The same answers again, or an amendment: both are welcome, also after the window.
    if in_time:
        _check_window(administration, at)
    else:
        check_open(administration, episode, patient, at=at)


def check_any_day(
    session: Session, administration: Administration, episode: Episode, patient: Patient, *, now: dt.datetime
) -> None:
    """Raise ``AnswersClosedError`` when answers entered ``now`` are taken of no day at all."""
    zone = zone_of(patient, session.get_one(Clinic, episode.clinic_id))
    last = [dt.datetime.combine(day, NOON, zone) for day in _last_days(session, administration, episode, patient)]
    latest = min(now, administration.closes_at - dt.timedelta(minutes=1), *last)
    if latest < administration.opens_at:
        check_open(administration, episode, patient, at=now)
    check_moment(session, administration, episode, patient, latest, now)


def _was_taking_part(
    session: Session, administration: Administration, episode: Episode, patient: Patient, at: dt.datetime
) -> bool:
    """Say whether ``at`` lies before the end of the day on which the patient's part, or the episode, ended."""
    zone = zone_of(patient, session.get_one(Clinic, episode.clinic_id))
    last_days = _last_days(session, administration, episode, patient)
    return at.astimezone(zone).date() <= min(last_days, default=dt.date.max)


def _last_days(session: Session, administration: Administration, episode: Episode, patient: Patient) -> list[dt.date]:
    """Return the days on which the episode and the patient's part in it ended.

    What ended with the patient's part stays so when the patient takes part again.
    """
    last_days = [episode.closed_on] if episode.closed_on else []
    cancelled_at = administration.cancelled_at if administration.cancelled_reason in ENDED else None
    if cancelled_at is not None or patient.status in ENDED:
        endings = session.execute(ENDINGS, {"patient": patient.id}).all()
        last_days.append(next(on for on, at in endings if cancelled_at is None or at <= cancelled_at))
    return last_days
