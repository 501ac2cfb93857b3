"""A POST that is sent again under its ``Idempotency-Key`` has one effect, and gets the answer the first one got.

Sent again while the first is still being carried out it gets 409, and the answer a moment later.
"""

import hashlib
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask, Response, current_app, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from prom_service.db import insert_if_absent
from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import IdempotentRequest
from prom_service.web.context import principal, prom

HEADER = "Idempotency-Key"
KEPT_HEADERS = ("Location", "Content-Type")
IN_FLIGHT = "A request under the same key is being carried out. Send it again in a moment to get its answer."
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def install(app: Flask) -> None:
    """Make room for the keys of the requests that this process is carrying out."""
    app.extensions["prom.in_flight"] = (set(), threading.Lock())


@contextmanager
def in_flight() -> Iterator[None]:
    """Hold the key of this request while it is carried out; raise ``ConflictError`` when another request has it.

    Looked at before the transaction opens: on SQLite the second would wait for its turn to write and find the first
    done. Other processes are told apart by ``_claim``.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        yield
        return
    held, lock = current_app.extensions["prom.in_flight"]
    named = (principal.key_id, key)
    with lock:
        if named in held:
            raise ConflictError(IN_FLIGHT, reason="in_flight")
        held.add(named)
    try:
        yield
    finally:
        held.discard(named)


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
    """Take the key for this request; raise ``ConflictError`` while a request of another process has it."""
    several_processes = session.get_bind().dialect.name == "postgresql"
    lock = func.pg_try_advisory_xact_lock(lock_number(principal.key_id, key))
    if several_processes and not session.scalar(select(lock)):
        raise ConflictError(IN_FLIGHT, reason="in_flight")
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


def lock_number(api_key_id: uuid.UUID, key: str) -> int:
    """Return the number by which processes tell each other that a request is being carried out."""
    return int.from_bytes(hashlib.sha256(f"{api_key_id} {key}".encode()).digest()[:8], signed=True)


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
