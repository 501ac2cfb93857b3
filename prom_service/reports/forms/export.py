"""A report as a file: CSV, XLSX, JSON or HTML. CSV, JSON and HTML come out the same to the byte each time."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xlsxwriter

from prom_service.errors import InvalidInputError
from prom_service.reports.forms.page import render_page
from prom_service.reports.layout import COUNT, KEY, NUMBER, SHARE, Layout
from prom_service.reports.report import Report

FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "\0")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True)
class Format:
    """A form in which a report can be had."""

    media_type: str
    extension: str
    write: Callable[[Report], bytes]


def render(report: Report, format: str) -> bytes:  # noqa: A002 (the word of the command and of the API)
    """Return the report in that form; raise ``InvalidInputError`` naming the allowed ones when there is none such."""
    if format not in FORMATS:
        raise InvalidInputError({"format": [f"Allowed are {', '.join(FORMATS)}."]})
    return FORMATS[format].write(report)


def as_json(report: Report) -> bytes:
    """Return strict JSON: a missing figure is null, a hidden one the text ``<8``."""
    document = {
        "report": report.kind.name,
        "parameters": dict(report.parameters),
        "as_of": report.as_of.isoformat(),
        "versions": dict(report.versions),
        "checksum": report.checksum,
        "notes": list(report.notes),
        "tables": {layout.name: _json_table(layout, report.tables[layout.name]) for layout in report.kind.layouts},
    }
    return (json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1) + "\n").encode()


def as_csv(report: Report) -> bytes:
    """Return one sheet: the column ``table`` says which table a row belongs to; columns of other tables are empty.

    Parameters and definitions are rows too. Text that a spreadsheet would take for a formula gets a leading
    apostrophe; numbers, negative ones too, stay numbers.
    """
    columns = list(dict.fromkeys(key for layout in report.kind.layouts for key in layout.named()))
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\r\n")
    writer.writerow(["table", *columns, "name", "value"])
    for layout in report.kind.layouts:
        for row in _rows(layout, report.tables[layout.name]):
            writer.writerow([layout.name, *(safe_cell(row.get(column)) for column in columns), None, None])
    for table, name, value in _facts(report):
        writer.writerow([table, *(None for _ in columns), safe_cell(name), safe_cell(value)])
    return page.getvalue().encode()


def as_xlsx(report: Report) -> bytes:
    """Return a workbook: what was asked, definitions, then one typed sheet for each table. No formula, no link."""
    page = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(page, options) as book:
        book.set_properties({"title": report.kind.title, "created": report.as_of.replace(tzinfo=None)})
        look = {kind: book.add_format({"num_format": shape}) for kind, shape in NUMBER_FORMATS.items()}
        look["head"] = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        look["wrap"] = book.add_format({"text_wrap": True, "valign": "top"})
        _write_facts(book, "about", [fact for fact in _facts(report) if fact[0] != "definitions"], look)
        _write_facts(book, "definitions", [fact for fact in _facts(report) if fact[0] == "definitions"], look)
        for layout in report.kind.layouts:
            _write_table(book, layout, report.tables[layout.name], look)
    return page.getvalue()


def as_html(report: Report) -> bytes:
    """Return one self-contained page."""
    return render_page(report).encode()


NUMBER_FORMATS = {COUNT: "#,##0", KEY: "0", SHARE: "0.0%", NUMBER: "0.0"}
FORMATS: Mapping[str, Format] = {
    "json": Format("application/json", "json", as_json),
    "csv": Format("text/csv; charset=utf-8", "csv", as_csv),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx", as_xlsx),
    "html": Format("text/html; charset=utf-8", "html", as_html),
}


def safe_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula (OWASP ASVS 5.0, 1.2.10)."""
    if isinstance(value, str):
        text = value.replace("\0", "")
        return f"'{text}" if value.startswith(FORMULA_STARTS) else text
    return value


def _plain(value: Any) -> Any:
    """Return the value as Python's own type; None when it is missing."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _rows(layout: Layout, table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for values in table.itertuples(index=False, name=None):
        yield {key: _plain(value) for key, value in zip(layout.named(), values, strict=True)}


def _json_table(layout: Layout, table: pd.DataFrame) -> dict[str, Any]:
    columns = [{"key": one.key, "title": one.title, "kind": one.kind, "meaning": one.meaning} for one in layout.columns]
    return {"title": layout.title, "meaning": layout.meaning, "columns": columns, "rows": list(_rows(layout, table))}


def _facts(report: Report) -> Iterator[tuple[str, str, str]]:
    """Everything that is said about the report, as kind, name and text."""
    for name, value in report.parameters.items():
        yield "parameters", name, ", ".join(value) if isinstance(value, list) else str("" if value is None else value)
    for name, value in report.versions.items():
        yield "versions", name, "; ".join(value) if isinstance(value, list) else str(value)
    yield "checksum", "sha256", report.checksum
    for note in report.notes:
        yield "notes", "", note
    for definition in report.definitions:
        yield "definitions", ".".join(filter(None, (definition.table, definition.column))), definition.meaning


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
    for line, row in enumerate(_rows(layout, table), start=1):
        for place, column in enumerate(layout.columns):
            value = row[column.key]
            if isinstance(value, str):
                sheet.write_string(line, place, CONTROL.sub("", value))
            elif value is not None:
                sheet.write_number(line, place, value, look[column.kind])
