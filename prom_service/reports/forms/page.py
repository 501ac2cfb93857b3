"""The report as one HTML page that needs nothing else: no script, no font and no picture from outside."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import pandas as pd

from prom_service.reports.cohort import EVERYTHING
from prom_service.reports.layout import COUNT, KEY, NUMBER, SHARE, TEXT, Column, Layout
from prom_service.reports.report import Report

ROWS_AT_ONCE = 40
"""A longer part by group is folded away; the page stays readable with hundreds of clinics."""
STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1a1a1a; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { line-height: 1.2; margin-bottom: .25rem; }
h2 { margin-top: 2.5rem; padding-top: 1rem; border-top: 1px solid #ccc; line-height: 1.25; }
p, li, dd, figcaption { max-width: 44rem; }
.notes { border-left: 4px solid #1b5e9e; padding: .25rem 1rem .25rem 1.75rem; margin-left: 0; }
figure { margin: 1rem 0; max-width: 40rem; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: #1a1a1a; }
svg .label { font-weight: 600; font-size: 12px; }
svg .light { fill: #fff; }
.scroll { overflow-x: auto; margin: 1rem 0; }
.scroll:focus-visible, summary:focus-visible { outline: 3px solid #1b5e9e; outline-offset: 2px; }
table { border-collapse: collapse; font-size: .9rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .25rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: right; vertical-align: top; }
tbody th, td { white-space: nowrap; }
thead th { border-bottom: 2px solid #1a1a1a; vertical-align: bottom; }
th.text, td.text { text-align: left; }
tbody th { font-weight: 400; }
tr.total th, tr.total td { font-weight: 600; }
summary { padding: .6rem 0; cursor: pointer; font-weight: 600; }
dt { font-weight: 600; margin-top: .75rem; }
dd { margin-left: 0; }
code { overflow-wrap: anywhere; }
@media print {
  body { font-size: 11px; }
  main { max-width: none; padding: 0; }
  .scroll { overflow: visible; }
  h2, caption, thead { break-after: avoid; }
  figure, tr { break-inside: avoid; }
}
"""


def render_page(report: Report) -> str:
    """Return the page. The same report is the same text, whenever and wherever it is written."""
    title = escape(report.kind.title)
    return "".join(
        (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{STYLE}</style></head>\n<body><main>",
            f"<h1>{title}</h1>",
            *_opening(report),
            *(section for layout in report.kind.layouts for section in _section(report, layout)),
            *_definitions(report),
            *_colophon(report),
            "</main></body></html>\n",
        )
    )


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
