"""Patients as the API takes and shows them."""

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from prom_service.models.patient import PATIENT_STATUSES, SEXES
from prom_service.services.enrolment import PatientDetails
from prom_service.services.languages import SPOKEN
from prom_service.web.api.fields import Day, Strict, Text, YesNo

OLDEST = 120


class PatientChangeSchema(Strict):
    """What may be changed of a patient."""

    name = Text(shortest=1)
    date_of_birth = Day(years_back=OLDEST, days_ahead=0)
    email = Text(shortest=3, allow_none=True, metadata={"description": "null: this patient has no address."})
    sex = fields.String(validate=validate.OneOf(SEXES))
    language = fields.String(validate=validate.OneOf(SPOKEN))
    time_zone = Text(
        longest=40, allow_none=True, metadata={"description": "IANA zone, when it differs from the clinic's."}
    )
    email_allowed = YesNo(metadata={"description": "The patient's wish to be emailed, as the clinic recorded it."})


class NewPatientSchema(PatientChangeSchema):
    """A patient to be registered."""

    external_id = Text(longest=100, shortest=1, required=True, metadata={"description": "The clinic's own number."})
    name = Text(shortest=1, required=True)
    date_of_birth = Day(years_back=OLDEST, days_ahead=0, required=True)

    @post_load
    def as_details(self, values: dict[str, Any], **_options: Any) -> PatientDetails:
        """Return what the service takes."""
        return PatientDetails(**values)


class PatientSchema(Schema):
    """A patient."""

    id = fields.UUID(required=True)
    external_id = fields.String(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True, allow_none=True)
    date_of_birth = fields.Date(required=True)
    sex = fields.String(required=True, validate=validate.OneOf(SEXES))
    language = fields.String(required=True)
    time_zone = fields.String(required=True, allow_none=True)
    email_allowed = fields.Boolean(required=True)
    status = fields.String(required=True, validate=validate.OneOf(PATIENT_STATUSES))
    paused_until = fields.Date(required=True, allow_none=True)
    unsubscribed_at = fields.AwareDateTime(required=True, allow_none=True)
    bounced_at = fields.AwareDateTime(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)


class StandingSchema(Strict):
    """Since when, and why, a patient's part in the follow-up changes."""

    effective_on = Day(years_back=10, metadata={"description": "Today at the clinic when left out."})
    note = Text(longest=500, load_default="")


class PauseSchema(StandingSchema):
    """A pause."""

    until = Day(
        days_ahead=3650, allow_none=True, metadata={"description": "Last day of the pause; null: until resumed."}
    )
