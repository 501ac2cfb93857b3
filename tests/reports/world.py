"""What is true of a population, and what every report that may be asked for outside the clinic shows of it."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError
from prom_service.models import Organisation
from prom_service.reports import ReportQuery
from prom_service.reports.cohort import Cohort
from prom_service.reports.kinds import REPORTS
from prom_service.reports.layout import COUNT, KEY, TEXT
from prom_service.reports.report import make_report
from prom_service.reports.rounding import EVERYTHING, rounding_of
from tests.reports.attacker import Known, Period

FIRST, MONTHS = 2024 * 12, 24
PERIODS = list(combinations(range(MONTHS + 1), 2))
"""Every range of months."""
LAST = dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
BETWEEN = "\N{SYMBOL FOR UNIT SEPARATOR}"
GROUPS = ("clinic", "clinician", "pathway", "diagnosis", "side")
"""By month of start they are counted as reports of that month are, so ``period`` is another way to ask for those. A
small clinician or diagnosis is told by name here: more than the reports tell."""
NOT_BY_GROUP = ("activity", "activity_by_month")
"""A visit may serve two episodes of two groups, so these do not add up."""
WHOSE = {
    ("visits_by_outcome", "due"): ("visits",),
    ("short_programmes", "short"): ("checkpoint",),
    ("bounds", "not_judged"): (),
    ("bounds", "everyone"): ("wording",),
    ("bounds", "at_best"): ("wording",),
}
"""Counts that stand beside several rows and are nowhere else: the part of the row that they are about."""
PARTS = {
    ("visits_per_episode", "episodes"): ("closed", "open"),
    ("denominators", "episodes"): ("not_yet_due", "due"),
    ("denominators", "due"): ("excluded", "eligible"),
    ("visits_after_improvement", "demonstrated"): ("closed", "open"),
    ("visits_without_review", "flagged"): ("reviewed", "unreviewed"),
    ("process", "applies"): ("documented", "not_documented"),
    ("reliable_change", "assessable"): ("better", "within", "worse"),
}
Series = tuple[str, str, str, tuple[str, ...], str]
"""Divided by what, the group, the table, its row and its column."""


@dataclass(frozen=True)
class World:
    """The counts that are true: for each day (``as_of``), series and period."""

    session: Session
    organisation: Organisation
    basis: str
    days: Sequence[dt.datetime]
    series: Sequence[Series]
    true: Sequence[Mapping[Period, np.ndarray]]

    def ask(self, period: Period, **changes: Any) -> ReportQuery:
        """The question about a period, of all clinics together and from outside unless said otherwise."""
        asked = {"organisation_id": self.organisation.id, "basis": self.basis, "as_of": self.days[-1]}
        return ask(period, **{**asked, **changes})

    def seen(self) -> list[list[Period]]:
        """The periods that are seen outside the clinic as of each of the days."""
        looks = [_looks(self.organisation, day) for day in self.days]
        return [[period for period in true if period in at] for at, true in zip(looks, self.true, strict=True)]

    @cached_property
    def groups(self) -> tuple[list[tuple[str, str]], np.ndarray]:
        """The groups, and to which of them each series belongs."""
        every = list(dict.fromkeys(one[:2] for one in self.series))
        return every, np.array([every.index(one[:2]) for one in self.series])

    def shown(self, period: Period, day: int = -1, ask: Callable[..., ReportQuery] | None = None) -> np.ndarray:
        """What the report of a period shows of each series; 0 is hidden."""
        every, of_series = self.groups
        counts = self.true[day][period]
        tables = []
        for by, group in every:
            rounding = rounding_of(self.session, (ask or self.ask)(period, as_of=LAST, group_by=by or None))
            row = pd.DataFrame({"group": [group] * (counts.max() + 1)})
            tables.append(rounding.shown(pd.Series(row.index), rounding.questions(row)).to_numpy())
        return np.array(tables)[of_series, counts]

    def known(self, **changes: Any) -> Known:
        """What the attacker knows beside the reports."""
        running = self.basis == "episodes"
        return Known(
            **{
                "months": MONTHS,
                "sums": self.sums(),
                "growing": self.growing(),
                "groups": self.groups[1],
                "running": running,
                **changes,
            }
        )

    def growing(self) -> np.ndarray:
        """Which series never go down from one day to a later one."""
        never = np.ones(len(self.series), dtype=bool)
        for before, after in zip(self.true, self.true[1:], strict=False):
            for period, counts in before.items():
                never &= after[period] >= counts
        return never

    def sums(self) -> Iterator[tuple[int, list[int]]]:
        """Which series is the sum of which others: a total of the groups, a whole of its parts, a table of its rows."""
        place = {one: number for number, one in enumerate(self.series)}
        groups: dict[Any, list[int]] = {}
        rows: dict[Any, list[int]] = {}
        for (by, group, table, row, column), number in place.items():
            if by:
                groups.setdefault((by, table, row, column), []).append(number)
            if (table, column) == ("visits_by_outcome", "episodes"):
                rows.setdefault((by, group), []).append(number)
            parts = [place.get((by, group, table, row, one)) for one in PARTS.get((table, column), ())]
            if parts:
                yield number, [part for part in parts if part is not None]
        for (_, *rest), parts in groups.items():
            yield place["", EVERYTHING, *rest], parts
        for who, parts in rows.items():
            yield place[*who, "visits_per_episode", (), "episodes"], parts


def ask(period: Period, **values: Any) -> ReportQuery:
    """A question from outside about months of the world."""
    return ReportQuery(**{"clinic_ids": (), "audience": "quality", **_days(period), **values})


def unchecked(query: ReportQuery, period: Period) -> ReportQuery:
    """A question about months that is refused in life."""
    forbidden = object.__new__(ReportQuery)
    for name, value in {**vars(query), **_days(period)}.items():
        object.__setattr__(forbidden, name, value)
    return forbidden


def allowed(world: World) -> list[Period]:
    """Every period that may be seen outside the clinic once it is over."""
    return [period for period in PERIODS if _is_allowed(world.organisation, period)]


def _is_allowed(organisation: Organisation, period: Period, day: dt.datetime = LAST) -> bool:
    try:
        return ask(period, organisation_id=organisation.id, as_of=day).as_of <= day
    except InvalidInputError:
        return False


@cache
def _looks(organisation: Organisation, day: dt.datetime) -> set[Period]:
    """The periods that are seen outside the clinic as of that very instant."""
    over = [period for period in PERIODS if _is_allowed(organisation, period, day)]
    return {period for period in over if ask(period, organisation_id=organisation.id, as_of=day).as_of == day}


def _days(period: Period) -> dict[str, dt.date]:
    first, after = (dt.date((FIRST + month) // 12, (FIRST + month) % 12 + 1, 1) for month in period)
    return {"from_on": first, "to_on": after}


def world_of(
    session: Session,
    days: Sequence[dt.datetime],
    *,
    reports: Sequence[str],
    groups: Sequence[str],
    basis: str = "episodes",
    periods: Sequence[Period] = PERIODS,
) -> World:
    """Count with the clinic's own reports, which are exact, all groups at once."""
    organisation = session.scalars(sa.select(Organisation)).one()
    count = _Count(session, organisation, basis, reports, groups)
    found = [count.by_start(day, periods) if basis == "episodes" else count.each(day, periods) for day in days]
    series = list(dict.fromkeys(one for day in found for one in day))
    nothing = np.zeros(len(periods), dtype="int64")
    true = []
    for day in found:
        counts = np.array([day.get(one, nothing) for one in series])
        true.append({period: counts[:, place] for place, period in enumerate(periods)})
    return World(session, organisation, basis, days, series, true)


@dataclass(frozen=True)
class _Count:
    session: Session
    organisation: Organisation
    basis: str
    reports: Sequence[str]
    groups: Sequence[str]

    def by_start(self, day: dt.datetime, periods: Sequence[Period]) -> dict[Series, np.ndarray]:
        """Of every series and period, from the months in which episodes started."""
        found: dict[Series, np.ndarray] = {}
        for one, month, count in self._counted(day, (0, MONTHS)):
            found.setdefault(one, np.zeros(MONTHS + 1, dtype="int64"))[month + 1] += count
        first, after = (list(ends) for ends in zip(*periods, strict=True))
        return {one: months.cumsum()[after] - months.cumsum()[first] for one, months in found.items()}

    def each(self, day: dt.datetime, periods: Sequence[Period]) -> dict[Series, np.ndarray]:
        """Of every series and period, each counted by itself."""
        found: dict[Series, np.ndarray] = {}
        for place, period in enumerate(periods):
            for one, _, count in self._counted(day, period):
                found.setdefault(one, np.zeros(len(periods), dtype="int64"))[place] += count
        return found

    def _counted(self, day: dt.datetime, period: Period) -> Iterator[tuple[Series, int, int]]:
        inside = {"audience": "clinic", "group_by": "period", "basis": self.basis, "as_of": day}
        query = ask(period, organisation_id=self.organisation.id, **inside)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Cohort, "_label", _every_label)
            made = [make_report(self.session, REPORTS[name], query) for name in self.reports]
        for report in made:
            for labels, rest, count in _cells(report):
                *groups, month = labels.split(BETWEEN)
                start = int(month[:4]) * 12 + int(month[5:]) - 1 - FIRST
                yield ("", EVERYTHING, *rest), start, count
                for by, group in zip(GROUPS, groups, strict=True):
                    if by in self.groups:
                        yield (by, group, *rest), start, count


def _every_label(cohort: Cohort, episodes: Any = None, clinician: Any = None) -> sa.ColumnElement[str]:
    """Every group of an episode at once, and the month in which it started."""
    who = (cohort.chosen if episodes is None else episodes).c
    said = [sa.case((column == "", "(not recorded)"), else_=column) for column in (who.clinician, who.diagnosis)]
    parts = [who.clinic, who.clinic + " / " + said[0], who.pathway, said[1], who.side]
    label = sa.func.substr(who.started_on, 1, len("2026-01"))
    for part in reversed(parts):
        label = part + BETWEEN + label
    return label


def _cells(report: Any) -> Iterator[tuple[str, tuple[str, tuple[str, ...], str], int]]:
    """Every count of every group that is not nothing, and what it is called."""
    for layout in report.kind.layouts:
        table = report.tables[layout.name]
        if "group" not in table or layout.name in NOT_BY_GROUP:
            continue
        table = table[table["group"] != EVERYTHING]
        for column, keys in counts_of(layout):
            once = table[["group", *keys, column]].drop_duplicates(["group", *keys])
            for group, *row, count in once[once[column] > 0].itertuples(index=False):
                yield group, (layout.name, tuple(map(str, row)), column), int(count)


def counts_of(layout: Any) -> Iterator[tuple[str, list[str]]]:
    """The counts of a table, each with what names its row; those repeated from another table are there."""
    named = (one for one in layout.columns if one.kind in (TEXT, KEY) and not one.derived)
    row = [one.key for one in named if one.key not in ("group", "visit_limit", "title")]
    for column in layout.columns:
        if column.kind == COUNT and not column.derived and not column.repeated:
            yield column.key, row
        elif (layout.name, column.key) in WHOSE:
            yield column.key, list(WHOSE[layout.name, column.key])
