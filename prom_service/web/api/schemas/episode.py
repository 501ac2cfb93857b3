"""Episodes, their timelines and trajectories as the API takes and shows them."""

import uuid
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from prom_service.models.administration import ADMINISTRATION_STATES
from prom_service.models.episode import SIDES
from prom_service.models.message import MESSAGE_KINDS, MESSAGE_PHASES
from prom_service.models.response import ANSWERED_BY, MODES
from prom_service.web.api.fields import Day, Strict, Text, YesNo
from prom_service.web.api.paging import PageQuery
from prom_service.web.api.schemas.administration import ANSWER

YEAR = 366


class PatientReference(fields.Field[dict[str, Any]]):
    """A patient: the id, or ``{"id"}``, or ``{"external_id"}``. A text that is no UUID is the clinic's own number."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> dict[str, Any]:
        if isinstance(value, str):
            value = {"id": value} if _is_uuid(value) else {"external_id": value}
        if not isinstance(value, dict) or len(value) != 1:
            raise ValidationError("Must be a patient's id, or an object with id or external_id.")
        if "id" in value:
            return {"id": fields.UUID().deserialize(value["id"])}
        if "external_id" in value:
            return {"external_id": Text(longest=100, shortest=1).deserialize(value["external_id"])}
        raise ValidationError("Must be a patient's id, or an object with id or external_id.")


class ExclusionSchema(Strict):
    """Who recorded that serious pathology was excluded, and when."""

    by = Text(longest=100, shortest=1, required=True)
    on = Day(required=True)


class EpisodeChangeSchema(Strict):
    """What may be changed of an episode."""

    started_on = Day(days_ahead=YEAR)
    side = fields.String(validate=validate.OneOf(SIDES))
    diagnosis = Text(longest=200)
    clinician = Text(longest=100, metadata={"description": "The clinic's own code of the treating clinician."})
    symptom_onset_on = Day(years_back=120, allow_none=True)
    serious_pathology_excluded = fields.Nested(ExclusionSchema, allow_none=True)

    @post_load
    def flatten(self, values: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """Return the values under the names the service gives them."""
        if "serious_pathology_excluded" in values:
            exclusion = values.pop("serious_pathology_excluded") or {}
            values["pathology_excluded_by"] = exclusion.get("by")
            values["pathology_excluded_on"] = exclusion.get("on")
        return values


class NewEpisodeSchema(EpisodeChangeSchema):
    """An episode to be enrolled."""

    external_id = Text(longest=100, shortest=1, required=True)
    patient = PatientReference(
        required=True,
        metadata={
            "description": "The patient's id, or `{\"external_id\": …}` with the clinic's own number.",
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": 100},
                {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "format": "uuid"}}},
                {"type": "object", "required": ["external_id"], "properties": {"external_id": {"type": "string"}}},
            ],
        },
    )
    pathway = Text(longest=100, shortest=1)
    started_on = Day(days_ahead=YEAR, required=True)


class EpisodeQuery(PageQuery):
    """Which episodes are listed."""

    external_id = Text(longest=100)
    patient_external_id = Text(longest=100)


class EpisodeChangeQuery(Strict):
    """How a change is meant."""

    dry_run = YesNo(load_default=False, metadata={"description": "Say what a new `started_on` would do; do nothing."})


class CloseSchema(Strict):
    """Since when, and why, an episode is closed."""

    closed_on = Day(
        metadata={"description": "Today at the clinic when left out, or the day on which it was closed already."}
    )
    reason = Text(longest=200, load_default="")
    correct = YesNo(
        load_default=False,
        metadata={"description": "Correct the day of one that is closed; `reason` says why. It stays closed."},
    )

    @validates_schema
    def _corrects_a_day(self, data: dict[str, Any], **options: Any) -> None:
        if data.get("correct") and "closed_on" not in data:
            raise ValidationError("Needed to correct the day.", "closed_on")


class PatientShortSchema(Schema):
    """Whose episode it is."""

    id = fields.UUID(required=True)
    external_id = fields.String(required=True)


class ExclusionAnswerSchema(Schema):
    """Who recorded that serious pathology was excluded, and when."""

    by = fields.String(required=True, allow_none=True)
    on = fields.Date(required=True, allow_none=True)


class EpisodeSchema(Schema):
    """An episode."""

    id = fields.UUID(required=True)
    external_id = fields.String(required=True)
    patient = fields.Nested(PatientShortSchema, required=True)
    pathway = fields.String(required=True)
    started_on = fields.Date(required=True)
    side = fields.String(required=True, validate=validate.OneOf(SIDES))
    diagnosis = fields.String(required=True)
    clinician = fields.String(required=True)
    symptom_onset_on = fields.Date(required=True, allow_none=True)
    serious_pathology_excluded = fields.Function(
        lambda episode: _exclusion(episode),
        required=True,
        allow_none=True,
        metadata={
            "type": ["object", "null"],
            "required": ["by", "on"],
            "properties": {"by": {"type": "string"}, "on": {"type": ["string", "null"], "format": "date"}},
        },
    )
    enrolled_at = fields.AwareDateTime(required=True)
    closed_on = fields.Date(required=True, allow_none=True)
    closed_reason = fields.String(required=True, allow_none=True)


class MessageEventSchema(Schema):
    """One thing that happened to a message."""

    kind = fields.String(required=True)
    at = fields.AwareDateTime(required=True)
    actor = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)


class MessageSchema(Schema):
    """An email of an administration, sent or to be sent, or why not."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(MESSAGE_KINDS))
    ordinal = fields.Integer(required=True)
    planned_for = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "When it is tried next, while it is still to go: later than planned when put off."},
    )
    phase = fields.String(required=True, validate=validate.OneOf(MESSAGE_PHASES))
    reason = fields.String(required=True, allow_none=True)
    sent_at = fields.AwareDateTime(required=True, allow_none=True)
    bounced_at = fields.AwareDateTime(required=True, allow_none=True)
    events = fields.List(fields.Nested(MessageEventSchema), required=True)


class AnswerChangeSchema(Schema):
    """One answer that an amendment changes; null is an open answer."""

    instrument = fields.String(required=True)
    item = fields.String(required=True, metadata={"description": "An item code, or `<item>.text` for an activity."})
    before = fields.Raw(data_key="from", required=True, allow_none=True, metadata=ANSWER)
    after = fields.Raw(data_key="to", required=True, allow_none=True, metadata=ANSWER)


class AnsweredSchema(Schema):
    """One set of answers that came in. The newest that is no amendment stands; amendments are kept beside it."""

    id = fields.UUID(required=True)
    number = fields.Integer(required=True)
    mode = fields.String(required=True, validate=validate.OneOf(MODES))
    answered_by = fields.String(required=True, validate=validate.OneOf(ANSWERED_BY))
    entered_by = fields.String(
        required=True, metadata={"description": "Who entered it: `patient`, `user:<id>`, `key:<id>` or a command."}
    )
    answered_at = fields.AwareDateTime(required=True)
    recorded_at = fields.AwareDateTime(required=True)
    late = fields.Boolean(required=True)
    is_partial = fields.Boolean(  # ``partial`` alone is marshmallow's own word.
        data_key="partial",
        required=True,
        metadata={"description": "Scored from what was saved when the time was over; never sent in."},
    )
    amendment = fields.Boolean(required=True)
    changes = fields.List(
        fields.Nested(AnswerChangeSchema),
        required=True,
        metadata={"description": "What an amendment changes beside the set that stands; empty for any other."},
    )


class AdministrationSchema(Schema):
    """A timepoint made real: when it may be answered and how far it came."""

    id = fields.UUID(required=True)
    timepoint = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(ADMINISTRATION_STATES))
    late = fields.Boolean(required=True)
    opens_at = fields.AwareDateTime(required=True)
    target_at = fields.AwareDateTime(required=True)
    late_after = fields.AwareDateTime(required=True)
    closes_at = fields.AwareDateTime(required=True)
    started_at = fields.AwareDateTime(required=True, allow_none=True)
    completed_at = fields.AwareDateTime(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    cause = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why nothing came, or not enough, once the time was over; `not_sent:` has a reason."},
    )
    identity_locked_until = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "Too many wrong years of birth: until then earlier answers are not shown again."},
    )
    messages = fields.List(fields.Nested(MessageSchema), required=True)
    responses = fields.List(fields.Nested(AnsweredSchema), required=True)


class StandingChangeSchema(Schema):
    """One thing that was recorded of the patient, such as a pause, a refused address or a locked identity check."""

    kind = fields.String(required=True)
    effective_on = fields.Date(required=True)
    note = fields.String(required=True)
    actor = fields.String(required=True)
    recorded_at = fields.AwareDateTime(required=True)


class TimelineSchema(Schema):
    """An episode's past and future."""

    administrations = fields.List(fields.Nested(AdministrationSchema), required=True)
    patient_changes = fields.List(fields.Nested(StandingChangeSchema), required=True)


class PointSchema(Schema):
    """One score of a scale. ``value`` is null when too little was answered, ``change`` when it is not compared."""

    timepoint = fields.String(required=True)
    value = fields.Float(required=True, allow_none=True)
    answered_at = fields.AwareDateTime(required=True)
    change = fields.Float(required=True, allow_none=True)
    late = fields.Boolean(required=True)
    wording = fields.String(required=True, allow_none=True)
    other_activities = fields.Boolean(
        required=True,
        metadata={"description": "It rates other activities than the baseline: the two scores are not compared."},
    )


class ScaleCourseSchema(Schema):
    """The course of one scale."""

    instrument = fields.String(required=True)
    scale = fields.String(required=True)
    title = fields.String(required=True)
    best = fields.Float(required=True)
    worst = fields.Float(required=True)
    derived = fields.Boolean(required=True, metadata={"description": "Computed from a longer instrument's items."})
    points = fields.List(fields.Nested(PointSchema), required=True)


class JudgementSchema(Schema):
    """What a checkpoint was judged to be, and why."""

    checkpoint = fields.String(required=True)
    outcome = fields.String(required=True)
    reason = fields.String(required=True)
    evidence = fields.Dict(required=True)
    rule_version = fields.String(required=True)
    judged_at = fields.AwareDateTime(required=True)


class VisitCountSchema(Schema):
    """Visits that count, beside the limit of the pathway."""

    counted = fields.Integer(required=True)
    limit = fields.Integer(required=True)
    notice = fields.Integer(required=True)


class DemonstrationSchema(Schema):
    """Whether a function scale ever reached its full 3-month criterion, and where."""

    demonstrated = fields.Boolean(required=True)
    why = fields.String(required=True)
    timepoint = fields.String(required=True, allow_none=True)
    answered_at = fields.AwareDateTime(required=True, allow_none=True)
    evidence = fields.Dict(required=True)


class TrajectorySchema(Schema):
    """How an episode goes. A positive change is better, whichever end of the scale is best."""

    scales = fields.List(fields.Nested(ScaleCourseSchema), required=True)
    judgements = fields.List(fields.Nested(JudgementSchema), required=True)
    improvement_demonstrated = fields.Nested(DemonstrationSchema, required=True)
    visits = fields.Nested(VisitCountSchema, required=True)


class WindowSchema(Schema):
    """When an administration may be answered."""

    opens_at = fields.AwareDateTime(required=True)
    target_at = fields.AwareDateTime(required=True)
    late_after = fields.AwareDateTime(required=True)
    closes_at = fields.AwareDateTime(required=True)


class MoveSchema(Schema):
    """What a new start does to one administration; ``to`` is null when it stays."""

    administration_id = fields.UUID(required=True)
    timepoint = fields.String(required=True)
    moves = fields.Boolean(required=True)
    reason = fields.String(required=True)
    before = fields.Nested(WindowSchema, data_key="from", required=True)
    after = fields.Nested(WindowSchema, data_key="to", required=True, allow_none=True)


class EarlierSchema(Schema):
    """Answers (by timepoint) or a visit (by the clinic's own number) that would lie before a new start."""

    kind = fields.String(required=True, metadata={"enum": ["answers", "visit"]})
    name = fields.String(required=True)
    on = fields.Date(required=True)


class StartChangeSchema(Schema):
    """What a new start would do."""

    started_on = fields.Date(required=True)
    moves = fields.List(fields.Nested(MoveSchema), required=True)
    cancelled_messages = fields.Integer(required=True)
    due_messages = fields.Integer(required=True, metadata={"description": "At most one: of several the newest goes."})
    earlier = fields.List(fields.Nested(EarlierSchema), required=True)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _exclusion(episode: Any) -> dict[str, Any] | None:
    if episode.pathology_excluded_by is None:
        return None
    on = episode.pathology_excluded_on
    return {"by": episode.pathology_excluded_by, "on": on.isoformat() if on else None}
