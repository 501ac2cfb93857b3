"""How often one may try to log in: counted for each source and for the account as a whole."""

import datetime as dt

import pytest
from argon2 import extract_parameters, profiles

from prom_service.runtime import Runtime
from prom_service.services import staff
from prom_service.services.staff import TRIES_OF_A_SOURCE, TRIES_OF_AN_ACCOUNT, TRIES_WINDOW, TooManyTriesError
from tests import builders
from tests.builders import SECRET
from tests.fakes import Clock

HOME, ELSEWHERE = "192.0.2.1", "192.0.2.2"
SECOND = dt.timedelta(seconds=1)


class Door:
    """Where log-ins are tried, each in a transaction of its own."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock

    def fail(self, email: str = "sam@example.org", source: str = HOME, *, times: int = 1) -> None:
        for _ in range(times):
            with self.runtime.transaction() as session:
                staff.count_try(session, email, source=source, secret=SECRET, now=self.clock.now())

    def succeed(self, email: str = "sam@example.org", source: str = HOME) -> None:
        self.fail(email, source)
        with self.runtime.transaction() as session:
            staff.forgive_tries(session, email, source=source, secret=SECRET, now=self.clock.now())

    def is_shut(self, email: str = "sam@example.org", source: str = HOME) -> bool:
        try:
            self.fail(email, source)
        except TooManyTriesError:
            return True
        return False


@pytest.fixture
def door(runtime: Runtime, clock: Clock) -> Door:
    return Door(runtime, clock)


def test_after_ten_failures_a_source_waits_and_others_do_not(door: Door) -> None:
    door.fail(times=TRIES_OF_A_SOURCE)

    assert door.is_shut("SAM@example.org")
    assert not door.is_shut(source=ELSEWHERE)
    assert not door.is_shut("other@example.org")


def test_a_source_that_waits_does_not_use_up_what_the_account_allows(door: Door) -> None:
    door.fail(times=TRIES_OF_A_SOURCE)

    refused = [door.is_shut() for _ in range(TRIES_OF_AN_ACCOUNT)]

    assert all(refused)
    assert not door.is_shut(source=ELSEWHERE)


def test_after_fifty_failures_from_many_sources_the_account_waits(door: Door) -> None:
    for number in range(TRIES_OF_AN_ACCOUNT // TRIES_OF_A_SOURCE):
        door.fail(source=f"198.51.100.{number}", times=TRIES_OF_A_SOURCE)

    assert door.is_shut()
    assert not door.is_shut("other@example.org")


def test_who_logs_in_is_not_counted_however_often(door: Door) -> None:
    for _ in range(TRIES_OF_AN_ACCOUNT + 1):
        door.succeed()

    assert not door.is_shut()


def test_a_log_in_forgives_its_own_source_and_no_other(door: Door) -> None:
    door.fail(times=TRIES_OF_A_SOURCE - 1)
    door.fail(source=ELSEWHERE, times=TRIES_OF_A_SOURCE)

    door.succeed()

    door.fail(times=TRIES_OF_A_SOURCE)
    assert door.is_shut(source=ELSEWHERE)


def test_the_count_begins_anew_with_the_next_window(door: Door) -> None:
    door.fail(times=TRIES_OF_A_SOURCE)

    door.clock.move_to(door.clock.now() + TRIES_WINDOW - SECOND)
    assert door.is_shut()

    door.clock.move_to(door.clock.now() + SECOND)
    assert not door.is_shut()


def test_the_addresses_one_subscriber_can_choose_from_are_one_source(door: Door) -> None:
    door.fail(source="2001:db8::1", times=TRIES_OF_A_SOURCE)

    assert door.is_shut(source="2001:db8::ffff:1")
    assert not door.is_shut(source="2001:db8:0:1::1")


def test_the_refusal_says_how_long_to_wait(door: Door) -> None:
    door.clock.advance(minutes=5)
    door.fail(times=TRIES_OF_A_SOURCE)

    with pytest.raises(TooManyTriesError) as refused:
        door.fail()

    assert refused.value.retry_after == dt.timedelta(minutes=10)


def test_a_password_is_hashed_with_the_effort_that_is_asked_for(
    runtime: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staff, "EFFORT", profiles.RFC_9106_LOW_MEMORY)
    staff._hasher.cache_clear()
    with runtime.transaction() as session:
        user = builders.a_user(session, builders.a_clinic(session, now=clock.now()), now=clock.now())
    staff._hasher.cache_clear()

    assert extract_parameters(user.password_hash) == profiles.RFC_9106_LOW_MEMORY
