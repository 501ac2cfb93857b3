"""What a form of a report is called on the way: its media type, and the ending of its file."""

from collections.abc import Mapping

MEDIA: Mapping[str, tuple[str, str]] = {
    "json": ("application/json", "json"),
    "csv": ("text/csv; charset=utf-8", "csv"),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    "html": ("text/html; charset=utf-8", "html"),
    "pdf": ("application/pdf", "pdf"),
    "parquet": ("application/zip", "parquet.zip"),
}
