"""Webhooks: receivers that a clinic wants to be told of its flags."""

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from sqlalchemy.orm import Session

from prom_service.models import Webhook, WebhookDelivery
from prom_service.queries import webhooks as queries
from prom_service.services import webhooks as services
from prom_service.web import audit
from prom_service.web.api import paging
from prom_service.web.api.answers import created
from prom_service.web.api.blueprint import ApiBlueprint
from prom_service.web.api.schemas.webhook import (
    DeliveryQuery,
    DeliverySchema,
    NewWebhookSchema,
    ReplayedSchema,
    ReplaySchema,
    WebhookSchema,
    WebhookSecretSchema,
)
from prom_service.web.context import own_clinic_id, principal, prom

SCOPE = "webhooks:write"
WEBHOOK = WebhookSchema()
WITH_SECRET = WebhookSecretSchema()

webhooks = ApiBlueprint("webhooks", "Receivers that are told what happens to flags, signed as in Standard Webhooks.")


@webhooks.get("/webhooks", scope=SCOPE, query=paging.PageQuery(), answer=paging.page_of(WebhookSchema))
def list_webhooks(session: Session, query: Mapping[str, Any]) -> Any:
    """List the clinic's webhooks, oldest first, each with its state and what waits for it."""
    wanted = paging.requested(query)
    rows = queries.list_webhooks(session, own_clinic_id(), after=wanted.after, limit=wanted.probe, now=prom.now())
    of = rows[: wanted.limit]
    audit.about(shown=len(of), webhook=(one["id"] for one in of))
    return paging.page(wanted, rows)


@webhooks.post(
    "/webhooks",
    scope=SCOPE,
    body=NewWebhookSchema(),
    answer=WITH_SECRET,
    status=HTTPStatus.CREATED,
    shown_once=True,
)
def subscribe(session: Session, body: Mapping[str, Any]) -> Any:
    """Have a receiver told of every flag event from now on. The secret it verifies by is shown this once."""
    webhook, secret = services.subscribe(
        session, own_clinic_id(), **body, actor=principal.actor, secret=prom.settings.secret, now=prom.now()
    )
    audit.about(webhook=[webhook.id])
    return created(_shown(session, webhook.id, secret=secret), ".show_webhook", webhook_id=webhook.id)


@webhooks.get("/webhooks/<uuid:webhook_id>", scope=SCOPE, answer=WEBHOOK)
def show_webhook(session: Session, webhook_id: uuid.UUID) -> dict[str, Any]:
    """Show a webhook with its state and what waits for it."""
    return _shown(session, webhook_id)


@webhooks.delete("/webhooks/<uuid:webhook_id>", scope=SCOPE)
def end(session: Session, webhook_id: uuid.UUID) -> None:
    """End a webhook: nothing more is sent to it."""
    services.end(session, _held(session, webhook_id), now=prom.now())


@webhooks.post("/webhooks/<uuid:webhook_id>/enable", scope=SCOPE, answer=WEBHOOK)
def enable(session: Session, webhook_id: uuid.UUID) -> dict[str, Any]:
    """Let a disabled webhook go on where it stopped. What happened meanwhile is told."""
    services.enable(session, _held(session, webhook_id), now=prom.now())
    return _shown(session, webhook_id)


@webhooks.post("/webhooks/<uuid:webhook_id>/rotate", scope=SCOPE, answer=WITH_SECRET, shown_once=True)
def rotate(session: Session, webhook_id: uuid.UUID) -> dict[str, Any]:
    """Give a webhook a new secret, shown this once. For 24 hours the earlier ones sign beside it."""
    webhook = _held(session, webhook_id)
    secret = services.rotate(session, webhook, secret=prom.settings.secret, now=prom.now())
    return _shown(session, webhook_id, secret=secret)


@webhooks.post("/webhooks/<uuid:webhook_id>/test", scope=SCOPE, answer=DeliverySchema(), status=HTTPStatus.ACCEPTED)
def send_test(session: Session, webhook_id: uuid.UUID) -> WebhookDelivery:
    """Send a notice that tells of nothing, with the next tick. Its delivery says what became of it."""
    return services.send_test(session, _held(session, webhook_id), now=prom.now())


@webhooks.post("/webhooks/<uuid:webhook_id>/replay", scope=SCOPE, body=ReplaySchema(), answer=ReplayedSchema())
def replay(session: Session, body: Mapping[str, Any], webhook_id: uuid.UUID) -> dict[str, Any]:
    """Send dead letters again, or everything from an event on. Each keeps the id it had."""
    planned = services.replay(session, _held(session, webhook_id), **body, now=prom.now())
    return {**_shown(session, webhook_id), "planned_again": planned}


@webhooks.get(
    "/webhooks/<uuid:webhook_id>/deliveries",
    scope=SCOPE,
    query=DeliveryQuery(),
    answer=paging.page_of(DeliverySchema),
)
def list_deliveries(session: Session, query: Mapping[str, Any], webhook_id: uuid.UUID) -> Any:
    """List what a webhook was told and will be told, newest first."""
    wanted = paging.requested(query)
    webhook = queries.find_webhook(session, own_clinic_id(), webhook_id)
    rows = queries.list_deliveries(session, webhook, after=wanted.after, limit=wanted.probe, **wanted.filters)
    audit.about(shown=len(rows[: wanted.limit]))
    return paging.page(wanted, rows)


def _held(session: Session, webhook_id: uuid.UUID) -> Webhook:
    return queries.find_webhook(session, own_clinic_id(), webhook_id, lock=True)


def _shown(session: Session, webhook_id: uuid.UUID, **more: Any) -> dict[str, Any]:
    session.flush()
    return {**queries.show_webhook(session, own_clinic_id(), webhook_id, now=prom.now()), **more}
