"""What is kept for a while only: requests, ended sessions, counted tries, deliveries of webhooks, files, counts."""

import datetime as dt

from sqlalchemy import ColumnElement, and_, delete, inspect, or_, select, tuple_
from sqlalchemy.orm import Session

from prom_service.db import Base
from prom_service.models import IdempotentRequest, KeptCounts, ReportTask, StaffSession, Throttle, WebhookDelivery
from prom_service.services import report_tasks

REQUESTS_KEPT = dt.timedelta(hours=24)
"""How long a request is remembered under its key; its answer may name a patient."""
SESSIONS_KEPT = dt.timedelta(days=1)
TRIES_KEPT = dt.timedelta(days=1)
COUNTS_KEPT = dt.timedelta(days=45)
"""Counts of a clinic are made anew every month; older ones are of one that is not counted ahead any more."""
DELIVERED_KEPT = dt.timedelta(days=90)
DEAD_KEPT = dt.timedelta(days=365)
"""How long a delivery can still be told again under its id, since the last attempt."""


def purge_passing_rows(session: Session, *, now: dt.datetime, limit: int) -> int:
    """Delete at most ``limit`` rows of each kind that have had their time; return how many went.

    Requests and windows of tries go by their beginning, sessions by when they ended or grew too old, deliveries by
    their last attempt, files of reports by when they were made, kept counts by the instant of which they are. A row
    stays until its time is over, to the instant.
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
        + _purge(session, KeptCounts, KeptCounts.as_of < now - COUNTS_KEPT, limit)
        + _purge(session, WebhookDelivery, _settled_before("delivered", now - DELIVERED_KEPT), limit)
        + _purge(session, WebhookDelivery, _settled_before("dead", now - DEAD_KEPT), limit)
        + report_tasks.forget_files(session, now=now, limit=limit)
        + _purge(session, ReportTask, ReportTask.expires_at < now - report_tasks.ROW_KEPT, limit)
    )


def _settled_before(phase: str, instant: dt.datetime) -> ColumnElement[bool]:
    """Say whether a delivery was settled so, and last tried before an instant; one never tried goes by its making."""
    never_tried = and_(WebhookDelivery.attempted_at.is_(None), WebhookDelivery.created_at < instant)
    return and_(WebhookDelivery.phase == phase, or_(WebhookDelivery.attempted_at < instant, never_tried))


def _purge(session: Session, table: type[Base], over: ColumnElement[bool], limit: int) -> int:
    key = inspect(table).primary_key
    chosen = select(*key).where(over).limit(limit)
    gone = session.execute(delete(table).where(tuple_(*key).in_(chosen)).returning(key[0]))
    return len(gone.all())
