"""Every route of the API that touches a patient leaves an entry: who, what, of whom."""

import json
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import ApiKey, AuditEntry, Patient
from prom_service.models.api_key import SCOPES
from prom_service.runtime import Runtime
from prom_service.services import access
from prom_service.services import audit as service
from tests import builders
from tests.fakes import Clock
from tests.web.api.caller import ROOT, Caller, World
from tests.web.api.test_access import BODIES, OPEN_TO_ALL, _send

LAST = ("responses", "DELETE", "resolve", "close", "withdraw", "deceased")
TOUCHING = sorted(
    set(BODIES) - OPEN_TO_ALL,
    key=lambda route: (max(place * (word in route) for place, word in enumerate(LAST, 1)), route),
)
"""Every route that touches a patient, in an order in which each can still be carried out after those before it."""
OF_WEBHOOKS = {route for route in TOUCHING if "/webhooks" in route}
COUNTING = {route for route in TOUCHING if "/tasks" in route or ("/reports/" in route and "/episodes" not in route)}
NOBODY_S = {*COUNTING, *OF_WEBHOOKS}
"""Routes that count, or say who is told: they name no patient."""


def entries(prom: Runtime) -> list[AuditEntry]:
    """Return what the doors noted, oldest first; what the rules did besides is left out."""
    with prom.reading() as session:
        query = select(AuditEntry).where(AuditEntry.actor != "rules").order_by(AuditEntry.id)
        return list(session.scalars(query))


def key_id(prom: Runtime, world: World) -> uuid.UUID:
    with prom.reading() as session:
        return session.scalars(select(ApiKey.id).where(ApiKey.clinic_id == world.clinic.id)).one()


def test_every_route_that_touches_a_patient_leaves_one_entry(ours: Caller, world: World, runtime: Runtime) -> None:
    before = len(entries(runtime))

    answers = {route: _send(ours, route, world) for route in TOUCHING}

    noted = [one for one in entries(runtime)[before:] if one.act.split(" ")[0].isupper()]
    assert [answer.status_code for answer in answers.values() if answer.status_code >= 300] == []
    assert [one.act.replace(ROOT, "") for one in noted] == TOUCHING
    assert {(one.actor, one.clinic_id) for one in noted} == {(f"key:{key_id(runtime, world)}", world.clinic.id)}
    named = dict(zip(TOUCHING, (json.loads(one.subjects).get("patient", []) for one in noted), strict=True))
    assert named.pop("POST /patients") == [answers["POST /patients"].json["id"]]
    assert {route for route, patients in named.items() if str(world.patient.id) not in patients} == NOBODY_S


def test_whoever_subscribes_changes_or_ends_a_webhook_is_on_record_with_it(
    ours: Caller, world: World, runtime: Runtime
) -> None:
    named = {}
    for route in (one for one in TOUCHING if one in OF_WEBHOOKS):
        answer = _send(ours, route, world)
        named[route] = json.loads(entries(runtime)[-1].subjects).get("webhook", [])
        if route == "POST /webhooks":
            assert named.pop(route) == [answer.json["id"]]

    assert str(world.webhook_id) in named.pop("GET /webhooks")
    assert named == {route: [str(world.webhook_id)] for route in named}


def test_a_route_that_any_key_may_call_leaves_none(ours: Caller, world: World, runtime: Runtime) -> None:
    before = len(entries(runtime))

    statuses = {_send(ours, route, world).status_code for route in OPEN_TO_ALL}

    assert statuses == {200}
    assert len(entries(runtime)) == before


def test_a_refused_call_leaves_none(ours: Caller, theirs: Caller, world: World, runtime: Runtime) -> None:
    before = len(entries(runtime))

    statuses = [
        theirs.get(f"/patients/{world.patient.id}").status_code,
        ours.post("/patients", {"external_id": ""}).status_code,
        ours.patch(f"/patients/{world.patient.id}", {"name": "Kim"}).status_code,
        ours.post("/episodes", {"patient": str(world.patient.id), "started_on": "2026-01-19"}).status_code,
    ]

    assert statuses == [404, 422, 428, 422]
    assert len(entries(runtime)) == before


def test_a_list_names_everybody_on_it_and_how_many_rows_it_had(
    ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        other = builders.an_episode(session, world.clinic, now=clock.now())

    for path in ("/patients", "/episodes"):
        ours.get(path)

    for entry in entries(runtime)[-2:]:
        assert json.loads(entry.subjects)["patient"] == sorted([str(world.patient.id), str(other.patient_id)])
        assert entry.shown == 2


def test_a_report_says_what_was_asked_and_is_on_record_at_every_clinic_it_counts(
    client: Any, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        second = builders.a_clinic(session, now=clock.now(), organisation_id=world.clinic.organisation_id)
        _key, text = access.create_api_key(
            session,
            organisation_id=world.clinic.organisation_id,
            clinic_id=None,
            name="quality",
            scopes=["reports:read"],
            secret=builders.SECRET,
            now=clock.now(),
        )

    Caller(client, text).get("/reports/utilization?from=2025-10-01&to=2026-01-01&group_by=pathway")

    noted = entries(runtime)[-2:]
    assert {one.clinic_id for one in noted} == {world.clinic.id, second.id}
    assert {one.subjects for one in noted} == {"{}"}
    assert {one.shown for one in noted} == {0}  # There are too few episodes to show a row.
    assert all(one.detail.startswith("from=2025-10-01 to=2026-01-01 as_of=2026-01-01T") for one in noted)


def test_the_entry_of_a_change_comes_and_goes_with_the_change(
    ours: Caller, world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any, **_options: Any) -> None:
        raise ValueError("the disk is full")

    before = len(entries(runtime))
    monkeypatch.setattr(service, "note", broken)

    answer = ours.post("/patients", BODIES["POST /patients"](world))  # type: ignore[misc]

    with runtime.reading() as session:
        known = session.scalars(select(Patient.external_id).where(Patient.clinic_id == world.clinic.id)).all()
    assert answer.status_code == 500
    assert (len(entries(runtime)), known) == (before, [world.patient.external_id])


def test_nothing_is_read_out_that_cannot_be_put_on_record(
    ours: Caller, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any, **_options: Any) -> None:
        raise ValueError("the disk is full")

    monkeypatch.setattr(service, "note", broken)

    answer = ours.get(f"/patients/{world.patient.id}")

    assert answer.status_code == 500
    assert world.patient.name not in answer.text


def test_an_entry_holds_ids_and_nothing_else_of_a_patient(
    client: Any, world: World, runtime: Runtime, key_with: Any
) -> None:
    ours = Caller(client, key_with(*SCOPES))
    for route in TOUCHING:
        _send(ours, route, world)

    written = " ".join(f"{one.actor} {one.act} {one.subjects} {one.detail}" for one in entries(runtime))

    telling = (world.patient.name, world.patient.email, world.patient.external_id, world.episode.external_id, "Kim New")
    assert [text for text in telling if text in written] == []


def test_a_repeated_request_is_on_record_each_time(ours: Caller, world: World, runtime: Runtime) -> None:
    before = len(entries(runtime))
    body = BODIES["POST /patients"](world)  # type: ignore[misc]

    for _ in range(2):
        ours.post("/patients", body, Idempotency_Key="once")

    first, second = entries(runtime)[before:]
    assert first.subjects == second.subjects
    assert first.request_id != second.request_id


def test_an_answer_that_the_caller_has_already_leaves_none(ours: Caller, world: World, runtime: Runtime) -> None:
    tag = ours.get("/flag-events?after=0&limit=5").headers["ETag"]
    before = len(entries(runtime))

    answer = ours.get("/flag-events?after=0&limit=5", If_None_Match=tag)

    assert answer.status_code == 304
    assert len(entries(runtime)) == before
