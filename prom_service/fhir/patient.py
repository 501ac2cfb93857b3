"""A patient as a FHIR Patient. How to reach a patient stays here: no address of any kind is passed on."""

import datetime as dt

from prom_service.fhir.element import PATIENT_NUMBER, Resource, concept, day, given, meta, number_of
from prom_service.models import Patient


def patient(row: Patient, updated_at: dt.datetime) -> Resource:
    """Return the patient: number, name, date of birth, gender, language, and whether they take part."""
    return given(
        resourceType="Patient",
        id=str(row.id),
        meta=meta(updated_at),
        identifier=[number_of(PATIENT_NUMBER, row.clinic_id, row.external_id)],
        active=row.status in ("active", "paused"),
        name=[{"text": row.name}],
        gender=row.sex,
        birthDate=day(row.date_of_birth),
        deceasedBoolean=True if row.status == "deceased" else None,
        communication=[{"language": concept({"system": "urn:ietf:bcp:47", "code": row.language}), "preferred": True}],
    )
