"""The tables of care that went on. Pure functions on the frames of ``extract``."""

from collections.abc import Mapping, Sequence

import pandas as pd

from prom_service.reports.cells import quantile, with_total
from prom_service.reports.findings import CHECKPOINTS
from prom_service.reports.rounding import EVERYTHING

WORDINGS = {"official": "official", "own": "provisional wording"}


def make_tables(improved: pd.DataFrame, flagged: pd.DataFrame, episodes: pd.Series) -> Mapping[str, pd.DataFrame]:
    """Return every table of this part by the name of its layout; ``episodes`` are all of the report, by group."""
    return {
        "visits_after_improvement": visits_after_improvement(improved, episodes),
        "visits_after_improvement_each": visits_after_improvement_each(improved),
        "visits_without_review": visits_without_review(flagged, list(episodes.index)),
    }


def visits_after_improvement(improved: pd.DataFrame, episodes: pd.Series) -> pd.DataFrame:
    """Summarise the visits after improvement was demonstrated by group; wordings apart, open episodes apart."""
    cells = _closed_and_open(with_total(_worded(improved)))
    cells["visits_closed"], cells["visits_open"] = (cells["visits"] * cells[kind] for kind in ("closed", "open"))
    counts = ["episodes", "closed", "open", "visits_closed", "visits_open"]
    table = _whole(cells, ["group", "wording"], counts, [(word,) for word in _wordings(cells)], list(episodes.index))
    for key, share in (("median", 0.5), ("percentile_75", 0.75)):
        table[key] = _quantiles(cells, share, table)
    table = table.rename(columns={"episodes": "demonstrated"})
    return table.assign(episodes=table["group"].map(episodes).fillna(0).astype("int64"))


def visits_after_improvement_each(improved: pd.DataFrame) -> pd.DataFrame:
    """Count the episodes for every number of visits after improvement from 0 on, without gaps, wordings apart."""
    cells = _closed_and_open(_worded(improved))
    highest = max(cells["visits"], default=0)
    grid = pd.MultiIndex.from_product([_wordings(cells), range(highest + 1)], names=["wording", "visits"])
    return cells.groupby(list(grid.names))[["closed", "open"]].sum().reindex(grid, fill_value=0).reset_index()


def visits_without_review(flagged: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Count the episodes with a finding that asks for a review, those without one, and their visits meanwhile."""
    cells = with_total(_worded(flagged))
    reviewed, visits = cells["reviewed"], cells["visits"] * cells["episodes"]
    counts = {
        "flagged": cells["episodes"],
        "reviewed": cells["episodes"].where(reviewed, 0),
        "unreviewed": cells["episodes"].where(~reviewed, 0),
        "unreviewed_open": cells["episodes"].where(~reviewed & ~cells["closed"], 0),
        "with_visits": cells["episodes"].where(~reviewed & (cells["visits"] > 0), 0),
        "visits_unreviewed": visits.where(~reviewed, 0),
        "visits_before_review": visits.where(reviewed, 0),
    }
    counted = pd.concat([cells[["group", "checkpoint", "wording"]], pd.DataFrame(counts)], axis="columns")
    rows = [(checkpoint, word) for checkpoint in CHECKPOINTS for word in _wordings(cells)]
    return _whole(counted, ["group", "checkpoint", "wording"], list(counts), rows, groups)


def _worded(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.assign(wording=cells["wording"].map(WORDINGS))


def _closed_and_open(cells: pd.DataFrame) -> pd.DataFrame:
    closed = cells["episodes"].where(cells["closed"], 0)
    return cells.assign(closed=closed, open=cells["episodes"] - closed)


def _wordings(cells: pd.DataFrame) -> list[str]:
    """The wordings that occur, in the order of reading; the official one stands for none."""
    return [word for word in WORDINGS.values() if (cells["wording"] == word).any()] or [WORDINGS["official"]]


def _whole(
    cells: pd.DataFrame, keys: list[str], counts: list[str], rows: Sequence[tuple[str, ...]], groups: Sequence[str]
) -> pd.DataFrame:
    """The sums of the counts for each of ``groups`` and of ``rows``, empty ones too; the total is always there."""
    ordered = [EVERYTHING, *sorted({*groups} - {EVERYTHING})]
    grid = pd.MultiIndex.from_tuples([(group, *row) for group in ordered for row in rows], names=keys)
    return cells.groupby(keys)[counts].sum().reindex(grid, fill_value=0).reset_index()


def _quantiles(cells: pd.DataFrame, share: float, table: pd.DataFrame) -> pd.Series:
    """The quantile of each row's group and wording; missing where no such episode is closed."""
    found = {
        (group, wording): value
        for wording in WORDINGS.values()
        for group, value in quantile(cells[cells["wording"] == wording], share, value="visits", count="closed").items()
    }
    rows = zip(table["group"], table["wording"], strict=True)
    return pd.Series([found.get(row) for row in rows], index=table.index, dtype="float64")
