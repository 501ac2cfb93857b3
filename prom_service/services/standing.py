"""Whether a patient takes part: withdrawn, deceased, paused, resumed, unsubscribed, each with who said so."""

import datetime as dt
import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Clinic, Episode, Patient
from prom_service.queries.visits import last_attended_on
from prom_service.services import assessment, history, messages, planning
from prom_service.services.clinics import today_at
from prom_service.services.rows import hold

AFTER_A_MISTAKE = " If that is a mistake, resume the patient first, with a note that says why."
"""The way back from a death that was recorded by mistake, for whoever is refused because of it."""


def withdraw(
    session: Session,
    patient: Patient,
    *,
    effective_on: dt.date | None = None,
    note: str = "",
    actor: str,
    now: dt.datetime,
) -> Patient:
    """End the patient's part in the follow-up: nothing more is asked or sent. Care is not touched by it."""
    hold(session, patient)
    _refuse_after_death(patient)
    if patient.status != "withdrawn":
        patient.status = "withdrawn"
        history.note_patient(session, patient, "withdrawn", effective_on=effective_on, note=note, actor=actor, now=now)
        _cancel_everything(session, patient, "withdrawn", actor, now)
    return patient


def mark_deceased(
    session: Session,
    patient: Patient,
    *,
    effective_on: dt.date | None = None,
    note: str = "",
    actor: str,
    now: dt.datetime,
) -> Patient:
    """Record that the patient has died: everything ends at once, open episodes with it.

    A day before a visit that was attended is refused: one of the two is wrong. ``resume`` takes a mistake back.
    """
    hold(session, patient)
    if patient.status == "deceased":
        return patient
    planning.hold_administrations(session, _episodes(session, patient))
    closed_on = effective_on or _today(session, patient, now)
    open_now = (
        select(Episode)
        .where(Episode.patient_id == patient.id, Episode.closed_on.is_(None))
        .order_by(Episode.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    episodes = session.scalars(open_now).all()
    _check_death(session, episodes, closed_on)
    patient.status = "deceased"
    patient.paused_until = None
    history.note_patient(session, patient, "deceased", effective_on=effective_on, note=note, actor=actor, now=now)
    for episode in episodes:
        episode.closed_on = max(closed_on, episode.started_on)
        episode.closed_reason = "deceased"
        closing = {"closed_on": episode.closed_on, "reason": "deceased"}
        history.note_episode(session, episode, "closed", after=closing, actor=actor, now=now)
    _cancel_everything(session, patient, "deceased", actor, now)
    return patient


def pause(
    session: Session,
    patient: Patient,
    *,
    until: dt.date | None = None,
    effective_on: dt.date | None = None,
    note: str = "",
    actor: str,
    now: dt.datetime,
) -> Patient:
    """Hold all mail, up to and including ``until`` when given. Links already sent go on working."""
    hold(session, patient)
    _refuse_after_death(patient)
    if patient.status == "withdrawn":
        raise ConflictError("The patient has withdrawn; there is nothing to pause.")
    if until is not None and until < _today(session, patient, now):
        raise InvalidInputError({"until": ["Must not lie in the past."]})
    if (patient.status, patient.paused_until) != ("paused", until):
        patient.status = "paused"
        patient.paused_until = until
        history.note_patient(session, patient, "paused", effective_on=effective_on, note=note, actor=actor, now=now)
    return patient


def resume(
    session: Session,
    patient: Patient,
    *,
    effective_on: dt.date | None = None,
    note: str = "",
    actor: str,
    now: dt.datetime,
) -> Patient:
    """Let the patient take part again, after a pause or a withdrawal, or a death that was recorded by mistake.

    A death is taken back only with a ``note`` that says why. What the withdrawal or the death cancelled or closed
    stays so, and reports of the past with it; a new episode begins a new follow-up. What was found before counts again.
    """
    hold(session, patient)
    if patient.status == "deceased" and not note.strip():
        raise InvalidInputError({"note": ["Say why the death that is on record is taken back."]})
    if patient.status != "active":
        patient.status = "active"
        patient.paused_until = None
        history.note_patient(session, patient, "resumed", effective_on=effective_on, note=note, actor=actor, now=now)
        assessment.assess_episodes(session, _episodes(session, patient), now=now)
    return patient


def unsubscribe(session: Session, patient: Patient, *, actor: str, now: dt.datetime) -> None:
    """Stop all mail to the patient at once, until the patient asks otherwise. Repeating it changes nothing."""
    hold(session, patient)
    if patient.unsubscribed_at is None:
        patient.unsubscribed_at = now
        history.note_patient(session, patient, "unsubscribed", actor=actor, now=now)
        held = planning.hold_administrations(session, _episodes(session, patient))
        messages.cancel_pending(session, [one.id for one in held], "unsubscribed", actor=actor, now=now)


def _today(session: Session, patient: Patient, now: dt.datetime) -> dt.date:
    return today_at(session.get_one(Clinic, patient.clinic_id), now=now)


def _check_death(session: Session, episodes: Sequence[Episode], died_on: dt.date) -> None:
    """Refuse a day before a visit that was attended, naming the last."""
    attended = (last_attended_on(session, episode) for episode in episodes)
    last = max((day for day in attended if day is not None), default=died_on)
    if died_on < last:
        raise InvalidInputError({"effective_on": [f"Before the visit of {last}, which was attended."]})


def _refuse_after_death(patient: Patient) -> None:
    if patient.status == "deceased":
        raise ConflictError(f"The patient is recorded as deceased.{AFTER_A_MISTAKE}")


def _cancel_everything(session: Session, patient: Patient, reason: str, actor: str, now: dt.datetime) -> None:
    session.flush()
    episodes = _episodes(session, patient)
    planning.cancel_pending(session, episodes, reason, actor=actor, now=now)
    assessment.assess_episodes(session, episodes, now=now)


def _episodes(session: Session, patient: Patient) -> list[uuid.UUID]:
    return list(session.scalars(select(Episode.id).where(Episode.patient_id == patient.id)))
