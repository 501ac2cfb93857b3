"""How a route of the API is declared: who may call it, what it takes, what it answers. The rest follows from that.

A route that reads sees one snapshot of the database, its key included. A route that writes has one transaction,
opened after the body was understood, and repeats nothing under an ``Idempotency-Key`` it has seen. Both leave an entry
in the audit, but for routes that any key may call: these know nothing of a patient.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import Response, request
from marshmallow import Schema

from prom_service.web import audit, guards, looks
from prom_service.web.api import etag, idempotency
from prom_service.web.api.schemas.problem import CONDITIONS, PREFER, PROBLEMS
from prom_service.web.api.strict_json import LARGEST_BODY, StrictParser
from prom_service.web.context import own_clinic_id, principal, prom

FLAGS = "flags:read"
"""Whoever reads with this scope has looked at the clinic's flags."""
COMPUTES = "computes"
"""Marks a route that writes nothing, so that a repeat needs no key."""
LATER = "later"
"""Says whether the answer of a route may be made in the background."""
OWN_PROBLEMS = "own_problems"
"""Problems of a route that others of its method do not have."""
View = Callable[..., Any]
Answer = Schema | dict[str, Any]
"""What a route answers: a schema, or a description when there are several and the view writes the answer itself."""


class ApiBlueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """Routes of one noun. Views take the session first, then ``query``, ``body`` and the parts of the path by name."""

    ARGUMENTS_PARSER = StrictParser()
    PAGINATION_HEADER_NAME = None

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, __name__, url_prefix="/api/v1", description=description)
        self.before_request(bound_body)
        self.after_request(etag.add)
        self._prepare_doc_cbks.append(_document_access)

    def get(
        self,
        rule: str,
        *,
        scope: str,
        answer: Answer | None = None,
        query: Schema | None = None,
        media_type: str | None = None,
        files: Sequence[str] = (),
        later: Schema | None = None,
        problems: Sequence[HTTPStatus] = (),
    ) -> Callable[[View], View]:
        """Declare a route that reads; it answers in JSON or as ``media_type`` says, and ``files`` are others beside.

        ``later`` is what it answers, with 202, to who prefers not to wait; ``problems`` are those it has of its own.
        """

        def declare(view: View) -> View:
            route = self.response(HTTPStatus.OK, answer, content_type=media_type)(view)
            for other in files:
                route = self.alt_response(HTTPStatus.OK, schema={"type": "string"}, content_type=other)(route)
            if later is not None:
                route = self.alt_response(HTTPStatus.ACCEPTED, schema=later)(route)
            route._apidoc = {**route._apidoc, LATER: later is not None, OWN_PROBLEMS: problems}
            return self._add(rule, "GET", scope, in_snapshot(self._taking(route, query, None), scope))

        return declare

    def compute(self, rule: str, *, scope: str, body: Schema, answer: Schema) -> Callable[[View], View]:
        """Declare a POST that only works something out: its view takes no session, and nothing is remembered."""

        def declare(view: View) -> View:
            route = self._taking(self.response(HTTPStatus.OK, answer)(view), None, body)
            route._apidoc = {**route._apidoc, COMPUTES: True}  # type: ignore[attr-defined]
            return self._add(rule, "POST", scope, admitted(route, scope))

        return declare

    def post(self, rule: str, *, scope: str, **options: Any) -> Callable[[View], View]:
        """Declare a route that writes; one that makes a thing answers 201 with its ``Location``."""
        return self._write(rule, "POST", scope, **options)

    def put(self, rule: str, *, scope: str, **options: Any) -> Callable[[View], View]:
        """Declare a route that writes a thing under the name the caller gives it."""
        return self._write(rule, "PUT", scope, **options)

    def patch(self, rule: str, *, scope: str, **options: Any) -> Callable[[View], View]:
        """Declare a route that changes part of a thing; its view checks ``If-Match``."""
        return self._write(rule, "PATCH", scope, **options)

    def delete(self, rule: str, *, scope: str, **options: Any) -> Callable[[View], View]:
        """Declare a route that takes a thing away and answers 204."""
        return self._write(rule, "DELETE", scope, status=HTTPStatus.NO_CONTENT, **options)

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *args: Any, **rest: Any
    ) -> None:
        """Add a route; raise ``UnguardedRouteError`` for one that does not say who may call it."""
        if getattr(view_func, "policy", None) is None:
            raise guards.UnguardedRouteError(f"{rule} declares no scope")
        super().add_url_rule(rule, endpoint, view_func, *args, **rest)

    def _write(
        self,
        rule: str,
        method: str,
        scope: str,
        *,
        answer: Answer | None = None,
        body: Schema | None = None,
        query: Schema | None = None,
        status: HTTPStatus = HTTPStatus.OK,
        or_status: HTTPStatus | None = None,
        media_type: str | None = None,
        shown_once: bool = False,
    ) -> Callable[[View], View]:
        def declare(view: View) -> View:
            route = self.response(status, answer, content_type=media_type)(view)
            if or_status is not None:
                route = self.alt_response(or_status, schema=answer)(route)
            route = in_transaction(route, keep_answer=not shown_once)
            return self._add(rule, method, scope, admitted(self._taking(route, query, body), scope))

        return declare

    def _taking(self, view: View, query: Schema | None, body: Schema | None) -> View:
        if body is not None:
            needed = any(field.required for field in body.fields.values())
            view = self.arguments(body, location="json", arg_name="body", required=needed)(view)
        if query is not None:
            view = self.arguments(query, location="query", arg_name="query")(view)
        return view

    def _add(self, rule: str, method: str, scope: str, view: View) -> View:
        guards.declare(view, scope)
        self.add_url_rule(rule, None, view, methods=[method])
        return view


def bound_body() -> None:
    """Let no body in that is larger than any this service needs."""
    request.max_content_length = LARGEST_BODY


def in_snapshot(view: View, scope: str) -> View:
    """Return ``view`` with a session that sees one snapshot, behind the key and its ``scope``."""

    @wraps(view)
    def reading(**parts: Any) -> Response:
        with prom.reading() as session:
            guards.admit(session, scope)
            response: Response = view(session, **parts)
        guards.note_use()
        if scope == FLAGS:
            looks.note(own_clinic_id(), principal.actor)
        if scope != guards.ANY_KEY:
            audit.note_answer(response)
        return response

    return reading


def admitted(view: View, scope: str) -> View:
    """Return ``view`` behind the key and its ``scope``; no transaction is open when it begins."""

    @wraps(view)
    def admitted(**parts: Any) -> Response:
        with prom.reading() as session:
            guards.admit(session, scope)
        guards.note_use()
        response: Response = view(**parts)
        return response

    return admitted


def in_transaction(view: View, *, keep_answer: bool) -> View:
    """Return ``view`` with the session of one transaction, carried out once for each ``Idempotency-Key``."""

    @wraps(view)
    def writing(**parts: Any) -> Response:
        with idempotency.in_flight(), audit.writing() as session:
            response = idempotency.once(session, lambda: view(session, **parts), keep_answer=keep_answer)
            audit.about_answer(response)
            return response

    return writing


def _document_access(doc: dict[str, Any], info: dict[str, Any], *, method: str, **_rest: Any) -> dict[str, Any]:
    """Say in the document what every route of a method shares: key, conditions, problems."""
    doc["security"] = [{"key": []}]
    if not info.get(COMPUTES):
        doc.setdefault("parameters", []).extend(CONDITIONS[method])
    if info.get(LATER):
        doc["parameters"].append(PREFER)
    responses = doc.setdefault("responses", {})
    for status in (*PROBLEMS[method], *info.get(OWN_PROBLEMS, ())):
        responses.setdefault(str(status.value), {"$ref": f"#/components/responses/{status.name}"})
    return doc
