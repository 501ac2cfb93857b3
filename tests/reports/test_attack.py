"""No count of 1 to 7 comes out of the reports that there are outside the clinic, however they are put together."""

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy.orm import Session

from prom_service.db import make_engine
from prom_service.reports.kinds import REPORTS
from prom_service.reports.layout import POOLED
from prom_service.reports.query import BASES
from prom_service.reports.report import make_report
from prom_service.reports.rounding import EVERYTHING, HIDDEN, Rounding
from prom_service.simulation.population import Size, write_population
from tests.reports.attacker import NEAREST, Bounds, Period, pinned, work_out
from tests.reports.counted import GROUPS, MONTHS, WHOSE, counts_of
from tests.reports.world import World, allowed, unchecked, world_of
from tests.support import database

END = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
QUARTERS = [dt.datetime(2025, month, 1, tzinfo=dt.UTC) for month in (4, 7, 10)] + [END]
DIVISIONS = tuple(by for by in GROUPS if by != "period")
EVERY_MONTH = [dt.datetime(2024 + month // 12, month % 12 + 1, 1, tzinfo=dt.UTC) for month in range(1, 31)]
LAST_YEAR = EVERY_MONTH[12:24]


@contextlib.contextmanager
def populated(template: Path, folder: Path, episodes: int) -> Iterator[Session]:
    """Episodes of which a clinic has a few in a month; what is counted is the same on either database."""
    engine = make_engine(database.copy_sqlite(template, folder))
    write_population(engine, Size(episodes=episodes, clinics=4, seed=5, until=END.date()))
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture(scope="module")
def population(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with populated(sqlite_template, tmp_path_factory.mktemp("attack"), 900) as session:
        yield session


@pytest.fixture(scope="module")
def larger(
    population: Session, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, full: bool
) -> Iterator[Session]:
    """The same, or with full counts more."""
    if not full:
        yield population
        return
    with populated(sqlite_template, tmp_path_factory.mktemp("larger"), 3000) as session:
        yield session


@pytest.fixture(scope="module")
def world(population: Session) -> World:
    return world_of(population, QUARTERS, reports=("utilization",), groups=("clinic", "diagnosis"))


def worlds(population: Session, larger: Session, world: World, full: bool) -> Iterator[World]:
    """What is attacked: with full counts every month, and every report and division."""
    yield world
    if full:
        yield world_of(larger, EVERY_MONTH, reports=("utilization",), groups=("clinic", "pathway"))
        for name in REPORTS:
            yield world_of(larger, QUARTERS, reports=(name,), groups=DIVISIONS)
            yield world_of(population, LAST_YEAR, reports=(name,), groups=DIVISIONS)


def attacked(world: World) -> tuple[Bounds, list[Mapping[Period, np.ndarray]]]:
    """What the attacker knows in the end of every period that he may see, and what is true of it."""
    seen = world.seen()
    assert all((counts[counts > 0] >= 10).all() for reports in seen for counts in reports.values())
    true = [{period: world.true[day][period] for period in reports} for day, reports in enumerate(seen)]
    return work_out(seen, world.known()), true


def small(world: World, true: list[Mapping[Period, np.ndarray]]) -> int:
    """How many counts there are that may not be known."""
    each = (counts[world.cells] for periods in true for counts in periods.values())
    return sum(int(((counts >= 1) & (counts <= 7)).sum()) for counts in each)


def test_no_count_of_1_to_7_is_shown_or_can_be_worked_out_from_all_reports_together(population, larger, world, full):
    for one in worlds(population, larger, world, full):
        bounds, true = attacked(one)

        assert small(one, true) > 3000
        assert pinned(bounds, true, one.cells) == 0


def test_nor_can_one_of_those_with_visits_in_a_period(larger, world, full):
    days, periods = QUARTERS[:2], [(12, 13), (13, 14), (14, 15), (12, 15)]
    reports, groups = ("utilization",), ("clinic", "diagnosis", "period")
    if full:
        days, periods = QUARTERS, [period for period in allowed(world.organisation) if period[0] >= 12]
        reports, groups = ("utilization", "comparison"), GROUPS
    world = world_of(larger, days, reports=reports, groups=groups, basis="activity", periods=periods)

    bounds, true = attacked(world)

    assert small(world, true) > 1000
    assert pinned(bounds, true, world.cells) == 0


def test_the_same_attacker_with_every_range_of_months_does_work_many_out(world):
    seen = {
        period: world.read(period, ask=lambda one, **changes: unchecked(world.ask((0, MONTHS), **changes), one))
        for period in combinations(range(12, MONTHS + 1), 2)
    }

    bounds = work_out([seen], world.known(pools=(), alike=()))

    assert pinned(bounds, [{period: world.true[-1][period] for period in seen}], world.cells) > 100


def test_the_same_attacker_works_some_out_where_counts_are_rounded_to_the_nearest_multiple(world):
    true = {period: world.true[-1][period] for period in allowed(world.organisation)}
    asked = Rounding().questions(pd.DataFrame(index=range(len(world.series))))
    seen = {period: Rounding().shown(pd.Series(counts), asked).to_numpy() for period, counts in true.items()}

    bounds = work_out([seen], world.known(points=NEAREST, pools=(), alike=()))

    assert pinned(bounds, [true], world.cells) > 0


def test_the_same_attacker_works_some_out_who_sees_every_period_as_of_each_quarter(world):
    seen = [
        {period: world.read(period, day) for period in allowed(world.organisation)} for day in range(len(world.days))
    ]

    bounds = work_out(seen, world.known(pools=(), alike=()))

    assert (
        pinned(
            bounds,
            [{period: true[period] for period in allowed(world.organisation)} for true in world.true],
            world.cells,
        )
        > 0
    )


@pytest.mark.parametrize("basis", BASES)
def test_the_attacker_reads_what_the_reports_show(population, basis):
    periods, groups = [(12, 15), (12, 24)], ("clinician", "diagnosis")
    world = world_of(population, QUARTERS[::3], reports=("utilization",), groups=groups, basis=basis, periods=periods)
    read: set[Any] = set()
    for day, period in enumerate(periods):
        expected = dict(zip(world.series, world.shown(period, day), strict=True))
        for group_by in groups:
            query = world.ask(period, as_of=world.days[day], group_by=group_by)

            told = dict(_told(make_report(population, REPORTS["utilization"], query), group_by, world))

            assert {one: expected[one] for one in told} == told
            untold = [one for one in world.series if one[0] in ("", group_by) and one not in told]
            assert all(expected[one] <= 0 for one in untold if (one[2], one[4]) not in WHOSE)
            read |= told.keys()
    assert any(one[1:3] == (POOLED, "activity") for one in read)
    assert any(one[2] == "activity_by_month" for one in read) == (basis == "episodes")


@pytest.mark.parametrize(
    ("basis", "months"), [("episodes", ("2025-03", "2025-12")), ("activity", ("2025-03", "2025-12"))]
)
def test_and_the_months_that_a_report_of_a_year_shows(population, basis, months):
    periods = [(12, 24), (14, 15), (23, 24)]
    world = world_of(population, QUARTERS[3:], reports=("utilization",), groups=(), basis=basis, periods=periods)
    report = make_report(population, REPORTS["utilization"], world.ask((12, 24), group_by="period"))
    table, column = ("visits_per_episode", "group") if basis == "episodes" else ("activity_by_month", "month")
    [seen] = world.seen()

    rows = report.tables[table].set_index(column).loc[list(months)]

    place = world.relations.place
    for month, period in zip(months, periods[1:], strict=True):
        for count in ("episodes", "closed", "open") if basis == "episodes" else ("visits", "served"):
            expected = seen[period][place["", EVERYTHING, table.removesuffix("_by_month"), (), count]]
            assert rows.loc[month, count] == (expected or HIDDEN)


def _told(report: Any, by: str, world: World) -> Iterator[tuple[Any, int]]:
    """Every count that a report shows and the attacker reads."""
    for layout in report.kind.layouts:
        table = report.tables[layout.name]
        for row in table.to_dict("records"):
            for column, keys in counts_of(layout):
                group = row.get("group", EVERYTHING)
                who = ("", group) if group == EVERYTHING else (by, group)
                one = (*who, layout.name, tuple(str(row[key]) for key in keys), column)
                shown = not isinstance(row[column], str) and pd.notna(
                    row[column]
                )  # Else it is hidden, or there is none.
                if shown and one in world.relations.place:
                    yield one, row[column]
