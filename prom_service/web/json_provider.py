"""How answers are written as JSON: compact, in the order given, times with offset, and never NaN."""

import datetime as dt
import json
import uuid
from typing import Any

from flask import Response, current_app
from flask.json.provider import DefaultJSONProvider


class JsonProvider(DefaultJSONProvider):
    """Writes what the service holds; a value that JSON cannot carry is an error, not a guess."""

    def dumps(self, obj: Any, **options: Any) -> str:
        """Return ``obj`` as JSON text, always the same for the same content."""
        fixed = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":"), "default": _plain}
        return json.dumps(obj, **{**fixed, **options})

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return an answer that holds one value as JSON."""
        content = self._prepare_response_obj(args, kwargs)
        return Response(self.dumps(content), content_type="application/json")


def json_response(content: Any, status: int = 200) -> Response:
    """Return an answer that holds ``content`` as JSON."""
    return Response(current_app.json.dumps(content), status, content_type="application/json")


def _plain(value: Any) -> Any:
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
