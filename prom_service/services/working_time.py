"""Working time: when a clinic has people at work, and what instant lies so many working minutes later."""

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

from prom_service.errors import InvalidInputError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPAN = re.compile(r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? (?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d)")
LONGEST_WAIT = dt.timedelta(days=366)
"""Beyond this a clinic has no working time at all."""

Hours = Mapping[str, Sequence[str]]
"""``mon`` … ``sun`` to opening and closing time, such as ``("09:00", "17:00")``; a day that is missing is free."""


def read_hours(text: str) -> dict[str, list[str]]:
    """Return the hours that ``text`` says, such as ``mon-thu 09:00-17:00, fri 09:00-13:00``.

    Raise ``InvalidInputError`` on ``working_hours`` when it says none, says a day twice or closes before it opens.
    """
    hours: dict[str, list[str]] = {}
    for part in text.lower().split(","):
        days, span = _read_span(part.strip())
        if hours.keys() & set(days):
            raise _wrong(f"{part.strip()}: a day is named twice.")
        hours |= dict.fromkeys(days, span)
    return hours


def _read_span(part: str) -> tuple[tuple[str, ...], list[str]]:
    match = SPAN.fullmatch(part)
    if match is None or match["first"] not in WEEKDAYS or (match["last"] or "mon") not in WEEKDAYS:
        raise _wrong("Write them as: mon-thu 09:00-17:00, fri 09:00-13:00.")
    first, last = WEEKDAYS.index(match["first"]), WEEKDAYS.index(match["last"] or match["first"])
    try:
        opens, closes = dt.time.fromisoformat(match["opens"]), dt.time.fromisoformat(match["closes"])
    except ValueError:
        raise _wrong(f"{part}: there is no such time of day.") from None
    if opens >= closes or first > last:
        raise _wrong(f"{part}: the beginning must come before the end.")
    return WEEKDAYS[first : last + 1], [match["opens"], match["closes"]]


def write_hours(hours: Hours) -> str:
    """Return ``hours`` as ``read_hours`` reads them, day by day."""
    return ", ".join(f"{day} {'-'.join(hours[day])}" for day in WEEKDAYS if day in hours)


def after_working(
    start: dt.datetime, length: dt.timedelta, hours: Hours, closed_on: Collection[str], zone: ZoneInfo
) -> dt.datetime:
    """Return the instant at which ``length`` of working time has passed since ``start``, in UTC.

    A length that ends with a working day ends there, not the morning after; none at all ends at the first working
    moment. Raise ``InvalidInputError`` when the clinic has no working time within a year.
    """
    left = length
    for opens, closes in _shifts(start, hours, closed_on, zone):
        begins = max(opens, start)
        if begins + left <= closes:
            return begins + left
        left -= closes - begins
    raise _wrong("There are none within a year.")


def _shifts(
    start: dt.datetime, hours: Hours, closed_on: Collection[str], zone: ZoneInfo
) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Yield opening and closing instants, in UTC, of the working days that have not ended at ``start``."""
    day = start.astimezone(zone).date()
    for _ in range(LONGEST_WAIT.days):
        span = hours.get(WEEKDAYS[day.weekday()])
        if span is not None and day.isoformat() not in closed_on:
            opens, closes = (
                dt.datetime.combine(day, dt.time.fromisoformat(time), zone).astimezone(dt.UTC) for time in span
            )
            if closes > start:
                yield opens, closes
        day += dt.timedelta(days=1)


def _wrong(text: str) -> InvalidInputError:
    return InvalidInputError({"working_hours": [text]})
