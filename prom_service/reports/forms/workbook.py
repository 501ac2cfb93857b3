"""The report as a workbook."""

import io
from collections.abc import Mapping
from typing import Any

import pandas as pd
import xlsxwriter

from prom_service.reports.forms.content import CONTROL, facts_of, rows_of
from prom_service.reports.layout import COUNT, KEY, NUMBER, SHARE, Layout
from prom_service.reports.report import Report

NUMBER_FORMATS = {COUNT: "#,##0", KEY: "0", SHARE: "0.0%", NUMBER: "0.0"}
OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def as_xlsx(report: Report) -> bytes:
    """Return a workbook: what was asked, definitions, then one typed sheet for each table. No formula, no link."""
    page = io.BytesIO()
    with xlsxwriter.Workbook(page, OPTIONS) as book:
        book.set_properties({"title": report.kind.title, "created": report.as_of.replace(tzinfo=None)})
        look = {kind: book.add_format({"num_format": shape}) for kind, shape in NUMBER_FORMATS.items()}
        look["head"] = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        look["wrap"] = book.add_format({"text_wrap": True, "valign": "top"})
        _write_facts(book, "about", [fact for fact in facts_of(report) if fact[0] != "definitions"], look)
        _write_facts(book, "definitions", [fact for fact in facts_of(report) if fact[0] == "definitions"], look)
        for layout in report.kind.layouts:
            _write_table(book, layout, report.tables[layout.name], look)
    return page.getvalue()


def _write_facts(book: Any, name: str, facts: list[tuple[str, str, str]], look: Mapping[str, Any]) -> None:
    sheet = book.add_worksheet(name)
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 36)
    sheet.set_column(2, 2, 100)
    for place, title in enumerate(("kind", "name", "text")):
        sheet.write_string(0, place, title, look["head"])
    for line, fact in enumerate(facts, start=1):
        for place, text in enumerate(fact):
            sheet.write_string(line, place, CONTROL.sub("", text), look["wrap"])


def _write_table(book: Any, layout: Layout, table: pd.DataFrame, look: Mapping[str, Any]) -> None:
    sheet = book.add_worksheet(layout.name)
    sheet.freeze_panes(1, 1)
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, len(layout.columns), 14)
    for place, column in enumerate(layout.columns):
        sheet.write_string(0, place, column.title, look["head"])
    for line, row in enumerate(rows_of(layout, table), start=1):
        for place, column in enumerate(layout.columns):
            value = row[column.key]
            if isinstance(value, str):
                sheet.write_string(line, place, CONTROL.sub("", value))
            elif value is not None:
                sheet.write_number(line, place, value, look[column.kind])
