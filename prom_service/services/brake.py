"""The brake: sending stops by itself when the clock or the number of messages cannot be right, and waits for somebody.

A clock that was set makes weeks of emails due at once; so does a mistake in what is planned. An email cannot be called
back, an hour without emails harms nobody: links already sent go on working, and nothing that waits is lost.
"""

import datetime as dt
import logging
from collections import Counter

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from prom_service.models import Brake, MessageEvent

log = logging.getLogger(__name__)

HOUR = dt.timedelta(hours=1)
LARGEST_JUMP = HOUR
"""A clock set further than this, while running or between two runs, is not to be trusted."""
PEAK_DAYS = 7
TIMES_PEAK = 3
FEWEST = 200
"""Claims in an hour that never stop anything, however quiet the week was."""


def in_force(session: Session) -> Brake | None:
    """Return the brake that stops sending now; None when nothing does."""
    return session.scalar(select(Brake).where(Brake.released_at.is_(None)).order_by(Brake.pulled_at).limit(1))


def pull_if_due(session: Session, *, jump: dt.timedelta, now: dt.datetime) -> Brake | None:
    """Stop sending when there is cause, and return the brake; None when all is as it should be.

    ``jump`` is how far the clock was set while this process ran.
    """
    cause = _clock_jumped(jump) or _clock_behind(session, now) or _too_many_claims(session, now)
    if cause is None:
        return None
    reason, detail = cause
    brake = Brake(reason=reason, detail=detail, pulled_at=now)
    session.add(brake)
    session.flush()
    log.error("sending has stopped: %s; `prom brake release` lets it go on", detail)
    return brake


def release(session: Session, *, actor: str, now: dt.datetime) -> int:
    """Let sending go on, and return how many brakes were released. What led to them counts no more."""
    pulled = session.scalars(select(Brake).where(Brake.released_at.is_(None)).with_for_update()).all()
    for brake in pulled:
        brake.released_at, brake.released_by = now, actor
        brake.forgiven_until = _newest_claim(session)
    session.flush()
    return len(pulled)


def _clock_jumped(jump: dt.timedelta) -> tuple[str, str] | None:
    if abs(jump) <= LARGEST_JUMP:
        return None
    return "clock_jumped", f"the clock was set by {jump / HOUR:+.1f} hours while the scheduler ran"


def _clock_behind(session: Session, now: dt.datetime) -> tuple[str, str] | None:
    newest = _newest_claim(session)
    forgiven = session.scalar(select(func.max(Brake.forgiven_until)))
    if newest is None or newest <= now + LARGEST_JUMP or (forgiven is not None and newest <= forgiven):
        return None
    return "clock_behind", f"the clock is {(newest - now) / HOUR:.1f} hours behind the newest message"


def _too_many_claims(session: Session, now: dt.datetime) -> tuple[str, str] | None:
    released = session.scalar(select(func.max(Brake.released_at)))
    since = max(now - HOUR, released or now - HOUR)
    claimed = session.scalar(select(func.count()).where(*_claims(since, now))) or 0
    if claimed <= FEWEST:
        return None
    most = max(FEWEST, TIMES_PEAK * _hourly_peak(session, since))
    if claimed <= most:
        return None
    return "too_many_claims", f"{claimed} messages were claimed within an hour; {most} are expected at most"


def _hourly_peak(session: Session, until: dt.datetime) -> int:
    """Return the most claims in one hour of the week before ``until``; 0 after a week without any."""
    claims = session.scalars(select(MessageEvent.at).where(*_claims(until - dt.timedelta(days=PEAK_DAYS), until)))
    return max(Counter((until - at) // HOUR for at in claims).values(), default=0)


def _claims(after: dt.datetime, until: dt.datetime) -> tuple[ColumnElement[bool], ...]:
    return MessageEvent.kind == "claimed", MessageEvent.at > after, MessageEvent.at <= until


def _newest_claim(session: Session) -> dt.datetime | None:
    return session.scalar(select(func.max(MessageEvent.at)).where(MessageEvent.kind == "claimed"))
