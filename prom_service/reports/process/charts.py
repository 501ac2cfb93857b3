"""Plot of the process report: the share of each measure as a bar, beside what it is a share of."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from prom_service.reports.drawing import Part, bar, share_text, stacked, text
from prom_service.reports.rounding import HIDDEN, WITHHELD

ROW, TOP, FULL = 34, 22, 240
FRAME = f'<rect x="4" y="17" width="{FULL}" height="10" fill="#fff" stroke="#767676"/>'
NOTHING = "not documented"
MORE, FEWER = "#1b5e9e", "#a63a1e"


def process_chart(tables: Mapping[str, pd.DataFrame]) -> str:
    """Draw the shares of all episodes together; those of which fewer are better in their own colour."""
    table, measures = tables["process"], tables["measures"]
    rows = table[table["group"] == "All"]
    fewer = set(measures.loc[measures["better"] == "fewer", "measure"])

    def drawn(row: Any) -> Iterator[str]:
        told = f"{_label(row)} (fewer is better)" if row.measure in fewer else _label(row)
        yield text(4, 12, told, "start")
        yield FRAME
        known = _is_known(row)
        yield bar(4, 17, float(row.share) * FULL if known else 0, 10, FEWER if row.measure in fewer else MORE)
        yield text(FULL + 10, 26, _figures(row), "start")

    head = text(4, 12, "Beside each bar: met of documented. More is better, unless said.", "start")
    bars = [Part(ROW, drawn(row)) for row in rows.itertuples()]
    parts = [f"{_label(row)} {row.met} of {row.documented}" for row in rows.itertuples() if row.documented != 0]
    description = "; ".join(parts) or "Nothing is documented."
    title = "Share of documented episodes that meet each measure"
    return stacked("process", title, description, bars, Part(TOP, [head]))


def _is_known(row: Any) -> bool:
    return not (row.share == WITHHELD or pd.isna(row.share))


def _figures(row: Any) -> str:
    """Return what stands beside a bar: no more than is shown."""
    if row.documented == 0:
        return NOTHING
    if row.documented == HIDDEN:
        return f"{HIDDEN} documented"
    counts = f"{row.met} of {row.documented}"
    return f"{share_text(row.share)} ({counts})" if _is_known(row) else counts


def _label(row: object) -> str:
    words = (getattr(row, "title", ""), getattr(row, "wording", ""))
    return ", ".join(word for word in words if word)
