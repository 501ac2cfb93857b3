"""Leases: a job that one process is doing need not be done by another at the same time. They only save effort."""

import datetime as dt

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from prom_service.db import has_come, insert_if_absent
from prom_service.models import Lease


def take(session: Session, job: str, *, holder: str, lasts: dt.timedelta, now: dt.datetime) -> bool:
    """Reserve ``job`` for ``holder`` and return True; False while another holds it.

    A lease that has lapsed is free, and so is one that would last longer than any does.
    """
    if insert_if_absent(session, Lease, {"job": job, "holder": holder, "until": now + lasts}, unique=["job"]):
        return True
    taken = session.execute(
        update(Lease)
        .where(Lease.job == job, has_come(Lease.until, now, now + 2 * lasts) | (Lease.holder == holder))
        .values(holder=holder, until=now + lasts)
        .returning(Lease.job)
    )
    return taken.first() is not None


def give_up(session: Session, job: str, *, holder: str) -> None:
    """Free ``job`` if ``holder`` still holds it."""
    session.execute(delete(Lease).where(Lease.job == job, Lease.holder == holder))
