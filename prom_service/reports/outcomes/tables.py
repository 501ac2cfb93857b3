"""Scores and their change since the start, by scale. Pure functions on the ``scores`` of ``extract``.

Every table has the rows of all episodes together first, then those of the groups. Own wording is never pooled with
the official one.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from instruments.compare import at_least
from prom_service.pathway.shape import Measure
from prom_service.pathway.trajectory import change_from_baseline
from prom_service.reports.cells import quantile
from prom_service.reports.outcomes.layouts import MOMENTS
from prom_service.reports.outcomes.means import mean_interval
from prom_service.reports.outcomes.published import NO_ERROR_KNOWN
from prom_service.reports.rounding import EVERYTHING

KEYS = ["group", "place", "sequence", "timepoint", "wording"]
WORDINGS = {0: "official", 1: "provisional wording"}
QUARTILES = {"quartile_1": 0.25, "median": 0.5, "quartile_3": 0.75}


def scored(scores: pd.DataFrame, measures: Sequence[Measure]) -> pd.DataFrame:
    """Return the scores of the scales that can change, baselines too, under the wording in which they were given."""
    rows = scores[scores["scale"] < len(measures)].rename(columns={"scale": "place"})
    return rows.assign(wording=rows["own"].map(WORDINGS))


def paired(scores: pd.DataFrame, measures: Sequence[Measure]) -> pd.DataFrame:
    """Return the scores that have a timely baseline, with their ``change``: positive for better.

    The wording is official only where both were given in it.
    """
    rows = scored(scores, measures)
    rows = rows[(rows["sequence"] > 0) & rows["baseline"].notna()]
    change = np.full(len(rows), np.nan)
    for place, measure in enumerate(measures):
        here = (rows["place"] == place).to_numpy()
        before, after = (rows.loc[here, name].to_numpy() for name in ("baseline", "value"))
        change[here] = change_from_baseline(measure, before, after)
    own = rows[["own", "own_baseline"]].max(axis="columns")
    return rows.assign(wording=own.map(WORDINGS), change=change)


def changes(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return means and their change with its interval, median change and quartiles, for each scale and checkpoint."""
    return all_then_groups(pairs, _changes)


def score_levels(rows: pd.DataFrame, measures: Sequence[Measure]) -> pd.DataFrame:
    """Return median and quartiles of the scores at every timepoint, and how many stand at either end of the scale."""
    best = rows["place"].map(dict(enumerate(one.best for one in measures))).astype("float64")
    worst = rows["place"].map(dict(enumerate(one.worst for one in measures))).astype("float64")
    at = {"at_best": best, "at_worst": worst}
    counts = {name: _where(rows, at_least(-(rows["value"] - end).abs(), 0.0)) for name, end in at.items()}
    table = all_then_groups(rows.assign(**counts), _score_levels)
    for name, ends in (("worst", [one.worst for one in measures]), ("best", [one.best for one in measures])):
        table[name] = table["place"].map(dict(enumerate(ends))).astype("int64")
    return table


def reliable_changes(pairs: pd.DataFrame, measures: Sequence[Measure]) -> pd.DataFrame:
    """Count changes that one person cannot show by chance alone, better and worse, and those within that error.

    Where no error is published nothing is assessable, and the row says so.
    """
    errors = {place: one.measurement_error for place, one in enumerate(measures)}
    values = {place: error.value for place, error in errors.items() if error}
    error = pairs["place"].map(values).astype("float64")
    better, worse = at_least(pairs["change"], error), at_least(-pairs["change"], error)
    counts = {"assessable": error.notna(), "better": better, "within": error.notna() & ~better & ~worse, "worse": worse}
    names = [*counts, "episodes"]
    table = all_then_groups(
        pairs.assign(**{name: _where(pairs, which) for name, which in counts.items()}),
        lambda rows: rows.groupby(KEYS, as_index=False)[names].sum(),
    )
    table["error"] = table["place"].map(values).astype("float64")
    sources = {place: one.citation if one else NO_ERROR_KNOWN for place, one in errors.items()}
    table["source"] = table["place"].map(sources)
    return table.rename(columns={"episodes": "pairs"})


def acceptable_states(scores: pd.DataFrame, question: int) -> pd.DataFrame:
    """Count the answers to the acceptable state question, which is the scale numbered ``question``."""
    rows = scores[scores["scale"] == question]
    rows = rows.assign(wording=rows["own"].map(WORDINGS), yes=_where(rows, at_least(rows["value"], 1.0)))
    keys = [key for key in KEYS if key != "place"]
    table = all_then_groups(rows, lambda part: part.groupby(keys, as_index=False)[["episodes", "yes"]].sum())
    return table.rename(columns={"episodes": "answered"})


def courses(found: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each course and scale with the score at each timepoint; official if all of it was."""
    keys = ["place", "wording", "pathway", "course"]
    rows = found.rename(columns={"scale": "place"})
    own = rows.groupby(["place", "pathway", "course"])["own"].transform("max").astype("int64")
    rows = rows.assign(wording=own.map(WORDINGS))
    at = {moment: rows["value"].where(rows["timepoint"] == moment) for moment in MOMENTS}
    return rows.assign(**at).groupby(keys)[list(MOMENTS)].first().astype("float64").reset_index()


def named(table: pd.DataFrame, measures: Sequence[Measure]) -> pd.DataFrame:
    """Return the table with the titles of its scales."""
    return table.assign(scale=table["place"].map(dict(enumerate(one.title for one in measures))))


def all_then_groups(rows: pd.DataFrame, summary: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    total = summary(rows.assign(group=EVERYTHING))
    if (rows["group"] == EVERYTHING).all():
        return total
    return pd.concat([total, summary(rows)], ignore_index=True)


def _changes(pairs: pd.DataFrame) -> pd.DataFrame:
    table, stratum = _strata(pairs)
    for name, value in (("mean_baseline", "baseline"), ("mean_score", "value"), ("mean_change", "change")):
        about = mean_interval(pairs[value], pairs["episodes"], stratum)
        table[name] = about["mean"]
        if value == "change":
            table["change_low"], table["change_high"] = about["low"], about["high"]
    return table.assign(**_quartiles(pairs, "change", stratum)).rename(columns={"episodes": "pairs"})


def _score_levels(rows: pd.DataFrame) -> pd.DataFrame:
    table, stratum = _strata(rows)
    ends = rows.groupby(stratum)[["at_worst", "at_best"]].sum()
    return table.join(ends).assign(**_quartiles(rows, "value", stratum)).rename(columns={"episodes": "scores"})


def _strata(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Return one row for each combination of keys with its episodes, and the number of that row for each cell."""
    grouped = rows.groupby(KEYS)
    return grouped["episodes"].sum().reset_index(), grouped.ngroup()


def _quartiles(rows: pd.DataFrame, value: str, stratum: pd.Series) -> dict[str, pd.Series]:
    cells = pd.DataFrame({"group": stratum, "value": rows[value], "episodes": rows["episodes"]})
    return {name: quantile(cells, share, value="value", count="episodes") for name, share in QUARTILES.items()}


def _where(rows: pd.DataFrame, which: pd.Series) -> pd.Series:
    return rows["episodes"].where(which, 0)
