"""A POST that is sent again under its key has one effect, and gets the answer the first one got."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from prom_service.app import create_app
from prom_service.runtime import Runtime
from prom_service.services import access, enrolment
from prom_service.web.api import idempotency
from tests.web.api.caller import Caller, World

NEW = {"external_id": "new", "name": "Kim New", "date_of_birth": "1970-01-01"}


def test_a_repeated_request_has_one_effect_and_the_same_answer(ours: Caller, world: World) -> None:
    first = ours.post("/patients", NEW, Idempotency_Key="k1")
    again = ours.post("/patients", NEW, Idempotency_Key="k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotent-Replayed" in again.headers
    assert "Idempotent-Replayed" not in first.headers
    assert len(ours.get("/patients?external_id=new").json["items"]) == 1


def test_the_same_key_with_another_body_or_address_is_refused(ours: Caller, world: World) -> None:
    ours.post("/patients", NEW, Idempotency_Key="k1")

    other_body = ours.post("/patients", {**NEW, "external_id": "other"}, Idempotency_Key="k1")
    other_address = ours.post(f"/patients/{world.patient.id}/pause", Idempotency_Key="k1")

    assert [other_body.status_code, other_address.status_code] == [422, 422]
    assert list(other_body.json["errors"]) == ["Idempotency-Key"]
    assert ours.get("/patients?external_id=other").json["items"] == []


def test_a_refused_request_may_be_mended_and_sent_again(ours: Caller, world: World) -> None:
    refused = ours.post("/patients", {**NEW, "sex": "x"}, Idempotency_Key="k1")
    conflict = ours.post("/patients", {**NEW, "external_id": world.patient.external_id}, Idempotency_Key="k1")
    mended = ours.post("/patients", NEW, Idempotency_Key="k1")

    assert [refused.status_code, conflict.status_code, mended.status_code] == [422, 409, 201]


def test_keys_of_two_clinics_do_not_meet(ours: Caller, theirs: Caller, world: World) -> None:
    mine = ours.post("/patients", NEW, Idempotency_Key="k1")
    yours = theirs.post("/patients", NEW, Idempotency_Key="k1")

    assert yours.status_code == 201
    assert yours.json["id"] != mine.json["id"]


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 201])
def test_a_key_that_is_none_is_refused(key: str, ours: Caller) -> None:
    assert ours.post("/patients", NEW, Idempotency_Key=key).status_code == 400


def test_a_link_is_shown_once_also_under_a_key(ours: Caller, world: World) -> None:
    path = f"/administrations/{world.administration.id}/links"

    first = ours.post(path, Idempotency_Key="k1")
    again = ours.post(path, Idempotency_Key="k1")

    assert (first.status_code, again.status_code) == (201, 409)
    assert "/s/" in first.json["url"]
    assert "/s/" not in again.text


def test_requests_that_race_under_one_key_have_one_effect(client: FlaskClient, world: World, full: bool) -> None:
    keys = 250 if full else 5
    callers = [Caller(client.application.test_client(), world.key) for _ in range(8)]

    def send(caller: Caller, number: int) -> Any:
        body = {**NEW, "external_id": f"new {number}"}
        while (answer := caller.post("/patients", body, Idempotency_Key=f"k{number}")).status_code == 409:
            assert (answer.json["reason"], answer.headers["Retry-After"]) == ("in_flight", "1")
        return answer

    with ThreadPoolExecutor(len(callers)) as threads:
        for number in range(keys):
            racing = list(threads.map(send, callers, itertools.repeat(number)))
            replayed = [send(callers[0], number) for _ in range(12 if full else 2)]
            assert {one.status_code for one in (*racing, *replayed)} == {201}
            assert len({one.json["id"] for one in (*racing, *replayed)}) == 1
            assert sum("Idempotent-Replayed" not in one.headers for one in (*racing, *replayed)) == 1
    assert client.application.extensions["prom.in_flight"][0] == set()


def test_a_request_whose_first_is_still_being_carried_out_is_told_to_come_back(
    ours: Caller, world: World, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = Caller(ours.client.application.test_client(), world.key)
    told: list[Any] = []
    register = enrolment.register_patient

    def slowly(*arguments: Any, **named: Any) -> Any:
        told.append(second.post("/patients", NEW, Idempotency_Key="k1"))
        return register(*arguments, **named)

    monkeypatch.setattr(enrolment, "register_patient", slowly)
    first = ours.post("/patients", NEW, Idempotency_Key="k1")

    assert (first.status_code, [one.status_code for one in told]) == (201, [409])
    assert told[0].json["reason"] == "in_flight"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_request_that_another_process_carries_out_is_told_to_come_back(
    ours: Caller, world: World, runtime: Runtime
) -> None:
    other = Caller(create_app(runtime).test_client(), world.key)
    with runtime.transaction() as session:
        held = access.authenticate_key(session, world.key, secret=runtime.settings.secret, now=runtime.now())
        assert held is not None
        number = idempotency.lock_number(held.key_id, "k1")
        session.execute(select(func.pg_advisory_xact_lock(number)))
        told = other.post("/patients", NEW, Idempotency_Key="k1")
    done = ours.post("/patients", NEW, Idempotency_Key="k1")

    assert (told.status_code, told.json["reason"], done.status_code) == (409, "in_flight", 201)
