"""What staff typed into a form: read by the schemas of the API, so that both doors take and refuse the same."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError
from marshmallow.fields import Field
from werkzeug.exceptions import BadRequest

import instruments
from instruments.activities import TEXT
from prom_service.language import SPOKEN
from prom_service.models.escalation import STEPS
from prom_service.web.api.strict_json import flatten
from prom_service.web.dashboard.blueprint import blueprint

LABELS = {
    "patient.external_id": "Number of the patient",
    "patient.name": "Name",
    "patient.date_of_birth": "Date of birth",
    "patient.email": "Email address",
    "patient.email_allowed": "Emails",
    "patient.sex": "Sex",
    "patient.language": "Language",
    "patient.time_zone": "Time zone",
    "episode.external_id": "Number of the course of care",
    "episode.pathway": "Pathway",
    "episode.started_on": "Day on which care started",
    "episode.side": "Side",
    "episode.diagnosis": "Diagnosis",
    "episode.clinician": "Clinician",
    "episode.symptom_onset_on": "Symptoms since",
    "episode.serious_pathology_excluded.by": "Serious pathology excluded by",
    "episode.serious_pathology_excluded.on": "Serious pathology excluded on",
    "how.answered_on": "Day of the answers",
    "how.mode": "How it was answered",
    "how.answered_by": "Who answered",
    "close.closed_on": "Closed on",
    "close.reason": "Reason",
    "step.effective_on": "Since",
    "step.note": "Note",
    "step.until": "Last day of the pause",
    "number.external_id": "Number of the visit",
    "visit.date": "Day of the visit",
    "visit.clinician": "Clinician",
    "visit.format": "Format",
    "visit.status": "What became of it",
    "name": "Name of the clinic",
    "phone": "Phone",
    "identity_check": "Check of identity",
    **{f"reply_hours.{language}": "When answers are read" for language in SPOKEN},
    **{f"urgent_text.{language}": "What to do when it is urgent" for language in SPOKEN},
    **{step: f"Name of the {step}" for step in STEPS},
    **{f"{step}_email": f"Email address of the {step}" for step in STEPS},
    "working_hours": "Working hours",
    "closed_on": "Days off",
    "limit": "Visit limit",
    "notice": "Visit notice level",
    "days": "Emails on days after the target day",
    "phone_after_days": "On the phone list after days",
}
"""How a summary of faults calls the fields of the forms; the others say it themselves."""
UNSAID = Field.default_error_messages["required"]

Errors = dict[str, list[str]]
"""By the name of a field, what is wrong with it."""


def read(
    schema: Schema, prefix: str, *, cleared: bool = False, given: Mapping[str, str] | None = None
) -> tuple[Any, Errors]:
    """Return what the fields named ``prefix.…`` mean by ``schema``, and what is wrong with them.

    They are those that were posted, unless others are ``given``. A field left empty was not said; with ``cleared`` it
    says that there is nothing any more. Where something is wrong, what is returned is the rest, as plain values.
    """
    try:
        return schema.load(_nested(schema, prefix, request.form if given is None else given, cleared=cleared)), {}
    except ValidationError as error:
        return error.valid_data, under(prefix, dict(flatten(error.messages)))


def under(prefix: str, errors: Mapping[str, list[str]]) -> Errors:
    """Return errors of a schema or a service under the names of the form's fields."""
    return {
        f"{prefix}.{name}": ["This has to be filled in." if text == UNSAID else text for text in texts]
        for name, texts in errors.items()
    }


@blueprint.app_template_filter("named")
def named(texts: Iterable[str], name: str) -> str:
    """Return what is wrong with a field in one line that says which field it is."""
    said = " ".join(texts)
    if name.startswith("answers."):
        return f"{_question(name)}: {said}"
    return f"{LABELS[name]}: {said[:1].lower()}{said[1:]}" if name in LABELS else said


def _question(name: str) -> str:
    """Return the questionnaire and the code of the question behind a field such as ``answers.psfs-1.0.Q1.text``."""
    ref, _, item = name.removeprefix("answers.").removesuffix(TEXT).rpartition(".")
    return f"{instruments.find(ref).title}, {item}"


def _nested(schema: Schema, prefix: str, given: Mapping[str, str], *, cleared: bool) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name.startswith(f"{prefix}.") and (text.strip() or cleared):
            *path, last = name.removeprefix(f"{prefix}.").split(".")
            place = values
            for step in path:
                place = place.setdefault(step, {})
                if not isinstance(place, dict):
                    raise BadRequest("The form was not sent whole.")
            if text.strip() or not path:
                place[last] = text if text.strip() else _nothing(schema, last)
    return {name: value or None if isinstance(value, dict) else value for name, value in values.items()}


def _nothing(schema: Schema, name: str) -> str | None:
    """Return how a field says that there is nothing: not at all where it may, else with an empty text."""
    field = schema.fields.get(name)
    return None if field is not None and field.allow_none else ""
