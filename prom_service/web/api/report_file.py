"""A report on its way to who asked: inline as JSON, else as a file."""

from flask import Response

from prom_service.reports.forms.media import MEDIA

FILES = tuple(kind.partition(";")[0] for name, (kind, _ending) in MEDIA.items() if name != "json")


def file_answer(name: str, form: str, content: bytes) -> Response:
    """Return the report ``name`` in that form."""
    media_type, ending = MEDIA[form]
    response = Response(content, content_type=media_type)
    if form != "json":
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.{ending}"'
    return response
