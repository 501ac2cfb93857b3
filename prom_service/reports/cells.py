"""Arithmetic on tables of cells: rows that stand for as many episodes as their count says."""

import numpy as np
import pandas as pd

from prom_service.reports.rounding import EVERYTHING


def with_total(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells once for all together, then once more under their groups, where there are any."""
    total = frame.assign(group=EVERYTHING)
    if (frame["group"] == EVERYTHING).all():
        return total
    return pd.concat([total, frame], ignore_index=True)


def by_group(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the sums of the other columns for each combination of ``keys``, the total first, then in order."""
    sums = frame.groupby(keys, as_index=False).sum()
    if "group" not in keys:
        return sums
    return sums.sort_values(keys, key=_total_first, ignore_index=True)


def quantile(cells: pd.DataFrame, share: float, *, value: str, count: str) -> pd.Series:
    """Return the ``share`` quantile of ``value`` for each group, each cell weighing ``count``; no group without cells.

    Exact, from the counts: linear interpolation between the two nearest ranks (Hyndman and Fan 1996, type 7, as numpy
    and pandas do; doi:10.1080/00031305.1996.10473566).
    """
    steps = cells[cells[count] > 0].groupby(["group", value], as_index=False)[count].sum()
    steps["up_to"] = steps.groupby("group")[count].cumsum()
    place = share * (steps.groupby("group")[count].transform("sum") - 1)
    below, above = np.floor(place), np.ceil(place)
    low = steps[steps["up_to"] > below].groupby("group")[value].first()
    high = steps[steps["up_to"] > above].groupby("group")[value].first()
    return low + (high - low) * (place - below).groupby(steps["group"]).first()


def _total_first(column: pd.Series) -> pd.Series:
    return column.where(column != EVERYTHING, "") if column.name == "group" else column
