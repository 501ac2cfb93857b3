"""Administrations: one timepoint made real for one episode, with its links and the answers saved on the way."""

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from prom_service.db import Base
from prom_service.models.columns import Actor, RecordedAt, TenantOwned, Word, belongs_to, one_of, tenant_key
from prom_service.models.episode import Episode

ADMINISTRATION_STATES = (
    "planned",
    "open",
    "started",
    "completed",
    "partial",
    "missed",
    "not_asked",
    "cancelled",
)
ANSWERABLE_STATES = ("planned", "open", "started", "partial", "missed")
"""States in which a link still takes answers, as long as the window has not closed."""
LINK_PURPOSES = ("survey", "unsubscribe")


class Administration(TenantOwned, Base):
    """One timepoint of one episode: when it may be answered, and how far it came.

    ``opens_at`` … ``closes_at`` take answers; from ``late_after`` on they are labelled late. *Late* is a label,
    not a state: a late answer completes the administration all the same.
    """

    __tablename__ = "administration"
    __table_args__ = (
        tenant_key(),
        belongs_to("episode"),
        sa.UniqueConstraint("episode_id", "timepoint"),
        one_of("state", ADMINISTRATION_STATES),
        sa.CheckConstraint("opens_at < late_after AND late_after <= closes_at", name="window"),
        sa.Index("ix_administration_state_opens", "state", "opens_at"),
        sa.Index("ix_administration_state_late", "state", "late_after"),
        sa.Index("ix_administration_episode", "clinic_id", "episode_id"),
    )

    episode_id: Mapped[uuid.UUID]
    timepoint: Mapped[Word]
    sequence: Mapped[int]
    """Order of the timepoint in its pathway, from 0."""
    state: Mapped[Word] = mapped_column(default="planned")
    opens_at: Mapped[dt.datetime]
    target_at: Mapped[dt.datetime]
    late_after: Mapped[dt.datetime]
    closes_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime | None]
    """When the patient pressed Start; opening a link is not starting."""
    completed_at: Mapped[dt.datetime | None]
    partial_at: Mapped[dt.datetime | None]
    missed_at: Mapped[dt.datetime | None]
    closed_at: Mapped[dt.datetime | None]
    """When what was saved late and never sent was settled, after the window closed for good."""
    declined_at: Mapped[dt.datetime | None]
    cancelled_at: Mapped[dt.datetime | None]
    cancelled_reason: Mapped[str | None] = mapped_column(sa.String(40))
    late: Mapped[bool] = mapped_column(default=False)

    episode: Mapped[Episode] = relationship(viewonly=True, lazy="raise")


class SavedAnswer(Base):
    """One answer as it was given, kept for good. The newest row of an item is its present answer."""

    __tablename__ = "saved_answer"
    __table_args__ = (
        belongs_to("administration"),
        sa.Index("ix_saved_answer_administration", "administration_id", "instrument", "item", "id"),
    )

    id: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True
    )
    clinic_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("clinic.id"))
    administration_id: Mapped[uuid.UUID]
    instrument: Mapped[Word]
    item: Mapped[Word]
    value: Mapped[str | None] = mapped_column(sa.String(200))
    """A whole number, ``NA`` for *does not apply*, the text of an activity, or None: cleared again."""
    entered_with: Mapped[str | None] = mapped_column(sa.String(20))
    """How it was given where that matters: ``line`` or ``number`` on a visual analogue scale."""
    recorded_at: Mapped[RecordedAt]


class Link(TenantOwned, Base):
    """The token of one message (or one hand-over at the desk). Only its keyed digest is kept."""

    __tablename__ = "link"
    __table_args__ = (
        tenant_key(),
        belongs_to("administration"),
        sa.Index("ix_link_administration", "administration_id"),
        one_of("purpose", LINK_PURPOSES),
    )

    administration_id: Mapped[uuid.UUID]
    message_id: Mapped[uuid.UUID | None]
    purpose: Mapped[Word] = mapped_column(default="survey")
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    issued_at: Mapped[dt.datetime]
    issued_by: Mapped[Actor] = mapped_column(default="sweep")
    revoked_at: Mapped[dt.datetime | None]
    confirmed_at: Mapped[dt.datetime | None]
    """When whoever held the link last gave the patient's year or date of birth."""
