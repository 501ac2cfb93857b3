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
    """Return how far the nearest sign of life of a scheduler is from now; None when none ever gave one.

    One that lies ahead was given by a clock that has been set back since: it says as little as one so long ago.
    """
    beats = session.scalars(sa.select(Heartbeat.beat_at).where(Heartbeat.kind == "scheduler"))
    return min((abs(prom.now() - at) for at in beats), default=None)


def scheduler_beats(session: Session) -> bool:
    """Return whether a scheduler gave a sign of life lately enough."""
    since = silence(session)
    return since is not None and since <= max(
        LEAST_SILENCE, MISSED_BEATS * dt.timedelta(seconds=prom.settings.tick_seconds)
    )
