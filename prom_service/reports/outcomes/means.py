"""Means of cells with the 95 % interval of the mean (Student 1908, doi:10.1093/biomet/6.1.1).

Sums run over the cells in their given order, so sorted cells give the same digits on either database.
"""

import math
from functools import cache
from statistics import NormalDist

import numpy as np
import pandas as pd

LEVEL = 0.95
SERIES_BELOW = 200
"""Degrees of freedom from which the expansion about the normal quantile is exact to 1e-9."""


def mean_interval(values: pd.Series, counts: pd.Series, strata: pd.Series) -> pd.DataFrame:
    """Return ``mean``, ``low`` and ``high`` of each stratum, each value weighing its count.

    One value has a mean and no interval.
    """
    size = counts.groupby(strata).sum()
    mean = (values * counts).groupby(strata).sum() / size
    squares = ((values - strata.map(mean)) ** 2 * counts).groupby(strata).sum()
    error = np.sqrt(squares / (size - 1).where(size > 1) / size)
    reach = error * size.map({number: t_quantile(int(number) - 1) for number in size.unique() if number > 1})
    return pd.DataFrame({"mean": mean, "low": mean - reach, "high": mean + reach})


@cache
def t_quantile(freedom: int, level: float = LEVEL) -> float:
    """Return t such that a Student variable lies in -t … t with probability ``level``; exact to 1e-9.

    Up to 199 degrees of freedom by Newton's method on the finite series of the distribution, above by the expansion
    of Cornish and Fisher (Abramowitz and Stegun 1964, 26.7.3 to 26.7.5).
    """
    normal = NormalDist().inv_cdf((1 + level) / 2)
    if freedom >= SERIES_BELOW:
        return _expanded(normal, freedom)
    t = normal  # Left of the solution, where the distribution is concave: every step stays left of it.
    while (step := (level - _within(t, freedom)) / (2 * _density(t, freedom))) > 1e-13 * t:
        t += step
    return t


def _within(t: float, freedom: int) -> float:
    """Return the probability of -t … t."""
    angle = math.atan2(t, math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for power in range(2 + odd, freedom + 1, 2):
        total += term
        term *= cosine**2 * (power - 1) / power
    return (angle + sine * total) * 2 / math.pi if odd else sine * total


def _density(t: float, freedom: int) -> float:
    gammas = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    return math.exp(gammas - (freedom + 1) / 2 * math.log1p(t * t / freedom)) / math.sqrt(freedom * math.pi)


def _expanded(x: float, freedom: int) -> float:
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))
