"""The report as JSON."""

import json
from typing import Any

import pandas as pd

from prom_service.reports.forms.content import rows_of
from prom_service.reports.layout import Layout
from prom_service.reports.report import Report


def as_json(report: Report) -> bytes:
    """Return strict JSON: a missing figure is null, a hidden one a text: ``<10`` for a count, else ``hidden``."""
    document = {
        "report": report.kind.name,
        "parameters": dict(report.parameters),
        "as_of": report.as_of.isoformat(),
        "versions": dict(report.versions),
        "checksum": report.checksum,
        "notes": list(report.notes),
        "tables": {layout.name: _table(layout, report.tables[layout.name]) for layout in report.kind.layouts},
    }
    return (json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1) + "\n").encode()


def _table(layout: Layout, table: pd.DataFrame) -> dict[str, Any]:
    columns = [{"key": one.key, "title": one.title, "kind": one.kind, "meaning": one.meaning} for one in layout.columns]
    return {
        "title": layout.title,
        "meaning": layout.meaning,
        "columns": columns,
        "rows": list(rows_of(layout, table)),
    }
