"""What every file of a report says: the rows of its tables as plain values, and what is said about them."""

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from prom_service.reports.layout import Layout
from prom_service.reports.report import Report

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Characters that neither a workbook nor a typesetter takes."""


def rows_of(layout: Layout, table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table as plain values by the key of their column; None is missing."""
    for values in table.itertuples(index=False, name=None):
        yield {key: plain(value) for key, value in zip(layout.named(), values, strict=True)}


def plain(value: Any) -> Any:
    """Return the value as Python's own type; None when it is missing."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def facts_of(report: Report) -> Iterator[tuple[str, str, str]]:
    """Yield everything that is said about the report, as kind, name and text."""
    for name, value in report.parameters.items():
        yield "parameters", name, ", ".join(value) if isinstance(value, list) else str("" if value is None else value)
    for name, value in report.versions.items():
        yield "versions", name, "; ".join(value) if isinstance(value, list) else str(value)
    yield "checksum", "sha256", report.checksum
    for note in report.notes:
        yield "notes", "", note
    for definition in report.definitions:
        yield "definitions", ".".join(filter(None, (definition.table, definition.column))), definition.meaning
