"""The question a report answers: which periods and instants may be asked for, by whom, and how it is refused."""

import ast
import datetime as dt
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from prom_service.errors import InvalidInputError
from prom_service.reports import ReportQuery, default_period
from prom_service.reports.query import end_of

ROOT = Path(__file__).parents[2]
DOORS = "prom_service/web", "prom_service/cli", "scheduler"
YEAR = dt.date(2026, 1, 1)


@pytest.mark.parametrize(
    ("first", "after"),
    [
        (dt.date(2026, 2, 1), dt.date(2026, 3, 1)),
        (dt.date(2026, 4, 1), dt.date(2026, 7, 1)),
        (dt.date(2025, 7, 1), YEAR),
        (dt.date(2025, 5, 1), dt.date(2026, 5, 1)),
        (dt.date(2023, 1, 1), YEAR),
    ],
)
def test_outside_the_clinic_a_period_is_a_month_a_quarter_a_half_year_twelve_months_or_whole_years(first, after):
    assert asked(audience="quality", clinic_ids=(), from_on=first, to_on=after)


@pytest.mark.parametrize(
    ("first", "after"),
    [
        (dt.date(2026, 1, 2), dt.date(2026, 2, 1)),
        (YEAR, dt.date(2026, 1, 31)),
        (YEAR, dt.date(2026, 3, 1)),
        (dt.date(2026, 2, 1), dt.date(2026, 5, 1)),
        (dt.date(2026, 4, 1), dt.date(2026, 10, 1)),
        (dt.date(2024, 2, 1), dt.date(2026, 2, 1)),
        (dt.date(2025, 1, 1), dt.date(2026, 2, 1)),
    ],
)
def test_other_periods_are_the_clinics_own(first, after):
    with pytest.raises(InvalidInputError, match="a quarter from January, April, July or October") as raised:
        asked(audience="quality", clinic_ids=(), from_on=first, to_on=after)

    assert set(raised.value.errors) == {"from"}
    assert asked(from_on=first, to_on=after)


def test_outside_the_clinic_a_report_is_about_clinics_of_one_organisation():
    with pytest.raises(InvalidInputError, match="clinics of one organisation"):
        asked(audience="quality", organisation_id=None)


@pytest.mark.parametrize(
    ("as_of", "seen"),
    [
        ("2026-06-30T21:00:00-03:00", "2026-07-01"),
        ("2026-07-01T00:00:00+00:00", "2026-07-01"),
        ("2026-12-31T23:59:59+00:00", "2026-07-01"),
        ("2027-01-01T00:00:00+00:00", "2027-01-01"),
        ("2036-01-01T00:00:00+00:00", "2027-01-01"),
    ],
)
def test_outside_the_clinic_a_period_is_seen_as_of_its_end_and_once_later(as_of, seen):
    instant = dt.datetime.fromisoformat(as_of)

    query = asked(audience="quality", clinic_ids=(), as_of=instant)

    assert query.parameters()["as_of"] == f"{seen}T00:00:00+00:00"
    assert replace(query) == query
    assert asked(as_of=instant).as_of == instant


def test_outside_the_clinic_no_period_is_seen_before_its_end():
    last_second = dt.datetime(2026, 6, 30, 23, 59, 59, tzinfo=dt.UTC)

    with pytest.raises(InvalidInputError) as raised:
        asked(audience="quality", clinic_ids=(), as_of=last_second)

    assert list(raised.value.errors) == ["as_of"]
    assert asked(as_of=last_second).as_of == last_second


@pytest.mark.parametrize("whose", [{}, {"audience": "quality", "clinic_ids": ()}], ids=["the clinic", "outside"])
def test_nobody_asks_what_will_be_known(whose):
    now = dt.datetime(2026, 7, 1, 9, tzinfo=dt.UTC)

    with pytest.raises(InvalidInputError) as raised:
        asked(**whose, as_of=now + dt.timedelta(microseconds=1), now=now)

    assert raised.value.errors == {"as_of": ["Must not lie in the future."]}
    assert asked(**whose, as_of=now, now=now).as_of <= now


def test_every_door_says_when_it_asks():
    files = [path for room in DOORS for path in (ROOT / room).rglob("*.py")]
    calls = [call for path in files for call in ast.walk(ast.parse(path.read_text())) if isinstance(call, ast.Call)]

    questions = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "ReportQuery"]

    assert len(questions) == 4
    assert all("now" in {named.arg for named in call.keywords} for call in questions)


@pytest.mark.parametrize(
    ("day", "instant"),
    [
        ("2026-06-30", "2026-07-01T00:00:00+00:00"),
        ("2026-07-01", "2026-07-01T09:00:00+00:00"),
        ("2026-07-02", "2026-07-02T00:00:00+00:00"),
        ("9999-12-31", "9999-12-31T00:00:00+00:00"),
    ],
)
def test_a_day_means_its_end_and_today_now(day, instant):
    now = dt.datetime(2026, 7, 1, 9, tzinfo=dt.UTC)

    assert end_of(dt.date.fromisoformat(day), now).isoformat() == instant


def asked(**changes: object) -> ReportQuery:
    """A question of the clinic, unless said otherwise."""
    values = {"clinic_ids": (uuid.uuid4(),), "organisation_id": uuid.uuid4(), "from_on": YEAR}
    values |= {"to_on": dt.date(2026, 7, 1), "as_of": dt.datetime(2026, 7, 1, tzinfo=dt.UTC)}
    return ReportQuery(**{**values, **changes})


def test_a_question_that_makes_no_sense_is_refused_with_every_fault_named():
    with pytest.raises(InvalidInputError) as raised:
        ReportQuery(
            clinic_ids=(),
            organisation_id=None,
            from_on=dt.date(2026, 2, 1),
            to_on=dt.date(2026, 2, 1),
            as_of=dt.datetime(2026, 7, 1),  # noqa: DTZ001 (that is the fault)
            basis="visits",
            group_by="patient",
            audience="all",
        )

    assert set(raised.value.errors) == {"to", "as_of", "basis", "group_by", "audience", "clinic"}


@pytest.mark.parametrize(
    ("today", "period"),
    [
        (dt.date(2026, 11, 23), (dt.date(2025, 11, 1), dt.date(2026, 11, 1))),
        (dt.date(2028, 2, 29), (dt.date(2027, 2, 1), dt.date(2028, 2, 1))),
        (dt.date(2026, 1, 1), (dt.date(2025, 1, 1), dt.date(2026, 1, 1))),
    ],
)
def test_the_default_period_is_the_last_12_whole_months(today, period):
    assert default_period(today) == period
