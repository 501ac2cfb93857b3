"""The report as Parquet: an archive with one typed file for each table, what its columns mean in the file itself."""

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

from prom_service.errors import InvalidInputError
from prom_service.reports.forms.content import rows_of
from prom_service.reports.layout import COUNT, KEY, NUMBER, SHARE, TEXT, Column, Layout
from prom_service.reports.report import Report
from prom_service.reports.rounding import HIDDEN, WITHHELD

TYPES = {TEXT: "string", KEY: "int64", COUNT: "int64", SHARE: "float64", NUMBER: "float64"}
NOTED = f"Stands in place of the figure that is not shown, {HIDDEN} or {WITHHELD}; null where there is one or nothing."
OLDEST = (1980, 1, 1, 0, 0, 0)
"""The first instant that a ZIP archive can name."""
MISSING = "This installation writes no Parquet: install prom-service[parquet], or choose csv, which says the same."


def as_parquet(report: Report) -> bytes:
    """Return a ZIP archive of ``TABLE.parquet`` files; the same report gives the same bytes.

    A missing figure is null. Where figures may be hidden, each has a column ``KEY_note`` beside it: the word that
    stands in its place. The metadata ``prom`` of a file says what it is about, ``meaning`` of a column what it means.
    Raises ``InvalidInputError`` where the extra ``parquet`` is not installed.
    """
    archive = io.BytesIO()
    written_at = max(OLDEST, report.as_of.timetuple()[:6])
    with zipfile.ZipFile(archive, "w") as files:
        for layout in report.kind.layouts:
            entry = zipfile.ZipInfo(f"{layout.name}.parquet", date_time=written_at)
            files.writestr(entry, _file(report, layout))
    return archive.getvalue()


def write_rows(columns: Sequence[tuple[str, str, str]], rows: Sequence[Sequence[Any]], about: Any) -> bytes:
    """Return rows as one Parquet file; each column is its name, its type and its meaning."""
    try:
        from arro3 import core  # An extra: few need it.
        from arro3.io import write_parquet
    except ModuleNotFoundError:
        raise InvalidInputError({"format": [MISSING]}) from None
    types = [getattr(core.DataType, kind)() for _, kind, _ in columns]
    fields = [
        core.Field(name, type_, nullable=True, metadata={"meaning": meaning})
        for (name, _, meaning), type_ in zip(columns, types, strict=True)
    ]
    arrays = [core.Array([row[place] for row in rows], type_) for place, type_ in enumerate(types)]
    file = io.BytesIO()
    table = core.Table.from_arrays(arrays, schema=core.Schema(fields))
    write_parquet(table, file, compression="snappy", key_value_metadata={"prom": json.dumps(about)})
    return file.getvalue()


def _file(report: Report, layout: Layout) -> bytes:
    noted = report.parameters["audience"] == "quality"
    about = {
        "report": report.kind.name,
        "table": layout.name,
        "title": layout.title,
        "meaning": layout.meaning,
        "parameters": dict(report.parameters),
        "versions": dict(report.versions),
        "notes": list(report.notes),
        "checksum": report.checksum,
    }
    columns = [one for column in layout.columns for one in _typed(column, noted=noted)]
    rows = [
        [cell for column in layout.columns for cell in _cells(column, row[column.key], noted=noted)]
        for row in rows_of(layout, report.tables[layout.name])
    ]
    return write_rows(columns, rows, about)


def _typed(column: Column, *, noted: bool) -> Iterator[tuple[str, str, str]]:
    yield column.key, TYPES[column.kind], column.meaning
    if noted and column.kind in (COUNT, SHARE, NUMBER):
        yield f"{column.key}_note", "string", NOTED


def _cells(column: Column, value: Any, *, noted: bool) -> Iterator[Any]:
    """Yield the figure, and beside it the word that stands in its place."""
    if column.kind == TEXT:
        yield value
        return
    word = value if isinstance(value, str) else None
    typed = int if column.kind in (KEY, COUNT) else float
    yield None if value is None or word else typed(value)
    if noted and column.kind in (COUNT, SHARE, NUMBER):
        yield word
