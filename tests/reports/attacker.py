"""Somebody who asks for every report that is to be had and works out what none of them shows.

He knows the rule: a count goes up to the next multiple of 5 from some point on, 1 to 5 above the multiple, the same
point for every count of one question (basis and period) on every day; fewer than 8 are hidden. He does not know the
points, and narrows them down as he goes, by all counts of all reports at once.

He lays the counts of all periods in one system (for episodes by their start the count of a period is one running total
less another, for those with a visit in the period it is no less than any month's and no more than all together), and
closes it by shortest paths; he knows which counts are the sum of which others: groups of a total, closed and open
episodes, rows of a table; he is even told which counts never went down from one day to a later one. What is left
between the bounds is possible for all he knows; that it is more than one value in all reports together says so of
every two of them too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

FAR = 10**6
HIGHEST = 4000
"""No count is as high as that."""
Period = tuple[int, int]
Sums = Iterable[tuple[int, Sequence[int]]]
Shown = Sequence[Mapping[Period, np.ndarray]]
"""For each day, in order, what the report of each period shows of each series; 0 is hidden."""


@dataclass(frozen=True)
class Bounds:
    """For each day, series of counts and period from month ``i`` to month ``j``: the least and the most it can be."""

    most: np.ndarray

    def of(self, day: int, period: Period) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the most of every series in that period."""
        first, after = period
        return -self.most[day, :, after, first], self.most[day, :, first, after]


class Points:
    """What he knows of the points at which counts of one period go up: least and most, by group and multiple."""

    def __init__(self, least: int, most: int, groups: np.ndarray) -> None:
        self.groups = groups
        self.least = np.full((groups.max() + 1, HIGHEST // 5 + 2), least)
        self.most = np.full((groups.max() + 1, HIGHEST // 5 + 2), most)

    def read(self, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the most that the counts can be of which that is shown."""
        place = shown // 5
        least = np.maximum(shown - 5 + self.least[self.groups, place - 1], 8)
        hidden = np.maximum(7, 4 + self.most[self.groups, 1])
        return np.where(shown > 0, least, 0), np.where(shown > 0, shown + self.most[self.groups, place] - 1, hidden)

    def learn(self, shown: np.ndarray, least: np.ndarray, most: np.ndarray) -> None:
        """Narrow the points down by what is known of the counts."""
        place, groups = shown // 5, self.groups
        stayed, went_up = shown > 0, shown > 5
        np.maximum.at(self.least, (groups[stayed], place[stayed]), (least - shown + 1)[stayed])
        np.minimum.at(self.most, (groups[went_up], place[went_up] - 1), (most - shown + 5)[went_up])
        hidden = (shown == 0) & (least > 7)
        np.maximum.at(self.least[:, 1], groups[hidden], least[hidden] - 4)
        assert (self.least <= self.most).all()


DRAWN = partial(Points, 1, 5)
NEAREST = partial(Points, 3, 3)


@dataclass(frozen=True)
class Known:
    """What he knows beside the reports: a whole is the ``sums`` of its parts, ``growing`` series never go down.

    ``running``: the months of a period add up. Otherwise it is only no less than each part of it, and no more than all.
    """

    months: int
    sums: Sums
    growing: np.ndarray
    running: bool = True
    groups: np.ndarray | None = None
    """Which series have their points in common; none: all."""
    points: Callable[[np.ndarray], Points] = DRAWN


def work_out(shown: Shown, known: Known) -> Bounds:
    """Return what follows from everything that is shown."""
    series = len(next(iter(shown[0].values())))
    most = np.full((len(shown), series, known.months + 1, known.months + 1), FAR, dtype="int32")
    most[:, :, range(known.months + 1), range(known.months + 1)] = 0
    for month in range(known.months):
        most[:, :, month + 1 :, month] = 0
    groups = np.zeros(series, dtype="int64") if known.groups is None else known.groups
    points = {period: known.points(groups) for reports in shown for period in reports}
    sums, before = list(known.sums), -1
    bounds = Bounds(most)
    while (now := int(most.sum(dtype="int64"))) != before:
        before = now
        for day, reports in enumerate(shown):
            _read(bounds, day, reports, points)
            (_close if known.running else _close_unions)(most[day])
            for whole, parts in sums:
                _add_up(most[day], whole, list(parts))
            _learn(bounds, day, reports, points)
        _grow(most, known.growing)
    return bounds


def _read(bounds: Bounds, day: int, reports: Mapping[Period, np.ndarray], points: Mapping[Period, Points]) -> None:
    for (first, after), counts in reports.items():
        least, most = points[first, after].read(counts)
        np.minimum(bounds.most[day, :, first, after], most, out=bounds.most[day, :, first, after])
        np.minimum(bounds.most[day, :, after, first], -least, out=bounds.most[day, :, after, first])


def _learn(bounds: Bounds, day: int, reports: Mapping[Period, np.ndarray], points: Mapping[Period, Points]) -> None:
    for period, counts in reports.items():
        points[period].learn(counts, *bounds.of(day, period))


def _close(most: np.ndarray) -> None:
    """Floyd and Warshall: no way between two months is shorter than the direct one."""
    for by in range(most.shape[1]):
        np.minimum(most, most[:, :, by, None] + most[:, None, by, :], out=most)


def _close_unions(most: np.ndarray) -> None:
    """A period counts no fewer than each of two parts, no more than both, and each no fewer than the other lacks."""
    last = most.shape[1]
    for first, by, after in ((i, j, k) for i in range(last) for j in range(i + 1, last) for k in range(j + 1, last)):
        both = most[:, first, by] + most[:, by, after]
        most[:, first, after] = np.minimum(most[:, first, after], both)
        for part, other in (((first, by), (by, after)), ((by, after), (first, by))):
            most[:, *part] = np.minimum(most[:, *part], most[:, first, after])
            most[:, after, first] = np.minimum(most[:, after, first], most[:, *part[::-1]])
            lacking = most[:, after, first] + most[:, *other]
            most[:, *part[::-1]] = np.minimum(most[:, *part[::-1]], lacking)


def _add_up(most: np.ndarray, whole: int, parts: list[int]) -> None:
    """Bound the whole by its parts, and each part by the whole less the least of the others."""
    together = most[parts].sum(axis=0)
    np.minimum(most[whole], together, out=most[whole])
    for part in parts:
        others = (together - most[part]).T
        np.minimum(most[part], most[whole] + others, out=most[part])


def _grow(most: np.ndarray, growing: np.ndarray) -> None:
    """No count is more than on a later day, or less than on an earlier one."""
    earlier_than = np.triu(np.ones(most.shape[2:], dtype=bool))
    for day in range(1, len(most)):
        less = growing[:, None, None] & ~earlier_than
        most[day] = np.where(less, np.minimum(most[day], most[day - 1]), most[day])
    for day in reversed(range(1, len(most))):
        more = growing[:, None, None] & earlier_than
        most[day - 1] = np.where(more, np.minimum(most[day - 1], most[day]), most[day - 1])


def pinned(bounds: Bounds, true: Sequence[Mapping[Period, np.ndarray]]) -> int:
    """Return how many counts of 1 to 7 the attacker knows now."""
    found = 0
    for day, periods in enumerate(true):
        for period, counts in periods.items():
            least, most = bounds.of(day, period)
            assert ((least <= counts) & (counts <= most)).all()
            found += int(((counts >= 1) & (counts <= 7) & (least == most)).sum())
    return found
