"""Episodes: one course of care of one side of one patient at one clinic. Every clock starts there."""

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from prom_service.db import Base
from prom_service.models.columns import Actor, Code, RecordedAt, TenantOwned, Word, belongs_to, one_of, tenant_key
from prom_service.models.patient import Patient

SIDES = ("left", "right", "both", "none")


class Episode(TenantOwned, Base):
    """A course of care. It keeps the pathway version it started under."""

    __tablename__ = "episode"
    __table_args__ = (
        tenant_key(),
        belongs_to("patient"),
        sa.UniqueConstraint("clinic_id", "external_id"),
        one_of("side", SIDES),
        sa.Index(
            "uq_episode_open",
            "clinic_id",
            "patient_id",
            "side",
            "pathway_key",
            unique=True,
            sqlite_where=sa.text("closed_on IS NULL"),
            postgresql_where=sa.text("closed_on IS NULL"),
        ),
        sa.Index("ix_episode_patient", "clinic_id", "patient_id"),
        sa.Index("ix_episode_started", "clinic_id", "started_on"),
    )

    patient_id: Mapped[uuid.UUID]
    external_id: Mapped[Code]
    pathway_key: Mapped[Code]
    """The pathway without its version, such as ``hip-related-pain``: a second open episode on it is refused."""
    pathway: Mapped[Code]
    """The pathway with its version, such as ``hip-related-pain-1``."""
    started_on: Mapped[dt.date]
    side: Mapped[Word] = mapped_column(default="none")
    diagnosis: Mapped[str] = mapped_column(sa.String(200), default="")
    clinician: Mapped[str] = mapped_column(sa.String(100), default="")
    """The clinic's own code of the treating clinician."""
    symptom_onset_on: Mapped[dt.date | None]
    pathology_excluded_by: Mapped[str | None] = mapped_column(sa.String(100))
    """Who recorded that serious pathology was excluded; needed before the first treatment visit."""
    pathology_excluded_on: Mapped[dt.date | None]
    enrolled_at: Mapped[dt.datetime]
    closed_on: Mapped[dt.date | None]
    closed_reason: Mapped[str | None] = mapped_column(sa.String(200))
    version: Mapped[int] = mapped_column(default=1)

    patient: Mapped[Patient] = relationship(viewonly=True, lazy="raise")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Assessment(TenantOwned, Base):
    """When an episode was assessed and is due again, under the episode's own id.

    It is a row of its own because it is written far more often than the episode, which has an index for each way to it.
    """

    __tablename__ = "assessment"
    __table_args__ = (belongs_to("episode", "id"),)

    due_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    """The next instant at which time alone could change a finding; set by whoever writes to the episode."""
    assessed_at: Mapped[dt.datetime | None]


class EpisodeChange(TenantOwned, Base):
    """One recorded change of an episode: enrolled, start or details changed, closed, its close or patient corrected."""

    __tablename__ = "episode_change"
    __table_args__ = (
        tenant_key(),
        belongs_to("episode"),
        sa.Index("ix_episode_change_episode", "clinic_id", "episode_id"),
        sa.Index("ix_episode_change_recorded", "clinic_id", "recorded_at"),
    )

    episode_id: Mapped[uuid.UUID]
    kind: Mapped[Word]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    actor: Mapped[Actor]
    recorded_at: Mapped[RecordedAt]
