"""What is true of a population, and what every report that may be asked for outside the clinic shows of it."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError
from prom_service.models import Organisation
from prom_service.reports import ReportQuery
from prom_service.reports.cohort import NAMED_PATIENTS, TYPED_IN
from prom_service.reports.layout import POOLED
from prom_service.reports.rounding import EVERYTHING, rounding_of
from tests.reports.attacker import FAR, NOT_TOLD, Known, Shown
from tests.reports.counted import ACTIVITY, MONTHS, Count, Counts, Period, Series, days_of
from tests.reports.relations import PARTS, PAST_LIMIT, RESTS_ON, Relations, is_divided, is_told
from tests.reports.visits_counted import named_groups, visits_of_groups, visits_of_pools

PERIODS = list(combinations(range(MONTHS + 1), 2))
"""Every range of months."""
LAST = dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
NOWHERE = -1
Named = Mapping[str, Mapping[Period, frozenset[str]]]
"""Which groups of a division are named in each period that is seen."""


@dataclass(frozen=True)
class World:
    """The counts that are true: for each day (``as_of``), series and period; ``named`` for each day, too."""

    session: Session
    organisation: Organisation
    basis: str
    days: Sequence[dt.datetime]
    series: Sequence[Series]
    true: Sequence[Mapping[Period, np.ndarray]]
    named: Sequence[Named]

    def ask(self, period: Period, **changes: Any) -> ReportQuery:
        """The question about a period, of all clinics together and from outside unless said otherwise."""
        asked = {"organisation_id": self.organisation.id, "basis": self.basis, "as_of": self.days[-1]}
        return ask(period, **{**asked, **changes})

    def periods(self, day: int) -> list[Period]:
        """The periods that are seen outside the clinic as of a day."""
        looks = _looks(self.organisation, self.days[day])
        return [period for period in self.true[day] if period in looks]

    def seen(self) -> Shown:
        """What is seen outside the clinic as of each of the days, of every period."""
        return [self._seen(day) for day in range(len(self.days))]

    @cached_property
    def groups(self) -> np.ndarray:
        """To which of the groups each series belongs, by number."""
        every = {group: number for number, group in enumerate(dict.fromkeys(one[:2] for one in self.series))}
        return np.array([every[one[:2]] for one in self.series])

    @cached_property
    def cells(self) -> np.ndarray:
        """Which series stand in reports."""
        return np.array([is_told(one) for one in self.series])

    @cached_property
    def relations(self) -> Relations:
        return Relations(self.series, self.basis)

    def shown(self, period: Period, day: int = -1, ask: Callable[..., ReportQuery] | None = None) -> np.ndarray:
        """What the report of a period shows of each series; 0 is hidden, and some are not told."""
        counts = self.true[day][period]
        shown = np.full(len(counts), NOT_TOLD)
        divisions = np.array([one[0] for one in self.series])
        for by in dict.fromkeys(divisions):
            rounding = rounding_of(self.session, (ask or self.ask)(period, as_of=LAST, group_by=by or None))
            which = np.flatnonzero((divisions == by) & self.cells)
            rows = pd.DataFrame({"group": [self.series[number][1] for number in which]})
            shown[which] = rounding.shown(pd.Series(counts[which]), rounding.questions(rows))
        shown = np.where(self._equals(counts), shown[self._of_all], shown)
        hidden = np.append(shown == 0, True)
        shown[hidden[self._rests_on] & (self._rests_on != NOWHERE)] = NOT_TOLD
        for by, named in self.named[day].items():
            unnamed = [one[0] == by and one[1] not in {*named.get(period, ()), POOLED} for one in self.series]
            shown[unnamed] = NOT_TOLD
        return shown

    def read(self, period: Period, day: int = -1, ask: Callable[..., ReportQuery] | None = None) -> np.ndarray:
        """The same without what repeats the total: a group that has all of it is rounded as the total is."""
        return np.where(self._equals(self.true[day][period]), NOT_TOLD, self.shown(period, day, ask))

    def alike(self) -> list[Mapping[Period, np.ndarray]]:
        """For each day and period that is seen, which series repeats which, as far as it is shown."""
        each, found = np.arange(len(self.series)), []
        for day in range(len(self.days)):
            shown = {period: self.shown(period, day) for period in self.periods(day)}
            true = self.true[day]
            found.append(
                {
                    period: np.where(self._equals(true[period]) & (counts > 0), self._of_all, each)
                    for period, counts in shown.items()
                }
            )
        return found

    def known(self, **changes: Any) -> Known:
        """What the attacker knows beside the reports."""
        relations = self.relations
        pools = [relations.pools(by, [named[by] for named in self.named], self._most(by)) for by in self.named[0]]
        return Known(
            **{
                "months": MONTHS,
                "growing": self.growing(),
                "sums": list(relations.sums()),
                "unions": list(relations.unions()),
                "within": list(relations.within()),
                "pools": pools,
                "alike": self.alike(),
                "groups": self.groups,
                **relations.months(),
                **changes,
            }
        )

    def growing(self) -> np.ndarray:
        """Which series never go down from one day to a later one; of small groups that is not told."""
        never = np.array([group != POOLED for _, group, *_ in self.series])
        for before, after in zip(self.true, self.true[1:], strict=False):
            for period, counts in before.items():
                never &= after[period] >= counts
        return never

    def _seen(self, day: int) -> dict[Period, np.ndarray]:
        seen = {period: self.read(period, day) for period in self.periods(day)}
        told = np.array([self._is_told_by_month(one) for one in self.series])
        for first, after in list(seen):
            for month in zip(range(first, after), range(first + 1, after + 1), strict=True):
                if month not in seen and month in self.true[day]:
                    seen[month] = np.where(told, self.read(month, day), NOT_TOLD)
        return seen

    def _is_told_by_month(self, one: Series) -> bool:
        """Whether a longer report shows its months: those of the start, or of the visits."""
        if self.basis == "episodes":
            return one[0] == "" and is_divided(one)
        return one[:3] == ("", EVERYTHING, ACTIVITY)

    def _equals(self, counts: np.ndarray) -> np.ndarray:
        """Which series of groups are as many as their total."""
        groups = np.array([one[0] != "" for one in self.series])
        return groups & self.cells & (counts == counts[self._of_all])

    @cached_property
    def _of_all(self) -> np.ndarray:
        """The series of the total of each, by number."""
        place = self.relations.place
        return np.array([place["", EVERYTHING, *one[2:]] for one in self.series])

    @cached_property
    def _rests_on(self) -> np.ndarray:
        """The series on which each rests, by number: none, or one that is always nothing."""
        place = self.relations.place
        found = []
        for by, group, table, row, column in self.series:
            other = RESTS_ON.get((table, column))
            found.append(NOWHERE if other is None else place.get((by, group, table, row, other), len(self.series)))
        return np.array(found)

    def _most(self, by: str) -> int:
        """The most episodes that a group had that was not named, as far as the attacker knows."""
        if by != "clinician":
            return FAR
        pools = self.relations.pools(by, [], FAR)
        names = np.array([one[1] for one in self.series], dtype=object)
        counts = [
            self.true[day][period][number]
            for day, named in enumerate(self.named)
            for period, groups in named[by].items()
            for number in pools.sizes
            if names[number] not in groups
        ]
        return max([NAMED_PATIENTS - 1, *counts])


def ask(period: Period, **values: Any) -> ReportQuery:
    """A question from outside about months of the world."""
    return ReportQuery(**{"clinic_ids": (), "audience": "quality", **days_of(period), **values})


def unchecked(query: ReportQuery, period: Period) -> ReportQuery:
    """A question about months that is refused in life."""
    forbidden = object.__new__(ReportQuery)
    for name, value in {**vars(query), **days_of(period)}.items():
        object.__setattr__(forbidden, name, value)
    return forbidden


def allowed(organisation: Organisation) -> list[Period]:
    """Every period that may be seen outside the clinic once it is over."""
    return [period for period in PERIODS if _is_allowed(organisation, period)]


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
    found, named = [], []
    for day in days:
        count = Count(session, organisation, basis, reports, groups, day)
        looks = _looks(organisation, day)
        names = _named(count, [period for period in periods if period in looks])
        found.append(_counts(count, periods, names))
        named.append(names)
    series = list(dict.fromkeys(one for day in found for one in day))
    nothing = np.zeros(len(periods), dtype="int64")
    true = []
    for day in found:
        counts = np.array([day.get(one, nothing) for one in series])
        true.append({period: counts[:, place] for place, period in enumerate(periods)})
    return World(session, organisation, basis, days, series, true, named)


def _named(count: Count, periods: Sequence[Period]) -> Named:
    patients = count.patients() if set(TYPED_IN) & set(count.groups) else None
    started = count.basis == "episodes"
    return {
        by: {period: named_groups(patients, by, period if started else None) for period in periods}
        for by in TYPED_IN
        if by in count.groups
    }


def _counts(count: Count, periods: Sequence[Period], named: Named) -> Counts:
    """Every count of a day, also those that are in no report, and those of small groups together."""
    found = count.of_episodes(periods)
    for one in [one for one in found if one[2] == "visits_per_episode"]:
        if one[4] in PARTS["visits_per_episode", PAST_LIMIT]:
            past = (*one[:4], PAST_LIMIT)
            found[past] = found[one] + found.get(past, 0)
    if "utilization" in count.reports:
        services = count.services()
        found |= visits_of_groups(services, count.basis, count.groups, periods)
    for by, names in named.items():
        found |= _pools(found, by, periods, names)
        if "utilization" in count.reports:
            found |= visits_of_pools(services, count.basis, by, periods, names)
    return found


def _pools(found: Counts, by: str, periods: Sequence[Period], named: Mapping[Period, frozenset[str]]) -> Counts:
    """The counts of the groups that are not named, together, of the periods that are seen."""
    pools: Counts = {}
    for one, counts in found.items():
        if one[0] == by:
            unnamed = np.array([period in named and one[1] not in named[period] for period in periods])
            pool = pools.setdefault((by, POOLED, *one[2:]), np.zeros(len(periods), dtype="int64"))
            pool += np.where(unnamed, counts, 0)
    return pools
