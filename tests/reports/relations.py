"""What the counts of reports have to do with each other: sums, parts, months, and groups that are not named."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from prom_service.reports.cohort import NAMED_PATIENTS
from prom_service.reports.kinds import REPORTS
from prom_service.reports.layout import COUNT, POOLED, SHARE
from prom_service.reports.rounding import EVERYTHING
from tests.reports.attacker import Pools, Sum
from tests.reports.counted import ACTIVITY, BY_MONTH, UNDIVIDED, Period, Series
from tests.reports.visits_counted import AGAIN, SERVICES

LIMIT = 14
"""The visit limit of every pathway."""
PAST_LIMIT = "past_limit"
"""Episodes over the limit, closed or open. In no report."""
PARTS = {
    ("visits_per_episode", "episodes"): ("closed", "open"),
    ("visits_per_episode", PAST_LIMIT): ("over", "open_over"),
    ("denominators", "episodes"): ("not_yet_due", "due"),
    ("denominators", "due"): ("excluded", "eligible"),
    ("visits_after_improvement", "demonstrated"): ("closed", "open"),
    ("visits_without_review", "flagged"): ("reviewed", "unreviewed"),
    ("process", "applies"): ("documented", "not_documented"),
    ("reliable_change", "assessable"): ("better", "within", "worse"),
    (ACTIVITY, SERVICES): ("visits", AGAIN),
    (BY_MONTH, SERVICES): ("visits", AGAIN),
    (BY_MONTH, "shared"): (AGAIN,),
}
WITHIN = {
    ("visits_per_episode", "open_over"): ("open",),
    ("visits_by_outcome", "open"): ("episodes",),
    ("visits_without_review", "unreviewed_open"): ("unreviewed",),
    ("visits_without_review", "with_visits"): ("unreviewed", "visits_unreviewed"),
    ("denominators", "invited"): ("eligible",),
    ("denominators", "delivered"): ("invited",),
    ("denominators", "started"): ("delivered",),
    ("denominators", "with_baseline"): ("scorable",),
    ("scores", "at_worst"): ("scores",),
    (ACTIVITY, "shared"): ("visits",),
    (BY_MONTH, "shared"): ("visits",),
    (ACTIVITY, AGAIN): ("shared",),
    (ACTIVITY, "served"): (SERVICES,),
    (BY_MONTH, "served"): (SERVICES,),
}
"""Counts that are no more than others of their row."""
STEPS = (
    ("episodes", "due", ("due",)),
    ("due", "eligible", ("eligible",)),
    ("eligible", "invited", ("invited",)),
    ("invited", "delivered", ("delivered",)),
    ("delivered", "started", ("started",)),
    ("started", "complete", "partial", ("complete",)),
    ("started", "scorable", ("complete", "scorable")),
    ("scorable", "with_baseline", ("with_baseline",)),
)
"""Of the denominators: a step, where those who are there came to, and where others are left out."""
Row = tuple[str, ...]


def _one_for_all(row: Row) -> Row:
    return ()


def _first(row: Row) -> Row:
    return row[:1]


def _wording(row: Row) -> Row:
    return row[1:]


def _is_past_limit(row: Row) -> bool:
    return row[0] == "over" or (row[0].isdigit() and int(row[0]) > LIMIT)


def _is_due(row: Row) -> bool:
    return row[1] != "not_yet_due"


ROWS: Mapping[Any, Sequence[tuple[tuple[str, str], Callable[[Row], Row], Callable[[Row], bool]]]] = {
    ("visits_by_outcome", "episodes"): (
        (("visits_per_episode", "episodes"), _one_for_all, bool),
        (("visits_per_episode", PAST_LIMIT), _one_for_all, _is_past_limit),
        (("visits_by_outcome", "due"), _first, _is_due),
    ),
    ("visits_by_outcome", "open"): ((("visits_per_episode", "open"), _one_for_all, bool),),
    ("visit_distribution", "closed"): (
        (("visits_per_episode", "closed"), _one_for_all, bool),
        (("visits_per_episode", "over"), _one_for_all, _is_past_limit),
    ),
    ("visit_distribution", "open"): (
        (("visits_per_episode", "open"), _one_for_all, bool),
        (("visits_per_episode", "open_over"), _one_for_all, _is_past_limit),
    ),
    ("visits_after_improvement_each", "closed"): ((("visits_after_improvement", "closed"), _wording, bool),),
    ("visits_after_improvement_each", "open"): ((("visits_after_improvement", "open"), _wording, bool),),
    ("short_programmes", "episodes"): ((("short_programmes", "short"), _first, bool),),
    (BY_MONTH, SERVICES): (((ACTIVITY, SERVICES), _one_for_all, bool),),
}
"""Columns whose rows are together a count of another table: which row of it, and which rows those are."""
SIZES = (("visits_per_episode", "episodes"), ("units", "episodes"))
"""All episodes of a group."""
LAYOUTS = {layout.name: layout for kind in REPORTS.values() for layout in kind.layouts}
RESTS_ON = {
    (layout.name, column.key): column.rests_on
    for layout in LAYOUTS.values()
    for column in layout.columns
    if column.kind == COUNT and column.rests_on
}
"""Counts that are not told where another is hidden."""


def is_told(one: Series) -> bool:
    """Whether a count stands in a report."""
    return one[4] not in (SERVICES, AGAIN, PAST_LIMIT)


def is_divided(one: Series) -> bool:
    """Whether its table has a row for each group."""
    return one[2] not in (*UNDIVIDED, BY_MONTH)


def adds_up(one: Series) -> bool:
    """Whether the groups of the division add up: a visit may serve two, and an episode be served by two clinicians."""
    by, _, table, _, column = one
    return table != ACTIVITY or column == SERVICES or (column == "served" and by != "clinician")


@dataclass(frozen=True)
class Relations:
    """What is known of these series, whatever the reports show."""

    series: Sequence[Series]
    basis: str

    @cached_property
    def place(self) -> Mapping[Series, int]:
        return {one: number for number, one in enumerate(self.series)}

    def months(self) -> dict[str, np.ndarray]:
        """Of which series the months add up, which are covered by them, and which are only nested."""
        pools = np.array([group == POOLED for _, group, *_ in self.series])
        visits = np.array(
            [t in (ACTIVITY, BY_MONTH) and c in ("visits", "shared", AGAIN) for _, _, t, _, c in self.series]
        )
        dated = visits | np.array([column == SERVICES for *_, column in self.series])
        nowhere = np.zeros(len(self.series), dtype=bool)
        if self.basis == "episodes":
            kinds = {"running": ~visits & ~pools, "covered": nowhere, "nested": visits & ~pools}
        else:
            kinds = {"running": dated & ~pools, "covered": ~dated & ~pools, "nested": nowhere}
        return {kind: np.flatnonzero(which) for kind, which in kinds.items()}

    def sums(self) -> Iterator[Sum]:
        """Which series is the sum of which others: a total of the groups, a whole of its parts, a table of its rows."""
        for one in self.series:
            by, group, table, row, column = one
            parts = [(by, group, table, row, part) for part in PARTS.get((table, column), ())]
            yield from self._sum(one, parts)
            if by == "" and is_divided(one):
                for groups in self._groups.get((table, row, column), {}).values():
                    yield from self._sum(one, [other for other in groups if adds_up(other)])
        for who, rows in self._rows.items():
            yield from self._of_rows(*who, rows)
            if who[2:] == ("denominators", "episodes"):
                yield from self._of_steps(*who[:2], rows)
        yield from self._of_visits()

    def unions(self) -> Iterator[Sum]:
        """Which count is of those that are in any of the others."""
        total = ("", EVERYTHING, ACTIVITY, ())
        months = [one for one in self.series if one[2] == BY_MONTH and one[4] == "served"]
        yield from self._sum((*total, "served"), months)
        for column in ("visits", "served"):
            for groups in self._groups.get((ACTIVITY, (), column), {}).values():
                yield from self._sum((*total, column), [one for one in groups if not adds_up(one)])

    def within(self) -> Iterator[tuple[int, int]]:
        """Which count is no more than which other."""
        for (by, group, table, row, column), number in self.place.items():
            shares = [one.whole for one in LAYOUTS[table].columns if one.kind == SHARE and one.part == column]
            wholes = [(by, group, table, row, one) for one in (*shares, *WITHIN.get((table, column), ()))]
            if table in (ACTIVITY, BY_MONTH) and column in ("visits", "shared", "served"):
                wholes.append(("", EVERYTHING, ACTIVITY, (), column))
            if table == ACTIVITY and column == "served" and by != "clinician":
                wholes.append((by, group, "visits_per_episode", (), "episodes"))
            yield from ((number, self.place[one]) for one in wholes if self.place.get(one, number) != number)

    def pools(self, by: str, named: Sequence[Mapping[Period, frozenset[str]]], most: int) -> Pools:
        """What is known of a division of which only some groups are named."""
        groups = sorted({one[1] for one in self.series if one[0] == by} - {POOLED})
        parts = [one for one in self.series if one[0] == by and one[1] != POOLED and adds_up(one)]
        families = [one[2:] for one in self.series if one[:2] == (by, POOLED) and adds_up((by, *one[1:]))]
        number = {family: place for place, family in enumerate(families)}
        sizes = [self.place[one] for one in parts if (one[2], one[4]) in SIZES]
        return Pools(
            whole=np.array([self.place["", EVERYTHING, *family] for family in families]),
            pool=np.array([self.place[by, POOLED, *family] for family in families]),
            part=np.array([self.place[one] for one in parts]),
            family=np.array([number[one[2:]] for one in parts]),
            group=np.array([groups.index(one[1]) for one in parts]),
            sizes=np.array(sizes if self.basis == "episodes" else [], dtype="int64"),
            least=NAMED_PATIENTS,
            most=most,
            named=[
                {period: np.array([group in names for group in groups]) for period, names in at.items()} for at in named
            ],
        )

    def _sum(self, whole: Series, parts: Sequence[Series], times: Sequence[int] | None = None) -> Iterator[Sum]:
        """The whole and its parts; what is not there is always nothing."""
        there = [place for place, one in enumerate(parts) if one in self.place and (times is None or times[place])]
        if whole in self.place and there:
            often = None if times is None else [times[place] for place in there]
            yield Sum(self.place[whole], [self.place[parts[place]] for place in there], often)

    def _of_rows(self, by: str, group: str, table: str, column: str, rows: Sequence[Series]) -> Iterator[Sum]:
        """Which count of another table the rows of a column are together."""
        for other, key, which in ROWS.get((table, column), ()):
            wholes: dict[Any, list[Series]] = {}
            for one in rows:
                if which(one[3]):
                    wholes.setdefault(key(one[3]), []).append(one)
            for row, parts in wholes.items():
                yield from self._sum((by, group, other[0], row, other[1]), parts)

    def _of_steps(self, by: str, group: str, rows: Sequence[Series]) -> Iterator[Sum]:
        """Whoever came to a step came to the next one, or is left out there for some reason."""
        left_out = self._rows.get((by, group, "left_out", "episodes"), [])
        for (timepoint,) in (one[3] for one in rows):
            for step, *further, missing in STEPS:
                lost = [one for one in left_out if one[3][0] == timepoint and one[3][1] in missing]
                on = [(by, group, "denominators", (timepoint,), one) for one in further]
                yield from self._sum((by, group, "denominators", (timepoint,), step), [*on, *lost])

    def _of_visits(self) -> Iterator[Sum]:
        """How many visits they are whose episodes took so many each, and who was served at all."""
        total = ("", EVERYTHING)
        yield from self._sum((*total, ACTIVITY, (), "shared"), [(*total, ACTIVITY, (), AGAIN)])
        each = [one for one in self.series if one[2] == "visits_after_improvement_each"]
        for wording, column in sorted({(one[3][1], one[4]) for one in each}):
            parts = [one for one in each if (one[3][1], one[4]) == (wording, column)]
            whole = (*total, "visits_after_improvement", (wording,), f"visits_{column}")
            yield from self._sum(whole, parts, [int(one[3][0]) for one in parts])
        if self.basis == "activity":
            for one in self.series:
                if one[2] == ACTIVITY and one[4] == "served" and adds_up(one):
                    yield from self._sum(one, [(*one[:2], "visits_per_episode", (), "episodes")])
            return
        parts = [one for one in self.series if one[2] == "visit_distribution"]
        yield from self._sum((*total, ACTIVITY, (), SERVICES), parts, [int(one[3][0]) for one in parts])
        unserved = [one for one in parts if one[3] == ("0",)]
        served = (*total, ACTIVITY, (), "served")
        yield from self._sum((*total, "visits_per_episode", (), "episodes"), [served, *unserved])

    @cached_property
    def _groups(self) -> dict[Any, dict[str, list[Series]]]:
        """The series of the groups of a count of a table, by division."""
        found: dict[Any, dict[str, list[Series]]] = {}
        for one in self.series:
            if one[0] and one[1] != POOLED:
                found.setdefault(one[2:], {}).setdefault(one[0], []).append(one)
        return found

    @cached_property
    def _rows(self) -> dict[Any, list[Series]]:
        """The series of the rows of a column of a table, by group."""
        found: dict[Any, list[Series]] = {}
        for by, group, table, row, column in self.series:
            found.setdefault((by, group, table, column), []).append((by, group, table, row, column))
        return found
