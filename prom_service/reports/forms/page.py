"""The report as one HTML page that needs nothing else: no script, no font and no picture from outside."""

from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from importlib import resources
from typing import Any

import pandas as pd

from prom_service.reports.cohort import EVERYTHING
from prom_service.reports.layout import COUNT, KEY, NUMBER, SHARE, TEXT, Column, Layout
from prom_service.reports.report import Report

ROWS_AT_ONCE = 40
"""A longer part by group is folded away; the page stays readable with hundreds of clinics."""
PAGE_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #fff; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
@media print { body { font-size: 11px; } main { max-width: none; padding: 0; } }
"""


def render_page(report: Report) -> str:
    """Return the page. The same report is the same text, whenever and wherever it is written."""
    title = escape(report.kind.title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{PAGE_STYLE}{report_style()}</style></head>\n"
        f"<body><main class=report><h1>{title}</h1>{render_body(report)}</main></body></html>\n"
    )


def render_body(report: Report) -> str:
    """Return what stands below the heading of the page, for a page of the staff to show within its own."""
    sections = (section for layout in report.kind.layouts for section in _section(report, layout))
    return "".join((*_opening(report), _contents(report), *sections, *_definitions(report), *_colophon(report)))


def _contents(report: Report) -> str:
    """Lead to each table: a report is long, and most readers come for one of them."""
    links = [(layout.name, layout.title) for layout in report.kind.layouts]
    links += [("definitions", "What the columns mean"), ("made", "How it was made")]
    items = "".join(f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title in links)
    return f'<nav class=contents aria-label="Tables of this report"><ul>{items}</ul></nav>\n'


@cache
def report_style() -> str:
    """Return the style sheet of a report; what it says holds inside ``.report`` only."""
    return resources.files(__package__).joinpath("report.css").read_text(encoding="utf-8")


def _opening(report: Report) -> Iterator[str]:
    asked = report.parameters
    basis = "Episodes started" if asked["basis"] == "episodes" else "Episodes with visits"
    clinics = asked["clinics"] if isinstance(asked["clinics"], str) else ", ".join(asked["clinics"]) or "No clinic"
    yield f"<p>{escape(clinics)}<br>{basis} from {asked['from']} up to, not including, {asked['to']}."
    if asked["group_by"]:
        yield f" Divided by {asked['group_by']}."
    yield f" What was recorded by {report.as_of:%Y-%m-%d %H:%M} UTC.</p>\n<ul class=notes>"
    yield from (f"<li>{escape(note)}</li>" for note in report.notes)
    yield "</ul>\n"


def _section(report: Report, layout: Layout) -> Iterator[str]:
    table = report.tables[layout.name]
    yield f'<section aria-labelledby="{layout.name}"><h2 id="{layout.name}">{escape(layout.title)}</h2>'
    yield f"<p>{escape(layout.meaning)}</p>"
    drawing = _drawing(report, layout.name)
    if drawing:
        yield f"<figure>{drawing}<figcaption>The numbers are in the table below.</figcaption></figure>"
    yield from _tables(layout, table)
    yield "</section>\n"


def _drawing(report: Report, name: str) -> str:
    drawings = report.kind.drawings
    return drawings[name](report.tables) if name in drawings else ""


def _tables(layout: Layout, table: pd.DataFrame) -> Iterator[str]:
    """One table, or the total and then a folded table of the groups where there are many rows."""
    if "group" not in table or len(table) <= ROWS_AT_ONCE:
        yield _table(layout, table, layout.title)
        return
    total = table["group"] == EVERYTHING
    yield _table(layout, table[total], f"{layout.title}: all")
    yield f"<details><summary>By group, {table.loc[~total, 'group'].nunique()} groups</summary>"
    yield _table(layout, table[~total], f"{layout.title}: by group") + "</details>"


def _table(layout: Layout, table: pd.DataFrame, caption: str) -> str:
    if table.empty:
        return "<p>Nothing to count.</p>"
    columns = layout.columns
    if "group" in table and (table["group"] == EVERYTHING).all():
        columns = tuple(column for column in columns if column.key != "group")
    heads = "".join(f'<th scope="col"{_left(column)}>{escape(column.title)}</th>' for column in columns)
    shown = table[[column.key for column in columns]]
    rows = "".join(_row(columns, values) for values in shown.itertuples(index=False))
    label = escape(caption)
    return (
        f'<div class=scroll role=region tabindex=0 aria-label="{label}, table"><table><caption>{label}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(columns: Sequence[Column], values: tuple[Any, ...]) -> str:
    total = " class=total" if values[0] == EVERYTHING else ""
    cells = []
    for place, (column, value) in enumerate(zip(columns, values, strict=True)):
        shown = escape(cell_text(column, value))
        tag = f'th scope="row"{_left(column)}' if place == 0 else f"td{_left(column)}"
        cells.append(f"<{tag}>{shown}</{tag[:2]}>")
    return f"<tr{total}>{''.join(cells)}</tr>"


def cell_text(column: Column, value: Any) -> str:
    """Return a cell as people read it: shares in per cent, numbers with one decimal, missing as a dash."""
    if isinstance(value, str):
        return value.replace("_", " ") if column.key in ("outcome", "step", "reason") else value
    if pd.isna(value):
        return "–"
    shapes = {SHARE: "{:.1%}", NUMBER: "{:.1f}", COUNT: "{:d}", KEY: "{:d}", TEXT: "{}"}
    return shapes[column.kind].format(value).replace("%", "\N{NO-BREAK SPACE}%")


def _left(column: Column) -> str:
    return " class=text" if column.kind == TEXT else ""


def _definitions(report: Report) -> Iterator[str]:
    yield '<section aria-labelledby="definitions"><h2 id="definitions">What the columns mean</h2>'
    for layout in report.kind.layouts:
        yield f"<h3>{escape(layout.title)}</h3><dl>"
        yield from (f"<dt>{escape(one.title)}</dt><dd>{escape(one.meaning)}</dd>" for one in layout.columns)
        yield "</dl>"
    yield "</section>\n"


def _colophon(report: Report) -> Iterator[str]:
    rules = "; ".join(report.versions["judgement_rules"]) or "none used"
    yield '<section aria-labelledby="made"><h2 id="made">How it was made</h2>'
    yield f"<p>Program version {escape(report.versions['program'])}. Judgements by {escape(rules)}: those stored when"
    yield " the answers came in, as they stood at the instant above. The same question of the same record gives the"
    yield f" same report.<br>Checksum of the counted facts: <code>{report.checksum}</code></p></section>"
