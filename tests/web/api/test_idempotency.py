"""A POST that is sent again under its key has one effect, and gets the answer the first one got."""

import threading
from typing import Any

import pytest
from flask.testing import FlaskClient

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


def test_requests_that_race_under_one_key_have_one_effect(client: FlaskClient, world: World) -> None:
    answers: list[Any] = []

    def send() -> None:
        caller = Caller(client.application.test_client(), world.key)
        answers.append(caller.post("/patients", NEW, Idempotency_Key="k1"))

    threads = [threading.Thread(target=send) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.json["id"] for answer in answers}) == 1
