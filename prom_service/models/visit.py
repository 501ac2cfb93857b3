"""Visits: attended treatment sessions, as the clinic reports them."""

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, Code, RecordedAt, TenantOwned, Word, belongs_to, one_of, tenant_key
from prom_service.pathway.shape import VISIT_FORMATS as VISIT_FORMATS

VISIT_STATUSES = ("attended", "cancelled", "no_show")
AGAIN = sa.text("number > 1")
"""Every version of a visit but its first report."""


class Visit(TenantOwned, Base):
    """One visit under the clinic's own number. The row holds the present, ``visit_version`` every earlier state."""

    __tablename__ = "visit"
    __table_args__ = (
        tenant_key(),
        sa.UniqueConstraint("clinic_id", "external_id"),
        one_of("status", VISIT_STATUSES),
        one_of("format", VISIT_FORMATS),
        sa.Index("ix_visit_visited", "clinic_id", "visited_on"),
    )

    external_id: Mapped[Code]
    visited_on: Mapped[dt.date]
    clinician: Mapped[str] = mapped_column(sa.String(100), default="")
    status: Mapped[Word] = mapped_column(default="attended")
    format: Mapped[Word] = mapped_column(default="individual")
    reassessed: Mapped[bool] = mapped_column(default=False)
    """The clinician reviewed the plan with the patient at this visit."""
    documentation: Mapped[dict[str, Any]]
    """What was done, where the clinic documents it: exercise dose, interventions, education, medication, imaging."""
    voided_at: Mapped[dt.datetime | None]
    restorations: Mapped[int] = mapped_column(default=0)
    """How often it came back after being voided; part of the basis of findings, so that one can return too."""
    number: Mapped[int] = mapped_column(default=1)
    """Number of the newest version."""
    recorded_at: Mapped[RecordedAt]
    """When this service first heard of it."""


class VisitVersion(TenantOwned, Base):
    """One state of a visit as it was reported: first report, correction, void or restoration. Kept for good."""

    __tablename__ = "visit_version"
    __table_args__ = (
        tenant_key(),
        belongs_to("visit"),
        sa.UniqueConstraint("visit_id", "number"),
        sa.Index("ix_visit_version_again", "clinic_id", "recorded_at", sqlite_where=AGAIN, postgresql_where=AGAIN),
    )

    visit_id: Mapped[uuid.UUID]
    number: Mapped[int]
    voided: Mapped[bool]
    visited_on: Mapped[dt.date]
    clinician: Mapped[str] = mapped_column(sa.String(100))
    status: Mapped[Word]
    format: Mapped[Word]
    reassessed: Mapped[bool]
    documentation: Mapped[dict[str, Any]]
    actor: Mapped[Actor]
    recorded_at: Mapped[RecordedAt]


class EpisodeVisit(TenantOwned, Base):
    """A visit serves an episode, from ``recorded_at`` until it is taken off. One visit may serve two; it is still one.

    Put on again, it gets a new row: what was known in between can be told from what is known now. A void visit keeps
    the row of the episode it was on last, until it comes back on another.
    """

    __tablename__ = "episode_visit"
    __table_args__ = (
        tenant_key(),
        belongs_to("episode"),
        belongs_to("visit"),
        sa.Index(
            "uq_episode_visit_serving",
            "episode_id",
            "visit_id",
            unique=True,
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        ),
        sa.Index("ix_episode_visit_visit", "clinic_id", "visit_id"),
    )

    episode_id: Mapped[uuid.UUID]
    visit_id: Mapped[uuid.UUID]
    recorded_at: Mapped[RecordedAt]
    removed_at: Mapped[dt.datetime | None]
