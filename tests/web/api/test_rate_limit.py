"""How often a key may ask, and what it is told."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest
import time_machine

from prom_service.app import create_app
from prom_service.runtime import Runtime
from tests import builders
from tests.fakes import Clock
from tests.web.api.caller import Caller

LIMIT = 20


@pytest.fixture
def caller(runtime: Runtime, clock: Clock) -> Callable[[], Caller]:
    """A way to get a key of its own for a service that allows twenty requests a minute."""
    client = create_app(replace(runtime, settings=replace(runtime.settings, api_rate_limit=LIMIT))).test_client()

    def make() -> Caller:
        with runtime.transaction() as session:
            clinic = builders.a_clinic(session, now=clock.now())
            return Caller(client, builders.an_api_key(session, clinic, ["episodes:read"], now=clock.now()))

    return make


def test_every_answer_says_how_many_requests_are_left(caller: Callable[[], Caller]) -> None:
    ours = caller()
    with time_machine.travel(dt.datetime(2026, 3, 2, 8, 0, 10, tzinfo=dt.UTC), tick=False):
        answers = [ours.get("/patients") for _ in range(2)]

    said = [tuple(one.headers[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")) for one in answers]
    assert said == [("20", "19", "60"), ("20", "18", "60")]


def test_beyond_its_share_a_key_is_told_when_to_come_back_and_others_are_served(caller: Callable[[], Caller]) -> None:
    ours, theirs = caller(), caller()
    with time_machine.travel(dt.datetime(2026, 3, 2, 8, 0, 10, tzinfo=dt.UTC), tick=False) as moment:
        allowed = [ours.get("/patients").status_code for _ in range(LIMIT)]
        refused = ours.get("/patients")
        other = theirs.get("/patients").status_code
        moment.shift(dt.timedelta(seconds=61))
        later = ours.get("/patients").status_code

    assert (set(allowed), refused.status_code, other, later) == ({200}, 429, 200, 200)
    assert (refused.headers["Retry-After"], refused.mimetype) == ("60", "application/problem+json")
    assert refused.json["detail"] == "At most 20 requests a minute. Try again in 60 s."


def test_a_write_counts_once(caller: Callable[[], Caller]) -> None:
    ours = caller()
    with time_machine.travel(dt.datetime(2026, 3, 2, 8, 0, 10, tzinfo=dt.UTC), tick=False):
        refused = ours.post("/patients", {})

    assert (refused.status_code, refused.headers["RateLimit-Remaining"]) == (403, "19")


def test_whoever_tries_keys_is_stopped_sooner(caller: Callable[[], Caller]) -> None:
    stranger = Caller(caller().client, "prom_xxxxxxxxxxxx_" + "x" * 43)
    with time_machine.travel(dt.datetime(2026, 3, 2, 8, 0, 10, tzinfo=dt.UTC), tick=False):
        tries = [stranger.get("/patients").status_code for _ in range(3)]

    assert tries == [401, 401, 429]
