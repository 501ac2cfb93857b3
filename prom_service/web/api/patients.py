"""Patients: registering, finding and changing them, and whether they take part."""

import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from sqlalchemy.orm import Session

from prom_service.models import Clinic, Patient
from prom_service.queries import directory
from prom_service.services import enrolment, standing
from prom_service.services.enrolment import PatientDetails
from prom_service.web.api import etag, paging
from prom_service.web.api.answers import created
from prom_service.web.api.blueprint import ApiBlueprint
from prom_service.web.api.fields import Text
from prom_service.web.api.schemas.patient import (
    NewPatientSchema,
    PatientChangeSchema,
    PatientSchema,
    PauseSchema,
    StandingSchema,
)
from prom_service.web.context import own_clinic_id, principal, prom

READ, WRITE = "episodes:read", "episodes:write"
PATIENT = PatientSchema()

patients = ApiBlueprint("patients", "Patients of the clinic, and whether they take part.")


class PatientQuery(paging.PageQuery):
    """Which patients are listed."""

    external_id = Text(longest=100)


@patients.get("/patients", scope=READ, query=PatientQuery(), answer=paging.page_of(PatientSchema))
def list_patients(session: Session, query: Mapping[str, Any]) -> Any:
    """List the clinic's patients in the order they were registered."""
    wanted = paging.requested(query)
    rows = directory.list_patients(session, own_clinic_id(), after=wanted.after, limit=wanted.probe, **wanted.filters)
    return paging.page(wanted, rows)


@patients.post("/patients", scope=WRITE, body=NewPatientSchema(), answer=PATIENT, status=HTTPStatus.CREATED)
def add_patient(session: Session, body: PatientDetails) -> Any:
    """Register a patient; a second one under the same external_id is a conflict."""
    clinic = session.get_one(Clinic, own_clinic_id())
    patient = enrolment.register_patient(session, clinic, body, actor=principal.actor, now=prom.now())
    return created(patient, ".show_patient", patient_id=patient.id)


@patients.get("/patients/<uuid:patient_id>", scope=READ, answer=PATIENT)
def show_patient(session: Session, patient_id: uuid.UUID) -> Patient:
    """Show a patient."""
    return directory.find_patient(session, own_clinic_id(), patient_id)


@patients.patch("/patients/<uuid:patient_id>", scope=WRITE, body=PatientChangeSchema(), answer=PATIENT)
def change_patient(session: Session, body: Mapping[str, Any], patient_id: uuid.UUID) -> Patient:
    """Change what is said of a patient. A new address is unproven: an earlier bounce no longer counts against it."""
    patient = directory.find_patient(session, own_clinic_id(), patient_id)
    etag.require_match(PATIENT, patient)
    return enrolment.change_patient(session, patient, body, actor=principal.actor, now=prom.now())


@patients.post("/patients/<uuid:patient_id>/withdraw", scope=WRITE, body=StandingSchema(), answer=PATIENT)
def withdraw(session: Session, body: Mapping[str, Any], patient_id: uuid.UUID) -> Patient:
    """End the patient's part in the follow-up: nothing more is asked or sent. Care is not touched by it."""
    return _change_standing(session, patient_id, standing.withdraw, body)


@patients.post("/patients/<uuid:patient_id>/deceased", scope=WRITE, body=StandingSchema(), answer=PATIENT)
def mark_deceased(session: Session, body: Mapping[str, Any], patient_id: uuid.UUID) -> Patient:
    """Record that the patient has died: everything ends at once, open episodes with it.

    A day before a visit that was attended is refused. A death recorded by mistake is taken back by `resume`.
    """
    return _change_standing(session, patient_id, standing.mark_deceased, body)


@patients.post("/patients/<uuid:patient_id>/pause", scope=WRITE, body=PauseSchema(), answer=PATIENT)
def pause(session: Session, body: Mapping[str, Any], patient_id: uuid.UUID) -> Patient:
    """Send nothing for a while."""
    return _change_standing(session, patient_id, standing.pause, body)


@patients.post("/patients/<uuid:patient_id>/resume", scope=WRITE, body=StandingSchema(), answer=PATIENT)
def resume(session: Session, body: Mapping[str, Any], patient_id: uuid.UUID) -> Patient:
    """Let the patient take part again, after a pause, a withdrawal, or a death that was recorded by mistake.

    A death is taken back only with a `note` that says why. What a withdrawal or a death cancelled stays cancelled, and
    the courses of care that a death closed stay closed, so that reports of the past read the same: a new course of care
    begins a new follow-up. The patient is active even if there was a withdrawal or a pause before the death.
    """
    return _change_standing(session, patient_id, standing.resume, body)


def _change_standing(
    session: Session, patient_id: uuid.UUID, act: Callable[..., Patient], details: Mapping[str, Any]
) -> Patient:
    patient = directory.find_patient(session, own_clinic_id(), patient_id)
    return act(session, patient, **details, actor=principal.actor, now=prom.now())
