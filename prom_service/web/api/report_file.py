"""A report on its way to who asked: inline as JSON, else as a file."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from prom_service.reports.forms.media import MEDIA

FILES = tuple(kind.partition(";")[0] for name, (kind, _ending) in MEDIA.items() if name != "json")


def file_answer(name: str, form: str, content: bytes, parameters: Mapping[str, Any]) -> Response:
    """Return the report ``name`` in that form, for a program: JSON is read, every other form is kept."""
    if form == "json":
        return Response(content, content_type=MEDIA[form][0])
    return attachment(name, form, content, parameters)


def attachment(name: str, form: str, content: bytes, parameters: Mapping[str, Any]) -> Response:
    """Return the report ``name`` as a file to keep, called by its period and division, so that two are told apart."""
    media_type, ending = MEDIA[form]
    divided = f" by {parameters['group_by']}" if parameters["group_by"] else ""
    called = f"{name} {parameters['from']} to {parameters['to']}{divided} as of {parameters['as_of'][:10]}"
    disposition = f'attachment; filename="{called.replace(" ", "-")}.{ending}"'
    return Response(content, content_type=media_type, headers={"Content-Disposition": disposition})
