"""The process measures by group, and what became of short programmes. Pure functions on the frames of ``extract``."""

from dataclasses import astuple

import pandas as pd

from prom_service.reports.cells import by_group, with_total
from prom_service.reports.process.extract import CHECKPOINTS, COUNTS
from prom_service.reports.process.measures import KEYS, MEASURES
from prom_service.reports.rounding import EVERYTHING

TITLES = {measure.key: measure.title for measure in MEASURES}
WORDINGS = {"official": "official", "own": "provisional wording", "": ""}
ON_FINDINGS = ("reassessed_after_6_weeks", "reviewed_after_6_weeks")
"""Measures that rest on scores: those of provisional wording have rows of their own."""


def process(measures: pd.DataFrame) -> pd.DataFrame:
    """Count, for each group and measure, whom it is about, who is documented and who meets it; every row is there."""
    frame = with_total(measures)
    frame["wording"] = frame["wording"].map(WORDINGS)
    grid = _grid(frame)
    table = frame.groupby(list(grid.names))[list(COUNTS)].sum().reindex(grid, fill_value=0).reset_index()
    table["not_documented"] = table["applies"] - table["documented"]
    return table.assign(title=table["measure"].map(TITLES))


def short_programmes(short: pd.DataFrame) -> pd.DataFrame:
    """Count the outcomes of programmes that ended before three months, by group, checkpoint and wording."""
    frame = with_total(short).assign(sequence=lambda cells: cells["checkpoint"].map(CHECKPOINTS.index))
    frame["wording"] = frame["wording"].map(WORDINGS)
    keys = ["group", "sequence", "checkpoint", "outcome", "wording"]
    table = by_group(frame[[*keys, "episodes"]], keys)
    table["short"] = table.groupby(["group", "checkpoint"])["episodes"].transform("sum")
    return table.drop(columns="sequence")


def definitions() -> pd.DataFrame:
    """Say of each measure whom it is about, what counts as documented and as met, and where it comes from."""
    names = ("measure", "title", "applies_to", "documented_when", "met_when", "better", "source")
    return pd.DataFrame([astuple(measure) for measure in MEASURES], columns=list(names))


def _grid(frame: pd.DataFrame) -> pd.MultiIndex:
    """Every row of the table, empty ones too, in the order of reading."""
    seen = [word for word in WORDINGS.values() if word and (frame["wording"] == word).any()] or ["official"]
    groups = [EVERYTHING, *sorted(set(frame["group"]) - {EVERYTHING})]
    rows = [
        (group, measure, wording)
        for group in groups
        for measure in KEYS
        for wording in (seen if measure in ON_FINDINGS else [""])
    ]
    return pd.MultiIndex.from_tuples(rows, names=["group", "measure", "wording"])
