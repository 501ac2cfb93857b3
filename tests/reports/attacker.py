"""Somebody who asks for every report that is to be had and works out what none of them shows.

He knows the rule: a count that is hidden is one of 0 to 9, one that is shown lies less than 5 from what is shown and is
no less than 8. He lays the counts of all periods in one system of differences between months (the count of a period is
one running total less another) and closes it by shortest paths, and he knows which counts are the sum of which others:
groups of a total, closed and open episodes, those due and not yet due. What is left between the bounds is possible for
all he knows; that it is more than one value in all reports together says so of every two of them too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FAR = 10**6
Period = tuple[int, int]
Sums = Iterable[tuple[int, Sequence[int]]]


@dataclass(frozen=True)
class Bounds:
    """For each series of counts and each period from month ``i`` to month ``j``: the least and the most it can be."""

    most: np.ndarray

    def of(self, period: Period) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the most of every series in that period."""
        first, after = period
        return -self.most[:, after, first], self.most[:, first, after]


@dataclass(frozen=True)
class Rule:
    """How counts are shown: the most that a hidden one can be, and how far a shown one may be off."""

    hidden: int = 9
    off: int = 4


DRAWN, NEAREST = Rule(), Rule(hidden=7, off=2)


def work_out(shown: Mapping[Period, np.ndarray], months: int, sums: Sums, rule: Rule = DRAWN) -> Bounds:
    """Return what follows from the ``shown`` counts of every series (0 is hidden); a whole is the sum of its parts."""
    series = len(next(iter(shown.values())))
    most = np.full((series, months + 1, months + 1), FAR)
    most[:, range(months + 1), range(months + 1)] = 0
    most[:, range(1, months + 1), range(months)] = 0
    for (first, after), counts in shown.items():
        known = counts > 0
        most[:, first, after] = np.where(known, counts + rule.off, rule.hidden)
        most[:, after, first] = np.where(known, -np.maximum(counts - rule.off, 8), 0)
    sums, before = list(sums), None
    while before is None or (most != before).any():
        before = most.copy()
        _close(most)
        for whole, parts in sums:
            _add_up(most, whole, list(parts))
    return Bounds(most)


def _close(most: np.ndarray) -> None:
    """Floyd and Warshall: no way between two months is shorter than the direct one."""
    for by in range(most.shape[1]):
        np.minimum(most, most[:, :, by, None] + most[:, None, by, :], out=most)


def _add_up(most: np.ndarray, whole: int, parts: list[int]) -> None:
    """Bound the whole by its parts, and each part by the whole less the least of the others."""
    together = most[parts].sum(axis=0)
    np.minimum(most[whole], together, out=most[whole])
    for part in parts:
        others = (together - most[part]).T
        np.minimum(most[part], most[whole] + others, out=most[part])


def pinned(bounds: Bounds, true: Mapping[Period, np.ndarray]) -> int:
    """Return how many counts of 1 to 7 the attacker knows now."""
    found = 0
    for period, counts in true.items():
        least, most = bounds.of(period)
        assert ((least <= counts) & (counts <= most)).all()
        found += int(((counts >= 1) & (counts <= 7) & (least == most)).sum())
    return found
