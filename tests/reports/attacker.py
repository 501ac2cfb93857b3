"""Somebody who asks for every report that is to be had and works out what none of them shows.

He knows the rule: a count goes up to the next multiple of 5 from some point on, 1 to 5 above the multiple, the same
point for every count of one question (basis and period) on every day; fewer than 8 are hidden. He does not know the
points, and narrows them down as he goes, by all counts of all reports at once.

He lays the counts of all periods in one system (for episodes by their start the count of a period is one running total
less another, for those with a visit in the period it is no less than any month's and no more than all together), and
closes it by shortest paths; he knows which counts are the sum of which others: groups of a total, closed and open
episodes, rows of a table, visits of the episodes that took so many; which count is part of which; and which groups are
behind a row of small groups. He is even told which counts never went down from one day to a later one. What is left
between the bounds is possible for all he knows; that it is more than one value in all reports together says so of
every two of them too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

FAR = 10**6
"""No count is as high as that."""
NOT_TOLD = -1
"""Stands where a report says nothing of a count, not even that it is small."""
Period = tuple[int, int]
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

    def narrow(self, day: int, period: Period, least: np.ndarray, most: np.ndarray) -> None:
        """Every series is between these in that period."""
        first, after = period
        np.minimum(self.most[day, :, first, after], most, out=self.most[day, :, first, after])
        np.minimum(self.most[day, :, after, first], -least, out=self.most[day, :, after, first])


class Points:
    """What he knows of the points at which counts of one period go up: least and most, by group and multiple."""

    def __init__(self, least: int, most: int, groups: np.ndarray, highest: int) -> None:
        self.groups = groups
        self.least = np.full((groups.max() + 1, highest // 5 + 2), least, dtype="int8")
        self.most = np.full((groups.max() + 1, highest // 5 + 2), most, dtype="int8")

    def read(self, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the most that the counts can be of which that is shown."""
        place = shown // 5
        least = np.maximum(shown - 5 + self.least[self.groups, place - 1], 8)
        hidden = np.where(shown == NOT_TOLD, FAR, np.maximum(7, 4 + self.most[self.groups, 1]).astype("int64"))
        return np.where(shown > 0, least, 0), np.where(shown > 0, shown + self.most[self.groups, place] - 1, hidden)

    def learn(self, shown: np.ndarray, least: np.ndarray, most: np.ndarray) -> None:
        """Narrow the points down by what is known of the counts."""
        place, groups = shown // 5, self.groups
        least, most = (np.clip(bound - shown, -9, 99).astype("int8") for bound in (least, most))
        stayed, went_up, hidden = shown > 0, shown > 5, (shown == 0) & (least > 7)
        np.maximum.at(self.least, (groups[stayed], place[stayed]), (least + 1)[stayed])
        np.minimum.at(self.most, (groups[went_up], place[went_up] - 1), (most + 5)[went_up])
        np.maximum.at(self.least[:, 1], groups[hidden], least[hidden] - 4)
        assert (self.least <= self.most).all()


DRAWN = partial(Points, 1, 5)
NEAREST = partial(Points, 3, 3)


class Sum(NamedTuple):
    """A whole is its parts, each so many times."""

    whole: int
    parts: Sequence[int]
    times: Sequence[int] | None = None


@dataclass(frozen=True)
class Pools:
    """A division of which some groups are named and the others are together in one row: each count of a table a family.

    Part ``n`` is the series of the group ``group[n]`` in the family ``family[n]``; a family has a ``whole`` and a
    ``pool``. ``named`` says of each day and period which groups are. ``sizes`` are the parts that are no less than
    ``least`` if they are named, and otherwise no more than ``most``.
    """

    whole: np.ndarray
    pool: np.ndarray
    part: np.ndarray
    family: np.ndarray
    group: np.ndarray
    sizes: np.ndarray
    least: int
    most: int
    named: Sequence[Mapping[Period, np.ndarray]]


@dataclass(frozen=True)
class Known:
    """What he knows beside the reports.

    ``sums`` hold in every period; a union is no more than its parts together, and no less than each. ``within`` are
    pairs of a count and another that is no less. ``growing`` series never go down from one day to the next.
    The months of a period add up where a series is ``running``. In a period the others are no less than in each part of
    it, and the ``covered`` no more than in all parts. Of ``loose`` series nothing of the kind is known.
    """

    months: int
    growing: np.ndarray
    running: np.ndarray
    covered: np.ndarray
    nested: np.ndarray
    sums: Sequence[Sum] = ()
    unions: Sequence[Sum] = ()
    within: Sequence[tuple[int, int]] = ()
    pools: Sequence[Pools] = ()
    alike: Sequence[Mapping[Period, np.ndarray]] = ()
    """For each day and period, which series each is seen to equal: itself or another."""
    groups: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype="int64"))
    """Which series have their points in common."""
    points: Callable[[np.ndarray, int], Points] = DRAWN


def work_out(shown: Shown, known: Known) -> Bounds:
    """Return what follows from everything that is shown."""
    bounds = _nothing_known(len(shown), len(known.groups), known.months)
    most, points, before = bounds.most, _points(shown, known), -1
    while (now := int(most.sum(dtype="int64"))) != before:
        before = now
        for day, reports in enumerate(shown):
            for period, counts in reports.items():
                bounds.narrow(day, period, *points[period].read(counts))
            for close, which in ((_close, known.running), (_cover, known.covered), (_nest, known.nested)):
                if len(which):
                    most[day, which] = close(most[day, which])
            _relate(most[day], known)
            for period, same in known.alike[day].items() if known.alike else ():
                bounds.narrow(day, period, *_alike(*bounds.of(day, period), same))
            for pools in known.pools:
                for period, named in pools.named[day].items():
                    bounds.narrow(day, period, *_pooled(*bounds.of(day, period), pools, named))
            for period, counts in reports.items():
                points[period].learn(counts, *bounds.of(day, period))
        _grow(most, known.growing)
    return bounds


def _nothing_known(days: int, series: int, months: int) -> Bounds:
    most = np.full((days, series, months + 1, months + 1), FAR, dtype="int32")
    most[:, :, range(months + 1), range(months + 1)] = 0
    for month in range(months):
        most[:, :, month + 1 :, month] = 0
    return Bounds(most)


def _points(shown: Shown, known: Known) -> dict[Period, Points]:
    highest: dict[Period, int] = {}
    for reports in shown:
        for period, counts in reports.items():
            highest[period] = max(highest.get(period, 0), int(counts.max()))
    return {period: known.points(known.groups, most) for period, most in highest.items()}


def _close(most: np.ndarray) -> np.ndarray:
    """Floyd and Warshall: no way between two months is shorter than the direct one."""
    for by in range(most.shape[1]):
        np.minimum(most, most[:, :, by, None] + most[:, None, by, :], out=most)
    return most


def _cover(most: np.ndarray) -> np.ndarray:
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
    return most


def _nest(most: np.ndarray) -> np.ndarray:
    """A period counts no fewer than each part of it."""
    least = np.minimum.accumulate(np.minimum.accumulate(np.where(_upper(most), 0, most), axis=1)[:, :, ::-1], axis=2)
    longer = np.minimum.accumulate(np.minimum.accumulate(most, axis=1)[:, :, ::-1], axis=2)
    return np.where(_upper(most), longer[:, :, ::-1], least[:, :, ::-1])


def _upper(most: np.ndarray) -> np.ndarray:
    """Which cells hold the most of a period; the others hold the least."""
    return np.triu(np.ones(most.shape[-2:], dtype=bool))


def _relate(most: np.ndarray, known: Known) -> None:
    """Bound every whole by its parts, each part by the whole less the least of the others, and a count by its whole."""
    upper = _upper(most)
    for whole, parts, times in known.sums:
        together, each = _add_up(most, whole, list(parts), times)
        most[whole] = np.minimum(most[whole], together)
        most[list(parts)] = each
    for whole, parts, times in known.unions:
        together, each = _add_up(most, whole, list(parts), times)
        most[whole] = np.where(upper, np.minimum(most[whole], together), most[whole])
        most[list(parts)] = np.where(upper, most[list(parts)], each)
    for count, whole in known.within:
        both = np.minimum(most[count], most[whole])
        most[count] = np.where(upper, both, most[count])
        most[whole] = np.where(upper, most[whole], both)


def _add_up(
    most: np.ndarray, whole: int, parts: list[int], times: Sequence[int] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of the whole by its parts, and those of each part by the whole and the others."""
    often = np.ones(len(parts), dtype="int32") if times is None else np.array(times, dtype="int32")
    each = most[parts] * often[:, None, None]
    together = each.sum(axis=0, dtype="int32")
    lacking = (most[whole] + (together - each).transpose(0, 2, 1)) // often[:, None, None]
    return together, np.minimum(most[parts], lacking)


def _alike(least: np.ndarray, most: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    least, most = least.copy(), most.copy()
    np.maximum.at(least, same, least)
    np.minimum.at(most, same, most)
    return least[same], most[same]


def _pooled(least: np.ndarray, most: np.ndarray, pools: Pools, named: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bound in one period: all is the named groups and the pool, and the pool is the others."""
    least, most, told = least.copy(), most.copy(), named[pools.group]
    families = np.arange(len(pools.whole))
    parts, family = np.append(pools.part[told], pools.pool), np.append(pools.family[told], families)
    sized = np.isin(pools.part, pools.sizes)
    large, small = pools.part[told & sized], pools.part[~told & sized]
    least[large], most[small] = least[large].clip(pools.least), most[small].clip(max=pools.most)
    for whole, of_whole, which in ((pools.whole, parts, family), (pools.pool, pools.part[~told], pools.family[~told])):
        at_least, at_most = (np.bincount(which, bound[of_whole], len(whole)).astype("int64") for bound in (least, most))
        least[whole] = np.maximum(least[whole], at_least)
        most[whole] = np.minimum(most[whole], at_most)
        others = (at_least[which] - least[of_whole], at_most[which] - most[of_whole])
        fewest, highest = least[whole][which] - others[1], most[whole][which] - others[0]
        least[of_whole] = np.maximum(least[of_whole], fewest)
        most[of_whole] = np.minimum(most[of_whole], highest)
    return least, most


def _grow(most: np.ndarray, growing: np.ndarray) -> None:
    """No count is more than on a later day, or less than on an earlier one."""
    upper = _upper(most)
    for day in range(1, len(most)):
        less = growing[:, None, None] & ~upper
        most[day] = np.where(less, np.minimum(most[day], most[day - 1]), most[day])
    for day in reversed(range(1, len(most))):
        more = growing[:, None, None] & upper
        most[day - 1] = np.where(more, np.minimum(most[day - 1], most[day]), most[day - 1])


def pinned(bounds: Bounds, true: Sequence[Mapping[Period, np.ndarray]], cells: np.ndarray) -> int:
    """Return how many counts of 1 to 7, of those that are ``cells`` of a report, the attacker knows now."""
    found = 0
    for day, periods in enumerate(true):
        for period, counts in periods.items():
            least, most = bounds.of(day, period)
            assert ((least <= counts) & (counts <= most)).all()
            found += int((cells & (counts >= 1) & (counts <= 7) & (least == most)).sum())
    return found
