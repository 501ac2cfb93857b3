"""A report on its way to who asked: inline as JSON, else as a file."""

from flask import Response

from prom_service.reports.forms.media import MEDIA

FILES = tuple(kind.partition(";")[0] for name, (kind, _ending) in MEDIA.items() if name != "json")


def file_answer(name: str, form: str, content: bytes) -> Response:
    """Return the report ``name`` in that form, for a program: JSON is read, every other form is kept."""
    return Response(content, content_type=MEDIA[form][0]) if form == "json" else attachment(name, form, content)


def attachment(name: str, form: str, content: bytes) -> Response:
    """Return the report ``name`` as a file to keep."""
    media_type, ending = MEDIA[form]
    disposition = f'attachment; filename="{name}.{ending}"'
    return Response(content, content_type=media_type, headers={"Content-Disposition": disposition})
