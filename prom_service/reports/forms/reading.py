"""What people read of a report, in the same words on a page and on paper."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

import pandas as pd

from prom_service.reports.layout import COUNT, KEY, NUMBER, SHARE, TEXT, Column, Layout
from prom_service.reports.report import Report
from prom_service.reports.rounding import EVERYTHING

SPOKEN = re.compile(r"<title[^>]*>(.*?)</title><desc[^>]*>(.*?)</desc>", re.DOTALL)

BLANKS = {"outcome": "_", "step": "_", "reason": "_", "timepoint": "-", "checkpoint": "-"}
"""What stands for a blank in the words of a column."""


@dataclass(frozen=True)
class Row:
    """One line of a table as it is read."""

    is_total: bool
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """One table as it is read; ``columns`` are those that say something."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Drawing:
    """A picture (SVG), with its title and what it shows for those who do not see it."""

    svg: str
    title: str
    description: str


def whose(report: Report) -> str:
    """Return whose care the report is about."""
    clinics = report.parameters["clinics"]
    return clinics if isinstance(clinics, str) else ", ".join(clinics) or "No clinic"


def period(report: Report) -> str:
    """Return which episodes the report is about."""
    asked = report.parameters
    basis = "Episodes started" if asked["basis"] == "episodes" else "Episodes with visits"
    return f"{basis} from {asked['from']} up to, not including, {asked['to']}."


def known_by(report: Report) -> str:
    """Return by when what is counted was on record."""
    return f"What was recorded by {report.as_of:%Y-%m-%d %H:%M} UTC."


def made_by(report: Report) -> str:
    """Return how the report came about and can be had again."""
    rules = "; ".join(report.versions["judgement_rules"]) or "none used"
    return (
        f"Program version {report.versions['program']}. Judgements by {rules}: those stored when the answers came in,"
        " as they stood at the instant above. The same question of the same record gives the same report."
    )


def nothing_shown(report: Report) -> str:
    """Return what stands in place of a table without rows; the same whether there is nobody or too few."""
    left_out = " Rows without a count that may be shown are left out." * (report.parameters["audience"] == "quality")
    return f"No row to show.{left_out}"


def drawing(report: Report, name: str) -> Drawing | None:
    """Return the picture of the table ``name``; None when it has none, or no row to draw."""
    if name not in report.kind.drawings or report.tables[name].empty:
        return None
    svg = report.kind.drawings[name](report.tables)
    spoken = SPOKEN.search(svg)
    title, description = (unescape(words) for words in spoken.groups()) if spoken else (name, "")
    return Drawing(svg, title, description) if svg else None


def read_table(layout: Layout, table: pd.DataFrame, caption: str, *, said: tuple[str, ...] = ()) -> Reading:
    """Return the table as it is read, without the columns that its caption has ``said``.

    A column of groups says nothing where there is one group.
    """
    if "group" in table and (table["group"] == EVERYTHING).all():
        said = (*said, "group")
    columns = tuple(column for column in layout.columns if column.key not in said)
    shown = table[[column.key for column in columns]]
    rows = (_row(columns, values) for values in shown.itertuples(index=False, name=None))
    return Reading(caption, columns, tuple(rows))


def head(column: Column) -> str:
    """Return the title over a column; a number is not parted from its sign by the end of a line."""
    return column.title.replace(" %", "\u00a0%")


def _row(columns: Sequence[Column], values: tuple[Any, ...]) -> Row:
    cells = (cell_text(column, value) for column, value in zip(columns, values, strict=True))
    return Row(values[0] == EVERYTHING, tuple(cells))


def cell_text(column: Column, value: Any) -> str:
    """Return a cell as people read it: shares in per cent, numbers with one decimal, missing as a dash."""
    if isinstance(value, str):
        return value.replace(BLANKS[column.key], " ") if column.key in BLANKS else value
    if pd.isna(value):
        return "–"
    shapes = {SHARE: "{:.1%}", NUMBER: "{:.1f}", COUNT: "{:d}", KEY: "{:d}", TEXT: "{}"}
    return shapes[column.kind].format(value).replace("%", "\N{NO-BREAK SPACE}%")


def definitions(report: Report) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Yield for each table its title, and what each of its columns means."""
    for layout in report.kind.layouts:
        yield layout.title, tuple((column.title, column.meaning) for column in layout.columns)
