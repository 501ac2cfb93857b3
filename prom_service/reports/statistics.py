"""Intervals of shares and quantiles, and the limits of funnel plots. Whole columns in, whole columns out.

Only the four operations and roots, in a fixed order, so that the same counts give the same digits on every machine.
"""

from statistics import NormalDist

import numpy as np
import pandas as pd

LEVEL = 0.95
LIMITS = (0.95, 0.998)
"""Levels of the limits of a funnel plot: about two and three standard deviations."""
TAIL = 12
"""Binomial terms further than this many standard deviations from the mean are below 1e-30 and left out."""


def wilson_interval(part: pd.Series, whole: pd.Series, *, level: float = LEVEL) -> tuple[pd.Series, pd.Series]:
    """Return the score interval of ``part`` / ``whole``, without continuity correction; missing where the whole is 0.

    Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = part / whole.where(whole > 0)
    shrunk = 1 + z**2 / whole
    middle = (share + z**2 / (2 * whole)) / shrunk
    reach = z * np.sqrt(share * (1 - share) / whole + z**2 / (4 * whole**2)) / shrunk
    return (middle - reach).where(part > 0, 0 * share), (middle + reach).where(part < whole, share)


def binomial(size: int, probability: float) -> tuple[int, np.ndarray]:
    """Return the first of the successive counts that can be expected at all, and the cumulative probability of each."""
    reach = TAIL * (size * probability * (1 - probability)) ** 0.5 + TAIL
    first, last = max(0, int(size * probability - reach)), min(size, int(size * probability + reach))
    odds = probability / (1 - probability)
    counts = np.arange(first, last + 1)
    mode = min(max(int((size + 1) * probability), first), last) - first
    up = np.cumprod((size - counts[mode:-1]) / (counts[mode:-1] + 1) * odds)
    down = np.cumprod((counts[mode:0:-1] / (size - counts[mode:0:-1] + 1)) / odds)
    summed = np.cumsum(np.concatenate([down[::-1], [1.0], up]))
    return first, summed / summed[-1]


def quantile_ranks(size: int, share: float, *, level: float = LEVEL) -> tuple[int, int]:
    """Return the ranks, from 1, of the two ordered values that enclose the ``share`` quantile; 0 or size + 1: open.

    Distribution-free and equal-tailed, from the exact binomial: each end misses the quantile with a probability of at
    most (1 − level) / 2. Conover 1999, Practical Nonparametric Statistics, 3rd ed., section 3.2; as SciPy's
    ``quantile_test(…).confidence_interval()``.
    """
    first, up_to = binomial(size, share)
    tail = (1 - level) / 2
    low, high = np.searchsorted(up_to, tail), np.searchsorted(up_to, 1 - tail)
    return int(first + low), int(first + high) + 1


def quantile_interval(
    cells: pd.DataFrame, share: float, *, value: str, count: str, level: float = LEVEL
) -> pd.DataFrame:
    """Return ``low`` and ``high`` of the interval of a quantile for each group, each cell weighing ``count``.

    An end is missing where the group is too small to have one at this level; a group without cells has no row.
    """
    steps = cells[cells[count] > 0].groupby(["group", value], as_index=False)[count].sum()
    steps["up_to"] = steps.groupby("group")[count].cumsum()
    sizes = steps.groupby("group")[count].sum()
    known = {size: quantile_ranks(int(size), share, level=level) for size in sizes.unique()}
    ends = {}
    for place, end in enumerate(("low", "high")):
        rank = steps["group"].map(sizes.map({size: ranks[place] for size, ranks in known.items()}))
        reached = steps[(steps["up_to"] >= rank) & (rank > 0)]
        ends[end] = reached.groupby("group")[value].first().reindex(sizes.index).astype("float64")
    return pd.DataFrame(ends)


def funnel_limits(size: int, target: float, level: float) -> tuple[float, float]:
    """Return the shares between which a unit of that size lies with probability ``level`` if ``target`` is its own.

    Exact binomial, interpolated so that the limits fall smoothly with the size: for p = (1 ∓ level) / 2, r is the
    smallest count with P(X ≤ r) ≥ p, and the limit is (r − a) / size with a = (P(X ≤ r) − p) / P(X = r); 0 when that
    is below 0.
    Spiegelhalter 2005, doi:10.1002/sim.1970, appendix A.1.1.
    """
    if target in (0, 1):
        return target, target
    first, up_to = binomial(size, target)
    low, high = (_interpolated(first, up_to, p) / size for p in ((1 - level) / 2, (1 + level) / 2))
    return max(low, 0.0), max(high, 0.0)


def _interpolated(first: int, up_to: np.ndarray, p: float) -> float:
    place = int(np.searchsorted(up_to, p))
    before = up_to[place - 1] if place else 0.0
    return float(first + place - (up_to[place] - p) / (up_to[place] - before))
