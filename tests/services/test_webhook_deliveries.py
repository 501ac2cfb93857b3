"""Deliveries are written from the feed and claimed: none is lost, and no two processes have one at a time."""

import datetime as dt
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from prom_service.hooks.sender import DELIVERED, Notice, Outcome
from prom_service.runtime import Runtime
from prom_service.services import webhook_deliveries, webhooks
from prom_service.services.webhook_deliveries import CLAIM_LASTS, Batch, Receiver
from scheduler import jobs
from tests import hookroom
from tests.fakes import Clock
from tests.hookroom import SECRET
from tests.mailroom import NOON

URL = "http://127.0.0.1:9/"
THREADS, CHANGES = 4, 10


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    with hookroom.hook_runtime(database_url, tmp_path, clock) as prom:
        yield prom


@pytest.fixture
def receiver(prom: Runtime) -> Receiver:
    """A receiver that has three events to be told."""
    clinic = hookroom.a_clinic(prom)
    webhook, _ = hookroom.a_webhook(prom, clinic, URL)
    hookroom.change_flag(prom, clinic, 3)
    queue(prom)
    return Receiver(clinic, webhook)


def queue(prom: Runtime) -> int:
    with prom.transaction() as session:
        return webhook_deliveries.queue_events(session, now=prom.now(), limit=7)


def claim(prom: Runtime, receiver: Receiver, limit: int = 10) -> Batch:
    with prom.transaction() as session:
        return webhook_deliveries.claim_due(
            session, receiver, secret=SECRET, worker="test", now=prom.now(), limit=limit
        )


def record(prom: Runtime, batch: Batch, notice: Notice, outcome: Outcome = DELIVERED) -> bool:
    with prom.transaction() as session:
        return webhook_deliveries.record(session, batch, notice, outcome, now=prom.now())


def phases(prom: Runtime, receiver: Receiver) -> list[str]:
    return [delivery.phase for delivery in hookroom.deliveries(prom, receiver.webhook_id)]


def test_events_are_queued_in_bounded_batches_until_the_webhook_has_caught_up(prom: Runtime) -> None:
    clinic = hookroom.a_clinic(prom)
    webhook, _ = hookroom.a_webhook(prom, clinic, URL)
    hookroom.change_flag(prom, clinic, 10)

    counts = [queue(prom) for _ in range(3)]

    assert counts == [7, 3, 0]
    assert [delivery.number for delivery in hookroom.deliveries(prom, webhook)] == list(range(2, 12))


def test_events_that_many_write_at_once_are_each_queued_once_while_many_queue_them(prom: Runtime) -> None:
    clinics = [hookroom.a_clinic(prom) for _ in range(2)]
    receivers = [hookroom.a_webhook(prom, clinic, URL)[0] for clinic in clinics]
    written = threading.Event()

    def write(number: int) -> None:
        for _ in range(CHANGES):
            hookroom.change_flag(prom, clinics[number % 2])

    def follow() -> None:
        while not written.is_set() or queue(prom):
            queue(prom)

    with ThreadPoolExecutor(THREADS) as followers:
        following = [followers.submit(follow) for _ in range(2)]
        try:
            with ThreadPoolExecutor(THREADS) as writers:
                list(writers.map(write, range(THREADS)))
        finally:
            written.set()
        for one in following:
            one.result()

    for webhook in receivers:
        numbers = [delivery.number for delivery in hookroom.deliveries(prom, webhook)]
        assert numbers == list(range(2, CHANGES * THREADS // 2 + 2))


def test_no_two_processes_have_a_delivery_at_a_time(prom: Runtime, receiver: Receiver) -> None:
    hookroom.change_flag(prom, receiver.clinic_id, 17)
    while queue(prom):
        pass
    together = threading.Barrier(THREADS)

    def take() -> list[uuid.UUID]:
        together.wait()
        return [notice.id for _ in range(5) for notice in claim(prom, receiver, 2).notices]

    with ThreadPoolExecutor(THREADS) as pool:
        taken = Counter(one for ids in [pool.submit(take) for _ in range(THREADS)] for one in ids.result())

    assert set(taken.values()) == {1}
    assert len(taken) == 20


def test_a_claim_lapses_and_what_comes_of_it_afterwards_is_not_noted(
    prom: Runtime, clock: Clock, receiver: Receiver
) -> None:
    late = claim(prom, receiver)
    clock.move_to(NOON + CLAIM_LASTS - dt.timedelta(seconds=1))
    too_early = claim(prom, receiver)
    clock.advance(seconds=1)
    second = claim(prom, receiver)

    record(prom, late, late.notices[0], Outcome("failed", "timeout"))
    record(prom, second, second.notices[0])

    assert too_early.notices == []
    assert [notice.id for notice in second.notices] == [notice.id for notice in late.notices]
    [first, *_] = hookroom.deliveries(prom, receiver.webhook_id)
    assert (first.phase, first.attempts, first.reason) == ("delivered", 1, None)


def test_what_was_claimed_and_not_tried_is_given_back_at_once_and_nothing_else(
    prom: Runtime, receiver: Receiver
) -> None:
    first, other = claim(prom, receiver, 2), claim(prom, receiver, 1)
    record(prom, first, first.notices[0])

    with prom.transaction() as session:
        webhook_deliveries.release(session, first, now=prom.now())

    assert phases(prom, receiver) == ["delivered", "planned", "claimed"]
    assert len(claim(prom, receiver).notices) == 1
    assert len(other.notices) == 1


def test_a_webhook_that_was_ended_or_disabled_after_the_claim_is_told_no_more(
    prom: Runtime, receiver: Receiver
) -> None:
    batch = claim(prom, receiver)
    with prom.transaction() as session:
        webhooks.end(session, hookroom.held(session, receiver), now=prom.now())

    assert not record(prom, batch, batch.notices[0])
    assert phases(prom, receiver) == ["dead"] * 3
    assert claim(prom, receiver).notices == []


def test_a_replay_in_the_middle_of_an_attempt_sends_it_again(prom: Runtime, receiver: Receiver) -> None:
    batch = claim(prom, receiver)
    with prom.transaction() as session:
        planned = webhooks.replay(
            session, hookroom.held(session, receiver), dead_letters=False, from_number=3, now=prom.now()
        )

    for notice in batch.notices:
        record(prom, batch, notice)

    assert planned == 2
    assert phases(prom, receiver) == ["delivered", "planned", "planned"]


def test_a_fault_while_one_receiver_is_told_is_logged_without_its_address_and_stops_no_other(
    prom: Runtime, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def post(self, notice: Notice, *, now: dt.datetime) -> Outcome:
            if notice.url == URL:
                raise ValueError(notice.url)
            return DELIVERED

    sound, _ = hookroom.a_webhook(prom, receiver.clinic_id, "http://127.0.0.1:10/")
    hookroom.change_flag(prom, receiver.clinic_id)

    taken = jobs.deliver_webhooks(replace(prom, hooks=Broken()))  # type: ignore[arg-type]

    assert taken == 1
    assert [delivery.phase for delivery in hookroom.deliveries(prom, sound)] == ["delivered"]
    assert f"webhook {receiver.webhook_id}: ValueError" in caplog.text
    assert URL not in caplog.text
