"""Webhooks and their deliveries as the API takes and shows them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from prom_service.hooks.destination import DestinationError
from prom_service.models.webhook import DELIVERY_PHASES, EVENT_TYPES, URL_LENGTH
from prom_service.web.api.fields import Strict, Text, WholeNumber, YesNo
from prom_service.web.api.paging import PageQuery
from prom_service.web.context import prom


class ReceiverUrl(Text):
    """A URL that a webhook may lead to now. Its name is resolved here, before a transaction is opened."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        url = super()._deserialize(value, attr, data, **options)
        try:
            prom.hooks.check(url)
        except DestinationError as error:
            raise ValidationError(str(error)) from None
        return url


class NewWebhookSchema(Strict):
    """A receiver that wants to be told."""

    url = ReceiverUrl(
        longest=URL_LENGTH,
        required=True,
        metadata={"description": "Where notices are posted: https, port 443, at a public address."},
    )
    event_types = fields.List(
        fields.String(validate=validate.OneOf(EVENT_TYPES)),
        validate=validate.Length(max=len(EVENT_TYPES)),
        load_default=(),
        metadata={"description": "Events to be told of; none named means all."},
    )


class WebhookSchema(Schema):
    """A webhook, whether it works, and what waits for it."""

    id = fields.UUID(required=True)
    url = fields.String(required=True)
    event_types = fields.List(fields.String(), required=True)
    state = fields.String(required=True, validate=validate.OneOf(("active", "disabled")))
    state_reason = fields.String(required=True, allow_none=True, metadata={"description": "Why it is disabled."})
    state_since = fields.AwareDateTime(required=True)
    position = fields.Integer(required=True, metadata={"description": "How far in the feed deliveries are planned."})
    pending = fields.Integer(required=True, metadata={"description": "Deliveries still to be made or made again."})
    dead_letters = fields.Integer(required=True, metadata={"description": "Deliveries given up after ten attempts."})
    last_success_at = fields.AwareDateTime(required=True, allow_none=True)
    last_failure_at = fields.AwareDateTime(required=True, allow_none=True)
    last_failure = fields.String(required=True, allow_none=True, metadata={"description": "Such as `http 500`."})
    resting_until = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "Until when the receiver asked to be left alone."}
    )
    old_secrets_until = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "Until when an earlier secret signs as well."}
    )
    created_at = fields.AwareDateTime(required=True)


class WebhookSecretSchema(WebhookSchema):
    """A webhook with the secret that was made for it just now."""

    secret = fields.String(required=True, metadata={"description": "`whsec_…`, shown this once."})


class DeliveryQuery(PageQuery):
    """Which deliveries are listed."""

    phase = fields.String(validate=validate.OneOf(DELIVERY_PHASES))


class DeliverySchema(Schema):
    """One event for one receiver."""

    id = fields.UUID(required=True, metadata={"description": "The `webhook-id` of every attempt."})
    type = fields.String(required=True)
    number = fields.Integer(required=True, allow_none=True, metadata={"description": "Of the event; null: a test."})
    phase = fields.String(required=True, validate=validate.OneOf(DELIVERY_PHASES))
    attempts = fields.Integer(required=True)
    due_at = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "When it is tried next; null: no more."}
    )
    attempted_at = fields.AwareDateTime(required=True, allow_none=True)
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why the last attempt failed, such as `timeout`."}
    )
    delivered_at = fields.AwareDateTime(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)


class ReplaySchema(Strict):
    """What is sent again."""

    dead_letters = YesNo(load_default=False, metadata={"description": "Everything that was given up."})
    from_number = WholeNumber(
        least=1,
        load_default=None,
        allow_none=True,
        metadata={"description": "Everything from this event of the feed on."},
    )

    @validates_schema
    def check_something_is_wanted(self, values: dict[str, Any], **_options: Any) -> None:
        """Refuse a replay of nothing."""
        if not values.get("dead_letters") and values.get("from_number") is None:
            raise ValidationError("Must be true, unless from_number is given.", "dead_letters")


class ReplayedSchema(WebhookSchema):
    """The webhook after its replay was planned."""

    planned_again = fields.Integer(required=True, metadata={"description": "Deliveries that were there already."})
