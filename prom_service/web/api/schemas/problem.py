"""Problems, and the headers and problems that all routes of a method share."""

from http import HTTPStatus
from typing import Any

from marshmallow import Schema, fields


class ProblemSchema(Schema):
    """A problem document (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(metadata={"description": "What went wrong, in one sentence."})
    instance = fields.String(required=True, metadata={"description": "Finds this request in the service's log."})
    reason = fields.String(metadata={"description": "A code for programs, where there is one."})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "For each field what is wrong and what is allowed."},
    )


_READING = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_WRITING = (
    *_READING,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
PROBLEMS = {
    "get": (*_READING, HTTPStatus.NOT_MODIFIED),
    "post": _WRITING,
    "put": _WRITING,
    "delete": _WRITING,
    "patch": (*_WRITING, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED),
}

OF_FILES = (HTTPStatus.CONFLICT, HTTPStatus.GONE)
"""Problems of a file that is not made yet, or kept no longer."""


def _header(name: str, description: str, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    described = {"type": "string", **schema}
    return {"in": "header", "name": name, "description": description, "required": required, "schema": described}


CONDITIONS: dict[str, list[dict[str, Any]]] = {
    "get": [_header("If-None-Match", "ETag of what the caller has; 304 when it is still so.")],
    "post": [
        _header(
            "Idempotency-Key",
            "A request sent again under the same key has one effect and gets the same answer.",
            pattern=r"^[\x21-\x7e]{1,200}$",
        )
    ],
    "put": [],
    "delete": [],
    "patch": [_header("If-Match", "ETag of what the caller read; 412 when it has changed.", required=True)],
}
"""Headers that all routes of a method take."""
PREFER = _header(
    "Prefer", "`respond-async`: made in the background, answered at once with 202 and the task (RFC 7240)."
)
