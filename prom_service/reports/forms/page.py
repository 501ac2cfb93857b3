"""The report as one HTML page that needs nothing else: no script, no font and no picture from outside."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from html import escape
from importlib import resources
from typing import Any

import pandas as pd

from prom_service.reports.forms.reading import (
    drawing,
    head,
    known_by,
    made_by,
    nothing_shown,
    period,
    read_table,
    whose,
)
from prom_service.reports.layout import TEXT, Column, Layout
from prom_service.reports.report import Report
from prom_service.reports.rounding import EVERYTHING

ROWS_AT_ONCE = 40
"""A longer part by group is folded away; the page stays readable with hundreds of clinics."""
ROWS_OF_SCALES = 20
"""A longer table of scales is folded away, each scale by itself: few readers come for all of them."""
LONG_TEXT = 40
"""A longer cell is broken into lines."""
PAGE_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #fff; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
@media print { body { font-size: 11px; } main { max-width: none; padding: 0; } }
"""

Behind = Callable[[Layout, Mapping[str, Any]], Mapping[str, str]]
"""The addresses behind the figures of a row of a table, each by the key of its column."""


def nothing_behind(layout: Layout, row: Mapping[str, Any]) -> Mapping[str, str]:
    """A page that is a file leads nowhere."""
    return {}


def as_html(report: Report) -> bytes:
    """Return one self-contained page."""
    return render_page(report).encode()


def render_page(report: Report) -> str:
    """Return the page. The same report is the same text, whenever and wherever it is written."""
    title = escape(report.kind.title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{PAGE_STYLE}{report_style()}</style></head>\n"
        f"<body><main class=report><h1>{title}</h1>{render_body(report)}</main></body></html>\n"
    )


def render_body(report: Report, behind: Behind = nothing_behind) -> str:
    """Return what stands below the heading of the page, for a page of the staff to show within its own.

    There a figure may lead to what is ``behind`` it.
    """
    sections = (section for layout in report.kind.layouts for section in _section(report, layout, behind))
    return "".join((*_opening(report), _contents(report), *sections, *_colophon(report)))


def _contents(report: Report) -> str:
    """Lead to each table: a report is long, and most readers come for one of them."""
    links = [*((layout.name, layout.title) for layout in report.kind.layouts), ("made", "How it was made")]
    items = "".join(f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title in links)
    return f'<nav class=contents aria-label="Tables of this report"><ul>{items}</ul></nav>\n'


@cache
def report_style() -> str:
    """Return the style sheet of a report; what it says holds inside ``.report`` only."""
    return resources.files(__package__).joinpath("report.css").read_text(encoding="utf-8")


def _opening(report: Report) -> Iterator[str]:
    yield f"<p>{escape(whose(report))}<br>{period(report)}"
    if report.parameters["group_by"]:
        yield f" Divided by {report.parameters['group_by']}."
    yield f" {known_by(report)}</p>\n<ul class=notes>"
    yield from (f"<li>{escape(note)}</li>" for note in report.notes)
    yield "</ul>\n"


def _section(report: Report, layout: Layout, behind: Behind) -> Iterator[str]:
    yield f'<section aria-labelledby="{layout.name}"><h2 id="{layout.name}">{escape(layout.title)}</h2>'
    yield f"<p>{escape(layout.meaning)}</p>"
    drawn = drawing(report, layout.name)
    if drawn:
        yield f"<figure>{drawn.svg}<figcaption>The numbers are in the table below.</figcaption></figure>"
    table = report.tables[layout.name]
    yield from _tables(layout, table, behind) if len(table) else (f"<p>{nothing_shown(report)}</p>",)
    yield _meanings(layout) + "</section>\n"


def _tables(layout: Layout, table: pd.DataFrame, behind: Behind) -> Iterator[str]:
    """One table, or the total and then a folded table of the groups where there are many rows."""
    if "group" not in table or len(table) <= ROWS_AT_ONCE or (table["group"] == EVERYTHING).all():
        yield from _by_scale(layout, table, layout.title, behind)
        return
    total = table["group"] == EVERYTHING
    yield from _by_scale(layout, table[total], f"{layout.title}: all", behind)
    groups = "".join(_by_scale(layout, table[~total], f"{layout.title}: by group", behind))
    yield _folded(f"By group, {table.loc[~total, 'group'].nunique()} groups", groups)


def _by_scale(layout: Layout, table: pd.DataFrame, caption: str, behind: Behind) -> Iterator[str]:
    """The table, or a folded one for each scale where there are many rows."""
    if "scale" not in table or len(table) <= ROWS_OF_SCALES:
        yield _table(layout, table, caption, behind)
        return
    for scale, rows in table.groupby("scale", sort=False):
        of_scale = _table(layout, rows, f"{caption}: {scale}", behind, said=("scale",))
        yield _folded(f"{scale}, {len(rows)} {'row' if len(rows) == 1 else 'rows'}", of_scale)


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def _table(layout: Layout, table: pd.DataFrame, caption: str, behind: Behind, said: tuple[str, ...] = ()) -> str:
    reading, addresses = read_table(layout, table, caption, said=said), _addresses(layout, table, behind)
    heads = "".join(f'<th scope="col"{_left(column)}>{escape(head(column))}</th>' for column in reading.columns)
    rows = "".join(
        f"<tr{' class=total' * row.is_total}>{_cells(reading.columns, row.cells, leading)}</tr>"
        for row, leading in zip(reading.rows, addresses, strict=True)
    )
    label = escape(caption)
    return (
        f'<div class=scroll role=region tabindex=0 aria-label="{label}, table"><table><caption>{label}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _addresses(layout: Layout, table: pd.DataFrame, behind: Behind) -> list[Mapping[str, str]]:
    """What is behind the figures of each row."""
    if behind is nothing_behind:
        return [{}] * len(table)
    return [behind(layout, row) for row in table.to_dict("records")]


def _cells(columns: tuple[Column, ...], cells: tuple[str, ...], leading: Mapping[str, str]) -> str:
    first, *others = zip(columns, cells, strict=True)
    head = f'<th scope="row"{_left(first[0])}>{escape(first[1])}</th>'
    named = ", ".join(cell for column, cell in zip(columns, cells, strict=True) if column.kind == TEXT and cell)
    return head + "".join(
        f"<td{_left(column, cell)}>{_figure(column, cell, leading.get(column.key), named)}</td>"
        for column, cell in others
    )


def _figure(column: Column, cell: str, address: str | None, row: str) -> str:
    """A figure, or the way to what is behind it, named by its row for those who hear it among other links."""
    if address is None:
        return escape(cell)
    return f'<a href="{escape(address)}" aria-label="{escape(f"{cell} {column.title}: {row}")}">{escape(cell)}</a>'


def _left(column: Column, cell: str = "") -> str:
    if column.kind != TEXT:
        return ""
    return ' class="text long"' if len(cell) > LONG_TEXT else " class=text"


def _meanings(layout: Layout) -> str:
    """What each column means, folded below its table."""
    columns = "".join(f"<dt>{escape(one.title)}</dt><dd>{escape(one.meaning)}</dd>" for one in layout.columns)
    return f"<details class=meanings><summary>What the columns mean</summary><dl>{columns}</dl></details>"


def _colophon(report: Report) -> Iterator[str]:
    yield '<section aria-labelledby="made"><h2 id="made">How it was made</h2>'
    yield f"<p>{escape(made_by(report))}<br>"
    yield f"Checksum of the counted facts: <code>{report.checksum}</code></p></section>"
