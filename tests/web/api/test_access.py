"""The API keeps clinics, keys and scopes apart on every route there is."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from prom_service.models import ApiKey
from prom_service.models.api_key import SCOPES
from prom_service.reports.query import REPORTS
from prom_service.runtime import Runtime
from prom_service.services import access
from prom_service.web.guards import ANY_KEY
from tests import builders
from tests.fakes import Clock
from tests.web.api.caller import ROOT, Caller, World

Body = Callable[[World], Any]

REPORT_ROUTES = tuple(f"GET /reports/{name}" for name in REPORTS)
BODIES: dict[str, Body | None] = {
    "GET /instruments": None,
    "GET /instruments/<code:ref>": None,
    "GET /instruments/<code:ref>/paper": None,
    "POST /instruments/<code:ref>/score": lambda world: {"answers": {"Q1": 3}},
    "GET /patients": None,
    "POST /patients": lambda world: {"external_id": "new", "name": "Kim New", "date_of_birth": "1970-01-01"},
    "GET /patients/<uuid:patient_id>": None,
    "PATCH /patients/<uuid:patient_id>": lambda world: {"name": "Kim Changed"},
    "POST /patients/<uuid:patient_id>/withdraw": None,
    "POST /patients/<uuid:patient_id>/deceased": None,
    "POST /patients/<uuid:patient_id>/pause": None,
    "POST /patients/<uuid:patient_id>/resume": None,
    "GET /episodes": None,
    "POST /episodes": lambda world: {
        "external_id": "new",
        "patient": str(world.patient.id),
        "started_on": "2026-03-02",
        "side": "right",
    },
    "GET /episodes/<uuid:episode_id>": None,
    "PATCH /episodes/<uuid:episode_id>": lambda world: {"diagnosis": "hip-related pain"},
    "POST /episodes/<uuid:episode_id>/close": None,
    "GET /episodes/<uuid:episode_id>/timeline": None,
    "GET /episodes/<uuid:episode_id>/trajectory": None,
    "GET /episodes/<uuid:episode_id>/visits": None,
    "PUT /episodes/<uuid:episode_id>/visits/<code:external_id>": lambda world: {"date": "2026-03-02"},
    "DELETE /episodes/<uuid:episode_id>/visits/<code:external_id>": None,
    "POST /administrations/<uuid:administration_id>/responses": lambda world: {
        "answers": {"nprs-1.0": {"Q1": 3}},
        "answered_on": str(world.today),
    },
    "POST /administrations/<uuid:administration_id>/links": None,
    "POST /administrations/<uuid:administration_id>/paper": None,
    "POST /administrations/<uuid:administration_id>/send": None,
    "GET /flags": None,
    "GET /flags/<uuid:flag_id>": None,
    "POST /flags/<uuid:flag_id>/acknowledge": None,
    "POST /flags/<uuid:flag_id>/assign": lambda world: {"user_id": str(world.user_id)},
    "POST /flags/<uuid:flag_id>/snooze": lambda world: {"until": "2026-03-09T09:00:00+00:00"},
    "POST /flags/<uuid:flag_id>/resolve": lambda world: {"reason": "contacted"},
    "GET /flag-events": None,
    **dict.fromkeys(REPORT_ROUTES),
    "GET /reports/utilization/episodes": None,
    "GET /tasks": None,
    "GET /tasks/<uuid:task_id>": None,
    "GET /tasks/<uuid:task_id>/result": None,
    "DELETE /tasks/<uuid:task_id>": None,
    "GET /webhooks": None,
    "POST /webhooks": lambda world: {"url": "https://1.1.1.1/hook"},
    "GET /webhooks/<uuid:webhook_id>": None,
    "DELETE /webhooks/<uuid:webhook_id>": None,
    "POST /webhooks/<uuid:webhook_id>/enable": None,
    "POST /webhooks/<uuid:webhook_id>/rotate": None,
    "POST /webhooks/<uuid:webhook_id>/test": None,
    "POST /webhooks/<uuid:webhook_id>/replay": lambda world: {"dead_letters": True},
    "GET /webhooks/<uuid:webhook_id>/deliveries": None,
}
"""Every route of the API with a body that it takes. A new route is not tested before it stands here."""

QUESTIONS = {"GET /reports/utilization/episodes": "?visits=within&outcome=not_yet_due"}
"""What a route needs behind its path."""
OPEN_TO_ALL = {route for route in BODIES if "/instruments" in route}
OF_ONE_THING = {route for route in BODIES if "uuid" in route} | {"POST /episodes"}


def test_the_table_above_holds_every_route_of_the_api(client: FlaskClient) -> None:
    assert set(_routes(client.application)) == set(BODIES)


@pytest.mark.parametrize("route", BODIES)
def test_a_route_answers_its_own_key(route: str, ours: Caller, world: World) -> None:
    response = _send(ours, route, world)

    assert response.status_code in (200, 201, 202, 204)


def test_every_route_refuses_a_call_without_a_key(client: FlaskClient, world: World) -> None:
    answers = {route: _send(Caller(client, None), route, world) for route in BODIES}

    assert {route for route, answer in answers.items() if answer.status_code != 401} == set()
    assert {answer.content_type for answer in answers.values()} == {"application/problem+json"}
    assert {answer.headers["WWW-Authenticate"].split()[0] for answer in answers.values()} == {"Bearer"}


@pytest.mark.parametrize("key", ["", "prom_abc", "x" * 5000, "prom_é", "a b"])
def test_what_is_no_key_opens_nothing(key: str, client: FlaskClient, world: World) -> None:
    response = Caller(client, key).get("/patients")

    assert response.status_code == 401


def test_a_key_in_another_scheme_opens_nothing(client: FlaskClient, world: World) -> None:
    response = Caller(client, None).get("/patients", Authorization=f"Basic {world.key}")

    assert response.status_code == 401


def test_a_key_that_has_expired_or_was_revoked_opens_nothing(
    client: FlaskClient, world: World, runtime: Runtime
) -> None:
    caller = Caller(client, world.key)
    before = caller.get("/patients").status_code
    with runtime.transaction() as session:
        access.revoke_key(
            session, session.scalars(select(ApiKey).where(ApiKey.clinic_id == world.clinic.id)).one(), now=runtime.now()
        )

    assert (before, caller.get("/patients").status_code) == (200, 401)


def test_every_route_refuses_a_key_that_has_all_scopes_but_its_own(
    client: FlaskClient, world: World, key_with: Any
) -> None:
    scopes = _routes(client.application)
    lacking = {scope: Caller(client, key_with(*(one for one in SCOPES if one != scope))) for scope in SCOPES}

    answers = {route: _send(lacking[scope], route, world) for route, scope in scopes.items() if scope != ANY_KEY}

    assert {route for route, answer in answers.items() if answer.status_code != 403} == set()
    assert all(scopes[route] in answer.json["detail"] for route, answer in answers.items())


def test_another_clinics_things_do_not_exist(theirs: Caller, world: World) -> None:
    answers = {route: _send(theirs, route, world) for route in OF_ONE_THING}

    assert {route for route, answer in answers.items() if answer.status_code != 404} == set()
    assert {answer.content_type for answer in answers.values()} == {"application/problem+json"}


def test_a_thing_that_never_was_looks_like_one_of_another_clinic(ours: Caller, theirs: Caller, world: World) -> None:
    def shape(answer: Any) -> dict[str, Any]:
        return {name: value for name, value in answer.json.items() if name != "instance"}

    for route in OF_ONE_THING - {"POST /episodes"}:
        foreign, unknown = _send(theirs, route, world), _send(ours, route, world, unknown=True)

        assert shape(foreign) == shape(unknown)


def test_another_clinics_lists_hold_nothing_of_ours(theirs: Caller, world: World) -> None:
    lists = set(BODIES) - OF_ONE_THING - OPEN_TO_ALL
    ours = (
        world.patient.id,
        world.episode.id,
        world.visit.id,
        world.flag_id,
        world.webhook_id,
        world.task_id,
        world.clinic.id,
    )

    answers = {route: _send(theirs, route, world) for route in lists}

    assert all(answer.status_code < 300 for answer in answers.values())
    assert not any(str(one) in answer.text for one in ours for answer in answers.values())


def test_a_quality_key_reads_reports_and_instruments_only(
    client: FlaskClient, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        _key, text = access.create_api_key(
            session,
            organisation_id=world.clinic.organisation_id,
            clinic_id=None,
            name="quality",
            scopes=["reports:read"],
            secret=builders.SECRET,
            now=clock.now(),
        )

    reached = {route for route in BODIES if _send(Caller(client, text), route, world).status_code < 300}

    assert reached == OPEN_TO_ALL | {*REPORT_ROUTES, "GET /tasks"}


def test_the_use_of_a_key_is_noted_once_an_hour(ours: Caller, world: World, runtime: Runtime, clock: Clock) -> None:
    def last_used() -> Any:
        with runtime.reading() as session:
            return session.scalars(select(ApiKey.last_used_at).where(ApiKey.clinic_id == world.clinic.id)).one()

    first = clock.now()
    ours.get("/patients")
    clock.advance(minutes=59)
    ours.get("/patients")
    within_the_hour = last_used()
    clock.advance(minutes=1)
    ours.get("/patients")

    assert (within_the_hour, last_used()) == (first, clock.now())


def _routes(app: Flask) -> dict[str, str]:
    """Return every route of the API with its scope."""
    found = {}
    for rule in app.url_map.iter_rules():
        scope = getattr(app.view_functions[rule.endpoint], "policy", None)
        if rule.rule.startswith(ROOT) and scope is not None:
            [method] = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            found[f"{method} {rule.rule.removeprefix(ROOT)}"] = scope
    return found


def _send(caller: Caller, route: str, world: World, *, unknown: bool = False) -> Any:
    method, rule = route.split(" ", 1)
    if unknown:
        rule = re.sub(r"<uuid:\w+>", str(uuid.uuid4()), rule)
    parts = {
        "<uuid:patient_id>": world.patient.id,
        "<uuid:episode_id>": world.episode.id,
        "<uuid:administration_id>": world.administration.id,
        "<uuid:flag_id>": world.flag_id,
        "<uuid:webhook_id>": world.webhook_id,
        "<uuid:task_id>": world.task_id,
        "<code:external_id>": world.visit.external_id,
        "<code:ref>": "nprs-1.0",
    }
    for part, value in parts.items():
        rule = rule.replace(part, str(value))
    body = BODIES[route]
    condition = {"If_Match": "*"} if method == "PATCH" else {}
    return caller.call(method, rule + QUESTIONS.get(route, ""), body(world) if body else None, **condition)
