"""Working time: what instant lies so many working minutes later."""

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest

from prom_service.errors import InvalidInputError
from prom_service.services.working_time import WEEKDAYS, after_working, read_hours, write_hours

LONDON = ZoneInfo("Europe/London")
OFFICE = read_hours("mon-thu 09:00-17:00, fri 09:00-13:00")
MINUTE = dt.timedelta(minutes=1)


def at(text: str, zone: ZoneInfo = LONDON) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(dt.UTC)


def minute_by_minute(start: dt.datetime, minutes: int, closed_on: set[str], zone: ZoneInfo) -> dt.datetime:
    """The same, by walking: an instant counts as working when the clock on the clinic's wall says so."""
    moment = start
    while minutes:
        local = moment.astimezone(zone)
        span = OFFICE.get(WEEKDAYS[local.weekday()])
        working = span and local.date().isoformat() not in closed_on and span[0] <= f"{local:%H:%M}" < span[1]
        minutes -= bool(working)
        moment += MINUTE
    return moment


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-03T10:00", 1, "2026-03-03T11:00"),
        ("2026-03-03T16:30", 1, "2026-03-04T09:30"),
        ("2026-03-03T16:00", 1, "2026-03-03T17:00"),
        ("2026-03-06T12:30", 1, "2026-03-09T09:30"),
        ("2026-03-07T03:00", 1, "2026-03-09T10:00"),
        ("2026-03-03T03:00", 0, "2026-03-03T09:00"),
        ("2026-03-27T12:00", 2, "2026-03-30T10:00"),
    ],
    ids=["within a day", "over the evening", "until the evening", "over a weekend", "from a weekend", "none", "clocks"],
)
def test_only_working_time_counts(start: str, hours: int, end: str) -> None:
    assert after_working(at(start), dt.timedelta(hours=hours), OFFICE, (), LONDON) == at(end)


def test_it_is_what_walking_minute_by_minute_finds() -> None:
    draw = random.Random(7)
    closed = {"2026-04-03", "2026-04-06", "2026-12-25"}
    for _ in range(60):
        zone = ZoneInfo(draw.choice(["Europe/London", "America/New_York", "Australia/Lord_Howe"]))
        start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + draw.randrange(525_600) * MINUTE
        minutes = draw.randrange(1, 1500)

        found = after_working(start, minutes * MINUTE, OFFICE, closed, zone)

        assert found == minute_by_minute(start, minutes, closed, zone)


def test_hours_are_read_and_written() -> None:
    assert write_hours(OFFICE) == (
        "mon 09:00-17:00, tue 09:00-17:00, wed 09:00-17:00, thu 09:00-17:00, fri 09:00-13:00"
    )
    assert read_hours(write_hours(OFFICE)) == OFFICE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9 to 5",
        "mon 17:00-09:00",
        "fri-mon 09:00-17:00",
        "mon 09:00-25:00",
        "mon 9:00-17:00",
        "mon-fri 09:00-17:00, tue 10:00-11:00",
    ],
)
def test_hours_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_hours(text)

    assert list(refused.value.errors) == ["working_hours"]


def test_a_clinic_that_never_works_has_no_working_time() -> None:
    with pytest.raises(InvalidInputError):
        after_working(at("2026-03-03T10:00"), MINUTE, {}, (), LONDON)
