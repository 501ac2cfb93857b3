"""What is kept for a while only: remembered requests, ended sessions, counted tries."""

import datetime as dt

from sqlalchemy import ColumnElement, delete, inspect, or_, select, tuple_
from sqlalchemy.orm import Session

from prom_service.db import Base
from prom_service.models import IdempotentRequest, StaffSession, Throttle

REQUESTS_KEPT = dt.timedelta(hours=24)
"""How long a request is remembered under its key; its answer may name a patient."""
SESSIONS_KEPT = dt.timedelta(days=1)
TRIES_KEPT = dt.timedelta(days=1)


def purge_passing_rows(session: Session, *, now: dt.datetime, limit: int) -> int:
    """Delete at most ``limit`` rows of each kind that have had their time; return how many went.

    Requests and windows of tries go by their beginning, sessions by when they ended or grew too old. A row stays until
    its time is over, to the instant.
    """
    sessions_end = now - SESSIONS_KEPT
    return (
        _purge(session, IdempotentRequest, IdempotentRequest.created_at < now - REQUESTS_KEPT, limit)
        + _purge(
            session,
            StaffSession,
            or_(StaffSession.ended_at < sessions_end, StaffSession.expires_at < sessions_end),
            limit,
        )
        + _purge(session, Throttle, Throttle.window_start < now - TRIES_KEPT, limit)
    )


def _purge(session: Session, table: type[Base], over: ColumnElement[bool], limit: int) -> int:
    key = inspect(table).primary_key
    chosen = select(*key).where(over).limit(limit)
    gone = session.execute(delete(table).where(tuple_(*key).in_(chosen)).returning(key[0]))
    return len(gone.all())
