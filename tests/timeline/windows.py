"""When things must happen, worked out minute by minute from the tables of the rules, without the service's calendar."""

import datetime as dt
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo

DAY = dt.timedelta(days=1)
MINUTE = dt.timedelta(minutes=1)
REST = dt.timedelta(hours=48)
FIRST_HOUR, LAST_HOUR = 9, 18
REMINDED_ON = (0, 3, 7, 12)
MOST_MAILS = 4
CLOSES_AFTER_LATE = 28 * DAY
SATURDAY = 5

TIMEPOINTS = {"baseline": (14, 8), "6-weeks": (7, 15), "3-months": (14, 29)}
"""How many days before its target each one opens, and how many after it turns late."""


@dataclass(frozen=True)
class Window:
    opens_at: dt.datetime
    target_at: dt.datetime
    late_after: dt.datetime
    closes_at: dt.datetime


def windows(started_on: dt.date, zone: str) -> dict[str, Window]:
    """The windows of an episode: half-open local dates, each stored as the instant at which its date begins."""
    targets = {
        "baseline": started_on,
        "6-weeks": started_on + 42 * DAY,
        "3-months": three_months_after(started_on),
    }
    opens = {key: day_begins(targets[key] - before * DAY, zone) for key, (before, _) in TIMEPOINTS.items()}
    late = {key: targets[key] + after * DAY for key, (_, after) in TIMEPOINTS.items()}
    closes = {
        "baseline": opens["6-weeks"],
        "6-weeks": opens["3-months"],
        "3-months": day_begins(late["3-months"] + CLOSES_AFTER_LATE, zone),
    }
    return {
        key: Window(opens[key], day_begins(targets[key], zone), day_begins(late[key], zone), closes[key])
        for key in TIMEPOINTS
    }


def three_months_after(on: dt.date) -> dt.date:
    """The same day three calendar months later, or the last day of that month when it is shorter."""
    year, month = (on.year, on.month + 3) if on.month <= 9 else (on.year + 1, on.month - 9)
    for day in range(on.day, 0, -1):
        try:
            return dt.date(year, month, day)
        except ValueError:
            continue
    raise AssertionError


def cadence(timepoint: str, window: Window, enrolled_at: dt.datetime, zone: str) -> list[dt.datetime]:
    """When the invitation and the reminders go: 09:00 on days 0, 3, 7 and 12, as far as they come before it is late.

    Day 0 is the target's, for a baseline that of opening or enrolment, whichever is later. Who is enrolled after that
    is invited at the next moment in mailing hours; reminders that come less than two days after it fall away.
    """
    begins = max(window.opens_at, enrolled_at) if timepoint == "baseline" else window.target_at
    first_day = local(begins, zone).date()
    invited_at = max(clock_shows(first_day, FIRST_HOUR, zone), mailing_moment(enrolled_at, zone))
    invited_on = local(invited_at, zone).date()
    reminded_on = [first_day + days * DAY for days in REMINDED_ON[1:]]
    moments = [invited_at] + [clock_shows(on, FIRST_HOUR, zone) for on in reminded_on if on >= invited_on + 2 * DAY]
    return [moment for moment in moments if moment < window.late_after]


def mailing_moment(moment: dt.datetime, zone: str, *, weekends: bool = True) -> dt.datetime:
    """The moment itself when patients may be mailed then, else the next 09:00 at which they may."""
    at = local(moment, zone)
    if FIRST_HOUR <= at.hour < LAST_HOUR and (weekends or at.weekday() < SATURDAY):
        return moment
    mornings = (clock_shows(at.date() + days * DAY, FIRST_HOUR, zone) for days in range(4))
    return next(
        morning for morning in mornings if morning > moment and (weekends or local(morning, zone).weekday() < SATURDAY)
    )


def local(moment: dt.datetime, zone: str) -> dt.datetime:
    return moment.astimezone(ZoneInfo(zone))


def day_begins(on: dt.date, zone: str) -> dt.datetime:
    """The first instant of the date there; where the zone skips the whole date, that of the next."""
    return _clock_reaches(dt.datetime.combine(on, dt.time()), zone)


def clock_shows(on: dt.date, hour: int, zone: str) -> dt.datetime:
    """The instant at which the zone's clocks show this hour of the date, or of the next where there is no such date."""
    there = local(day_begins(on, zone), zone).date()
    return _clock_reaches(dt.datetime.combine(there, dt.time(hour)), zone)


@cache
def _clock_reaches(wanted: dt.datetime, zone: str) -> dt.datetime:
    before = wanted.replace(tzinfo=dt.UTC) - DAY
    low, high = 0, 3 * DAY // MINUTE
    while low < high:
        middle = (low + high) // 2
        if local(before + middle * MINUTE, zone).replace(tzinfo=None) >= wanted:
            high = middle
        else:
            low = middle + 1
    return before + low * MINUTE
