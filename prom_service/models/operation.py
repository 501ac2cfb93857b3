"""What the running service notes about itself."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, Key, Word, one_of

BRAKE_REASONS = ("clock_jumped", "clock_behind", "too_many_claims")


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
    """The last run of each job and how it went, for the readiness page and the metrics."""

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
