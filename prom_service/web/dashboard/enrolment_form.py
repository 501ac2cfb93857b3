"""Enrolment: a patient with a course of care, shown as a dry run before it is saved."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Clinic, Episode, Patient
from prom_service.models.user import READING_ROLES
from prom_service.pathway import definition as pathways
from prom_service.queries import directory, patients
from prom_service.queries.pathways import find_pathway
from prom_service.services import enrolment
from prom_service.services.clinics import today_at
from prom_service.services.enrolment import EpisodeDetails, PatientDetails
from prom_service.services.plain_text import as_kept, is_one_line
from prom_service.web import audit, guards
from prom_service.web.api.schemas.episode import NewEpisodeSchema
from prom_service.web.api.schemas.patient import NewPatientSchema
from prom_service.web.context import prom
from prom_service.web.dashboard import forms
from prom_service.web.dashboard.blueprint import blueprint, common
from prom_service.web.dashboard.episode_view import episode_view
from prom_service.web.dashboard.patient_words import LANGUAGES, SEX_WORDS, SIDE_WORDS
from prom_service.web.dashboard.staff_session import chosen_clinic, person
from prom_service.web.dashboard.words import read_in

PATIENT = NewPatientSchema()
EPISODE = NewEpisodeSchema(exclude=("patient",))


@dataclass(frozen=True)
class Enrolment:
    """What the form says: a new patient, or one who is known, and the course of care."""

    patient: Patient | PatientDetails
    episode: EpisodeDetails


class TakenError(ConflictError):
    """The clinic has a patient, or a course of care, under these numbers already; ``errors`` by their fields."""

    def __init__(self, errors: forms.Errors) -> None:
        super().__init__("These numbers are taken.", errors=errors)


@blueprint.get("/patients/enrol")
@blueprint.get("/patients/<uuid:patient_id>/enrol")
@guards.admits(*READING_ROLES)
def show_enrolment(patient_id: uuid.UUID | None = None) -> str:
    """Show the form: a patient and a course of care, or one more course of care of a patient."""
    with prom.reading() as session:
        clinic, patient = _whose(session, patient_id)
    today = today_at(clinic, now=prom.now())
    return _form(clinic, patient, {"episode.started_on": today.isoformat()}, {})


@blueprint.post("/patients/enrol")
@blueprint.post("/patients/<uuid:patient_id>/enrol")
@guards.admits(*READING_ROLES)
def enrol(patient_id: uuid.UUID | None = None) -> Response | str | tuple[str, int]:
    """Show what would be asked and mailed when, and only on confirmation save it. Pressing twice enrols once."""
    with prom.reading() as session:
        clinic, patient = _whose(session, patient_id)
    if request.form.get("go") == "edit":
        return _form(clinic, patient, request.form, {})
    try:
        with prom.reading() as session:
            said = _read(session, clinic, patient)
        if request.form.get("go") == "save":
            episode_id = _save(said, clinic.id)
            flash("The course of care is on record.")
            return redirect(url_for(".show_episode", episode_id=episode_id), code=303)
        return _preview(clinic, patient, said)
    except InvalidInputError as error:
        return _form(clinic, patient, request.form, error.errors), 422
    except TakenError as error:
        return _form(clinic, patient, request.form, error.errors), 409
    except ConflictError as error:
        return _form(clinic, patient, request.form, {"episode.external_id": [str(error)]}), 409


def _whose(session: Session, patient_id: uuid.UUID | None) -> tuple[Clinic, Patient | None]:
    clinic = session.get_one(Clinic, chosen_clinic())
    return clinic, directory.find_patient(session, clinic.id, patient_id) if patient_id else None


def _read(session: Session, clinic: Clinic, patient: Patient | None) -> Enrolment:
    """Return what the form says; raise naming all that is wrong with it, numbers that are taken included."""
    said, errors = (patient, {}) if patient else forms.read(PATIENT, "patient")
    course, more = forms.read(EPISODE, "episode")
    unsaid = {} if patient else {"patient.email_allowed": ["Choose whether the patient may be emailed."]}
    unsaid["episode.side"] = ["Choose the side, or that there is none."]
    faults = errors | more | {name: texts for name, texts in unsaid.items() if not request.form.get(name)}
    details = vars(said) if isinstance(said, PatientDetails) else said
    faults = enrolment.enrolment_faults(session, clinic, details, course, now=prom.now()) | faults
    if faults:
        number = None if isinstance(details, Patient) else details.get("external_id")
        raise InvalidInputError(_taken(session, clinic, number, course.get("external_id")) | faults)
    return Enrolment(said, EpisodeDetails(**course))


def _taken(session: Session, clinic: Clinic, patient: str | None, course: str | None) -> forms.Errors:
    """Return which of the numbers that are given to a new patient and a new course of care are taken."""
    errors: forms.Errors = {}
    if patient and patients.find_by_number(session, clinic.id, patient):
        errors["patient.external_id"] = [f"There is a patient {patient} already."]
    if course and directory.list_episodes(session, clinic.id, external_id=course, limit=1):
        errors["episode.external_id"] = [f"There is a course of care {course} already."]
    return errors


def _save(said: Enrolment, clinic_id: uuid.UUID) -> uuid.UUID:
    """Return the episode that is on record now: the one just written, or the same one of a first press."""
    with audit.writing() as session:
        clinic = session.get_one(Clinic, clinic_id)
        return _same_before(session, clinic, said) or _write(session, clinic, said, prom.now()).id


def _same_before(session: Session, clinic: Clinic, said: Enrolment) -> uuid.UUID | None:
    """Return the episode that these very entries made before; None when they made none."""
    patient = patients.find_by_number(session, clinic.id, said.patient.external_id)
    found = directory.list_episodes(session, clinic.id, external_id=said.episode.external_id, limit=1)
    if patient is None or not found or found[0].patient_id != patient.id:
        return None
    same_patient = not isinstance(said.patient, PatientDetails) or _agrees(patient, said.patient, clinic.language)
    course = {name: value for name, value in vars(said.episode).items() if name != "pathway"}
    same_course = all(getattr(found[0], name) == value for name, value in course.items())
    same_course &= found[0].pathway_key == find_pathway(session, said.episode.pathway).key
    return found[0].id if same_patient and same_course else None


def _agrees(patient: Patient, details: PatientDetails, language: str) -> bool:
    said = {**vars(details), "language": details.language or language}
    return all(getattr(patient, name) == value for name, value in said.items())


def _write(session: Session, clinic: Clinic, said: Enrolment, now: dt.datetime) -> Episode:
    patient = said.patient
    number = patient.external_id if isinstance(patient, PatientDetails) else None
    if taken := _taken(session, clinic, number, said.episode.external_id):
        raise TakenError(taken)
    if isinstance(patient, PatientDetails):
        patient = enrolment.register_patient(session, clinic, patient, actor=person.actor, now=now)
    else:
        patient = directory.find_patient(session, clinic.id, patient.id)
    return enrolment.enrol(session, clinic, patient, said.episode, actor=person.actor, now=now)


def _preview(clinic: Clinic, patient: Patient | None, said: Enrolment) -> str:
    """Show what enrolling would plan, by doing so in a transaction that is taken back."""
    with prom.transaction() as session:
        episode = _write(session, session.get_one(Clinic, clinic.id), said, prom.now())
        view = episode_view(session, clinic.id, episode.id, production=prom.settings.in_production, now=prom.now())
        planned = {name: view[name] for name in ("pathway", "administrations", "foreseen", "titles", "standing")}
        session.rollback()
    read_in(said.patient.time_zone or clinic.time_zone)
    return render_template(
        "dashboard/enrolment_preview.html",
        clinic=clinic,
        patient=patient,
        entered=said,
        fields_said=_fields_said(),
        languages=LANGUAGES,
        sexes=SEX_WORDS,
        sides=SIDE_WORDS,
        **planned,
        **common(),
    )


def _fields_said() -> dict[str, str]:
    return {name: text for name, text in request.form.items() if name.startswith(("patient.", "episode."))}


def _form(
    clinic: Clinic,
    patient: Patient | None,
    form: Mapping[str, str],
    errors: forms.Errors,
) -> str:
    number = form.get("patient.external_id", "")
    with prom.reading() as session:
        is_taken = "patient.external_id" in errors and is_one_line(number)
        known = patients.find_by_number(session, clinic.id, as_kept(number)) if is_taken else None
    options: dict[str, Any] = {
        "pathway_options": [(one.ref, one.title) for one in pathways.all_pathways()],
        "diagnoses": sorted({name for one in pathways.all_pathways() for name in one.diagnoses}),
        "languages": LANGUAGES,
        "sexes": SEX_WORDS,
        "sides": SIDE_WORDS,
    }
    return render_template(
        "dashboard/enrolment.html",
        clinic=clinic,
        patient=patient,
        form=form,
        errors=errors,
        known=known,
        **options,
        **common(),
    )
