"""Deliveries of webhooks: written from the feed, claimed, tried ten times over three days, and then given up.

The feed has no gaps and its numbers become visible in order, so a position in it is all that is needed to lose nothing.
A receiver may be told twice, under one id, when a process died before it could note the answer.
"""

import datetime as dt
import json
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, exists, or_, select, update
from sqlalchemy.orm import Session

from prom_service.db import insert_if_absent
from prom_service.hooks.sender import Notice, Outcome
from prom_service.models import Clinic, FlagEvent, Webhook, WebhookDelivery
from prom_service.models.webhook import PENDING_DELIVERIES
from prom_service.services import alerts
from prom_service.services.webhooks import signing_keys

DELAYS = (
    dt.timedelta(seconds=5),
    dt.timedelta(minutes=5),
    dt.timedelta(minutes=30),
    *(dt.timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""Waits after the first, second … attempt that failed (Standard Webhooks 1.0); after the tenth there is none."""
CLAIM_LASTS = dt.timedelta(minutes=10)
"""Longer than a claimed batch takes, each attempt at its longest."""


@dataclass(frozen=True)
class Receiver:
    """A webhook for which something is due."""

    clinic_id: uuid.UUID
    webhook_id: uuid.UUID


@dataclass(frozen=True)
class Batch:
    """What one claim took for one receiver."""

    receiver: Receiver
    claim: str
    notices: Sequence[Notice]


def queue_events(session: Session, *, now: dt.datetime, limit: int) -> int:
    """Write deliveries of at most ``limit`` events for a webhook that is behind its feed; return how many events."""
    webhook = session.scalars(
        select(Webhook)
        .join(Clinic, Clinic.id == Webhook.clinic_id)
        .where(Webhook.state == "active", Clinic.flag_event_count > Webhook.position)
        .limit(1)
        .with_for_update(of=Webhook, skip_locked=True)
    ).first()
    if webhook is None:
        return 0
    events = session.execute(
        select(FlagEvent.id, FlagEvent.number, FlagEvent.type)
        .where(FlagEvent.clinic_id == webhook.clinic_id, FlagEvent.number > webhook.position)
        .order_by(FlagEvent.number)
        .limit(limit)
    ).all()
    for event_id, number, step in events:
        if not webhook.event_types or f"flag.{step}" in webhook.event_types:
            _plan(session, webhook, event_id, number, f"flag.{step}", now)
    webhook.position = events[-1].number
    return len(events)


def receivers_due(session: Session, *, now: dt.datetime) -> list[Receiver]:
    """Return the webhooks of all clinics for which something is due."""
    due = exists().where(
        WebhookDelivery.clinic_id == Webhook.clinic_id, WebhookDelivery.webhook_id == Webhook.id, _is_due(now)
    )
    rows = session.execute(select(Webhook.clinic_id, Webhook.id).where(_listens(now), due).order_by(Webhook.id))
    return [Receiver(*row) for row in rows]


def claim_due(
    session: Session, receiver: Receiver, *, secret: bytes, worker: str, now: dt.datetime, limit: int
) -> Batch:
    """Reserve at most ``limit`` of the deliveries due to a receiver and return their notices, in the feed's order.

    None when it is disabled or wants to be left alone. A claim that is not settled in time lapses.
    """
    claim = f"{worker[:60]}#{secrets.token_hex(4)}"
    webhook = session.scalars(_webhook(receiver).where(_listens(now))).first()
    if webhook is None:
        return Batch(receiver, claim, [])
    picked = (
        select(WebhookDelivery.id)
        .where(_of(receiver), _is_due(now))
        .order_by(WebhookDelivery.due_at, WebhookDelivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("picked")
        .prefix_with("MATERIALIZED")
    )
    claimed = session.scalars(
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(select(picked.c.id)))
        .values(phase="claimed", claimed_by=claim, due_at=now + CLAIM_LASTS)
        .returning(WebhookDelivery),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).all()
    return Batch(receiver, claim, _notices(session, webhook, claimed, secret, now))


def record(session: Session, batch: Batch, notice: Notice, outcome: Outcome, *, now: dt.datetime) -> bool:
    """Note what became of an attempt; return whether the receiver may be told more at once.

    One that says it is gone is disabled, and the clinic's owner is told.
    """
    webhook = session.scalars(_webhook(batch.receiver).with_for_update()).one()
    delivery = session.scalars(
        select(WebhookDelivery).where(_is_under(batch), WebhookDelivery.id == notice.id).with_for_update()
    ).first()
    if outcome.result == "delivered":
        webhook.last_success_at = now
    elif outcome.result != "stopped":
        webhook.last_failure_at, webhook.last_failure = now, outcome.reason
    if outcome.result == "gone" and webhook.state == "active":
        webhook.state, webhook.state_reason, webhook.state_since = "disabled", outcome.reason, now
        alerts.tell_of_gone_receiver(session, webhook, now=now)
    if outcome.wait is not None:
        webhook.resting_until = now + outcome.wait
    if delivery is not None:
        _settle(delivery, outcome, now)
    return webhook.state == "active" and outcome.result != "stopped" and outcome.wait is None


def release(session: Session, batch: Batch, *, now: dt.datetime) -> None:
    """Give back what was claimed and not tried."""
    session.execute(
        update(WebhookDelivery).where(_is_under(batch)).values(phase="planned", claimed_by=None, due_at=now)
    )


def _listens(now: dt.datetime) -> ColumnElement[bool]:
    return (Webhook.state == "active") & or_(Webhook.resting_until.is_(None), Webhook.resting_until <= now)


def _is_due(now: dt.datetime) -> ColumnElement[bool]:
    """Say whether its time has come; that of a claimed one comes when its claim lapses."""
    return WebhookDelivery.phase.in_(PENDING_DELIVERIES) & (WebhookDelivery.due_at <= now)


def _webhook(receiver: Receiver) -> Select[Webhook]:
    return select(Webhook).where(Webhook.clinic_id == receiver.clinic_id, Webhook.id == receiver.webhook_id)


def _of(receiver: Receiver) -> ColumnElement[bool]:
    return (WebhookDelivery.clinic_id == receiver.clinic_id) & (WebhookDelivery.webhook_id == receiver.webhook_id)


def _is_under(batch: Batch) -> ColumnElement[bool]:
    """Say whether a delivery is still held by this claim."""
    held = (WebhookDelivery.claimed_by == batch.claim) & (WebhookDelivery.phase == "claimed")
    return _of(batch.receiver) & held


def _plan(session: Session, webhook: Webhook, event_id: uuid.UUID, number: int, type_: str, now: dt.datetime) -> None:
    row = {
        "clinic_id": webhook.clinic_id,
        "webhook_id": webhook.id,
        "event_id": event_id,
        "number": number,
        "type": type_,
        "phase": "planned",
        "attempts": 0,
        "due_at": now,
        "created_at": now,
    }
    insert_if_absent(session, WebhookDelivery, row, unique=["webhook_id", "number"])


def _notices(
    session: Session, webhook: Webhook, claimed: Sequence[WebhookDelivery], secret: bytes, now: dt.datetime
) -> list[Notice]:
    """Return what is sent: neither health data nor a patient's name or number; the receiver reads the flag itself."""
    wanted = [delivery.event_id for delivery in claimed if delivery.event_id]
    events = {
        event_id: (flag_id, at)
        for event_id, flag_id, at in session.execute(
            select(FlagEvent.id, FlagEvent.flag_id, FlagEvent.at).where(
                FlagEvent.clinic_id == webhook.clinic_id, FlagEvent.id.in_(wanted)
            )
        )
    }
    keys = signing_keys(session, webhook, secret=secret, now=now)
    notices = []
    for delivery in sorted(claimed, key=lambda one: one.id):
        flag_id, at = events[delivery.event_id] if delivery.event_id else (None, delivery.created_at)
        about = {"flag_id": str(flag_id), "number": delivery.number} if flag_id else {}
        content = {
            "type": delivery.type,
            "timestamp": at.isoformat(),
            "data": {"clinic_id": str(webhook.clinic_id), **about},
        }
        notices.append(Notice(delivery.id, webhook.url, json.dumps(content).encode(), keys))
    return notices


def _settle(delivery: WebhookDelivery, outcome: Outcome, now: dt.datetime) -> None:
    delivery.claimed_by = None
    if outcome.result == "stopped":
        delivery.phase, delivery.due_at = "planned", now
        return
    delivery.attempts += 1
    delivery.attempted_at, delivery.reason = now, outcome.reason
    if outcome.result == "delivered":
        delivery.phase, delivery.due_at, delivery.delivered_at = "delivered", None, now
    elif delivery.attempts > len(DELAYS):
        delivery.phase, delivery.due_at = "dead", None
    else:
        delivery.phase = "planned"
        delivery.due_at = now + max(DELAYS[delivery.attempts - 1], outcome.wait or dt.timedelta(0))
