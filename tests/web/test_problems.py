"""Errors have one shape inside the API and pages elsewhere, and say nothing that was not theirs to say."""

import logging
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from prom_service.errors import ConflictError, InvalidInputError, NotFoundError, PromError, StaleVersionError
from prom_service.web import guards, headers, problems
from prom_service.web.json_provider import JsonProvider

SECRET = "alex@example.org"


class ClosedError(PromError):
    """An error that carries a code for programs."""

    reason = "closed"


@pytest.fixture
def small_app() -> Flask:
    """An application with a route that fails as it is told."""
    app = Flask("small")
    app.json = JsonProvider(app)
    guards.install(app)
    problems.install(app)
    headers.install(app)
    app.extensions["errors"] = []
    for path in ("/api/fail", "/fail", "/room/fail"):
        app.add_url_rule(path, path, lambda: _fail(app), methods=["GET", "POST"])
    return app


def _fail(app: Flask) -> str:
    raise app.extensions["errors"][-1]


def _answer(app: Flask, error: Exception, path: str = "/api/fail") -> Any:
    app.extensions["errors"].append(error)
    return app.test_client().get(path)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFoundError("none"), 404),
        (ConflictError("taken"), 409),
        (StaleVersionError("old"), 412),
        (InvalidInputError({"name": ["Too long."]}), 422),
        (ClosedError("no"), 409),
        (OperationalError("SELECT", {}, Exception()), 503),
        (ZeroDivisionError(), 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_becomes_a_problem_document(error: Exception, status: int, small_app: Flask) -> None:
    response = _answer(small_app, error)

    assert response.status_code == response.json["status"] == status
    assert response.content_type == "application/problem+json"
    assert {"type", "title", "status", "instance"} <= response.json.keys()
    assert response.json["instance"] == f"urn:uuid:{response.headers['X-Request-Id']}"


def test_a_problem_names_the_fields_and_the_reason(small_app: Flask) -> None:
    fields = _answer(small_app, InvalidInputError({"name": ["Too long."]})).json
    closed = _answer(small_app, ClosedError("no")).json

    assert fields["errors"] == {"name": ["Too long."]}
    assert (closed["detail"], closed["reason"]) == ("no", "closed")


def test_an_unforeseen_error_says_nothing_and_is_logged_without_its_words(
    small_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = _answer(small_app, ValueError(f"cannot mail {SECRET}"))

    assert SECRET not in response.text
    assert SECRET not in caplog.text
    assert "ValueError" in caplog.text
    assert response.headers["X-Request-Id"] in caplog.text


def test_a_service_that_cannot_now_says_when_to_try_again(small_app: Flask) -> None:
    response = _answer(small_app, OperationalError("SELECT", {}, Exception()))

    assert int(response.headers["Retry-After"]) > 0


def test_a_text_that_no_record_can_hold_is_no_fault_of_ours(client: FlaskClient) -> None:
    [token] = re.findall(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)

    answer = client.post("/login", data={"email": "a\0@example.org", "password": "x", "csrf_token": token})

    assert answer.status_code in (400, 422)  # SQLite takes a NUL, and then there is no such account.


def test_errors_elsewhere_are_pages_and_a_room_may_bring_its_own(small_app: Flask) -> None:
    problems.add_page(small_app, "/room/", lambda problem: f"room {problem.status}")

    plain, own = (_answer(small_app, NotFoundError("none"), path) for path in ("/fail", "/room/fail"))

    assert (plain.status_code, plain.mimetype) == (404, "text/html")
    assert (own.status_code, own.text) == (404, "room 404")


@pytest.mark.parametrize("path", ["/api/nothing", "/api/v1/nothing", "/api/v1/patients/x/y"])
def test_an_address_of_the_api_that_does_not_exist_is_a_problem(path: str, client: FlaskClient) -> None:
    response = client.get(path)

    assert (response.status_code, response.content_type) == (404, "application/problem+json")


def test_a_method_that_is_not_taken_is_a_problem_that_says_which_are(client: FlaskClient) -> None:
    response = client.delete("/api/v1/patients")

    assert (response.status_code, response.content_type) == (405, "application/problem+json")
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


def test_pages_of_the_staff_and_of_patients_have_their_own_errors(client: FlaskClient) -> None:
    answers = [client.get("/nothing"), client.get("/s/nothing/at/all")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert {answer.mimetype for answer in answers} == {"text/html"}
