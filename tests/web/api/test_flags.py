"""Flags over the API: the list, one flag, the steps, and a feed that leaves nothing out."""

import threading
import uuid
from typing import Any

import pytest
from flask.testing import FlaskClient

from prom_service.models import Episode
from prom_service.models.flag import RESOLUTIONS
from prom_service.queries.guidance import NO_LONGER_ASKED
from prom_service.runtime import Runtime
from tests import builders
from tests.fakes import Clock
from tests.web.api.caller import Caller, World

BEHALF = {"id": "u-7", "name": "Dr Seven"}


def _flag(world: World, act: str = "") -> str:
    return f"/flags/{world.flag_id}{act}"


def test_a_flag_says_whom_it_is_about_why_and_on_which_numbers(ours: Caller, world: World) -> None:
    flag = ours.get(_flag(world)).json

    assert flag["patient"] == {"id": str(world.patient.id), "external_id": world.patient.external_id}
    assert (flag["kind"], flag["severity"], flag["queue"]) == ("red_flag_symptom", "high", "clinical")
    assert (flag["checkpoint"], flag["status"], flag["clinician"]) == ("baseline", "open", "DR-1")
    assert flag["why"]
    assert flag["evidence"]
    assert flag["guidance"]["text"]
    assert [(step["number"], step["type"]) for step in flag["history"]] == [(flag["number"], "raised")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 1),
        ("status=open", 1),
        ("status=resolved", 0),
        ("kind=red_flag_symptom", 1),
        ("kind=deterioration", 0),
        ("checkpoint=baseline", 1),
        ("checkpoint=6-weeks", 0),
        ("queue=clinical", 1),
        ("queue=follow_up", 0),
        ("clinician=DR-1", 1),
        ("clinician=DR-2", 0),
        ("kind=red_flag_symptom&clinician=DR-1&queue=clinical", 1),
    ],
)
def test_flags_are_found_by_what_they_are(query: str, found: int, ours: Caller, world: World) -> None:
    assert len(ours.get(f"/flags?{query}").json["items"]) == found


@pytest.mark.parametrize("query", ["status=live", "kind=x", "queue=x"])
def test_a_filter_that_is_no_word_of_ours_is_refused(query: str, ours: Caller) -> None:
    assert ours.get(f"/flags?{query}").status_code == 422


def test_a_missed_survey_sends_no_program_after_answers_that_can_no_longer_be_taken(
    ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    passed = {"closes_at": clock.now().isoformat()}
    with runtime.transaction() as session:
        episode = session.get_one(Episode, world.episode.id)
        flag = builders.a_flag(session, episode, now=clock.now(), kind="survey_missed", evidence=passed)

    shown = [ours.get(f"/flags/{flag.id}").json, ours.get("/flags?kind=survey_missed").json["items"][0]]

    assert [one["guidance"] for one in shown] == [NO_LONGER_ASKED] * 2


def test_the_list_says_how_far_the_feed_had_come(ours: Caller, world: World) -> None:
    before = ours.get("/flags").json["feed_position"]

    ours.post(_flag(world, "/acknowledge"))

    assert ours.get("/flags").json["feed_position"] == before + 1
    assert ours.get(f"/flag-events?after={before}").json["items"][0]["type"] == "acknowledged"


def test_a_flag_is_seen_given_away_put_aside_and_closed_each_as_a_numbered_step(ours: Caller, world: World) -> None:
    steps = [
        ours.post(_flag(world, "/acknowledge"), {"on_behalf_of": BEHALF, "note": "calling her"}),
        ours.post(_flag(world, "/assign"), {"user_id": str(world.user_id)}),
        ours.post(_flag(world, "/snooze"), {"until": "2026-03-03T09:00:00+01:00"}),
        ours.post(_flag(world, "/resolve"), {"reason": "contacted", "note": "seen today"}),
    ]

    assert [step.json["status"] for step in steps] == ["acknowledged", "assigned", "snoozed", "resolved"]
    assert steps[1].json["assignee_id"] == str(world.user_id)
    assert steps[2].json["snoozed_until"] == "2026-03-03T08:00:00+00:00"
    assert steps[3].json["resolution"] == "contacted"
    assert [one["number"] for one in steps[3].json["history"]] == [1, 2, 3, 4, 5]
    assert steps[0].json["history"][1]["actor"]["on_behalf_of"] == BEHALF
    assert ours.get("/flags").json["items"] == []


@pytest.mark.parametrize("body", [None, {}, {"reason": "done"}, {"reason": ""}, {"note": "x"}])
def test_a_flag_is_not_closed_without_a_reason(body: Any, ours: Caller, world: World) -> None:
    response = ours.post(_flag(world, "/resolve"), body)

    assert response.status_code == 422
    assert list(response.json["errors"]) == ["reason"]
    assert all(reason in response.text for reason in RESOLUTIONS) or body is None or "reason" not in (body or {})


def test_a_closed_flag_takes_no_further_step(ours: Caller, world: World) -> None:
    ours.post(_flag(world, "/resolve"), {"reason": "reassessed"})

    assert ours.post(_flag(world, "/acknowledge")).status_code == 409
    assert ours.post(_flag(world, "/resolve"), {"reason": "other"}).status_code == 409


def test_a_flag_is_given_to_users_of_its_clinic_only(ours: Caller, world: World) -> None:
    response = ours.post(_flag(world, "/assign"), {"user_id": str(uuid.uuid4())})

    assert list(response.json["errors"]) == ["user_id"]


@pytest.mark.parametrize(
    "until", ["2026-03-02T08:00:00+00:00", "2026-03-09", "2026-03-09T08:00:00", "9999-12-31T23:59:59-12:00"]
)
def test_a_flag_is_put_aside_until_a_moment_to_come(until: str, ours: Caller, world: World) -> None:
    response = ours.post(_flag(world, "/snooze"), {"until": until})

    assert response.status_code == 422
    assert list(response.json["errors"]) == ["until"]


def test_the_feed_is_read_to_its_end_in_pages_without_a_gap(ours: Caller, world: World) -> None:
    for _step in range(4):
        ours.post(_flag(world, "/acknowledge"))

    numbers, last = [], 0
    while page := ours.get(f"/flag-events?after={last}&limit=2").json["items"]:
        numbers += [event["number"] for event in page]
        last = page[-1]["number"]

    assert numbers == [1, 2, 3, 4, 5]


def test_a_feed_with_nothing_new_is_empty_and_keeps_its_place(ours: Caller, world: World) -> None:
    response = ours.get("/flag-events?after=1")

    assert (response.status_code, response.json) == (200, {"items": [], "last": 1})


def test_beyond_the_end_of_the_feed_nobody_waits_for_numbers_that_come_again(ours: Caller, world: World) -> None:
    refused = ours.get("/flag-events?after=2")

    assert (refused.status_code, refused.json["reason"]) == (409, "beyond_the_end")
    assert refused.json["errors"] == {
        "after": ["The last event has the number 1. Read /flags anew and go on from its feed_position."]
    }


def test_an_event_shows_the_flag_as_it_was_then(ours: Caller, world: World) -> None:
    ours.post(_flag(world, "/acknowledge"))
    ours.post(_flag(world, "/resolve"), {"reason": "contacted"})

    events = ours.get("/flag-events").json["items"]

    assert [event["flag"]["status"] for event in events] == ["open", "acknowledged", "resolved"]
    assert [event["flag"]["number"] for event in events] == [event["number"] for event in events] == [1, 2, 3]


def test_a_poller_beside_many_writers_misses_no_event(client: FlaskClient, world: World) -> None:
    app = client.application
    writers = [
        threading.Thread(target=_acknowledge, args=(Caller(app.test_client(), world.key), world)) for _ in "abcd"
    ]

    for writer in writers:
        writer.start()
    seen, last = [], 0
    while any(writer.is_alive() for writer in writers) or len(seen) < 21:
        page = Caller(client, world.key).get(f"/flag-events?after={last}").json
        seen += [event["number"] for event in page["items"]]
        last = page["last"]

    assert seen == list(range(1, 22))


def _acknowledge(caller: Caller, world: World) -> None:
    for _step in range(5):
        assert caller.post(_flag(world, "/acknowledge")).status_code == 200
