"""Webhooks: where a clinic wants to be told of its flags, and what it was told."""

import datetime as dt
import uuid
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, TenantOwned, Word, belongs_to, one_of, tenant_key
from prom_service.models.flag import FLAG_STEPS

WEBHOOK_STATES = ("active", "disabled", "ended")
DELIVERY_PHASES = ("planned", "claimed", "delivered", "dead")
PENDING_DELIVERIES = ("planned", "claimed")
EVENT_TYPES = tuple(f"flag.{step}" for step in FLAG_STEPS)
TEST_TYPE = "webhook.test"
URL_LENGTH = 2000


class Webhook(TenantOwned, Base):
    """One receiver of a clinic. It is told of every flag event numbered above ``position``, in time."""

    __tablename__ = "webhook"
    __table_args__ = (
        tenant_key(),
        one_of("state", WEBHOOK_STATES),
        sa.CheckConstraint("position >= 0", name="position"),
    )

    url: Mapped[str] = mapped_column(sa.String(URL_LENGTH))
    event_types: Mapped[list[str]]
    """Which events it is told of; none named means all."""
    state: Mapped[Word] = mapped_column(default="active")
    state_reason: Mapped[str | None] = mapped_column(sa.String(80))
    """Why it is disabled."""
    state_since: Mapped[dt.datetime]
    position: Mapped[int]
    """Number of the last event of the clinic's feed for which a delivery was written, where one was wanted."""
    resting_until: Mapped[dt.datetime | None]
    """Until when the receiver asked to be left alone."""
    last_success_at: Mapped[dt.datetime | None]
    last_failure_at: Mapped[dt.datetime | None]
    last_failure: Mapped[str | None] = mapped_column(sa.String(80))
    created_by: Mapped[Actor]
    created_at: Mapped[dt.datetime]

    @property
    def host(self) -> str:
        """The machine that is told: all of its address that may be shown, since path and query may hold secrets."""
        return urlsplit(self.url).hostname or ""


class WebhookSecret(TenantOwned, Base):
    """One secret of a webhook, by its number alone: the key is derived from it whenever there is something to sign."""

    __tablename__ = "webhook_secret"
    __table_args__ = (tenant_key(), belongs_to("webhook"), sa.UniqueConstraint("webhook_id", "number"))

    webhook_id: Mapped[uuid.UUID]
    number: Mapped[int]
    issued_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime | None]
    """From when it signs no more; None for the newest."""


class WebhookDelivery(TenantOwned, Base):
    """One event for one receiver, tried until it is taken or given up.

    planned → claimed → delivered, or planned again with a later ``due_at``, or dead after the last attempt. A claim
    whose process died lapses and is tried again: a receiver may get an event twice, under the same id.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        tenant_key(),
        belongs_to("webhook"),
        belongs_to("flag_event", "event_id"),
        sa.UniqueConstraint("webhook_id", "number"),
        one_of("phase", DELIVERY_PHASES),
        sa.CheckConstraint("(event_id IS NULL) = (number IS NULL)", name="number"),
        sa.CheckConstraint("(due_at IS NULL) = (phase IN ('delivered', 'dead'))", name="due_at"),
        sa.Index("ix_webhook_delivery_due", "webhook_id", "phase", "due_at"),
        sa.Index("ix_webhook_delivery_over", "phase", "attempted_at"),
        sa.Index("ix_webhook_delivery_list", "clinic_id", "webhook_id", "id"),
    )

    webhook_id: Mapped[uuid.UUID]
    event_id: Mapped[uuid.UUID | None]
    """None for a test."""
    number: Mapped[int | None]
    """Number of the event in the clinic's feed."""
    type: Mapped[Word]
    phase: Mapped[Word] = mapped_column(default="planned")
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[dt.datetime | None]
    """When it is tried next; while it is claimed, when the claim lapses; None once it is delivered or dead."""
    claimed_by: Mapped[str | None] = mapped_column(sa.String(80))
    reason: Mapped[str | None] = mapped_column(sa.String(80))
    """A code for what became of the last attempt; never the receiver's words."""
    attempted_at: Mapped[dt.datetime | None]
    delivered_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]
