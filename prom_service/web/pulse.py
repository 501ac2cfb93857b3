"""Whether the scheduler lives, as every page and program is told it."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.models import Heartbeat
from prom_service.web.context import prom

LEAST_SILENCE = dt.timedelta(seconds=60)
MISSED_BEATS = 4
"""So many ticks without a sign of life, and the scheduler counts as gone."""


def silence(session: Session) -> dt.timedelta | None:
    """Return how long ago the newest scheduler gave a sign of life; None when none ever did."""
    last = session.scalar(sa.select(sa.func.max(Heartbeat.beat_at)).where(Heartbeat.kind == "scheduler"))
    return None if last is None else prom.now() - last


def scheduler_beats(session: Session) -> bool:
    """Return whether a scheduler gave a sign of life lately enough."""
    since = silence(session)
    return since is not None and since <= max(
        LEAST_SILENCE, MISSED_BEATS * dt.timedelta(seconds=prom.settings.tick_seconds)
    )
