"""Under /fhir the API's keys and scopes hold on every route there is, and every error is an OperationOutcome."""

import re
import uuid
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from prom_service.models.api_key import SCOPES
from prom_service.web.guards import ANY_KEY
from tests.web.api.caller import Caller, World
from tests.web.fhir.documents import ROOT, a_response, a_transaction

ROUTES = {
    "GET /Patient": "episodes:read",
    "GET /Patient/<uuid:id_>": "episodes:read",
    "GET /EpisodeOfCare": "episodes:read",
    "GET /EpisodeOfCare/<uuid:id_>": "episodes:read",
    "GET /Encounter": "episodes:read",
    "GET /Encounter/<uuid:id_>": "episodes:read",
    "GET /QuestionnaireResponse": "episodes:read",
    "GET /QuestionnaireResponse/<uuid:id_>": "episodes:read",
    "GET /Observation": "episodes:read",
    "GET /Observation/<uuid:id_>": "episodes:read",
    "GET /Flag": "flags:read",
    "GET /Flag/<uuid:id_>": "flags:read",
    "GET /Questionnaire": ANY_KEY,
    "GET /Questionnaire/<code:ref>": ANY_KEY,
    "POST /QuestionnaireResponse": "episodes:write",
    "POST /": "episodes:write",
    "GET /metadata": "public",
}
"""Every route with its scope. A new one is not tested before it stands here."""

GUARDED = {route for route, scope in ROUTES.items() if scope != "public"}
OF_ONE_THING = {route for route in ROUTES if "uuid" in route or route.startswith("POST")}


def routes_of(app: Flask) -> dict[str, str]:
    found = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/fhir"):
            [method] = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            found[f"{method} {rule.rule.removeprefix('/fhir')}"] = app.view_functions[rule.endpoint].policy  # type: ignore[attr-defined]
    return found


def send(caller: Caller, route: str, world: World, ids: dict[str, uuid.UUID]) -> Any:
    method, rule = route.split(" ", 1)
    kind = rule.strip("/").partition("/")[0]
    path = rule.replace("<uuid:id_>", str(ids.get(kind))).replace("<code:ref>", "nprs-1.0")
    response = a_response(world)
    body = None if method == "GET" else a_transaction(response) if rule == "/" else response
    return caller.call(method, ROOT + path, body)


def test_the_table_above_holds_every_route(client: FlaskClient) -> None:
    assert routes_of(client.application) == ROUTES


def test_a_route_answers_its_own_key(ours: Caller, world: World, ids: Any) -> None:
    answers = {route: send(ours, route, world, ids) for route in ROUTES}

    assert {route for route, answer in answers.items() if answer.status_code not in (200, 201)} == set()
    assert {answer.content_type for answer in answers.values()} == {"application/fhir+json"}


def test_every_route_refuses_a_call_without_a_key(client: FlaskClient, world: World, ids: Any) -> None:
    answers = {route: send(Caller(client, None), route, world, ids) for route in GUARDED}

    assert {route for route, answer in answers.items() if answer.status_code != 401} == set()
    assert {answer.json["issue"][0]["code"] for answer in answers.values()} == {"login"}
    assert {answer.headers["WWW-Authenticate"].split()[0] for answer in answers.values()} == {"Bearer"}


def test_every_route_refuses_a_key_that_has_all_scopes_but_its_own(
    client: FlaskClient, world: World, key_with: Any, ids: Any
) -> None:
    lacking = {scope: Caller(client, key_with(*(one for one in SCOPES if one != scope))) for scope in SCOPES}

    answers = {route: send(lacking[scope], route, world, ids) for route, scope in ROUTES.items() if scope in lacking}

    assert {route for route, answer in answers.items() if answer.status_code != 403} == set()
    assert {answer.json["issue"][0]["code"] for answer in answers.values()} == {"forbidden"}


def test_another_clinics_things_do_not_exist(theirs: Caller, world: World, ids: Any) -> None:
    answers = {route: send(theirs, route, world, ids) for route in OF_ONE_THING}

    assert {route for route, answer in answers.items() if answer.status_code != 404} == set()
    assert {answer.json["issue"][0]["code"] for answer in answers.values()} == {"not-found"}


def test_a_thing_that_never_was_looks_like_one_of_another_clinic(
    ours: Caller, theirs: Caller, world: World, ids: dict[str, uuid.UUID]
) -> None:
    unknown = dict.fromkeys(ids, uuid.uuid4())

    for route in OF_ONE_THING - {"POST /", "POST /QuestionnaireResponse"}:
        assert send(theirs, route, world, ids).json == send(ours, route, world, unknown).json


def test_another_clinics_searches_find_nothing_of_ours(theirs: Caller, world: World, ids: Any) -> None:
    searches = GUARDED - OF_ONE_THING - {"GET /Questionnaire", "GET /Questionnaire/<code:ref>"}

    found = {route: send(theirs, route, world, ids).json for route in searches}
    by_patient = theirs.get(f"{ROOT}/Observation?patient={world.patient.id}").json

    assert {route for route, bundle in found.items() if "entry" in bundle} == set()
    assert "entry" not in by_patient


def test_a_patient_has_no_address(ours: Caller, world: World) -> None:
    shown = ours.get(f"{ROOT}/Patient/{world.patient.id}")

    assert re.search("telecom|address|@", shown.text) is None
    assert shown.json["birthDate"] == "1980-05-17"


def test_what_is_not_there_is_told_as_an_outcome(ours: Caller, judges: Any) -> None:
    asked = ["GET /Nothing", "GET /Patient/7", "GET /Questionnaire/none-1.0", "DELETE /Patient"]

    answers = [ours.call(method, ROOT + path) for method, _, path in (one.partition(" ") for one in asked)]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 405]
    assert [answer.json["issue"][0]["code"] for answer in answers] == [*["not-found"] * 3, "not-supported"]
    assert [fault for answer in answers for fault in judges.faults(answer.json)] == []


def test_only_json_is_written(ours: Caller) -> None:
    asked = {
        "application/fhir+xml": 406,
        "application/fhir+json;q=0": 406,
        "*/*": 200,
        "application/json": 200,
        "application/fhir+json; fhirVersion=4.0": 200,
        "application/fhir+xml, application/fhir+json;q=0.9": 200,
    }

    assert {kind: ours.get(f"{ROOT}/Patient", Accept=kind).status_code for kind in asked} == asked
