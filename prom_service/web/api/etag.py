"""Entity tags: what was read can be asked for again cheaply, and changed only by those who saw it as it is."""

import hashlib
from http import HTTPStatus
from typing import Any

from flask import Response, request
from marshmallow import Schema
from werkzeug.exceptions import PreconditionRequired

from prom_service.errors import StaleVersionError
from prom_service.web.json_provider import json_response

TAGGED_METHODS = ("GET", "HEAD", "PATCH", "PUT")


def add(response: Response) -> Response:
    """Return ``response`` with the tag of its content, or 304 when the caller has that already.

    A view that knows a cheaper tag sets it itself.
    """
    if response.status_code != HTTPStatus.OK or request.method not in TAGGED_METHODS:
        return response
    tag = response.get_etag()[0] or _tag(response.get_data())
    response.set_etag(tag)
    if request.method in ("GET", "HEAD") and request.if_none_match.contains_weak(tag):
        response.status_code = HTTPStatus.NOT_MODIFIED
        response.set_data(b"")
    return response


def require_match(schema: Schema, row: object) -> None:
    """Raise unless ``If-Match`` names what ``row`` is now: 428 when it is missing, 412 when it is another."""
    if not request.if_match:
        raise PreconditionRequired("Send If-Match with the ETag of what you read.")
    if not request.if_match.contains(tag_of(schema.dump(row))):
        raise StaleVersionError("It was changed since you read it. Read it again and retry.")


def not_modified(tag: str) -> Response | None:
    """Return 304 when the caller has ``tag`` already, before anything is read for the answer; else None."""
    if not request.if_none_match.contains_weak(tag):
        return None
    response = Response(status=HTTPStatus.NOT_MODIFIED)
    response.set_etag(tag)
    return response


def tag_of(representation: Any) -> str:
    """Return the tag of an answer with this content."""
    return _tag(json_response(representation).get_data())


def _tag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
