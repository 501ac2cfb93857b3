"""Whose earlier answers are locked after too many wrong tries, and until when."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import Throttle

TRIES = 5
"""Wrong tries of one administration before it is locked."""
TRIES_COUNT_FOR = dt.timedelta(hours=24)


def bucket_of(administration_id: uuid.UUID) -> str:
    """Return under which name the wrong tries of an administration are counted."""
    return f"identity:{administration_id}"


def locked_until(
    session: Session, administration_ids: Collection[uuid.UUID], *, now: dt.datetime
) -> dict[uuid.UUID, dt.datetime]:
    """Return when the lock of each of these administrations lapses; those that are not locked ``now`` are left out."""
    buckets = {bucket_of(one): one for one in administration_ids}
    rows = session.execute(
        select(Throttle.bucket, Throttle.window_start, Throttle.tries)
        .where(Throttle.bucket.in_(buckets), Throttle.window_start > now - TRIES_COUNT_FOR)
        .order_by(Throttle.window_start.desc())
    )
    counted: dict[uuid.UUID, int] = defaultdict(int)
    lapses: dict[uuid.UUID, dt.datetime] = {}
    for bucket, tried_at, tries in rows:
        administration_id = buckets[bucket]
        counted[administration_id] += tries
        if counted[administration_id] >= TRIES:  # Once this try counts no more, there are too few again.
            lapses.setdefault(administration_id, tried_at + TRIES_COUNT_FOR)
    return lapses
