"""Local dates and the instants at which they begin."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Offset:
    """A distance from the start of an episode: whole days (42 days are 42 days) or calendar months, not both."""

    days: int = 0
    months: int = 0

    def after(self, start: date) -> date:
        """The date this far after ``start``; a month too short for the day ends on its last day."""
        return add_months(start, self.months) + timedelta(days=self.days)

    def span(self) -> tuple[int, int]:
        """The fewest and the most days this can come to, over every possible start."""
        fewest, most = _days_in_months(self.months)
        return fewest + self.days, most + self.days


def add_months(start: date, months: int) -> date:
    """The same day ``months`` calendar months later, clamped to the end of a shorter month."""
    year, month_before = divmod(start.year * 12 + start.month - 1 + months, 12)
    month = month_before + 1
    return date(year, month, min(start.day, monthrange(year, month)[1]))


def start_of_day(on: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which the date begins in the zone.

    Where the clock skips midnight, or the whole date, this is the instant of the skip; where midnight happens
    twice, it is the first of the two.
    """
    return datetime.combine(on, time.min, tzinfo=zone).astimezone(UTC)


def at_hour(on: date, hour: int, zone: ZoneInfo) -> datetime:
    """The UTC instant at which the zone's clocks show the full hour on that date."""
    return datetime.combine(on, time(hour), tzinfo=zone).astimezone(UTC)


@lru_cache
def _days_in_months(months: int) -> tuple[int, int]:
    """The fewest and the most days in that many calendar months, tried on every day of four years around a leap day."""
    first = date(2023, 1, 1)
    starts = (first + timedelta(days=day) for day in range(4 * 365 + 1))
    lengths = [(add_months(start, months) - start).days for start in starts]
    return min(lengths), max(lengths)
