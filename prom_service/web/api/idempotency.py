"""A POST that is sent again under its ``Idempotency-Key`` has one effect, and gets the answer the first one got."""

import hashlib
import re
from collections.abc import Callable

from flask import Response, current_app, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from prom_service.db import insert_if_absent
from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import IdempotentRequest
from prom_service.web.context import principal, prom

HEADER = "Idempotency-Key"
KEPT_HEADERS = ("Location", "Content-Type")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def once(session: Session, act: Callable[[], Response], *, keep_answer: bool) -> Response:
    """Return the answer of ``act``, or the one it gave before under the same key, in the transaction of its effect.

    Only what was carried out is remembered: a refused request may be mended and sent again. The same key with
    another request is an error. An answer that holds a secret is not kept, so its repetition is a conflict.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        return act()
    if not _KEY.fullmatch(key):
        raise BadRequest(f"{HEADER} must be 1 to 200 visible ASCII characters.")
    if not _claim(session, key):
        return _replay(session.get_one(IdempotentRequest, (principal.key_id, key)))
    response = act()
    kept = session.get_one(IdempotentRequest, (principal.key_id, key))
    kept.status = response.status_code
    kept.headers = [
        part for name in KEPT_HEADERS if name in response.headers for part in (name, response.headers[name])
    ]
    kept.body = response.get_data(as_text=True) if keep_answer else ""
    return response


def _claim(session: Session, key: str) -> bool:
    """Take the key for this request; wait for another request that has it and is not done yet."""
    values = {
        "api_key_id": principal.key_id,
        "key": key,
        "request_digest": _digest(),
        "status": 0,
        "headers": [],
        "body": "",
        "created_at": prom.now(),
    }
    return insert_if_absent(session, IdempotentRequest, values, unique=["api_key_id", "key"])


def _digest() -> str:
    request_line = f"{request.method} {request.full_path}\n".encode()
    return hashlib.sha256(request_line + request.get_data(cache=True)).hexdigest()


def _replay(kept: IdempotentRequest) -> Response:
    if kept.request_digest != _digest():
        raise InvalidInputError({HEADER: ["Was used before with another request. Use a new key for a new request."]})
    if not kept.body:
        raise ConflictError("This was done before under the same key; its answer was shown once and is not kept.")
    headers = dict(zip(kept.headers[::2], kept.headers[1::2], strict=True))
    return current_app.response_class(kept.body, kept.status, {**headers, "Idempotent-Replayed": "true"})
