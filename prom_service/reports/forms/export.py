"""A report as a file. CSV, JSON, HTML, Parquet and PDF come out the same to the byte each time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prom_service.errors import InvalidInputError
from prom_service.reports.forms.csv_file import as_csv
from prom_service.reports.forms.json_file import as_json
from prom_service.reports.forms.media import MEDIA
from prom_service.reports.forms.page import as_html
from prom_service.reports.forms.parquet import as_parquet
from prom_service.reports.forms.printed import as_pdf
from prom_service.reports.forms.workbook import as_xlsx
from prom_service.reports.report import Report


@dataclass(frozen=True)
class Format:
    """A form in which a report can be had."""

    media_type: str
    extension: str
    write: Callable[[Report], bytes]


WRITERS: Mapping[str, Callable[[Report], bytes]] = {
    "json": as_json,
    "csv": as_csv,
    "xlsx": as_xlsx,
    "html": as_html,
    "pdf": as_pdf,
    "parquet": as_parquet,
}
FORMATS: Mapping[str, Format] = {name: Format(*MEDIA[name], write) for name, write in WRITERS.items()}


def render(report: Report, format: str) -> bytes:  # noqa: A002 (the word of the command and of the API)
    """Return the report in that form; raise ``InvalidInputError`` naming the allowed ones when there is none such."""
    if format not in FORMATS:
        raise InvalidInputError({"format": [f"Allowed are {', '.join(FORMATS)}."]})
    return FORMATS[format].write(report)
