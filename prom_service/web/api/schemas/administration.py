"""Staff entry, links and sending as the API takes and shows them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from prom_service.models.response import ANSWERED_BY, WORDINGS
from prom_service.services.paper_writing import PAPERS
from prom_service.web.api.fields import ByName, Day, Instant, Strict

STAFF_MODES = ("desk", "paper", "phone")
ANSWER = {
    "oneOf": [{"type": "integer"}, {"type": "string", "maxLength": 200}, {"type": "null"}],
    "description": "A whole number, `NA` (does not apply), the text of an activity, or null (skipped).",
}
ONE_INSTRUMENT = {"type": "object", "additionalProperties": ANSWER}


class Answers(fields.Field[dict[str, Any]]):
    """Answers by item. Only the shape is checked here; what an item allows is the instrument's to say."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("Must be an object of answers by item.")
        return value


class AnswersByInstrument(fields.Field[dict[str, dict[str, Any]]]):
    """Answers by instrument and item, in the same shape."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> dict[str, dict[str, Any]]:
        if not isinstance(value, dict):
            raise ValidationError("Must be an object of answers by instrument.")
        wrong = {
            ref: ["Must be an object of answers by item."]
            for ref, given in value.items()
            if not isinstance(given, dict)
        }
        if wrong:
            raise ValidationError(wrong)
        return value


class StaffEntrySchema(Strict):
    """Answers that a patient gave on paper, by phone or at the desk."""

    answers = AnswersByInstrument(
        required=True,
        metadata={
            "type": "object",
            "additionalProperties": ONE_INSTRUMENT,
            "description": "Instrument reference → item code → answer.",
        },
    )
    mode = fields.String(validate=validate.OneOf(STAFF_MODES), load_default="paper")
    answered_by = fields.String(validate=validate.OneOf(ANSWERED_BY), load_default="unknown")
    wording = ByName(
        keys=fields.String(),
        values=fields.String(validate=validate.OneOf(WORDINGS)),
        load_default=dict,
        metadata={
            "description": "Instrument reference → own or official: in whose words it was asked. One left out was asked"
            " in the clinic's words in force when it was answered."
        },
    )
    answered_on = Day(metadata={"description": "The day on which the patient answered; today when left out."})
    answered_at = Instant(metadata={"description": "The instant, when it is known; not beside answered_on."})

    @validates_schema
    def check_moment(self, values: dict[str, Any], **_options: Any) -> None:
        """Refuse two dates for one set of answers."""
        if "answered_on" in values and "answered_at" in values:
            raise ValidationError("Give either answered_on or answered_at.", "answered_on")


class ScoreSchema(Schema):
    """One score of a stored response; ``value`` is null when too little was answered."""

    value = fields.Float(required=True, allow_none=True)
    answered = fields.Integer(required=True)
    items = fields.Integer(required=True)
    derived = fields.Boolean(required=True, metadata={"description": "Computed from a longer instrument's items."})


class ResponseSchema(Schema):
    """What became of a set of answers."""

    id = fields.UUID(required=True)
    administration_id = fields.UUID(required=True)
    kind = fields.String(
        required=True,
        validate=validate.OneOf(("first", "same", "amendment")),
        metadata={"description": "first: it stands; same: it was there already; amendment: kept beside the first."},
    )
    mode = fields.String(required=True)
    answered_by = fields.String(required=True)
    answered_at = fields.AwareDateTime(required=True)
    recorded_at = fields.AwareDateTime(required=True)
    late = fields.Boolean(required=True)
    wording = fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=validate.OneOf(WORDINGS)),
        required=True,
        metadata={"description": "Instrument reference → own or official."},
    )
    scores = fields.Dict(
        keys=fields.String(), values=fields.Dict(keys=fields.String(), values=fields.Nested(ScoreSchema)), required=True
    )


class LinkSchema(Schema):
    """A survey link for the tablet at the desk. It is shown once."""

    url = fields.String(required=True)
    closes_at = fields.AwareDateTime(required=True, metadata={"description": "Until then it takes answers."})


class PaperQuery(Strict):
    """What a questionnaire will be printed on."""

    paper = fields.String(validate=validate.OneOf(PAPERS), load_default="a4")


class RequestedMessageSchema(Schema):
    """The message that will go out next, and when it is tried."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    ordinal = fields.Integer(required=True)
    phase = fields.String(required=True)
    due_at = fields.AwareDateTime(required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"description": "Why it waits, when it does."})
