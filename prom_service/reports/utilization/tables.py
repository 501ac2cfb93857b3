"""Visits per episode against the limit, and visits beside outcomes. Pure functions on the frames of ``extract``."""

import numpy as np
import pandas as pd

from prom_service.reports.cell import BANDS
from prom_service.reports.cells import by_group, quantile, with_total
from prom_service.reports.rounding import EVERYTHING
from prom_service.reports.statistics import quantile_interval
from prom_service.reports.utilization.extract import ASSESSED

WORDINGS = {"official": "official", "own": "provisional wording"}
NOT_JUDGED = ("not_assessable", "not_yet_due")
SHOWN_AT_LEAST = 15
"""The distribution shows every number of visits from 0 to here, and further as far as there are episodes."""


def visit_distribution(episodes: pd.DataFrame) -> pd.DataFrame:
    """Count closed and open episodes for every number of visits from 0 on, without gaps."""
    counts = _closed_and_open(episodes).groupby("visits")[["closed", "open"]].sum()
    highest = max(SHOWN_AT_LEAST, *counts.index) if len(counts) else SHOWN_AT_LEAST
    return counts.reindex(pd.RangeIndex(highest + 1, name="visits"), fill_value=0).reset_index()


def visits_per_episode(episodes: pd.DataFrame, *, least: int = 1) -> pd.DataFrame:
    """Summarise the visits of closed episodes by group beside the limit; open episodes are counted apart.

    Median and 75th percentile are missing where no episode is closed, the interval of the latter where few are, the
    limit where pathways differ in it that have at ``least`` so many episodes.
    """
    cells = _closed_and_open(with_total(episodes))
    over = cells["visits"] > cells["visit_limit"]
    cells["over"], cells["open_over"] = cells["closed"].where(over, 0), cells["open"].where(over, 0)
    table = by_group(cells[["group", "episodes", "closed", "open", "over", "open_over"]], ["group"])
    for key, share in (("median", 0.5), ("percentile_75", 0.75)):
        table[key] = table["group"].map(quantile(cells, share, value="visits", count="closed")).astype("float64")
    interval = quantile_interval(cells, 0.75, value="visits", count="closed")
    for end in ("low", "high"):
        table[f"percentile_75_{end}"] = table["group"].map(interval[end]).astype("float64")
    of_limit = cells.groupby(["group", "visit_limit"], as_index=False)["episodes"].sum()
    limits = of_limit[of_limit["episodes"] >= least].groupby("group")["visit_limit"].agg(["min", "max"])
    table["visit_limit"] = table["group"].map(limits["min"].where(limits["min"] == limits["max"])).astype("Int64")
    return table


def visits_by_outcome(episodes: pd.DataFrame) -> pd.DataFrame:
    """Count due episodes within and over the limit by outcome and wording, every combination in its own row.

    ``due`` is the same for all outcomes of a group and band, so shares of different wordings never look larger than
    they are. Windows still open are *not_yet_due*; ``early`` counts those of them that were judged so already.
    """
    frame = with_total(episodes)
    frame["band"] = np.where(frame["visits"] > frame["visit_limit"], "over", "within")
    frame["wording"] = frame["wording"].map(WORDINGS).fillna("")
    early = frame.assign(episodes=frame["episodes"].where(~frame["due"] & frame["outcome"].isin(ASSESSED), 0))
    grid = _grid(frame)
    frame.loc[~frame["due"], ["outcome", "wording"]] = ["not_yet_due", ""]
    frame["open"] = frame["episodes"].where(~frame["closed"], 0)
    frame["due"] = frame["episodes"].where(frame["due"], 0)
    keys = list(grid.names)
    table = frame.groupby(keys)[["episodes", "open"]].sum().reindex(grid, fill_value=0)
    table["early"] = early.groupby(keys)["episodes"].sum().reindex(grid, fill_value=0)
    table = table.reset_index()
    due = frame.groupby(["group", "band"])["due"].sum().rename("due").reset_index()
    table = table.merge(due, on=["group", "band"], how="left")
    table["due"] = table["due"].where(table["outcome"] != "not_yet_due").fillna(0).astype("int64")
    return table.rename(columns={"band": "visits"})


def _closed_and_open(episodes: pd.DataFrame) -> pd.DataFrame:
    closed = episodes["episodes"].where(episodes["closed"], 0)
    return episodes.assign(closed=closed, open=episodes["episodes"] - closed)


def _grid(frame: pd.DataFrame) -> pd.MultiIndex:
    """Every row that the table of visits and outcomes has, empty ones too, in the order of reading."""
    wordings = [word for word in WORDINGS.values() if (frame["wording"] == word).any()] or [""]
    outcomes = [(outcome, wording) for wording in wordings for outcome in ASSESSED]
    outcomes += [(outcome, "") for outcome in NOT_JUDGED]
    groups = [EVERYTHING, *sorted(set(frame["group"]) - {EVERYTHING})]
    rows = [(group, band, *outcome) for group in groups for band in BANDS for outcome in outcomes]
    return pd.MultiIndex.from_tuples(rows, names=["group", "band", "outcome", "wording"])
