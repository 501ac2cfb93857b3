"""The counts that are true of a population, found by the clinic's own reports, all groups of every division at once."""

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.models import Organisation
from prom_service.reports import known
from prom_service.reports.cohort import Cohort
from prom_service.reports.continued.tables import visits_after_improvement_each
from prom_service.reports.denominators.tables import response_by_channel
from prom_service.reports.kinds import REPORTS
from prom_service.reports.layout import COUNT, KEY, TEXT
from prom_service.reports.query import ReportQuery
from prom_service.reports.report import count_facts, report_of
from prom_service.reports.rounding import EVERYTHING
from prom_service.reports.utilization.tables import visit_distribution

FIRST, MONTHS = 2024 * 12, 24
Period = tuple[int, int]
Series = tuple[str, str, str, tuple[str, ...], str]
"""Divided by what, the group, the table, its row and its column."""
Counts = dict[Series, np.ndarray]
"""By series, the count of each of the periods."""
GROUPS = ("clinic", "clinician", "pathway", "diagnosis", "side", "period")
"""``period`` is the month of start: counted by that, another way to ask for the reports of these months."""
BETWEEN = "\N{SYMBOL FOR UNIT SEPARATOR}"
ACTIVITY, BY_MONTH = "activity", "activity_by_month"
"""A visit may serve two episodes, of two groups or months, so these are counted from the visits themselves."""
UNDIVIDED = {
    "visit_distribution": (visit_distribution, "episodes"),
    "visits_after_improvement_each": (visits_after_improvement_each, "improved"),
    "response_by_channel": (response_by_channel, "timepoints"),
}
"""Tables that no report divides, and the frame that they are made of."""
WHOSE = {
    ("visits_by_outcome", "due"): ("visits",),
    ("short_programmes", "short"): ("checkpoint",),
    ("bounds", "not_judged"): (),
    ("bounds", "everyone"): ("wording",),
    ("bounds", "at_best"): ("wording",),
}
"""Counts that stand beside several rows and are nowhere else: the part of the row that they are about."""


def days_of(period: Period) -> dict[str, dt.date]:
    """The days between which these months are."""
    first, after = (dt.date((FIRST + month) // 12, (FIRST + month) % 12 + 1, 1) for month in period)
    return {"from_on": first, "to_on": after}


def month_of(day: str) -> int:
    """The number of the month, or the day, that ISO writes so."""
    return int(day[:4]) * 12 + int(day[5:7]) - 1 - FIRST


@dataclass(frozen=True)
class Count:
    """What is counted, as of a day: ``groups`` are the divisions."""

    session: Session
    organisation: Organisation
    basis: str
    reports: Sequence[str]
    groups: Sequence[str]
    day: dt.datetime

    def of_episodes(self, periods: Sequence[Period]) -> Counts:
        """Every count of episodes, and of visits that are counted by episode."""
        found: Counts = {}
        if self.basis == "activity":
            for place, period in enumerate(periods):
                for one, _, count in self._counted(period):
                    found.setdefault(one, np.zeros(len(periods), dtype="int64"))[place] += count
            return found
        for one, month, count in self._counted((0, MONTHS)):
            found.setdefault(one, np.zeros(MONTHS + 1, dtype="int64"))[month + 1] += count
        first, after = (list(ends) for ends in zip(*periods, strict=True))
        return {one: months.cumsum()[after] - months.cumsum()[first] for one, months in found.items()}

    def patients(self) -> pd.DataFrame:
        """The patient, the clinician and the groups of every episode, and the month in which it started."""
        with _every_label_at_once():
            cohort = self._cohort()
            every = known.episodes(cohort.scope, None).subquery()
            label = cohort._label(every, None)
            rows = self.session.execute(sa.select(every.c.patient_id, every.c.clinician, label)).all()
        return _divided([(row[0], row[1]) for row in rows], [row[2] for row in rows], ["patient", "clinician_code"])

    def services(self) -> pd.DataFrame:
        """Which visit served which episode of the months in question, its groups, and both months."""
        with _every_label_at_once():
            served = self._cohort().served.c
            rows = self.session.execute(sa.select(served.visit_id, served.episode_id, served.visited_on, served.group))
            found = [(row[0], row[1], month_of(str(row[2])), row[3]) for row in rows]
        return _divided([row[:3] for row in found], [row[3] for row in found], ["visit", "episode", "visited"])

    def _cohort(self) -> Cohort:
        return Cohort(self.session, self._ask((0, MONTHS)))

    def _ask(self, period: Period) -> ReportQuery:
        inside = {"audience": "clinic", "group_by": "period", "basis": self.basis, "as_of": self.day}
        return ReportQuery((), self.organisation.id, **days_of(period), **inside)

    def _counted(self, period: Period) -> Iterator[tuple[Series, int, int]]:
        query = self._ask(period)
        for name in self.reports:
            with _every_label_at_once():
                facts = count_facts(self.session, REPORTS[name], query)
            for labels, rest, count in _cells(report_of(REPORTS[name], facts, query)):
                *groups, month = labels.split(BETWEEN)
                yield ("", EVERYTHING, *rest), month_of(month), count
                for by, group in zip(GROUPS, [*groups, month], strict=True):
                    if by in self.groups:
                        yield (by, group, *rest), month_of(month), count
            yield from _undivided(REPORTS[name], facts)


@contextlib.contextmanager
def _every_label_at_once() -> Iterator[None]:
    """Every group of an episode is one label, and the month in which it started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cohort, "_label", _every_label)
        yield


def _every_label(cohort: Cohort, episodes: Any = None, clinician: Any = None) -> sa.ColumnElement[str]:
    who = (cohort.chosen if episodes is None else episodes).c
    clinician = who.clinician if clinician is None else clinician
    said = [sa.case((column == "", known.NOT_RECORDED), else_=column) for column in (clinician, who.diagnosis)]
    parts = [who.clinic, who.clinic + " / " + said[0], who.pathway, said[1], who.side]
    label = sa.func.substr(who.started_on, 1, len("2026-01"))
    for part in reversed(parts):
        label = part + BETWEEN + label
    return label


def _divided(rows: list[Any], labels: list[str], columns: list[str]) -> pd.DataFrame:
    groups = pd.DataFrame([label.split(BETWEEN) for label in labels], columns=list(GROUPS))
    started = groups["period"].map(month_of)
    return pd.concat([pd.DataFrame(rows, columns=columns), groups.assign(started=started)], axis="columns")


def _undivided(kind: Any, facts: Any) -> Iterator[tuple[Series, int, int]]:
    """Every count of the tables that are not divided, by the month in which the episodes started."""
    for layout in (one for one in kind.layouts if one.name in UNDIVIDED):
        make, name = UNDIVIDED[layout.name]
        frame = facts.frames()[name]
        months = frame["group"].str.split(BETWEEN).str[-1]
        for month in sorted(set(months)):
            for _, rest, count in _table(layout, make(frame[months == month]).assign(group="")):
                yield ("", EVERYTHING, *rest), month_of(month), count


def _cells(report: Any) -> Iterator[tuple[str, tuple[str, tuple[str, ...], str], int]]:
    """Every count of every group that is not nothing, and what it is called."""
    for layout in report.kind.layouts:
        table = report.tables[layout.name]
        if "group" in table and layout.name != ACTIVITY:
            yield from _table(layout, table[table["group"] != EVERYTHING])


def _table(layout: Any, table: pd.DataFrame) -> Iterator[tuple[str, tuple[str, tuple[str, ...], str], int]]:
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
