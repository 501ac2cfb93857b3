"""Webhooks as a clinic reads them: each with its state and what waits for it, and its deliveries."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from prom_service.errors import NotFoundError
from prom_service.models import Clinic, Webhook, WebhookDelivery, WebhookSecret
from prom_service.models.webhook import PENDING_DELIVERIES


def find_webhook(session: Session, clinic_id: uuid.UUID, webhook_id: uuid.UUID, *, lock: bool = False) -> Webhook:
    """Return the clinic's webhook, held against other writers when it is to be changed; one that was ended is gone."""
    query = _webhooks(clinic_id).where(Webhook.id == webhook_id)
    webhook = session.scalars(query.with_for_update() if lock else query).first()
    if webhook is None:
        raise NotFoundError("There is no such webhook.")
    return webhook


def show_webhook(session: Session, clinic_id: uuid.UUID, webhook_id: uuid.UUID, *, now: dt.datetime) -> dict[str, Any]:
    """Return the clinic's webhook with its counts; raise ``NotFoundError`` when it is not there."""
    return _views(session, [find_webhook(session, clinic_id, webhook_id)], now)[0]


def list_webhooks(
    session: Session, clinic_id: uuid.UUID, *, after: uuid.UUID | None = None, limit: int = 50, now: dt.datetime
) -> list[dict[str, Any]]:
    """Return up to ``limit`` webhooks of the clinic with their counts, oldest first, those made after ``after``."""
    query = _webhooks(clinic_id).order_by(Webhook.id).limit(limit)
    if after is not None:
        query = query.where(Webhook.id > after)
    return _views(session, session.scalars(query).all(), now)


def list_deliveries(
    session: Session,
    webhook: Webhook,
    *,
    phase: str | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> Sequence[WebhookDelivery]:
    """Return up to ``limit`` deliveries of a webhook, newest first, those older than ``after``."""
    query = (
        select(WebhookDelivery)
        .where(WebhookDelivery.clinic_id == webhook.clinic_id, WebhookDelivery.webhook_id == webhook.id)
        .order_by(WebhookDelivery.id.desc())
        .limit(limit)
    )
    if phase is not None:
        query = query.where(WebhookDelivery.phase == phase)
    if after is not None:
        query = query.where(WebhookDelivery.id < after)
    return session.scalars(query).all()


def disabled_webhooks(session: Session, clinic_ids: Collection[uuid.UUID]) -> list[tuple[Clinic, list[Webhook]]]:
    """Return these clinics by name, where receivers are disabled, each with those receivers."""
    rows = session.execute(
        select(Clinic, Webhook)
        .join(Webhook, Webhook.clinic_id == Clinic.id)
        .where(Clinic.id.in_(clinic_ids), Webhook.state == "disabled")
        .order_by(Clinic.name, Clinic.id, Webhook.id)
    )
    return [(clinic, [webhook for _, webhook in found]) for clinic, found in groupby(rows, key=lambda row: row[0])]


def _webhooks(clinic_id: uuid.UUID) -> Select[Webhook]:
    return select(Webhook).where(Webhook.clinic_id == clinic_id, Webhook.state != "ended")


def _views(session: Session, webhooks: Sequence[Webhook], now: dt.datetime) -> list[dict[str, Any]]:
    ids = [webhook.id for webhook in webhooks]
    counted = _counts(session, ids)
    old_secrets = _old_secrets(session, ids, now)
    return [
        {
            **{column.key: getattr(webhook, column.key) for column in Webhook.__mapper__.column_attrs},
            "pending": sum(counted.get((webhook.id, phase), 0) for phase in PENDING_DELIVERIES),
            "dead_letters": counted.get((webhook.id, "dead"), 0),
            "old_secrets_until": old_secrets.get(webhook.id),
        }
        for webhook in webhooks
    ]


def _counts(session: Session, ids: Sequence[uuid.UUID]) -> dict[tuple[uuid.UUID, str], int]:
    """Return how many deliveries of each webhook are in each phase but the usual last one."""
    rows = session.execute(
        select(WebhookDelivery.webhook_id, WebhookDelivery.phase, func.count())
        .where(WebhookDelivery.webhook_id.in_(ids), WebhookDelivery.phase.in_((*PENDING_DELIVERIES, "dead")))
        .group_by(WebhookDelivery.webhook_id, WebhookDelivery.phase)
    )
    return {(webhook_id, phase): count for webhook_id, phase, count in rows}


def _old_secrets(session: Session, ids: Sequence[uuid.UUID], now: dt.datetime) -> dict[uuid.UUID, dt.datetime | None]:
    """Return until when an earlier secret of each webhook still signs; those without one are left out."""
    rows = session.execute(
        select(WebhookSecret.webhook_id, func.max(WebhookSecret.ends_at))
        .where(WebhookSecret.webhook_id.in_(ids), WebhookSecret.ends_at > now)
        .group_by(WebhookSecret.webhook_id)
    )
    return {row[0]: row[1] for row in rows}
