"""Instants come back as they were, and days are told by the right clock."""

import datetime as dt

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import StatementError

from prom_service.db import local_day, months_later
from prom_service.models import Organisation
from prom_service.runtime import Runtime
from tests import builders


def test_an_instant_comes_back_as_it_was_in_utc(runtime: Runtime) -> None:
    at = dt.datetime(2026, 3, 29, 1, 30, 15, 123456, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=45)))
    with runtime.transaction() as session:
        kept = builders.an_organisation(session, now=at)

    with runtime.reading() as session:
        found = session.get_one(Organisation, kept.id).created_at
    assert found == at
    assert found.utcoffset() == dt.timedelta(0)


def test_an_instant_without_a_zone_is_refused(runtime: Runtime) -> None:
    with runtime.transaction() as session, pytest.raises(StatementError, match="without a time zone"):
        builders.an_organisation(session, now=dt.datetime(2026, 3, 2, 8))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("at", "zone", "day"),
    [
        ("2026-03-29T22:59:59.999999+00:00", "Europe/London", dt.date(2026, 3, 29)),
        ("2026-03-29T23:00:00+00:00", "Europe/London", dt.date(2026, 3, 30)),  # Summer time has begun.
        ("2026-01-01T04:59:00+00:00", "America/New_York", dt.date(2025, 12, 31)),
    ],
)
def test_the_day_of_an_instant_is_told_by_the_clock_of_its_zone(
    runtime: Runtime, at: str, zone: str, day: dt.date
) -> None:
    with runtime.transaction() as session:
        kept = builders.an_organisation(session, now=dt.datetime.fromisoformat(at))

        found = session.scalar(sa.select(local_day(Organisation.created_at, zone)).where(Organisation.id == kept.id))

    assert found == day


@pytest.mark.parametrize(
    ("day", "later"),
    [
        ("2025-11-30", "2026-02-28"),
        ("2027-11-30", "2028-02-29"),
        ("2026-01-31", "2026-04-30"),
        ("2026-10-10", "2027-01-10"),
    ],
)
def test_three_months_later_is_the_last_day_of_a_month_that_lacks_the_day(
    runtime: Runtime, day: str, later: str
) -> None:
    with runtime.reading() as session:
        assert session.scalar(sa.select(months_later(sa.literal(day), 3))) == later
