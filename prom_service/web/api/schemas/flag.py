"""Flags and their events as the API takes and shows them."""

from marshmallow import Schema, fields, validate

from prom_service.models.escalation import STEPS
from prom_service.models.flag import FLAG_STATUSES, FLAG_STEPS, QUEUES, RESOLUTIONS, SEVERITIES
from prom_service.pathway.shape import FLAG_KINDS
from prom_service.web.api.fields import Instant, Strict, Text, WholeNumber
from prom_service.web.api.paging import DEFAULT_LIMIT, LARGEST_LIMIT, PageQuery, page_of
from prom_service.web.api.schemas.episode import PatientShortSchema


class FlagQuery(PageQuery):
    """Which flags are listed; the live ones unless a status is named."""

    status = fields.String(validate=validate.OneOf(FLAG_STATUSES))
    kind = fields.String(validate=validate.OneOf(FLAG_KINDS))
    checkpoint = Text(longest=40)
    queue = fields.String(validate=validate.OneOf(QUEUES))
    clinician = Text(longest=100)


class FeedQuery(Strict):
    """Which events are wanted: those numbered above ``after``."""

    after = WholeNumber(load_default=0, metadata={"description": "`last` of the answer before."})
    limit = WholeNumber(least=1, most=LARGEST_LIMIT, load_default=DEFAULT_LIMIT)


class OnBehalfSchema(Strict):
    """The person for whom a program acts, as the clinic names them."""

    id = Text(longest=100, shortest=1, required=True)
    name = Text(longest=200, required=True)


class StepSchema(Strict):
    """A step with a flag."""

    on_behalf_of = fields.Nested(OnBehalfSchema, allow_none=True)
    note = Text(longest=1000, load_default="")


class AssignSchema(StepSchema):
    """Whom the flag is given to."""

    user_id = fields.UUID(required=True)


class SnoozeSchema(StepSchema):
    """Until when the flag is put aside."""

    until = Instant(required=True)


class ResolveSchema(StepSchema):
    """Why the flag is closed."""

    reason = fields.String(required=True, validate=validate.OneOf(RESOLUTIONS))


class ActorSchema(Schema):
    """Who took a step, and for whom."""

    id = fields.String(required=True)
    on_behalf_of = fields.Dict(required=True, allow_none=True)


class HistorySchema(Schema):
    """One step of a flag."""

    number = fields.Integer(required=True)
    type = fields.String(required=True, validate=validate.OneOf(FLAG_STEPS))
    at = fields.AwareDateTime(required=True)
    actor = fields.Nested(ActorSchema, required=True)
    detail = fields.Dict(required=True)


class FlagStateSchema(Schema):
    """A flag as it stood after one of its steps."""

    id = fields.UUID(required=True)
    number = fields.Integer(required=True, metadata={"description": "Number of its newest event in the feed."})
    version = fields.Integer(required=True)
    episode_id = fields.UUID(required=True)
    patient = fields.Nested(PatientShortSchema, required=True)
    clinician = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(FLAG_KINDS))
    checkpoint = fields.String(required=True, allow_none=True)
    severity = fields.String(required=True, validate=validate.OneOf(SEVERITIES))
    queue = fields.String(required=True, validate=validate.OneOf(QUEUES))
    status = fields.String(required=True, validate=validate.OneOf(FLAG_STATUSES))
    raised_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    why = fields.String(required=True, metadata={"description": "One plain sentence."})
    guidance = fields.Dict(required=True, metadata={"description": "For clinicians: text, source, evidence_status."})
    evidence = fields.Dict(required=True)
    assignee_id = fields.UUID(required=True, allow_none=True)
    snoozed_until = fields.AwareDateTime(required=True, allow_none=True)
    escalated_to = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(STEPS),
        metadata={"description": "Who was told last, by email, that nobody has acknowledged it."},
    )
    resolution = fields.String(required=True, allow_none=True)
    resolved_at = fields.AwareDateTime(required=True, allow_none=True)
    predecessor_id = fields.UUID(required=True, allow_none=True)


class FlagSchema(FlagStateSchema):
    """A flag with everything that happened to it."""

    history = fields.List(fields.Nested(HistorySchema), required=True)


FlagPage = type(page_of(FlagSchema))


class FlagPageSchema(FlagPage):  # type: ignore[misc, valid-type]
    """A page of flags, and how far the feed had come when it was made."""

    feed_position = fields.Integer(required=True, metadata={"description": "Poll the feed from here."})


class FlagEventSchema(Schema):
    """One change of one flag, numbered per clinic without gaps."""

    number = fields.Integer(required=True)
    type = fields.String(required=True, validate=validate.OneOf(FLAG_STEPS))
    at = fields.AwareDateTime(required=True)
    actor = fields.Nested(ActorSchema, required=True)
    flag = fields.Nested(FlagStateSchema, required=True)


class FeedSchema(Schema):
    """Events in order. ``last`` is the number to pass as ``after`` next time."""

    items = fields.List(fields.Nested(FlagEventSchema), required=True)
    last = fields.Integer(required=True)
