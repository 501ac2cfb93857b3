"""Dates that clocks and calendars treat oddly."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from prom_service.pathway.dates import Offset, add_months, start_of_day


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2026, 3, 15), 3, date(2026, 6, 15)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2023, 11, 30), 3, date(2024, 2, 29)),
        (date(2024, 2, 29), 3, date(2024, 5, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 12, 31), 1, date(2027, 1, 31)),
        (date(2026, 3, 31), 6, date(2026, 9, 30)),
        (date(2026, 3, 31), 0, date(2026, 3, 31)),
    ],
)
def test_months_are_calendar_months_clamped_to_the_end(start, months, end):
    assert add_months(start, months) == end


def test_an_offset_knows_the_fewest_and_the_most_days_it_can_come_to():
    assert Offset(days=42).span() == (42, 42)
    assert Offset(months=1).span() == (28, 31)
    assert Offset(months=3).span() == (89, 92)
    assert Offset(months=12).span() == (365, 366)


@pytest.mark.parametrize(
    ("zone", "on", "instant"),
    [
        ("Europe/London", date(2026, 1, 10), datetime(2026, 1, 10, 0, tzinfo=UTC)),
        ("Europe/London", date(2026, 3, 30), datetime(2026, 3, 29, 23, tzinfo=UTC)),
        ("Asia/Kathmandu", date(2026, 1, 10), datetime(2026, 1, 9, 18, 15, tzinfo=UTC)),
        ("America/Santiago", date(2026, 9, 6), datetime(2026, 9, 6, 4, tzinfo=UTC)),
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC)),
        ("Pacific/Apia", date(2011, 12, 30), datetime(2011, 12, 30, 10, tzinfo=UTC)),
        ("Pacific/Apia", date(2011, 12, 31), datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ],
    ids=["winter", "summer", "quarter hours", "midnight skipped", "midnight twice", "the date skipped", "after it"],
)
def test_a_day_starts_at_the_first_instant_of_its_date(zone, on, instant):
    assert start_of_day(on, ZoneInfo(zone)) == instant
