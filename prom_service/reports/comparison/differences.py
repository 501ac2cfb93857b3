"""Differences between those who answered and those who did not, from what is shown of both."""

import numpy as np
import pandas as pd

from prom_service.reports.comparison.tables import DECIMALS
from prom_service.reports.rounding import EXACT_DECIMALS, WITHHELD


def of_shares(shown: pd.DataFrame, _off: int) -> pd.DataFrame:
    """Return the table with the difference of the shares; hidden where one of them is."""
    return shown.assign(difference=_difference(shown, "share", EXACT_DECIMALS))


def of_means(shown: pd.DataFrame, _off: int) -> pd.DataFrame:
    """Return the table with the difference of the means, plain and in pooled standard deviations.

    Standardised: (m1 - m2) / sqrt((s1² + s2²) / 2), Austin 2009, doi:10.1002/sim.3697.
    """
    plain = _difference(shown, "mean", DECIMALS)
    deviations = [_numbers(shown, f"deviation_{side}") for side in ("responders", "non_responders")]
    pooled = np.sqrt((deviations[0] ** 2 + deviations[1] ** 2) / 2)
    standardised = (pd.to_numeric(plain, errors="coerce") / pooled.where(pooled > 0)).astype("float64").round(2)
    return shown.assign(difference=plain, standardised=standardised.astype(object).mask(plain == WITHHELD, WITHHELD))


def _difference(shown: pd.DataFrame, figure: str, decimals: int) -> pd.Series:
    sides = [f"{figure}_responders", f"{figure}_non_responders"]
    difference = (_numbers(shown, sides[0]) - _numbers(shown, sides[1])).round(decimals)
    hidden = (shown[sides] == WITHHELD).any(axis="columns")
    return difference.astype(object).mask(hidden, WITHHELD) if hidden.any() else difference


def _numbers(shown: pd.DataFrame, key: str) -> pd.Series:
    return pd.to_numeric(shown[key], errors="coerce").astype("float64")
