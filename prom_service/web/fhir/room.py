"""How a route under ``/fhir`` is declared: it answers in FHIR's JSON, and its errors are OperationOutcomes."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import NotAcceptable, UnsupportedMediaType

from prom_service.fhir import outcome
from prom_service.fhir.element import Resource
from prom_service.web import guards
from prom_service.web.api import etag, strict_json
from prom_service.web.api.blueprint import admitted, bound_body, in_snapshot, in_transaction
from prom_service.web.problems import Problem

PREFIX: Final = "/fhir"
MEDIA_TYPE: Final = "application/fhir+json"
TAKEN: Final = (MEDIA_TYPE, "application/json")
View = Callable[..., Any]

blueprint = Blueprint("fhir", __name__, url_prefix=PREFIX)
blueprint.before_request(bound_body)
blueprint.after_request(etag.add)


def read(rule: str, *, scope: str) -> Callable[[View], View]:
    """Declare a route that reads; its view takes the session and the parts of the path."""

    def declare(view: View) -> View:
        return _add(rule, "GET", scope, in_snapshot(_answering(view), scope))

    return declare


def create(rule: str, *, scope: str, take: Callable[[object], Any]) -> Callable[[View], View]:
    """Declare a route that takes a resource; its view takes the session and what ``take`` makes of the document.

    A request that is only repeated goes through ``take`` as well, and no further.
    """

    def declare(view: View) -> View:
        writing = in_transaction(_answering(view), keep_answer=True)
        return _add(rule, "POST", scope, admitted(_reading(writing, take), scope))

    return declare


def show_problem(problem: Problem) -> Response:
    """Return what went wrong as an OperationOutcome."""
    text = problem.detail or problem.title
    return answer(outcome.failure(problem.status, text, problem.errors, problem.reason), problem.status)


def answer(resource: Resource, status: int = HTTPStatus.OK, location: str | None = None) -> Response:
    """Return the answer that holds a resource."""
    response = Response(current_app.json.dumps(resource), status, content_type=MEDIA_TYPE)
    if location:
        response.headers["Location"] = location
    return response


def _add(rule: str, method: str, scope: str, view: View) -> View:
    guards.declare(view, scope)
    blueprint.add_url_rule(rule, None, view, methods=[method], strict_slashes=False)
    return view


def _answering(view: View) -> View:
    """Let a view return a resource instead of an answer; refuse who asks for anything but JSON."""

    @wraps(view)
    def answering(*args: Any, **parts: Any) -> Response:
        if not _takes_json():
            raise NotAcceptable(f"Resources are written as {MEDIA_TYPE} only.")
        found = view(*args, **parts)
        return found if isinstance(found, Response) else answer(found)

    return answering


def _takes_json() -> bool:
    """Return whether who asks takes our JSON; what stands behind a media type, such as fhirVersion, does not matter."""
    kinds = {kind.partition(";")[0].strip() for kind, quality in request.accept_mimetypes if quality > 0}
    return not request.accept_mimetypes or not kinds.isdisjoint({*TAKEN, "application/*", "*/*"})


def _reading(view: View, take: Callable[[object], Any]) -> View:
    """Give a view what was ``sent``: what ``take`` makes of the body, read as strictly as the API reads."""

    @wraps(view)
    def reading(**parts: Any) -> Response:
        if request.mimetype not in TAKEN:
            raise UnsupportedMediaType(f"Send the body as {MEDIA_TYPE}.")
        document = strict_json.read(request.get_data(cache=True))
        response: Response = view(sent=take(document), **parts)
        return response

    return reading
