"""Keeping what reports count of each clinic, as it stood at the beginning of the month."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from prom_service import __version__
from prom_service.db import insert_if_absent
from prom_service.models import Clinic, Episode, KeptCounts

SETTLED_AFTER = dt.timedelta(minutes=30)
"""What was recorded before an instant is certainly committed so long after it."""


def newest_month(now: dt.datetime) -> dt.datetime:
    """Return the newest beginning of a month in UTC before which nothing more comes in.

    Outside the clinic every report is as of such an instant: that at which its period ended, or six months later.
    """
    return (now - SETTLED_AFTER).astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def clinics_due(session: Session, *, as_of: dt.datetime, least: int) -> list[uuid.UUID]:
    """Return the clinics of which other counts are kept than those of this instant and version, or none.

    Only those of organisations with at ``least`` so many episodes: fewer are counted at once.
    """
    large = select(Clinic.organisation_id).join(Episode, Episode.clinic_id == Clinic.id)
    large = large.group_by(Clinic.organisation_id).having(func.count() >= least)
    kept = exists().where(
        KeptCounts.clinic_id == Clinic.id, KeptCounts.as_of == as_of, KeptCounts.version == __version__
    )
    return list(session.scalars(select(Clinic.id).where(Clinic.organisation_id.in_(large), ~kept).order_by(Clinic.id)))


def keep(session: Session, clinic_id: uuid.UUID, *, as_of: dt.datetime, **content: Any) -> None:
    """Keep the ``content`` of a clinic in place of what was kept of it; nothing is put in place of something newer."""
    row = {"as_of": as_of, "version": __version__, **content}
    if not insert_if_absent(session, KeptCounts, {"clinic_id": clinic_id, **row}, unique=["clinic_id"]):
        older = KeptCounts.as_of <= as_of
        session.execute(update(KeptCounts).where(KeptCounts.clinic_id == clinic_id, older).values(**row))
