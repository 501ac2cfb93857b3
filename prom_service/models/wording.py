"""Wording packs: the words in which a clinic asks, and which of them each questionnaire is asked in. Append-only."""

import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, Code, Name, RecordedAt, TenantOwned, Word, belongs_to, one_of, tenant_key
from prom_service.models.response import WORDINGS


class WordingPack(TenantOwned, Base):
    """The texts of one instrument in one language. The highest ``number`` is in force, unless it was withdrawn."""

    __tablename__ = "wording_pack"
    __table_args__ = (
        tenant_key(),
        sa.UniqueConstraint("clinic_id", "instrument", "language", "number"),
        one_of("wording", WORDINGS),
    )

    instrument: Mapped[Code]
    language: Mapped[Word]
    number: Mapped[int]
    wording: Mapped[Word]
    source: Mapped[Name]
    text: Mapped[str] = mapped_column(sa.Text())
    """The pack as it was loaded (TOML); it was complete for its instrument."""
    digest: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 of ``text``."""
    loaded_by: Mapped[Actor]
    recorded_at: Mapped[RecordedAt]


class WordingWithdrawal(TenantOwned, Base):
    """A pack is in force no longer. What was begun in its words is finished in them."""

    __tablename__ = "wording_withdrawal"
    __table_args__ = (tenant_key(), belongs_to("wording_pack", "pack_id"), sa.UniqueConstraint("pack_id"))

    pack_id: Mapped[uuid.UUID]
    actor: Mapped[Actor]
    recorded_at: Mapped[RecordedAt]


class PinnedPack(TenantOwned, Base):
    """The pack in force for one instrument when Start was pressed: the administration stays in its words.

    An instrument without a row is asked in our own words.
    """

    __tablename__ = "pinned_pack"
    __table_args__ = (
        tenant_key(),
        belongs_to("administration"),
        belongs_to("wording_pack", "pack_id"),
        sa.UniqueConstraint("administration_id", "instrument"),
    )

    administration_id: Mapped[uuid.UUID]
    instrument: Mapped[Code]
    pack_id: Mapped[uuid.UUID]
    recorded_at: Mapped[RecordedAt]
