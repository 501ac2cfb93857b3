"""Responses, the scores computed from them, and the judgements that rest on them. All of it is append-only."""

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, Code, RecordedAt, TenantOwned, Word, belongs_to, one_of, tenant_key

MODES = ("web", "desk", "paper", "phone")
ANSWERED_BY = ("self", "helped", "proxy", "unknown")
WORDINGS = ("own", "official")


class Response(TenantOwned, Base):
    """What came back for one administration. The first complete one stands; a later, different one is an amendment.

    The standing response is the highest ``number`` that is not an amendment: a complete response takes the
    place of the partial one that was scored when the window closed.
    """

    __tablename__ = "response"
    __table_args__ = (
        tenant_key(),
        belongs_to("episode"),
        belongs_to("administration"),
        sa.UniqueConstraint("administration_id", "number"),
        one_of("mode", MODES),
        one_of("answered_by", ANSWERED_BY),
        sa.Index("ix_response_episode", "clinic_id", "episode_id"),
    )

    episode_id: Mapped[uuid.UUID]
    administration_id: Mapped[uuid.UUID]
    number: Mapped[int]
    amendment: Mapped[bool] = mapped_column(default=False)
    partial: Mapped[bool] = mapped_column(default=False)
    late: Mapped[bool] = mapped_column(default=False)
    mode: Mapped[Word]
    answered_by: Mapped[Word] = mapped_column(default="unknown")
    language: Mapped[Word] = mapped_column(default="en")
    entered_by: Mapped[Actor]
    digest: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 of the answers: the same set sent again is the same response, not an amendment."""
    seconds: Mapped[int | None]
    """Time from Start to Send."""
    answered_at: Mapped[dt.datetime]
    """When the patient answered; for paper and phone the true date, apart from ``recorded_at``."""
    recorded_at: Mapped[RecordedAt]


class AnswerSet(TenantOwned, Base):
    """The answers of one response to one instrument, as given and as the scoring core reads them."""

    __tablename__ = "answer_set"
    __table_args__ = (
        tenant_key(),
        belongs_to("response"),
        belongs_to("wording_pack", "pack_id"),
        sa.UniqueConstraint("response_id", "instrument"),
        one_of("wording", WORDINGS),
        sa.Index("ix_answer_set_instrument", "instrument"),
    )

    response_id: Mapped[uuid.UUID]
    instrument: Mapped[Code]
    wording: Mapped[Word]
    pack_id: Mapped[uuid.UUID | None]
    """The clinic's pack whose words were answered; None for our own, and for a form on paper that was never loaded."""
    answers: Mapped[dict[str, Any]]
    """Item code → whole number or ``NA``; a skipped item is absent. Activities under ``<item>.text``."""
    codes: Mapped[bytes]
    """One signed byte per item in the instrument's order, for scoring in bulk."""


class Score(TenantOwned, Base):
    """One scale of one response. ``value`` is None when too few items were answered: missing, never zero."""

    __tablename__ = "score"
    __table_args__ = (
        tenant_key(),
        belongs_to("response"),
        belongs_to("episode"),
        sa.UniqueConstraint("response_id", "instrument", "scale"),
        sa.CheckConstraint("value IS NULL OR (value >= -100 AND value <= 1000)", name="finite"),
        sa.CheckConstraint("answered >= 0 AND answered <= items", name="answered"),
        sa.Index("ix_score_episode", "clinic_id", "episode_id"),
    )

    episode_id: Mapped[uuid.UUID]
    response_id: Mapped[uuid.UUID]
    instrument: Mapped[Code]
    scale: Mapped[Word]
    value: Mapped[float | None] = mapped_column(sa.Double())
    answered: Mapped[int]
    items: Mapped[int]
    derived: Mapped[bool] = mapped_column(default=False)
    """Computed from the items of a longer instrument, not from an administration of its own."""
    engine: Mapped[Word]
    """Version of the scoring rules that computed it."""
    recorded_at: Mapped[RecordedAt]


class Judgement(TenantOwned, Base):
    """What a checkpoint was judged to be, with every number it rests on. The newest row of a checkpoint is in force."""

    __tablename__ = "judgement"
    __table_args__ = (
        tenant_key(),
        belongs_to("episode"),
        sa.UniqueConstraint("episode_id", "checkpoint", "number"),
    )

    episode_id: Mapped[uuid.UUID]
    checkpoint: Mapped[Word]
    number: Mapped[int]
    response_id: Mapped[uuid.UUID | None]
    outcome: Mapped[Word]
    reason: Mapped[str] = mapped_column(sa.String(500))
    evidence: Mapped[dict[str, Any]]
    pathway: Mapped[Code]
    rule_version: Mapped[Word]
    recorded_at: Mapped[RecordedAt]
