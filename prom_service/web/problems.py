"""Errors become answers here and nowhere else: problem documents (RFC 9457) inside the API, pages elsewhere."""

import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, render_template_string, request
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from instruments.errors import InstrumentsError, UnknownInstrumentError
from prom_service.db import cause
from prom_service.errors import ConflictError, GoneError, InvalidInputError, NotFoundError, PromError, StaleVersionError
from prom_service.web.context import request_id
from prom_service.web.json_provider import json_response

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
OF_PROGRAMS = ("/api/", "/hooks/")
"""Addresses at which nobody reads a page."""
KEPT_HEADERS = ("allow", "retry-after", "www-authenticate", "content-range")
RETRY_AFTER_SECONDS = "5"
STATUSES: tuple[tuple[type[Exception], HTTPStatus], ...] = (  # The first that fits.
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (UnknownInstrumentError, HTTPStatus.NOT_FOUND),
    (GoneError, HTTPStatus.GONE),
    (StaleVersionError, HTTPStatus.PRECONDITION_FAILED),
    (InvalidInputError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ConflictError, HTTPStatus.CONFLICT),
    (PromError, HTTPStatus.CONFLICT),
    (OperationalError, HTTPStatus.SERVICE_UNAVAILABLE),
    (InterfaceError, HTTPStatus.SERVICE_UNAVAILABLE),
    (PoolTimeoutError, HTTPStatus.SERVICE_UNAVAILABLE),
)
FORESEEN = (HTTPException, PromError, InstrumentsError, StaleDataError)
PLAIN_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{{ problem.title }}</title>
<main><h1>{{ problem.title }}</h1><p>{{ problem.detail }}</p></main></html>"""


@dataclass(frozen=True)
class Problem:
    """What went wrong, in words that may be shown to whoever asked.

    ``errors`` says for each field what is wrong with it; ``reason`` is a code for programs, where there is one.
    """

    status: int
    title: str
    detail: str = ""
    errors: Mapping[str, list[str]] = field(default_factory=dict)
    reason: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the problem as RFC 9457 writes it; ``instance`` is found in the log."""
        members = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:uuid:{request_id()}",
            "reason": self.reason,
            "errors": dict(self.errors),
        }
        required = ("type", "title", "status", "instance")
        return {name: value for name, value in members.items() if value or name in required}


Page = Callable[[Problem], Response | str]


def install(app: Flask) -> None:
    """Answer every error of ``app``. Rooms with pages of their own add them with ``add_page``."""
    app.extensions["prom.error_pages"] = {}
    app.register_error_handler(Exception, answer)


def add_page(app: Flask, prefix: str, page: Page) -> None:
    """Show errors under the path ``prefix`` by ``page``, which returns the body or a whole response."""
    app.extensions["prom.error_pages"][prefix] = page


def answer(error: Exception) -> Response:
    """Return the answer to ``error``. One nobody foresaw is logged without its words, which may hold health data."""
    if isinstance(error, HTTPException) and isinstance(error.response, Response):
        return error.response
    problem = problem_of(error)
    if not isinstance(error, FORESEEN):
        log_fault(error)
    response = _document(problem) if request.path.startswith(OF_PROGRAMS) else _page(problem)
    response.status_code = problem.status
    response.headers.update(problem.headers)
    return response


def problem_of(error: Exception) -> Problem:
    """Return what may be said of ``error``."""
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, StaleDataError):  # Somebody was faster, between our reading and our writing.
        status = HTTPStatus.PRECONDITION_FAILED if request.if_match else HTTPStatus.CONFLICT
        return _problem(status, detail="It was changed by someone else meanwhile. Read it again and retry.")
    if isinstance(error, IntegrityError):  # The database is the last to decide what can be true together.
        return _problem(HTTPStatus.CONFLICT, detail="It contradicts what is already recorded.")
    if isinstance(error, DataError):  # PostgreSQL knows no text with a NUL in it, nor will it look for one.
        return _problem(HTTPStatus.BAD_REQUEST, detail="It holds something that no record can hold.")
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return _problem(status, detail="Try again in a moment.", headers={"Retry-After": RETRY_AFTER_SECONDS})
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _problem(status, detail="Something went wrong here. It has been recorded.")
    if isinstance(error, InvalidInputError):
        return _problem(status, detail="Some fields cannot be accepted.", errors=error.errors)
    reason, errors = getattr(error, "reason", None), getattr(error, "errors", {})
    again = {"Retry-After": "1"} if reason == "in_flight" else {}
    return _problem(status, detail=str(error), reason=reason, errors=errors, headers=again)


def _of_http(error: HTTPException) -> Problem:
    code = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    kept = {name: value for name, value in error.get_headers() if name.lower() in KEPT_HEADERS}
    return Problem(code, error.name, error.description or "", headers=kept)


def _problem(status: HTTPStatus, **members: Any) -> Problem:
    return Problem(int(status), status.phrase, **members)


def _document(problem: Problem) -> Response:
    response = json_response(problem.document())
    response.mimetype = MEDIA_TYPE
    return response


def _page(problem: Problem) -> Response:
    pages: dict[str, Page] = current_app.extensions["prom.error_pages"]
    fitting = [prefix for prefix in pages if request.path.startswith(prefix)]
    page = pages[max(fitting, key=len)] if fitting else _plain_page
    try:
        return current_app.make_response(page(problem))
    except Exception as error:  # noqa: BLE001 (whoever asked still gets an answer)
        log_fault(error)
        return current_app.make_response(_plain_page(problem))


def _plain_page(problem: Problem) -> str:
    return render_template_string(PLAIN_PAGE, problem=problem)


def log_fault(error: BaseException) -> None:
    """Log where ``error`` came from; its words and the address asked for may hold health data or a token."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    where = request.url_rule.rule if request.url_rule else "no route"
    log.error("request %s %s %s failed: %s\n%s", request_id(), request.method, where, cause(error), frames)
