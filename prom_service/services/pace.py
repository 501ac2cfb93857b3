"""Measuring how long the questions take, so that emails and pages can say it.

The clock runs from Start over every save to Send. Whoever lays the questions aside, for a call or for a night, is not
timed meanwhile: a silence counts for ``PAUSE`` at most. The median then leaves the few odd ones out.
"""

import datetime as dt
import itertools
import statistics
import uuid
from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.orm import Session

from prom_service.db import insert_if_absent
from prom_service.models import Administration, Episode, Pace, Response, SavedAnswer
from prom_service.models.operation import FEWEST_TIMED
from prom_service.queries.pace import items_asked
from prom_service.queries.pathways import find_pathway, known_pathways

NEWEST = 500
"""So many of the newest responses are timed."""
PAUSE = dt.timedelta(minutes=5)
"""The longest that reading and answering one page is taken to last."""
MEASURED_EVERY = dt.timedelta(days=1)


def measure_due(session: Session, *, now: dt.datetime, limit: int) -> int:
    """Measure the pace at up to ``limit`` timepoints where that was not done for a day; return at how many."""
    fresh = select(Pace.pathway, Pace.timepoint).where(Pace.computed_at > now - MEASURED_EVERY)
    done = {(pathway, timepoint) for pathway, timepoint in session.execute(fresh)}
    asked = [(pathway.ref, one.key) for pathway in known_pathways(session) for one in pathway.timepoints]
    due = [key for key in asked if key not in done][:limit]
    for pathway, timepoint in due:
        _measure(session, pathway, timepoint, now)
    return len(due)


def _measure(session: Session, pathway: str, timepoint: str, now: dt.datetime) -> None:
    """Write what one timepoint's newest responses took; with too few of them only how many there are."""
    spent = _seconds_spent(session, pathway, timepoint)
    items = items_asked(find_pathway(session, pathway).timepoint(timepoint))
    key = {"pathway": pathway, "timepoint": timepoint}
    measured = {
        "seconds_per_item": statistics.median(spent) / items if len(spent) >= FEWEST_TIMED else None,
        "responses": len(spent),
        "computed_at": now,
    }
    if not insert_if_absent(session, Pace, key | measured, unique=list(key)):
        session.execute(update(Pace).where(Pace.pathway == pathway, Pace.timepoint == timepoint).values(measured))


def _seconds_spent(session: Session, pathway: str, timepoint: str) -> list[float]:
    """Return how long each of the newest responses took; one that took no time was not given by a person."""
    moments: dict[uuid.UUID, set[dt.datetime]] = defaultdict(set)
    wanted = {"pathway": pathway, "timepoint": timepoint, "newest": NEWEST}
    for response_id, *instants in session.execute(NEWEST_MOMENTS, wanted):
        moments[response_id].update(instants)
    spent = (_without_pauses(instants) for instants in moments.values())
    return [seconds for seconds in spent if seconds]


def _without_pauses(moments: Iterable[dt.datetime]) -> float:
    silences = (later - earlier for earlier, later in itertools.pairwise(sorted(moments)))
    return sum(min(silence, PAUSE).total_seconds() for silence in silences)


def _newest_moments() -> Select[uuid.UUID, dt.datetime, dt.datetime, dt.datetime]:
    """Select Start, Send and every save in between of the newest responses on the web at one timepoint."""
    newest = (
        select(Response.id, Response.administration_id, Administration.started_at, Response.recorded_at)
        .join(Administration, Administration.id == Response.administration_id)
        .join(Episode, Episode.id == Response.episode_id)
        .where(
            Episode.pathway == bindparam("pathway"),
            Administration.timepoint == bindparam("timepoint"),
            Administration.started_at.is_not(None),
            Response.mode == "web",
            Response.amendment.is_(False),
            Response.partial.is_(False),
        )
        .order_by(Response.id.desc())
        .limit(bindparam("newest"))
        .subquery()
    )
    return (
        select(newest.c.id, newest.c.started_at, newest.c.recorded_at, SavedAnswer.recorded_at)
        .join(SavedAnswer, SavedAnswer.administration_id == newest.c.administration_id)
        .where(SavedAnswer.recorded_at <= newest.c.recorded_at)
        .distinct()
    )


NEWEST_MOMENTS = _newest_moments()
