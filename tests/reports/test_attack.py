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
from prom_service.reports.report import make_report
from prom_service.reports.rounding import Rounding
from prom_service.simulation.population import Size, write_population
from tests.reports.attacker import NEAREST, Bounds, Period, pinned, work_out
from tests.reports.world import GROUPS, MONTHS, NOT_BY_GROUP, World, allowed, counts_of, unchecked, world_of
from tests.support import database

END = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
QUARTERS = [dt.datetime(2025, month, 1, tzinfo=dt.UTC) for month in (4, 7, 10)] + [END]
EVERY_MONTH = [dt.datetime(2024 + month // 12, month % 12 + 1, 1, tzinfo=dt.UTC) for month in range(1, 31)]


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
    return world_of(population, QUARTERS, reports=("utilization",), groups=("clinic",))


def worlds(larger: Session, world: World, full: bool) -> Iterator[World]:
    """What is attacked: with full counts every month, and every report and division."""
    yield world
    if full:
        yield world_of(larger, EVERY_MONTH, reports=("utilization",), groups=("clinic", "pathway"))
        for name in REPORTS:
            yield world_of(larger, QUARTERS, reports=(name,), groups=GROUPS)


def attacked(world: World) -> tuple[Bounds, list[Mapping[Period, np.ndarray]]]:
    """What the attacker knows in the end of every period that he may see, and what is true of it."""
    seen = [{period: world.shown(period, day) for period in periods} for day, periods in enumerate(world.seen())]
    assert all((counts[counts > 0] >= 10).all() for reports in seen for counts in reports.values())
    true = [{period: world.true[day][period] for period in reports} for day, reports in enumerate(seen)]
    return work_out(seen, world.known()), true


def small(true: list[Mapping[Period, np.ndarray]]) -> int:
    """How many counts there are that may not be known."""
    return sum(int(((counts >= 1) & (counts <= 7)).sum()) for periods in true for counts in periods.values())


def test_no_count_of_1_to_7_is_shown_or_can_be_worked_out_from_all_reports_together(larger, world, full):
    for one in worlds(larger, world, full):
        bounds, true = attacked(one)

        assert small(true) > 3000
        assert pinned(bounds, true) == 0


def test_nor_can_one_of_those_with_visits_in_a_period(larger, world, full):
    days, periods = QUARTERS[:2], [(12, 13), (13, 14), (14, 15), (12, 15)]
    reports, groups = ("comparison",), ("clinic", "pathway")
    if full:
        days, periods = QUARTERS, [period for period in allowed(world) if period[0] >= 12]
        reports, groups = ("utilization", "comparison"), GROUPS
    world = world_of(larger, days, reports=reports, groups=groups, basis="activity", periods=periods)

    bounds, true = attacked(world)

    assert small(true) > 50
    assert pinned(bounds, true) == 0


def test_the_same_attacker_with_every_range_of_months_does_work_many_out(world):
    seen = {
        period: world.shown(period, ask=lambda one, **changes: unchecked(world.ask((0, MONTHS), **changes), one))
        for period in combinations(range(12, MONTHS + 1), 2)
    }

    bounds = work_out([seen], world.known())

    assert pinned(bounds, [{period: world.true[-1][period] for period in seen}]) > 100


def test_the_same_attacker_works_some_out_where_counts_are_rounded_to_the_nearest_multiple(world):
    true = {period: world.true[-1][period] for period in allowed(world)}
    asked = Rounding().questions(pd.DataFrame(index=range(len(world.series))))
    seen = {period: Rounding().shown(pd.Series(counts), asked).to_numpy() for period, counts in true.items()}

    bounds = work_out([seen], world.known(points=NEAREST))

    assert pinned(bounds, [true]) > 0


def test_the_same_attacker_works_some_out_who_sees_every_period_as_of_each_quarter(world):
    seen = [{period: world.shown(period, day) for period in allowed(world)} for day in range(len(world.days))]

    bounds = work_out(seen, world.known())

    assert pinned(bounds, [{period: true[period] for period in allowed(world)} for true in world.true]) > 0


def test_the_attacker_reads_what_the_reports_show(world):
    place = {one: number for number, one in enumerate(world.series)}
    for period, group_by in (((12, 15), "clinic"), ((12, 24), None)):
        query = world.ask(period, group_by=group_by)
        day = world.days.index(query.as_of)
        assert period in world.seen()[day]
        expected = world.shown(period, day)

        report = make_report(world.session, REPORTS["utilization"], query)

        told = dict(_told(report, group_by or ""))
        assert len(told) > 20
        assert {one: expected[place[one]] for one in told} == told
        of_rows = {number for one, number in place.items() if one[2] == "visits_per_episode" and one not in told}
        assert not expected[[number for number in of_rows if world.series[number][0] in ("", group_by)]].any()


def _told(report: Any, by: str) -> Iterator[tuple[Any, int]]:
    """Every count that a report shows."""
    for layout in report.kind.layouts:
        table = report.tables[layout.name]
        if "group" not in table or layout.name in NOT_BY_GROUP:
            continue
        for row in table.to_dict("records"):
            for column, keys in counts_of(layout):
                if not isinstance(row[column], str):  # Else it is hidden.
                    who = ("", "All") if row["group"] == "All" else (by, row["group"])
                    yield (*who, layout.name, tuple(str(row[key]) for key in keys), column), row[column]
