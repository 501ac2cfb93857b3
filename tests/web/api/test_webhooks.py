"""Webhooks through the API: subscribing, what is shown, and the steps a clinic can take."""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from standardwebhooks import WebhookVerificationError

from prom_service.hooks.destination import Border
from prom_service.hooks.sender import Sender
from prom_service.runtime import Runtime
from scheduler import jobs
from tests.fakes import Clock
from tests.support.receiver import FAILING, GONE, TAKEN, Receiver, Taken
from tests.web.api.caller import Caller, World

URL = "https://1.1.1.1/hook"


@pytest.fixture
def runtime(runtime: Runtime) -> Runtime:
    """A runtime that may also tell receivers on this machine."""
    return replace(runtime, hooks=Sender(Border(production=False, allow=("127.0.0.1",))))


@pytest.fixture
def receiver(clock: Clock) -> Iterator[Receiver]:
    with Receiver(clock.now) as receiver:
        yield receiver


def subscribed(caller: Caller, url: str = URL, **more: Any) -> dict[str, Any]:
    response = caller.post("/webhooks", {"url": url, **more})
    assert response.status_code == 201
    return dict(response.json)


def raise_number(ours: Caller, world: World) -> None:
    """Let one more event of the clinic's flag happen."""
    assert ours.post(f"/flags/{world.flag_id}/acknowledge").status_code == 200


def test_a_subscription_shows_its_secret_once(ours: Caller) -> None:
    made = ours.post("/webhooks", {"url": URL, "event_types": ["flag.raised"]}, Idempotency_Key="a")

    again = ours.post("/webhooks", {"url": URL, "event_types": ["flag.raised"]}, Idempotency_Key="a")
    shown = ours.get(made.headers["Location"].partition("/api/v1")[2])

    assert made.json["secret"].startswith("whsec_")
    assert again.status_code == 409
    assert shown.json == {name: value for name, value in made.json.items() if name != "secret"}
    assert (shown.json["state"], shown.json["event_types"]) == ("active", ["flag.raised"])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://10.0.0.1/", "public address"),
        ("https://169.254.169.254/latest", "public address"),
        ("https://[::1]/", "public address"),
        ("https://user:word@1.1.1.1/", "no user, no password"),
        ("ftp://1.1.1.1/", "begins with https"),
        ("nonsense", "begins with https"),
        ("https://1.1.1.1/" + "a" * 2000, "2000"),
        (7, "string"),
    ],
)
def test_a_url_that_a_webhook_may_not_lead_to_is_refused_by_name(ours: Caller, url: Any, said: str) -> None:
    response = ours.post("/webhooks", {"url": url})

    assert response.status_code == 422
    assert said in response.json["errors"]["url"][0]


@pytest.mark.parametrize("types", [["flag.opened"], "flag.raised", [None]])
def test_an_event_that_there_is_not_is_refused(ours: Caller, types: Any) -> None:
    assert ours.post("/webhooks", {"url": URL, "event_types": types}).status_code == 422


def test_a_key_without_a_right_to_webhooks_has_no_name_looked_up(
    client: FlaskClient, runtime: Runtime, world: World, key_with: Any
) -> None:
    response = Caller(client, key_with("flags:read")).post("/webhooks", {"url": "https://10.0.0.1/"})

    assert response.status_code == 403


def test_a_clinic_may_have_ten_webhooks(ours: Caller) -> None:
    made = [ours.post("/webhooks", {"url": URL}).status_code for _ in range(10)]

    assert made == [201] * 9 + [409]  # Its world has one already.


def test_webhooks_are_listed_page_by_page_oldest_first(ours: Caller, world: World) -> None:
    made = [str(world.webhook_id), *(subscribed(ours)["id"] for _ in range(2))]

    first = ours.get("/webhooks?limit=2").json
    second = ours.get(f"/webhooks?limit=2&cursor={first['next']}").json

    assert [one["id"] for one in first["items"] + second["items"]] == made
    assert second["next"] is None


def test_a_test_goes_out_with_the_next_tick_and_its_delivery_says_what_became_of_it(
    ours: Caller, runtime: Runtime, receiver: Receiver, world: World
) -> None:
    webhook = subscribed(ours, receiver.url)

    sent = ours.post(f"/webhooks/{webhook['id']}/test")
    jobs.deliver_webhooks(runtime)

    [taken] = receiver.taken
    taken.verify(webhook["secret"])
    [delivery] = ours.get(f"/webhooks/{webhook['id']}/deliveries").json["items"]
    assert (sent.status_code, sent.json["phase"]) == (202, "planned")
    assert taken.content["type"] == "webhook.test"
    assert taken.content["data"] == {"clinic_id": str(world.clinic.id)}
    assert (delivery["id"], delivery["phase"], delivery["number"]) == (taken.id, "delivered", None)
    assert (sent.json["due_at"], delivery["due_at"]) == (sent.json["created_at"], None)


def test_state_and_dead_letters_are_shown_until_they_are_sent_again(
    ours: Caller, runtime: Runtime, clock: Clock, receiver: Receiver, world: World
) -> None:
    webhook = subscribed(ours, receiver.url)
    raise_number(ours, world)
    receiver.always = FAILING
    for _ in range(10):
        jobs.deliver_webhooks(runtime)
        clock.advance(days=1)
    given_up = ours.get(f"/webhooks/{webhook['id']}").json

    receiver.always = TAKEN
    replayed = ours.post(f"/webhooks/{webhook['id']}/replay", {"dead_letters": True}).json
    jobs.deliver_webhooks(runtime)
    told = ours.get(f"/webhooks/{webhook['id']}").json

    assert (given_up["dead_letters"], given_up["pending"], given_up["last_failure"]) == (1, 0, "http 500")
    assert (replayed["planned_again"], replayed["pending"]) == (1, 1)
    assert (told["dead_letters"], told["pending"]) == (0, 0)
    assert told["last_success_at"] == clock.now().isoformat()
    assert len({taken.id for taken in receiver.taken}) == 1


def test_everything_from_an_event_on_is_sent_again_also_what_was_before_the_subscription(
    ours: Caller, runtime: Runtime, receiver: Receiver, world: World
) -> None:
    webhook = subscribed(ours, receiver.url)
    raise_number(ours, world)
    raise_number(ours, world)
    jobs.deliver_webhooks(runtime)

    ours.post(f"/webhooks/{webhook['id']}/replay", {"from_number": 1})
    jobs.deliver_webhooks(runtime)

    told = [(taken.content["data"]["number"], taken.id) for taken in receiver.taken]
    assert sorted(number for number, _ in told) == [1, 2, 2, 3, 3]
    assert len(set(told)) == 3


@pytest.mark.parametrize("body", [{}, {"dead_letters": False}, {"from_number": 0}, {"from_number": "a"}])
def test_a_replay_of_nothing_is_refused(ours: Caller, world: World, body: dict[str, Any]) -> None:
    assert ours.post(f"/webhooks/{world.webhook_id}/replay", body).status_code == 422


def test_both_secrets_verify_for_a_day_after_a_rotation_and_the_old_one_no_more_after(
    ours: Caller, runtime: Runtime, clock: Clock, receiver: Receiver
) -> None:
    webhook = subscribed(ours, receiver.url)
    old = webhook["secret"]
    rotated = ours.post(f"/webhooks/{webhook['id']}/rotate").json
    new = rotated["secret"]

    signed_by = []
    for wait in (dt.timedelta(0), dt.timedelta(hours=24, seconds=-1), dt.timedelta(seconds=1)):
        clock.move_to(clock.now() + wait)
        ours.post(f"/webhooks/{webhook['id']}/test")
        jobs.deliver_webhooks(runtime)
        signed_by.append([verifies(receiver.taken[-1], secret) for secret in (old, new)])

    assert signed_by == [[True, True], [True, True], [False, True]]
    assert dt.datetime.fromisoformat(rotated["old_secrets_until"]) == clock.now()
    assert ours.get(f"/webhooks/{webhook['id']}").json["old_secrets_until"] is None


def test_a_secret_lost_on_its_way_can_be_replaced_at_once_and_the_first_still_verifies(
    ours: Caller, runtime: Runtime, receiver: Receiver
) -> None:
    webhook = subscribed(ours, receiver.url)
    secrets = [webhook["secret"], *(ours.post(f"/webhooks/{webhook['id']}/rotate").json["secret"] for _ in range(4))]

    sixth = ours.post(f"/webhooks/{webhook['id']}/rotate")
    ours.post(f"/webhooks/{webhook['id']}/test")
    jobs.deliver_webhooks(runtime)

    assert [verifies(receiver.taken[-1], secret) for secret in secrets] == [True] * 5
    assert (sixth.status_code, sixth.json["reason"]) == (409, "too_many_secrets")


def test_a_disabled_webhook_says_why_takes_no_test_and_goes_on_when_it_is_enabled(
    ours: Caller, runtime: Runtime, receiver: Receiver, world: World
) -> None:
    webhook = subscribed(ours, receiver.url)
    raise_number(ours, world)
    receiver.script(GONE)
    jobs.deliver_webhooks(runtime)
    disabled = ours.get(f"/webhooks/{webhook['id']}").json
    refused = ours.post(f"/webhooks/{webhook['id']}/test")
    raise_number(ours, world)

    enabled = ours.post(f"/webhooks/{webhook['id']}/enable").json
    jobs.deliver_webhooks(runtime)

    assert (disabled["state"], disabled["state_reason"], disabled["pending"]) == ("disabled", "http 410", 1)
    assert (refused.status_code, refused.json["reason"]) == (409, "webhook_disabled")
    assert (enabled["state"], enabled["state_reason"]) == ("active", None)
    assert [taken.content["data"]["number"] for taken in receiver.taken] == [2, 2, 3]


def test_an_ended_webhook_is_not_there_and_hears_no_more(
    ours: Caller, runtime: Runtime, receiver: Receiver, world: World
) -> None:
    webhook = subscribed(ours, receiver.url)
    raise_number(ours, world)

    ended = ours.delete(f"/webhooks/{webhook['id']}")
    jobs.deliver_webhooks(runtime)

    assert ended.status_code == 204
    assert ours.get(f"/webhooks/{webhook['id']}").status_code == 404
    assert webhook["id"] not in ours.get("/webhooks").text
    assert receiver.taken == []


def test_deliveries_are_listed_newest_first_by_phase(
    ours: Caller, runtime: Runtime, receiver: Receiver, world: World
) -> None:
    webhook = subscribed(ours, receiver.url)
    for _ in range(3):
        raise_number(ours, world)
    receiver.script(receiver.always, FAILING)
    jobs.deliver_webhooks(runtime)

    first = ours.get(f"/webhooks/{webhook['id']}/deliveries?limit=2").json
    second = ours.get(f"/webhooks/{webhook['id']}/deliveries?limit=2&cursor={first['next']}").json
    [failed] = ours.get(f"/webhooks/{webhook['id']}/deliveries?phase=planned").json["items"]

    assert [one["number"] for one in first["items"] + second["items"]] == [4, 3, 2]
    assert (failed["number"], failed["attempts"], failed["reason"]) == (3, 1, "http 500")


def test_another_clinic_s_webhook_stays_as_it_was(ours: Caller, theirs: Caller, world: World) -> None:
    before = ours.get(f"/webhooks/{world.webhook_id}").json

    answers = [
        theirs.delete(f"/webhooks/{world.webhook_id}"),
        theirs.post(f"/webhooks/{world.webhook_id}/rotate"),
        theirs.post(f"/webhooks/{world.webhook_id}/replay", {"from_number": 1}),
        theirs.get(f"/webhooks/{uuid.uuid4()}"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert ours.get(f"/webhooks/{world.webhook_id}").json == before


def test_the_counts_of_what_waits_and_of_what_was_given_up_are_shown_to_whoever_runs_the_service(
    ours: Caller, client: FlaskClient, runtime: Runtime, receiver: Receiver, world: World
) -> None:
    webhook = subscribed(ours, receiver.url)
    ours.post(f"/webhooks/{webhook['id']}/test")
    raise_number(ours, world)
    receiver.always = GONE
    jobs.deliver_webhooks(runtime)

    text = client.get("/metrics").text

    assert "prom_webhook_deliveries_pending 2.0" in text
    assert "prom_webhook_deliveries_dead 0.0" in text
    assert "prom_webhooks_disabled 1.0" in text


def verifies(taken: Taken, secret: str) -> bool:
    try:
        taken.verify(secret)
    except WebhookVerificationError:
        return False
    return True
