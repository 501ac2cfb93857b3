"""The report as a PDF: what the page says, on paper. All words go to the typesetter as data, none of them as markup."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib.resources import files
from typing import Any

from prom_service.paper.drawing import ACCESSIBLE
from prom_service.reports.forms.columns import columns
from prom_service.reports.forms.page import report_style
from prom_service.reports.forms.reading import (
    Drawing,
    definitions,
    drawing,
    head,
    known_by,
    made_by,
    nothing_shown,
    period,
    read_table,
    whose,
)
from prom_service.reports.layout import TEXT, Layout
from prom_service.reports.report import Report
from prom_service.reports.rounding import EVERYTHING

TEMPLATE = (files("prom_service.reports.forms") / "report.typ").read_bytes()
FONT = "Libertinus Serif"
UNDRAWN = (
    "Some letters of names are missing here, with an empty box in their place: no font at hand can draw them. They are"
    " in every other form of this report: workbook, page, CSV, JSON."
)
LONG_WORD = re.compile(r"\S{16,}")
MOST_ROWS = 300
"""Of a table by group: with more, ten sheets and longer, the rows of the groups are not printed."""
ELSEWHERE = (
    "The {rows:,} rows by {by} are not printed. They are in every other form of this report: workbook, page, CSV, JSON."
)
AFTER_MARK = re.compile(r"(?<=[/.:_-])(?=\w)|(?<=\d{6})(?=\d)")
OF_PICTURES = re.compile(r"^\.report svg ([^{]+\{.*\})$", re.MULTILINE)
"""What the style sheet of the page says of the words in a picture."""


def as_pdf(report: Report) -> bytes:
    """Return the PDF; the same report gives the same bytes, where it takes fonts of the machine by the same fonts.

    It takes them for letters of names that those of the typesetter cannot draw. It is tagged for screen readers
    (PDF/UA-1), and says so unless no font at hand draws some letter: that one is an empty box, and a note says so.
    """
    import typst  # 80 MB of compiled code, and few processes ever draw.

    contents = _contents(report)
    for without_the_machine in (True, False):
        with suppress(typst.TypstError):
            return typst.compile(
                TEMPLATE,
                format="pdf",
                sys_inputs=_said(contents),
                ignore_system_fonts=without_the_machine,
                pdf_standards=ACCESSIBLE,
            )
    contents["notes"].append(UNDRAWN)
    return typst.compile(TEMPLATE, format="pdf", sys_inputs=_said(contents))


def _said(contents: Mapping[str, Any]) -> dict[str, str]:
    return {"said": json.dumps(contents)}


def _contents(report: Report) -> dict[str, Any]:
    divided = report.parameters["group_by"]
    return {
        "title": report.kind.title,
        "whose": whose(report),
        "lead": period(report) + (f" Divided by {divided}." if divided else "") + " " + known_by(report),
        "head": f"{report.parameters['from']} to {report.parameters['to']}, as of {report.as_of:%Y-%m-%d %H:%M} UTC",
        "notes": list(report.notes),
        "nothing": nothing_shown(report),
        "sections": [_section(report, layout) for layout in report.kind.layouts],
        "definitions": [{"title": title, "columns": columns} for title, columns in definitions(report)],
        "made": made_by(report),
        "checksum": report.checksum,
    }


def _section(report: Report, layout: Layout) -> dict[str, Any]:
    drawn = drawing(report, layout.name)
    return {
        "title": layout.title,
        "meaning": layout.meaning,
        "drawings": _drawings(drawn) if drawn else [],
        **_table(report, layout),
    }


def _drawings(drawn: Drawing) -> list[dict[str, str]]:
    """The picture in columns: the first says what all of them show."""
    words = f"{drawn.title}. {drawn.description}"
    return [
        {"svg": _lettered(svg), "alt": words if place == 0 else f"{drawn.title}, continued"}
        for place, svg in enumerate(columns(drawn.svg))
    ]


def _lettered(svg: str) -> str:
    """Return the picture with the style that the page gives it, in the font of the paper."""
    style = "\n".join(OF_PICTURES.findall(report_style()))
    opened, rest = svg.split(">", 1)
    return f"{opened}><style>{style}\ntext {{ font-family: '{FONT}'; }}</style>{rest}"


def _table(report: Report, layout: Layout) -> dict[str, Any]:
    """The table; of one that nobody reads on paper the rows of all together, and how many there are elsewhere."""
    frame, groups = report.tables[layout.name], 0
    if "group" in frame and len(frame) > MOST_ROWS:
        total = frame["group"] == EVERYTHING
        frame, groups = frame[total], int((~total).sum())
    table = read_table(layout, frame, layout.title)
    return {
        "elsewhere": ELSEWHERE.format(rows=groups, by=report.parameters["group_by"]) if groups else "",
        "columns": [{"title": head(column), "is_text": column.kind == TEXT} for column in table.columns],
        "rows": [{"is_total": row.is_total, "cells": [_breakable(cell) for cell in row.cells]} for row in table.rows],
    }


def _breakable(cell: str) -> str:
    """Return the cell with places at which a word too long for a narrow column, such as a DOI, goes on below."""
    return LONG_WORD.sub(lambda word: AFTER_MARK.sub("\N{ZERO WIDTH SPACE}", word[0]), cell)
