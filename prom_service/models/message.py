"""Messages: the emails of an administration, each sent at most once."""

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, RecordedAt, TenantOwned, Word, belongs_to, one_of, tenant_key

MESSAGE_KINDS = ("invitation", "reminder")
MESSAGE_PHASES = (
    "planned",
    "claimed",
    "committing",
    "sent",
    "assumed_sent",
    "deferred",
    "failed",
    "cancelled",
)
PENDING_PHASES = ("planned", "deferred")
DELIVERED_PHASES = ("sent", "assumed_sent")
"""Taken by a mail server, or possibly so. *Delivered* means one of these and no bounce since."""
LEFT_PHASES = (*DELIVERED_PHASES, "committing")
"""Phases of a message that a mail server may have, its outcome still to come included."""


class Message(TenantOwned, Base):
    """One email: the invitation or the *n*-th reminder of an administration.

    planned → claimed → committing (written just before the final dot of SMTP DATA) → sent. A message found
    in ``committing`` after a crash is ``assumed_sent`` and never sent again. A refusal before that point
    leads to ``deferred`` or ``failed``.
    """

    __tablename__ = "message"
    __table_args__ = (
        tenant_key(),
        belongs_to("administration"),
        sa.UniqueConstraint("administration_id", "ordinal"),
        one_of("kind", MESSAGE_KINDS),
        one_of("phase", MESSAGE_PHASES),
        sa.Index("ix_message_due", "phase", "due_at"),
        sa.Index("ix_message_lease", "phase", "claimed_until"),
    )

    administration_id: Mapped[uuid.UUID]
    kind: Mapped[Word]
    ordinal: Mapped[int]
    """0 for the invitation, *n* for the *n*-th reminder."""
    planned_for: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]
    """When it is tried next: ``planned_for``, or later after a deferral."""
    phase: Mapped[Word] = mapped_column(default="planned")
    reason: Mapped[str | None] = mapped_column(sa.String(80))
    """Why it was cancelled, deferred or has failed."""
    attempts: Mapped[int] = mapped_column(default=0)
    claimed_by: Mapped[str | None] = mapped_column(sa.String(80))
    claimed_until: Mapped[dt.datetime | None]
    sent_at: Mapped[dt.datetime | None]
    bounced_at: Mapped[dt.datetime | None]


class MessageEvent(TenantOwned, Base):
    """One thing that happened to a message, kept for good: claimed, sent, deferred, bounced …"""

    __tablename__ = "message_event"
    __table_args__ = (
        tenant_key(),
        belongs_to("message"),
        sa.Index("ix_message_event_message", "clinic_id", "message_id"),
        sa.Index("ix_message_event_kind", "kind", "at"),
    )

    message_id: Mapped[uuid.UUID]
    kind: Mapped[Word]
    actor: Mapped[Actor] = mapped_column(default="sweep")
    reason: Mapped[str | None] = mapped_column(sa.String(80))
    """A code, such as ``smtp 550``; never an address and never the server's words, which may hold one."""
    at: Mapped[dt.datetime]
    recorded_at: Mapped[RecordedAt]
