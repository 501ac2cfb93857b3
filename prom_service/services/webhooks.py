"""Webhooks: a clinic names a receiver, and changes, tests, rewinds or ends what it is told."""

import datetime as dt
import uuid
from collections.abc import Collection

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError
from prom_service.hooks.signing import derive_key, shown
from prom_service.models import Webhook, WebhookDelivery, WebhookSecret
from prom_service.models.webhook import PENDING_DELIVERIES, TEST_TYPE
from prom_service.queries.flags import feed_position

MOST_WEBHOOKS = 10
"""Webhooks that one clinic may have at a time."""
MOST_SECRETS = 5
"""Secrets of one webhook that may sign at a time: each adds a signature to every delivery."""
OLD_SECRET_LASTS = dt.timedelta(hours=24)
"""How long a secret signs beside the one that replaced it."""


def subscribe(
    session: Session,
    clinic_id: uuid.UUID,
    url: str,
    event_types: Collection[str] = (),
    *,
    actor: str,
    secret: bytes,
    now: dt.datetime,
) -> tuple[Webhook, str]:
    """Write a webhook that hears of every flag event from now on, and return it with its secret, which is shown once.

    Where ``url`` leads is checked by the door, outside the transaction, and again at each attempt.
    """
    others = select(func.count()).where(Webhook.clinic_id == clinic_id, Webhook.state != "ended")
    if (session.scalar(others) or 0) >= MOST_WEBHOOKS:
        raise ConflictError(f"A clinic may have {MOST_WEBHOOKS} webhooks. End one first.", "too_many_webhooks")
    webhook = Webhook(
        clinic_id=clinic_id,
        url=url,
        event_types=sorted(set(event_types)),
        state="active",
        state_since=now,
        position=feed_position(session, clinic_id),
        created_by=actor,
        created_at=now,
    )
    session.add(webhook)
    session.flush()
    return webhook, _issue(session, webhook, 1, secret, now)


def rotate(session: Session, webhook: Webhook, *, secret: bytes, now: dt.datetime) -> str:
    """Give the webhook a new secret and return it, shown once; those before it sign beside it for 24 hours."""
    known = session.scalars(
        select(WebhookSecret)
        .where(WebhookSecret.clinic_id == webhook.clinic_id, WebhookSecret.webhook_id == webhook.id)
        .order_by(WebhookSecret.number)
    ).all()
    if sum(_signs(one, now) for one in known) >= MOST_SECRETS:
        raise ConflictError(f"{MOST_SECRETS} secrets sign already. Wait until the oldest ends.", "too_many_secrets")
    known[-1].ends_at = now + OLD_SECRET_LASTS
    return _issue(session, webhook, known[-1].number + 1, secret, now)


def signing_keys(session: Session, webhook: Webhook, *, secret: bytes, now: dt.datetime) -> tuple[bytes, ...]:
    """Return the keys that sign ``now``, the newest first."""
    secrets = session.scalars(
        select(WebhookSecret)
        .where(WebhookSecret.clinic_id == webhook.clinic_id, WebhookSecret.webhook_id == webhook.id)
        .order_by(WebhookSecret.number.desc())
    )
    return tuple(derive_key(webhook.id, one.number, secret=secret) for one in secrets if _signs(one, now))


def enable(session: Session, webhook: Webhook, *, now: dt.datetime) -> Webhook:
    """Let a disabled webhook go on where it stopped: whatever happened meanwhile is told."""
    if webhook.state == "disabled":
        webhook.state, webhook.state_reason, webhook.state_since = "active", None, now
        webhook.resting_until = None
        _plan_again(session, webhook, WebhookDelivery.phase == "planned", now)
    return webhook


def end(session: Session, webhook: Webhook, *, now: dt.datetime) -> None:
    """End the webhook for good: nothing more is sent, and what was not delivered is given up."""
    webhook.state, webhook.state_since = "ended", now
    session.execute(
        update(WebhookDelivery)
        .where(_of(webhook), WebhookDelivery.phase.in_(PENDING_DELIVERIES))
        .values(phase="dead", due_at=None, reason="ended", claimed_by=None)
    )


def send_test(session: Session, webhook: Webhook, *, now: dt.datetime) -> WebhookDelivery:
    """Plan a delivery that tells of nothing, to be sent like any other, and return it."""
    if webhook.state != "active":
        raise ConflictError("This webhook is disabled. Enable it first.", "webhook_disabled")
    delivery = WebhookDelivery(
        clinic_id=webhook.clinic_id, webhook_id=webhook.id, type=TEST_TYPE, phase="planned", due_at=now, created_at=now
    )
    session.add(delivery)
    session.flush()
    return delivery


def replay(session: Session, webhook: Webhook, *, dead_letters: bool, from_number: int | None, now: dt.datetime) -> int:
    """Plan dead letters anew, or all events from a number of the feed on, or both; return how many were planned.

    An event keeps the id it was sent under, so a receiver that has it knows it again. One that was never written for
    this webhook, because it is older, is written now and counted as well.
    """
    wanted = [WebhookDelivery.phase == "dead"] if dead_letters else []
    if from_number is not None:
        wanted.append(WebhookDelivery.number >= from_number)
    planned = _plan_again(session, webhook, or_(*wanted), now) if wanted else 0
    if from_number is not None:
        webhook.position = min(webhook.position, from_number - 1)
    return planned


def _issue(session: Session, webhook: Webhook, number: int, secret: bytes, now: dt.datetime) -> str:
    session.add(WebhookSecret(clinic_id=webhook.clinic_id, webhook_id=webhook.id, number=number, issued_at=now))
    session.flush()
    return shown(derive_key(webhook.id, number, secret=secret))


def _signs(one: WebhookSecret, now: dt.datetime) -> bool:
    return one.ends_at is None or one.ends_at > now


def _of(webhook: Webhook) -> ColumnElement[bool]:
    return (WebhookDelivery.clinic_id == webhook.clinic_id) & (WebhookDelivery.webhook_id == webhook.id)


def _plan_again(session: Session, webhook: Webhook, which: ColumnElement[bool], now: dt.datetime) -> int:
    again = session.execute(
        update(WebhookDelivery)
        .where(_of(webhook), which)
        .values(phase="planned", attempts=0, due_at=now, claimed_by=None, delivered_at=None)
        .returning(WebhookDelivery.id)
    )
    return len(again.all())
