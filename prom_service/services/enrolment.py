"""Patients and episodes: writing them, changing them, closing them."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.mail.addresses import NOT_USABLE, is_usable
from prom_service.models import Assessment, Clinic, Episode, Patient
from prom_service.models.episode import SIDES
from prom_service.models.patient import SEXES
from prom_service.pathway.shape import Pathway
from prom_service.queries.pathways import find_pathway, refs_in_force
from prom_service.queries.visits import last_attended_on
from prom_service.services import assessment, history, planning
from prom_service.services.clinics import find_zone, zone_of
from prom_service.services.languages import check_spoken
from prom_service.services.new_start import check_start
from prom_service.services.planning import StartChange
from prom_service.services.rows import add_or_conflict, hold, hold_unchanged, or_conflict
from prom_service.services.standing import AFTER_A_MISTAKE

ADULT_YEARS = 18
KEPT = {"patient_corrected": ("date_of_birth", "sex"), "patient_moved": ("time_zone",)}
"""What a report of the past needs of a patient as it was known then, by the kind of change that keeps it."""
SHOWN = ("name", "date_of_birth", "sex", "language")
"""What others are shown of a patient beside the number and the standing: they learn from the record that it changed."""
TOO_YOUNG = f"The patient must be {ADULT_YEARS} or older when care starts."
OPEN_ALREADY = "The patient has an open episode of this side on this pathway already."


@dataclass(frozen=True)
class PatientDetails:
    """What a clinic says of a patient."""

    external_id: str
    name: str
    date_of_birth: dt.date
    email: str | None = None
    sex: str = "unknown"
    language: str | None = None
    """None: the clinic's."""
    time_zone: str | None = None
    email_allowed: bool = True


@dataclass(frozen=True)
class EpisodeDetails:
    """What a clinic says of a course of care."""

    external_id: str
    started_on: dt.date
    pathway: str = "hip-related-pain-1"
    side: str = "none"
    diagnosis: str = ""
    clinician: str = ""
    symptom_onset_on: dt.date | None = None
    pathology_excluded_by: str | None = None
    pathology_excluded_on: dt.date | None = None


def register_patient(
    session: Session, clinic: Clinic, details: PatientDetails, *, actor: str, now: dt.datetime
) -> Patient:
    """Write a patient of ``clinic``; a second one under the same number is a conflict."""
    _check_patient(vars(details), now)
    said = {**vars(details), "language": details.language or clinic.language}
    patient = Patient(clinic_id=clinic.id, created_at=now, **said)
    add_or_conflict(session, patient, "There is a patient under this number already.")
    history.note_patient(session, patient, "registered", actor=actor, now=now)
    return patient


def enrolment_faults(
    session: Session,
    clinic: Clinic,
    patient: Patient | Mapping[str, Any],
    episode: Mapping[str, Any],
    *,
    now: dt.datetime,
) -> dict[str, list[str]]:
    """Return everything that is wrong with a patient and a course of care, however much is said of them.

    Faults are named ``patient.…`` and ``episode.…``; a course that would start in childhood is a fault of the birth
    date, unless the patient is on record. What contradicts the record is not seen here.
    """
    known = patient if isinstance(patient, Patient) else None
    said = {} if isinstance(patient, Patient) else patient
    born = known.date_of_birth if known else said.get("date_of_birth")
    errors = {f"patient.{name}": texts for name, texts in patient_faults(said, now=now).items()}
    if "pathway" in episode:
        unknown = _faults(lambda: _pathway_in_force(session, clinic, episode["pathway"]))
        errors |= {f"episode.{name}": texts for name, texts in unknown.items()}
    if _is_child(born, episode.get("started_on")):
        errors.setdefault("episode.started_on" if known else "patient.date_of_birth", [TOO_YOUNG])
    return errors


def change_patient(
    session: Session, patient: Patient, changes: Mapping[str, Any], *, actor: str, now: dt.datetime
) -> Patient:
    """Change what is said of a patient.

    A new address is unproven: an earlier bounce no longer counts against it. ``email_allowed`` set to true again also
    lifts the patient's own stop, on the clinic's word that the patient asked for it. Either way what was cancelled is
    planned anew. Another time zone moves what is not answered yet.
    """
    _check_patient(changes, now)
    _check_age(session, patient, changes.get("date_of_birth", patient.date_of_birth))
    hold_unchanged(session, patient)
    mailable = patient.bounced_at is None and patient.unsubscribed_at is None
    zone = patient.time_zone
    if "email" in changes and changes["email"] != patient.email:
        patient.bounced_at = None
        history.note_patient(session, patient, "address_changed", actor=actor, now=now)
    if changes.get("email_allowed") and patient.unsubscribed_at is not None:
        patient.unsubscribed_at = None
        history.note_patient(session, patient, "resubscribed", actor=actor, now=now)
    if any(changes.get(name, getattr(patient, name)) != getattr(patient, name) for name in SHOWN):
        history.note_patient(session, patient, "details_changed", actor=actor, now=now)
    for kind, names in KEPT.items():
        _keep_as_it_was(session, patient, {name: changes[name] for name in names if name in changes}, kind, actor, now)
    for name, value in changes.items():
        setattr(patient, name, value)
    session.flush()
    if patient.time_zone != zone:
        _plan_by_zone(session, patient, actor, now)
    if not mailable and patient.bounced_at is None and patient.unsubscribed_at is None:
        planning.resume_messages(session, patient, now=now)
    return patient


def _keep_as_it_was(
    session: Session, patient: Patient, changes: Mapping[str, Any], kind: str, actor: str, now: dt.datetime
) -> None:
    """Put on record of each episode what was said of the patient until now."""
    after = {name: value for name, value in changes.items() if value != getattr(patient, name)}
    if not after:
        return
    before = {name: getattr(patient, name) for name in after}
    for episode in session.scalars(select(Episode).where(Episode.patient_id == patient.id).order_by(Episode.id)):
        history.note_episode(session, episode, kind, before=before, after=after, actor=actor, now=now)


def enrol(
    session: Session, clinic: Clinic, patient: Patient, details: EpisodeDetails, *, actor: str, now: dt.datetime
) -> Episode:
    """Write an episode with everything its pathway plans for it, and say what is already known of it."""
    if patient.status in ("deceased", "withdrawn"):
        if_wished = " Resume the patient first, if the patient wishes so."
        way_back = AFTER_A_MISTAKE if patient.status == "deceased" else if_wished
        raise ConflictError(f"The patient is recorded as {patient.status}.{way_back}")
    _check_episode(vars(details), patient)
    pathway = _pathway_in_force(session, clinic, details.pathway)
    said = {**vars(details), "pathway": pathway.ref}
    episode = Episode(clinic_id=clinic.id, patient_id=patient.id, pathway_key=pathway.key, enrolled_at=now, **said)
    if session.scalar(
        select(Episode.id).where(Episode.clinic_id == clinic.id, Episode.external_id == details.external_id)
    ):
        message = "There is an episode under this number already."
    else:
        message = OPEN_ALREADY
    add_or_conflict(session, episode, message)
    session.add(Assessment(id=episode.id, clinic_id=clinic.id))
    history.note_episode(session, episode, "enrolled", after=said, actor=actor, now=now)
    planning.plan_episode(session, episode, pathway, zone_of(patient, clinic), now=now)
    assessment.assess_episodes(session, [episode.id], now=now)
    return episode


def change_episode(
    session: Session, episode: Episode, changes: Mapping[str, Any], *, actor: str, now: dt.datetime
) -> Episode:
    """Change what is said of an episode. The start has its own way, because everything hangs on it."""
    patient = session.get_one(Patient, episode.patient_id)
    _check_episode({"started_on": episode.started_on, **changes}, patient, closed_on=episode.closed_on)
    planning.hold_administrations(session, [episode.id])
    hold_unchanged(session, episode)
    plain = {name: value for name, value in changes.items() if name != "started_on"}
    before = {name: getattr(episode, name) for name in plain}
    started_on = changes.get("started_on", episode.started_on)
    check_start(session, episode, patient, started_on)
    with or_conflict(session, OPEN_ALREADY):
        for name, value in plain.items():
            setattr(episode, name, value)
    if plain:
        history.note_episode(session, episode, "changed", before=before, after=plain, actor=actor, now=now)
    if started_on != episode.started_on:
        before, after = {"started_on": episode.started_on}, {"started_on": started_on}
        planning.move_start(session, episode, patient, started_on, actor=actor, now=now)
        history.note_episode(session, episode, "start_changed", before=before, after=after, actor=actor, now=now)
    assessment.assess_episodes(session, [episode.id], now=now)
    return episode


def preview_start(session: Session, episode: Episode, started_on: dt.date, *, now: dt.datetime) -> StartChange:
    """Return what a change of the start would do, or refuse it as the change itself would be; nothing is written."""
    patient = session.get_one(Patient, episode.patient_id)
    _check_episode({"started_on": started_on}, patient, closed_on=episode.closed_on)
    check_start(session, episode, patient, started_on)
    return planning.preview_start(session, episode, patient, started_on, now=now)


def close_episode(
    session: Session, episode: Episode, *, closed_on: dt.date, reason: str, actor: str, now: dt.datetime
) -> Episode:
    """Close the episode: everything pending is cancelled with it. Closing again on the same day changes nothing.

    Another day is a conflict: what was cancelled and judged since rests on the first, until it is corrected.
    """
    planning.hold_administrations(session, [episode.id])
    hold(session, episode)
    if episode.closed_on is not None:
        if closed_on != episode.closed_on:
            raise ConflictError(
                f"The episode was closed on {episode.closed_on} already; correct that day if it is wrong."
            )
        return episode
    _check_close(session, episode, closed_on)
    episode.closed_on = closed_on
    episode.closed_reason = reason
    session.flush()
    planning.cancel_pending(session, [episode.id], "closed", actor=actor, now=now)
    closing = {"closed_on": closed_on, "reason": reason}
    history.note_episode(session, episode, "closed", after=closing, actor=actor, now=now)
    assessment.assess_episodes(session, [episode.id], now=now)
    return episode


def correct_close(
    session: Session, episode: Episode, *, closed_on: dt.date, reason: str, actor: str, now: dt.datetime
) -> Episode:
    """Put the day on which the episode was closed right; the day it was closed on until now stays on record.

    What the close cancelled stays cancelled, so nobody is emailed again. Answers and visits up to the new day are
    taken, and what is found is found up to that day. The same day again changes nothing.
    """
    planning.hold_administrations(session, [episode.id])
    hold(session, episode)
    if episode.closed_on is None:
        raise ConflictError("The episode is open: there is no day to correct.")
    if closed_on == episode.closed_on:
        return episode
    if not reason:
        raise InvalidInputError({"reason": ["Say why the day is corrected."]})
    _check_close(session, episode, closed_on)
    before = {"closed_on": episode.closed_on}
    episode.closed_on = closed_on
    session.flush()
    after = {"closed_on": closed_on, "reason": reason}
    history.note_episode(session, episode, "close_corrected", before=before, after=after, actor=actor, now=now)
    assessment.assess_episodes(session, [episode.id], now=now)
    return episode


def patient_faults(details: Mapping[str, Any], *, now: dt.datetime) -> dict[str, list[str]]:
    """Return everything that is wrong with what is said of a patient, however much of it is said."""
    errors: dict[str, list[str]] = {}
    if details.get("sex", "unknown") not in SEXES:
        errors["sex"] = [f"Allowed are {', '.join(SEXES)}."]
    email = details.get("email")
    if email is not None and not is_usable(email):
        errors["email"] = [NOT_USABLE]
    born = details.get("date_of_birth")
    if born is not None and not 0 <= now.date().year - born.year <= 120:
        errors["date_of_birth"] = ["Must lie within the last 120 years."]
    if details.get("time_zone") is not None:
        errors |= _faults(lambda: find_zone(details["time_zone"]))
    if details.get("language"):
        errors |= _faults(lambda: check_spoken(details["language"]))
    return errors


def _faults(check: Callable[[], object]) -> dict[str, list[str]]:
    try:
        check()
    except InvalidInputError as error:
        return error.errors
    return {}


def _check_patient(details: Mapping[str, Any], now: dt.datetime) -> None:
    if errors := patient_faults(details, now=now):
        raise InvalidInputError(errors)


def _check_episode(details: Mapping[str, Any], patient: Patient, *, closed_on: dt.date | None = None) -> None:
    errors: dict[str, list[str]] = {}
    if details.get("side", "none") not in SIDES:
        errors["side"] = [f"Allowed are {', '.join(SIDES)}."]
    if _is_child(patient.date_of_birth, details["started_on"]):
        errors["started_on"] = [TOO_YOUNG]
    elif closed_on is not None and details["started_on"] > closed_on:
        errors["started_on"] = [f"After the episode was closed ({closed_on})."]
    if errors:
        raise InvalidInputError(errors)


def _check_close(session: Session, episode: Episode, closed_on: dt.date) -> None:
    """Refuse a close before care had begun, or while it demonstrably went on, naming the last day that says so."""
    if closed_on < episode.started_on:
        raise InvalidInputError({"closed_on": ["Before the episode started."]})
    attended_on = last_attended_on(session, episode)
    if attended_on is not None and closed_on < attended_on:
        raise InvalidInputError({"closed_on": [f"Before the visit of {attended_on}, which was attended."]})


def _check_age(session: Session, patient: Patient, born: dt.date) -> None:
    """Refuse a birth date by which an open episode would be that of a child."""
    starts = session.scalars(
        select(Episode.started_on).where(Episode.patient_id == patient.id, Episode.closed_on.is_(None))
    )
    if any(_is_child(born, started_on) for started_on in starts):
        raise InvalidInputError({"date_of_birth": [TOO_YOUNG]})


def _plan_by_zone(session: Session, patient: Patient, actor: str, now: dt.datetime) -> None:
    episodes = session.scalars(
        select(Episode).where(Episode.patient_id == patient.id, Episode.closed_on.is_(None)).order_by(Episode.id)
    ).all()
    for episode in episodes:
        planning.move_start(session, episode, patient, episode.started_on, actor=actor, now=now)
    assessment.assess_episodes(session, [episode.id for episode in episodes], now=now)


def _pathway_in_force(session: Session, clinic: Clinic, ref: str) -> Pathway:
    """Return the version on which the clinic enrols now, named by the pathway that ships or by its own reference."""
    in_force = refs_in_force(session, clinic.id)
    if ref not in in_force and ref not in in_force.values():
        raise InvalidInputError({"pathway": [f"Unknown. Allowed are {', '.join(in_force)}."]})
    return find_pathway(session, in_force.get(ref, ref))


def _is_child(born: dt.date | None, on: dt.date | None) -> bool:
    """Return whether somebody is too young on that day; False while one of the dates is not known."""
    if born is None or on is None:
        return False
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day)) < ADULT_YEARS
