"""How long questions take: as measured on the newest answers, or as we reckon until there are enough of them."""

import math
from collections.abc import Mapping

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

import instruments
from prom_service.models import Pace
from prom_service.pathway.shape import Timepoint

WORKING_ESTIMATE = 10.0
"""Seconds for one item where too few responses have come in. Our own working estimate, unverified."""

Paces = Mapping[tuple[str, str], float]
"""Seconds for one item, by pathway and timepoint, where it was measured."""

# Written once and kept: every page of a patient asks for it.
MEASURED = select(Pace.seconds_per_item).where(
    Pace.pathway == bindparam("pathway"), Pace.timepoint == bindparam("timepoint")
)


def seconds_per_item(session: Session, pathway: str, timepoint: str) -> float:
    """Return how long one item takes at this timepoint: the measured median, else ``WORKING_ESTIMATE``."""
    return session.scalar(MEASURED, {"pathway": pathway, "timepoint": timepoint}) or WORKING_ESTIMATE


def measured_paces(session: Session) -> Paces:
    """Return every measured pace by one query, for whoever needs many."""
    rows = session.execute(select(Pace.pathway, Pace.timepoint, Pace.seconds_per_item))
    return {(pathway, timepoint): seconds for pathway, timepoint, seconds in rows if seconds is not None}


def items_asked(timepoint: Timepoint) -> int:
    """Return how many items are asked at a timepoint."""
    asked = (item for ref in timepoint.instruments for item in instruments.find(ref).items)
    return sum(not (timepoint.follow_up and item.baseline_only) for item in asked)


def in_minutes(items: int, seconds: float) -> int:
    """Return the time that many items take at ``seconds`` each: whole minutes, rounded up, at least 1."""
    minutes = round(items * seconds / 60, 6)  # A mean of seven minutes, multiplied again, must not become eight.
    return max(1, math.ceil(minutes))
