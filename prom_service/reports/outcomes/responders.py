"""How many reached each threshold of the registry, compared as the judgements compare. Pure functions."""

from collections.abc import Iterable, Sequence

import pandas as pd

from instruments.compare import at_least
from instruments.thresholds import Threshold
from prom_service.pathway.judgement import Bools, reached
from prom_service.pathway.shape import Measure
from prom_service.pathway.trajectory import Floats
from prom_service.reports.outcomes.scales import Comparison
from prom_service.reports.outcomes.tables import KEYS, all_then_groups

OURS = "working (ours)"
UNITS = {"points": "points", "percent": "% of the baseline"}


def responders(
    rows: pd.DataFrame, pairs: pd.DataFrame, measures: Sequence[Measure], comparisons: Iterable[Comparison]
) -> pd.DataFrame:
    """Count for each threshold those who can be compared with it and those who reach it.

    A change is compared where there is a timely baseline; an acceptable state is a place on the scale and needs none,
    so it is compared at the baseline too.
    """
    places = {measure.key: place for place, measure in enumerate(measures)}
    parts = []
    for order, comparison in enumerate(comparisons):
        row = comparison.row
        place = places[row.instrument, row.scale]
        cells = rows if row.kind == "PASS" else pairs
        cells = _used(cells[cells["place"] == place], comparison)
        hit = _hit(row, measures[place], cells)
        parts.append(cells.assign(order=order, reached=cells["episodes"].where(hit, 0)))
    every = pd.concat(parts)[[*KEYS, "order", "episodes", "reached"]]
    table = all_then_groups(every, lambda part: part.groupby([*KEYS, "order"], as_index=False).sum())
    described = pd.DataFrame([_described(one) for one in comparisons])
    return table.join(described, on="order").rename(columns={"episodes": "assessable"})


def _used(cells: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """Return the cells for which the threshold is named; all for one that is published."""
    if not comparison.uses:
        return cells
    keys = pd.MultiIndex.from_frame(cells[["pathway", "timepoint"]])
    return cells[keys.isin(sorted(comparison.uses))]


def _hit(row: Threshold, measure: Measure, cells: pd.DataFrame) -> Bools:
    if row.kind != "PASS":
        return reached(row, cells["change"].to_numpy("float64"), cells["baseline"].to_numpy("float64"))
    upwards = 1.0 if measure.best > measure.worst else -1.0
    value: Floats = upwards * cells["value"].to_numpy("float64")
    return at_least(value, upwards * row.value)


def _described(comparison: Comparison) -> dict[str, object]:
    row = comparison.row
    return {
        "threshold": OURS if row.kind == "working" else row.kind,
        "value": row.value,
        "unit": UNITS[row.unit],
        "verified": "ours" if row.kind == "working" else "yes" if row.verified else "no",
        "row": row.id,
    }


def sources(measures: Sequence[Measure], comparisons: Iterable[Comparison]) -> pd.DataFrame:
    """Return where each threshold comes from, one row for each."""
    places = {measure.key: place for place, measure in enumerate(measures)}
    columns = ("place", "row", "threshold", "value", "unit", "verified", "source", "population", "note")
    rows = [
        {
            **_described(one),
            "place": places[one.row.instrument, one.row.scale],
            "value": f"{one.row.value:g}",
            "source": ", ".join(filter(None, (one.row.citation, one.row.doi and f"doi:{one.row.doi}"))),
            "population": "; ".join(filter(None, (one.row.population, one.row.treatment, one.row.timepoint))),
            "note": one.row.note,
        }
        for one in comparisons
    ]
    return pd.DataFrame(rows, columns=columns)
