"""What the running service notes about itself."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, Code, Key, Word, one_of

BRAKE_REASONS = ("clock_jumped", "clock_behind", "too_many_claims")
FEWEST_TIMED = 30
"""Responses a measured pace rests on, at least: with fewer it would say more of them than of the questions."""


class Lease(Base):
    """A job reserved for one process until a moment. A lease saves effort; correctness never rests on it."""

    __tablename__ = "lease"

    job: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    holder: Mapped[str] = mapped_column(sa.String(80))
    until: Mapped[dt.datetime]


class Heartbeat(Base):
    """The last sign of life of a process."""

    __tablename__ = "heartbeat"

    process: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    """Such as ``scheduler:<host>:<pid>``."""
    kind: Mapped[str] = mapped_column(sa.String(20))
    beat_at: Mapped[dt.datetime] = mapped_column(index=True)


class JobRun(Base):
    """When each job began last, and how its last run that ended went, for the metrics and the pages of the staff."""

    __tablename__ = "job_run"

    job: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    started_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]
    succeeded: Mapped[bool | None]
    count: Mapped[int | None]


class Brake(Base):
    """One time that sending was stopped by itself, until somebody who runs the service let it go on."""

    __tablename__ = "brake"
    __table_args__ = (one_of("reason", BRAKE_REASONS),)

    id: Mapped[Key]
    reason: Mapped[Word]
    detail: Mapped[str] = mapped_column(sa.String(200))
    """What was seen, in words for whoever runs the service."""
    pulled_at: Mapped[dt.datetime]
    released_at: Mapped[dt.datetime | None]
    released_by: Mapped[Actor | None]
    forgiven_until: Mapped[dt.datetime | None]
    """Messages claimed up to this instant, were it in the future, no longer say that the clock is behind."""


class Pace(Base):
    """How long the questions of a timepoint take, measured over all clinics: a number about questions, not patients."""

    __tablename__ = "pace"
    __table_args__ = (
        sa.CheckConstraint(
            f"seconds_per_item IS NULL OR (seconds_per_item > 0 AND responses >= {FEWEST_TIMED})", name="measured"
        ),
    )

    pathway: Mapped[Code] = mapped_column(primary_key=True)
    """With its version, such as ``hip-related-pain-1``."""
    timepoint: Mapped[Word] = mapped_column(primary_key=True)
    seconds_per_item: Mapped[float | None] = mapped_column(sa.Double())
    """Median of the time spent, shared out among the items asked; None until enough responses have come in."""
    responses: Mapped[int]
    """How many it rests on."""
    computed_at: Mapped[dt.datetime]
