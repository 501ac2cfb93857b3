"""Flags: findings kept for a clinic, and everything that ever happened to them."""

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, RecordedAt, TenantOwned, Word, belongs_to, one_of, tenant_key
from prom_service.models.escalation import STEPS
from prom_service.pathway.facts import LIVE_STATUSES
from prom_service.pathway.shape import FLAG_KINDS

SEVERITIES = ("urgent", "high", "medium", "low")
QUEUES = ("clinical", "follow_up")
FLAG_STATUSES = (*LIVE_STATUSES, "resolved", "superseded")
RESOLUTIONS = (
    "reassessed",
    "plan_changed",
    "referred",
    "contacted",
    "not_clinically_relevant",
    "false_alarm",
    "other",
)
FLAG_STEPS = (
    "raised",
    "updated",
    "superseded",
    "escalated",
    "acknowledged",
    "assigned",
    "snoozed",
    "reopened",
    "resolved",
)
"""Types of flag events."""
LIVE = sa.text("status IN ('open', 'acknowledged', 'assigned', 'snoozed')")

FILLFACTOR = 90
"""Percent of a page that PostgreSQL fills: what a flag says changes some times, and a row that stays in its page, with
the words of its state unchanged, needs no new entry in any of six indexes."""


class Flag(TenantOwned, Base):
    """A finding kept for a clinic: one ever for each basis, one live for each kind and checkpoint of an episode."""

    __tablename__ = "flag"
    __table_args__ = (
        tenant_key(),
        belongs_to("episode"),
        belongs_to("flag", "predecessor_id"),
        sa.ForeignKeyConstraint(["assignee_id"], ["user.id"]),
        sa.UniqueConstraint("episode_id", "kind", "checkpoint", "basis"),
        one_of("kind", FLAG_KINDS),
        one_of("severity", SEVERITIES),
        one_of("queue", QUEUES),
        one_of("status", FLAG_STATUSES),
        one_of("escalated_to", STEPS),
        sa.CheckConstraint("(status = 'resolved') = (resolution IS NOT NULL)", name="resolution"),
        sa.Index(
            "uq_flag_live",
            "episode_id",
            "kind",
            "checkpoint",
            unique=True,
            sqlite_where=LIVE,
            postgresql_where=LIVE,
        ),
        sa.Index("ix_flag_live_newest", "clinic_id", "id", sqlite_where=LIVE, postgresql_where=LIVE),
        sa.Index("ix_flag_escalate_at", "escalate_at"),
        {"postgresql_with": {"fillfactor": FILLFACTOR}},
    )

    episode_id: Mapped[uuid.UUID]
    kind: Mapped[Word]
    checkpoint: Mapped[Word] = mapped_column(default="")
    """Timepoint it belongs to; empty when it belongs to none."""
    basis: Mapped[str] = mapped_column(sa.String(200))
    """What the finding rests on, such as ``response:<id>`` or ``visit:<id>``."""
    severity: Mapped[Word]
    queue: Mapped[Word]
    status: Mapped[Word] = mapped_column(default="open")
    why: Mapped[str] = mapped_column(sa.String(1000))
    evidence: Mapped[dict[str, Any]]
    guidance: Mapped[dict[str, Any]]
    """Text, source and evidence status of the pathway's guidance when the flag was raised."""
    raised_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]
    number: Mapped[int]
    """Number of its newest event in the clinic's feed."""
    assignee_id: Mapped[uuid.UUID | None]
    snoozed_until: Mapped[dt.datetime | None]
    resolution: Mapped[Word | None]
    resolution_note: Mapped[str | None] = mapped_column(sa.String(1000))
    resolved_at: Mapped[dt.datetime | None]
    escalated_to: Mapped[Word | None]
    """Who was told last that it waits: owner, deputy or manager. None while nobody had to be, and once it was seen."""
    escalate_at: Mapped[dt.datetime | None]
    """When the next of them is told, unless somebody has seen it; None when nobody is."""
    predecessor_id: Mapped[uuid.UUID | None]
    """The flag whose finding came back on a new basis."""
    version: Mapped[int] = mapped_column(default=1)
    """How many steps it has taken; whoever writes one counts it."""

    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}  # noqa: RUF012

    @property
    def found_basis(self) -> str:
        """The basis in the rules' own words, without the count that a finding adds when it returns on it."""
        return self.basis.partition("#")[0]


IS_LIVE = Flag.status.in_([sa.literal_column(f"'{status}'") for status in LIVE_STATUSES])
"""The condition of the partial indexes, word for word: SQLite uses them for no other."""


class FlagEvent(TenantOwned, Base):
    """One step of a flag, numbered 1, 2, 3 … per clinic in commit order, with the flag as it then was."""

    __tablename__ = "flag_event"
    __table_args__ = (
        tenant_key(),
        belongs_to("flag"),
        sa.UniqueConstraint("clinic_id", "number"),
        sa.Index("ix_flag_event_flag", "clinic_id", "flag_id"),
    )

    flag_id: Mapped[uuid.UUID]
    number: Mapped[int]
    type: Mapped[Word]
    at: Mapped[dt.datetime]
    actor: Mapped[Actor]
    detail: Mapped[dict[str, Any]]
    """What came with the step: reason, note, assignee, on whose behalf."""
    flag: Mapped[dict[str, Any]]
    """The flag after the step, in the shape the feed gives it."""
    recorded_at: Mapped[RecordedAt]
