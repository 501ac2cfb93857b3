"""No count of 1 to 7 comes out of the reports that there are outside the clinic, however they are put together."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.db import make_engine
from prom_service.errors import InvalidInputError
from prom_service.models import Clinic, Organisation
from prom_service.reports import ReportQuery
from prom_service.reports.kinds import REPORTS
from prom_service.reports.layout import COUNT, KEY, TEXT
from prom_service.reports.report import make_report
from prom_service.reports.rounding import HIDDEN, Rounding, rounding_of
from prom_service.simulation.population import Size, write_population
from tests.reports.attacker import NEAREST, Period, pinned, work_out
from tests.support import database

FIRST, MONTHS = 2024 * 12, 24
AS_OF = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PARTS = {
    ("visits_per_episode", "episodes"): ("closed", "open"),
    ("denominators", "episodes"): ("not_yet_due", "due"),
    ("denominators", "due"): ("excluded", "eligible"),
}
NOT_BY_START = ("activity", "activity_by_month")
"""A visit may serve two episodes that started in different months, so these do not add up."""


@dataclass(frozen=True)
class World:
    """What is true: for each series (clinic, table, row, column) its count in every month of start."""

    session: Session
    organisation: Organisation
    series: list[tuple[str, str, tuple[str, ...], str]]
    counts: np.ndarray

    def ask(self, period: Period, **changes: Any) -> ReportQuery:
        """The question about a period, of all clinics together and from outside unless said otherwise."""
        first, after = (dt.date((FIRST + month) // 12, (FIRST + month) % 12 + 1, 1) for month in period)
        values = {"clinic_ids": (), "organisation_id": self.organisation.id, "audience": "quality"}
        return ReportQuery(**{**values, "from_on": first, "to_on": after, "as_of": AS_OF, **changes})

    def true(self, period: Period) -> np.ndarray:
        return self.counts[:, slice(*period)].sum(axis=1)

    def sums(self) -> Iterator[tuple[int, list[int]]]:
        """Which series is the sum of which others: the total of the clinics, a whole of its parts."""
        place = {one: number for number, one in enumerate(self.series)}
        clinics = sorted({clinic for clinic, *_ in self.series} - {"All"})
        for (clinic, table, row, column), whole in place.items():
            if clinic == "All":
                yield whole, [place[one, table, row, column] for one in clinics if (one, table, row, column) in place]
            parts = PARTS.get((table, column), ())
            if parts:
                yield whole, [place[clinic, table, row, part] for part in parts]


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, full: bool) -> Iterator[World]:
    """A population whose months hold a few episodes of each clinic; what is counted is the same on either database."""
    engine = make_engine(database.copy_sqlite(sqlite_template, tmp_path_factory.mktemp("attack")))
    write_population(engine, Size(episodes=4000 if full else 360, clinics=4, seed=5, until=AS_OF.date()))
    with Session(engine) as session:
        yield _world(session, ("utilization", "outcomes", "process") if full else ("utilization",))
    engine.dispose()


def _world(session: Session, names: tuple[str, ...]) -> World:
    """Count month by month with the clinic's own reports, which are exact."""
    organisation = session.scalars(sa.select(Organisation)).one()
    empty = World(session, organisation, [], np.zeros((0, MONTHS), dtype="int64"))
    found: dict[Any, np.ndarray] = {}
    for clinic in session.scalars(sa.select(Clinic).order_by(Clinic.code)):
        query = empty.ask((0, MONTHS), clinic_ids=(clinic.id,), audience="clinic", group_by="period")
        for key, month, count in (
            each for name in names for each in _counts(make_report(session, REPORTS[name], query))
        ):
            for who in (clinic.code, "All"):
                found.setdefault((who, *key), np.zeros(MONTHS, dtype="int64"))[month] += count
    return World(session, organisation, list(found), np.array(list(found.values())))


def _counts(report: Any) -> Iterator[tuple[Any, int, int]]:
    for layout in report.kind.layouts:
        table = report.tables[layout.name]
        if "group" not in table or layout.name in NOT_BY_START:
            continue
        for row in table[table["group"] != "All"].to_dict("records"):
            year, month = map(int, row["group"].split("-"))
            for column in _own(layout):
                yield (layout.name, _row(layout, row), column), year * 12 + month - 1 - FIRST, row[column]


def _own(layout: Any) -> list[str]:
    """The counts of a row itself; those repeated from others are in the rows that they come from."""
    return [column.key for column in layout.columns if column.kind == COUNT and not column.repeated]


def _row(layout: Any, row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[key]) for key in layout.named(TEXT, KEY) if key not in ("group", "visit_limit"))


def shown(world: World, period: Period, query: ReportQuery) -> np.ndarray:
    """What the report of a period shows of each series; 0 is hidden."""
    rounding = rounding_of(world.session, query)
    counts = pd.Series(world.true(period))
    return rounding.shown(counts, rounding.questions(pd.DataFrame(index=counts.index))).to_numpy()


def allowed(world: World) -> dict[Period, ReportQuery]:
    """Every period that may be asked for outside the clinic."""
    found = {}
    for period in combinations(range(MONTHS + 1), 2):
        try:
            found[period] = world.ask(period)
        except InvalidInputError:
            continue
    return found


def test_no_count_of_1_to_7_is_shown_or_can_be_worked_out_from_all_reports_together(world):
    queries = allowed(world)
    reports = {period: shown(world, period, query) for period, query in queries.items()}
    true = {period: world.true(period) for period in queries}

    bounds = work_out(reports, MONTHS, world.sums())

    assert len(queries) == 24 + 8 + 4 + 13 + 1
    assert small(true) > 5000
    assert all((counts[counts > 0] >= 10).all() for counts in reports.values())
    assert pinned(bounds, true) == 0


def test_the_same_attacker_with_every_range_of_months_does_work_many_out(world):
    ranges = list(combinations(range(MONTHS + 1), 2))
    asked = world.ask((0, MONTHS))
    reports = {period: shown(world, period, _unchecked(asked, world, period)) for period in ranges}

    bounds = work_out(reports, MONTHS, world.sums())

    assert pinned(bounds, {period: world.true(period) for period in ranges}) > 500


def test_the_same_attacker_works_some_out_where_counts_are_rounded_to_the_nearest_multiple(world):
    true = {period: world.true(period) for period in allowed(world)}
    asked = Rounding().questions(pd.DataFrame(index=range(len(world.series))))
    reports = {period: Rounding().shown(pd.Series(counts), asked).to_numpy() for period, counts in true.items()}

    bounds = work_out(reports, MONTHS, world.sums(), NEAREST)

    assert pinned(bounds, true) > 0


def test_the_attacker_reads_what_the_reports_show(world):
    place = {one: number for number, one in enumerate(world.series)}
    for period, group_by in (((3, 6), "clinic"), ((12, 24), "clinic"), ((5, 17), None)):
        query = world.ask(period, group_by=group_by)
        expected = shown(world, period, query)

        report = make_report(world.session, REPORTS["utilization"], query)

        told = dict(_told(report))
        assert len(told) > 20
        assert {one: expected[place[one]] for one in told} == told
        of_rows = {number for one, number in place.items() if one[1] == "visits_per_episode" and one not in told}
        assert not expected[[number for number in of_rows if group_by or world.series[number][0] == "All"]].any()


def small(true: dict[Period, np.ndarray]) -> int:
    """How many counts there are that may not be known."""
    return sum(int(((counts >= 1) & (counts <= 7)).sum()) for counts in true.values())


def _unchecked(query: ReportQuery, world: World, period: Period) -> ReportQuery:
    """A question that is refused in life."""
    first, after = (dt.date((FIRST + month) // 12, (FIRST + month) % 12 + 1, 1) for month in period)
    forbidden = object.__new__(ReportQuery)
    for name, value in {**vars(query), "from_on": first, "to_on": after}.items():
        object.__setattr__(forbidden, name, value)
    return forbidden


def _told(report: Any) -> Iterator[tuple[Any, int]]:
    """Every count that a report shows."""
    for layout in report.kind.layouts:
        table = report.tables[layout.name]
        if "group" not in table or layout.name in NOT_BY_START:
            continue
        for row in table.to_dict("records"):
            for column in _own(layout):
                if row[column] != HIDDEN:
                    yield (row["group"], layout.name, _row(layout, row), column), row[column]
