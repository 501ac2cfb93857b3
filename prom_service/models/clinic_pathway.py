"""A clinic's own versions of a pathway: drafted by one person, looked at in a preview, activated by another.

All three are facts. The version in force is that of the newest activation; a new activation retires the one before.
"""

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, Code, RecordedAt, TenantOwned, belongs_to, tenant_key

NOTE_LENGTH = 1000


class ClinicPathway(TenantOwned, Base):
    """One version of a pathway at a clinic. Episodes keep its ``ref`` for good."""

    __tablename__ = "clinic_pathway"
    __table_args__ = (
        tenant_key(),
        sa.UniqueConstraint("clinic_id", "base", "number"),
        sa.UniqueConstraint("clinic_id", "id", "base", "author_id", name="uq_clinic_pathway_author"),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"]),
        sa.CheckConstraint("number >= 1", name="number"),
    )

    base: Mapped[Code]
    """The pathway that ships of which it is a variant, such as ``hip-related-pain-1``."""
    number: Mapped[int]
    ref: Mapped[Code] = mapped_column(unique=True)
    """Such as ``hip-related-pain-1@northside.2``."""
    text: Mapped[str] = mapped_column(sa.Text())
    """The whole definition (TOML); it made sense when it was drafted."""
    digest: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 of ``text``."""
    note: Mapped[str] = mapped_column(sa.String(NOTE_LENGTH))
    """Why it was drafted."""
    author_id: Mapped[uuid.UUID]
    actor: Mapped[Actor]
    recorded_at: Mapped[RecordedAt]


class PathwayPreview(TenantOwned, Base):
    """Somebody saw what a version would have flagged, beside the version then in force."""

    __tablename__ = "pathway_preview"
    __table_args__ = (
        tenant_key(),
        belongs_to("clinic_pathway", "version_id"),
        sa.ForeignKeyConstraint(["seen_by_id"], ["user.id"]),
        sa.UniqueConstraint("clinic_id", "id", "version_id", "seen_by_id", name="uq_pathway_preview_seen"),
        sa.Index("ix_pathway_preview_version", "clinic_id", "version_id"),
    )

    version_id: Mapped[uuid.UUID]
    digest: Mapped[str] = mapped_column(sa.String(64))
    against: Mapped[Code]
    """Reference of the version then in force."""
    seen_by_id: Mapped[uuid.UUID]
    figures: Mapped[dict[str, Any]]
    """What was seen: counts, and the episodes in which flags are gained or lost, by id."""
    actor: Mapped[Actor]
    recorded_at: Mapped[RecordedAt]


class PathwayActivation(TenantOwned, Base):
    """A version was put in force for whoever is enrolled from then on, by somebody who saw its preview and did not
    write it.
    """

    __tablename__ = "pathway_activation"
    __table_args__ = (
        tenant_key(),
        sa.UniqueConstraint("clinic_id", "base", "number"),
        sa.ForeignKeyConstraint(
            ["clinic_id", "version_id", "base", "author_id"],
            ["clinic_pathway.clinic_id", "clinic_pathway.id", "clinic_pathway.base", "clinic_pathway.author_id"],
            name="fk_pathway_activation_version",
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id", "preview_id", "version_id", "activated_by_id"],
            [
                "pathway_preview.clinic_id",
                "pathway_preview.id",
                "pathway_preview.version_id",
                "pathway_preview.seen_by_id",
            ],
            name="fk_pathway_activation_preview",
        ),
        sa.CheckConstraint("author_id <> activated_by_id", name="two_persons"),
    )

    base: Mapped[Code]
    number: Mapped[int]
    """Of the clinic's activations on this pathway; the highest is in force."""
    version_id: Mapped[uuid.UUID]
    author_id: Mapped[uuid.UUID]
    preview_id: Mapped[uuid.UUID]
    activated_by_id: Mapped[uuid.UUID]
    actor: Mapped[Actor]
    recorded_at: Mapped[RecordedAt]
