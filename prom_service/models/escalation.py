"""Who is told of a flag that nobody has acknowledged or a receiver that is gone, and what they were told."""

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, Name, TenantOwned, Word, belongs_to, one_of, tenant_key

STEPS = ("owner", "deputy", "manager")
"""Who is told, in this order."""
ALERT_KINDS = ("flag", "silence", "webhook", "test")


class EscalationPlan(TenantOwned, Base):
    """Who answers for a clinic's flags and when somebody is there to read them; one for each clinic."""

    __tablename__ = "escalation_plan"
    __table_args__ = (tenant_key(), sa.UniqueConstraint("clinic_id"))

    owner: Mapped[Name]
    owner_email: Mapped[Name]
    deputy: Mapped[Name]
    deputy_email: Mapped[Name]
    manager: Mapped[Name]
    manager_email: Mapped[Name]
    working_hours: Mapped[dict[str, Any]]
    """``mon`` … ``sun`` to opening and closing time in the clinic's zone, such as ``["09:00", "17:00"]``."""
    closed_on: Mapped[list[str]]
    """Days without working hours whatever the weekday, as ISO dates."""
    changed_by: Mapped[Actor]
    changed_at: Mapped[dt.datetime]


class Alert(TenantOwned, Base):
    """One email to staff: a flag waits, nobody looks, a receiver is gone, or a test.

    It holds no health data and is sent at least once.
    """

    __tablename__ = "alert"
    __table_args__ = (
        tenant_key(),
        belongs_to("flag"),
        belongs_to("webhook"),
        one_of("kind", ALERT_KINDS),
        one_of("step", STEPS),
        sa.CheckConstraint("(kind = 'flag') = (flag_id IS NOT NULL)", name="flag"),
        sa.CheckConstraint("(kind = 'webhook') = (webhook_id IS NOT NULL)", name="webhook"),
        sa.UniqueConstraint("flag_id", "step", "planned_at"),
        sa.Index("ix_alert_due", "due_at"),
    )

    kind: Mapped[Word]
    step: Mapped[Word]
    flag_id: Mapped[uuid.UUID | None]
    webhook_id: Mapped[uuid.UUID | None]
    email: Mapped[Name]
    """The address of the step when the alert was planned."""
    planned_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime | None]
    """When it is tried next, or when its claim lapses; None once it was sent or given up."""
    attempts: Mapped[int] = mapped_column(default=0)
    claimed_by: Mapped[str | None] = mapped_column(sa.String(80))
    sent_at: Mapped[dt.datetime | None]
    failed_at: Mapped[dt.datetime | None]
    reason: Mapped[str | None] = mapped_column(sa.String(80))
    """A code, such as ``smtp 550``, of the last attempt that went wrong."""
    digest: Mapped[str | None] = mapped_column(sa.String(64), unique=True)
    """Of the token by which a test is confirmed."""
    confirmed_at: Mapped[dt.datetime | None]


class LastLook(TenantOwned, Base):
    """When a clinic's flags were last read, by a program or a person; one for each clinic."""

    __tablename__ = "last_look"
    __table_args__ = (tenant_key(), sa.UniqueConstraint("clinic_id"))

    looked_at: Mapped[dt.datetime]
    looked_by: Mapped[Actor]
    alarmed_at: Mapped[dt.datetime | None]
    """When it was last told that nobody looks; None since somebody does."""
    alarms: Mapped[int] = mapped_column(default=0)
    """How many have been told since the last look."""
