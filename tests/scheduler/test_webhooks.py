"""Receivers of webhooks: everything reaches them, however they fail, and none of them holds up another."""

import contextlib
import datetime as dt
import itertools
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from prom_service.runtime import Runtime
from prom_service.services.webhook_deliveries import CLAIM_LASTS, DELAYS
from scheduler import jobs
from tests import hookroom
from tests.fakes import Clock
from tests.mailroom import NOON
from tests.support.receiver import FAILING, GONE, HANGING, Answer, Receiver

MINUTE = dt.timedelta(minutes=1)
MANY, FULL_MANY = 60, 2000


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    with hookroom.hook_runtime(database_url, tmp_path, clock) as prom:
        yield prom


@pytest.fixture
def receiver(clock: Clock) -> Iterator[Receiver]:
    with Receiver(clock.now) as receiver:
        yield receiver


def test_every_event_since_the_subscription_is_told_once_and_signed(prom: Runtime, receiver: Receiver) -> None:
    clinic = hookroom.a_clinic(prom)
    _, secret = hookroom.a_webhook(prom, clinic, receiver.url)
    hookroom.change_flag(prom, clinic, 3)

    counts = [jobs.deliver_webhooks(prom) for _ in range(2)]

    assert counts == [3, 0]
    assert [taken.content["data"]["number"] for taken in hookroom.verify_all(receiver, secret)] == [2, 3, 4]


def test_a_notice_holds_ids_and_nothing_of_the_patient(prom: Runtime, receiver: Receiver) -> None:
    clinic = hookroom.a_clinic(prom)
    hookroom.a_webhook(prom, clinic, receiver.url)
    hookroom.change_flag(prom, clinic, step="acknowledged")

    jobs.deliver_webhooks(prom)

    [taken] = receiver.taken
    assert taken.content == {
        "type": "flag.acknowledged",
        "timestamp": NOON.isoformat(),
        "data": {"clinic_id": str(clinic), "flag_id": str(hookroom.flag_id(prom, clinic)), "number": 2},
    }
    assert len(taken.body) < 20_000


def test_a_receiver_hears_only_of_the_events_it_asked_for(prom: Runtime, receiver: Receiver) -> None:
    clinic = hookroom.a_clinic(prom)
    webhook, _ = hookroom.a_webhook(prom, clinic, receiver.url, "flag.acknowledged", "flag.resolved")
    for step in ("updated", "acknowledged", "updated"):
        hookroom.change_flag(prom, clinic, step=step)

    jobs.deliver_webhooks(prom)

    assert [taken.content["type"] for taken in receiver.taken] == ["flag.acknowledged"]
    assert hookroom.webhook(prom, webhook).position == 4


def test_a_failing_receiver_is_tried_ten_times_over_three_days_and_then_given_up(
    prom: Runtime, clock: Clock, receiver: Receiver
) -> None:
    clinic = hookroom.a_clinic(prom)
    webhook, secret = hookroom.a_webhook(prom, clinic, receiver.url)
    hookroom.change_flag(prom, clinic)
    receiver.always = FAILING

    jobs.deliver_webhooks(prom)
    for delay in DELAYS:
        clock.move_to(clock.now() + delay - dt.timedelta(seconds=1))
        jobs.deliver_webhooks(prom)
        clock.advance(seconds=1)
        jobs.deliver_webhooks(prom)
    clock.advance(days=30)
    jobs.deliver_webhooks(prom)

    waits = [after.at - before.at for before, after in itertools.pairwise(hookroom.verify_all(receiver, secret))]
    [delivery] = hookroom.deliveries(prom, webhook)
    assert waits == list(DELAYS)
    assert sum(DELAYS, dt.timedelta(0)) == dt.timedelta(hours=75, minutes=35, seconds=5)
    assert len({taken.id for taken in receiver.taken}) == 1
    assert len({taken.body for taken in receiver.taken}) == 1
    assert (delivery.phase, delivery.attempts, delivery.reason) == ("dead", 10, "http 500")


def test_a_receiver_that_fails_half_the_time_and_is_down_for_three_days_gets_everything(
    prom: Runtime, clock: Clock, receiver: Receiver, full: bool
) -> None:
    events = FULL_MANY if full else MANY
    draw = random.Random(25)
    clinic = hookroom.a_clinic(prom)
    webhook, secret = hookroom.a_webhook(prom, clinic, receiver.url)

    for _ in range(4):
        hookroom.change_flag(prom, clinic, events // 4)
        receiver.script(*(draw.choice([FAILING, Answer(200)]) for _ in range(events // 4)))
        jobs.deliver_webhooks(prom)
    receiver.always = FAILING
    tick_through(prom, clock, days=3)
    receiver.always = Answer(200)
    tick_through(prom, clock, days=1)

    delivered = hookroom.deliveries(prom, webhook)
    assert {delivery.phase for delivery in delivered} == {"delivered"}
    assert max(delivery.attempts for delivery in delivered) > 5
    hookroom.verify_all(receiver, secret)
    told = hookroom.ids_by_number(receiver)
    assert sorted(told) == list(range(2, events + 2))
    assert all(
        ids == {str(delivery.id)} for ids, delivery in zip((told[n] for n in sorted(told)), delivered, strict=True)
    )


def test_a_receiver_that_is_gone_is_told_no_more_until_it_is_enabled(
    prom: Runtime, clock: Clock, receiver: Receiver
) -> None:
    clinic = hookroom.a_clinic(prom)
    webhook, _ = hookroom.a_webhook(prom, clinic, receiver.url)
    hookroom.change_flag(prom, clinic, 3)
    receiver.script(Answer(200), GONE)

    jobs.deliver_webhooks(prom)
    hookroom.change_flag(prom, clinic, 2)
    clock.advance(days=7)
    jobs.deliver_webhooks(prom)

    disabled = hookroom.webhook(prom, webhook)
    assert (disabled.state, disabled.state_reason) == ("disabled", "http 410")
    assert hookroom.numbers(receiver) == [2, 3]

    hookroom.enable(prom, webhook)
    jobs.deliver_webhooks(prom)

    assert hookroom.numbers(receiver)[2:] == [3, 4, 5, 6]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_receiver_is_left_alone_for_as_long_as_it_asks(
    status: int, prom: Runtime, clock: Clock, receiver: Receiver
) -> None:
    clinic = hookroom.a_clinic(prom)
    hookroom.a_webhook(prom, clinic, receiver.url)
    hookroom.change_flag(prom, clinic, 3)
    receiver.script(Answer(status, {"Retry-After": "600"}))

    counts = []
    for seconds in (0, 599, 1):
        clock.advance(seconds=seconds)
        counts.append(jobs.deliver_webhooks(prom))

    assert counts == [0, 0, 3]
    assert hookroom.numbers(receiver) == [2, 2, 3, 4]


def test_a_claim_whose_process_died_in_the_middle_of_a_post_lapses_and_is_tried_again_under_its_id(
    prom: Runtime, clock: Clock, receiver: Receiver
) -> None:
    clinic = hookroom.a_clinic(prom)
    webhook, secret = hookroom.a_webhook(prom, clinic, receiver.url)
    hookroom.change_flag(prom, clinic)
    receiver.script(HANGING)
    process = hookroom.start_telling(prom)
    assert receiver.arrived.acquire(timeout=60)
    process.kill()
    process.join()

    counts = [jobs.deliver_webhooks(prom)]
    clock.move_to(clock.now() + CLAIM_LASTS)
    counts.append(jobs.deliver_webhooks(prom))

    assert counts == [0, 1]
    assert len({taken.id for taken in hookroom.verify_all(receiver, secret)}) == 1
    assert [delivery.attempts for delivery in hookroom.deliveries(prom, webhook)] == [1]


def test_a_receiver_that_says_nothing_holds_up_no_other(prom: Runtime, clock: Clock, receiver: Receiver) -> None:
    with Receiver(clock.now) as silent:
        silent.always = HANGING
        clinic = hookroom.a_clinic(prom)
        hookroom.a_webhook(prom, clinic, silent.url)
        hookroom.a_webhook(prom, clinic, receiver.url)
        hookroom.change_flag(prom, clinic, 5)

        with telling(prom):
            assert silent.arrived.acquire(timeout=10)
            arrived = [receiver.arrived.acquire(timeout=10) for _ in range(5)]

        assert arrived == [True] * 5
        assert len(silent.taken) == 1


def test_a_turn_that_has_lasted_long_enough_ends_with_the_notice_in_hand(
    prom: Runtime, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "TURN_SECONDS", 0.0)
    clinic = hookroom.a_clinic(prom)
    hookroom.a_webhook(prom, clinic, receiver.url)
    hookroom.change_flag(prom, clinic, 3)

    counts = [jobs.deliver_webhooks(prom) for _ in range(4)]

    assert counts == [1, 1, 1, 0]


def test_no_transaction_is_open_while_a_receiver_keeps_us_waiting(prom: Runtime, receiver: Receiver) -> None:
    clinic = hookroom.a_clinic(prom)
    hookroom.a_webhook(prom, clinic, receiver.url)
    hookroom.change_flag(prom, clinic)
    receiver.script(HANGING)

    with telling(prom):
        assert receiver.arrived.acquire(timeout=10)
        in_use = prom.engine.pool.checkedout()  # type: ignore[attr-defined]
        hookroom.change_flag(prom, clinic)

    assert in_use == 0


def test_told_to_stop_it_finishes_the_notice_in_hand_and_gives_the_others_back(
    prom: Runtime, receiver: Receiver
) -> None:
    clinic = hookroom.a_clinic(prom)
    webhook, _ = hookroom.a_webhook(prom, clinic, receiver.url)
    hookroom.change_flag(prom, clinic, 4)

    taken = jobs.deliver_webhooks(prom, lambda: len(receiver.taken) < 2)

    assert taken == 2
    assert [delivery.phase for delivery in hookroom.deliveries(prom, webhook)] == ["delivered"] * 2 + ["planned"] * 2
    assert jobs.deliver_webhooks(prom) == 2


def test_an_attempt_that_a_stop_cuts_off_counts_for_nothing(prom: Runtime, receiver: Receiver) -> None:
    clinic = hookroom.a_clinic(prom)
    webhook, _ = hookroom.a_webhook(prom, clinic, receiver.url)
    hookroom.change_flag(prom, clinic)
    receiver.script(HANGING)

    with telling(prom):
        assert receiver.arrived.acquire(timeout=10)

    [delivery] = hookroom.deliveries(prom, webhook)
    assert (delivery.phase, delivery.attempts) == ("planned", 0)
    assert jobs.deliver_webhooks(prom) == 1


def test_a_clinic_hears_nothing_of_another(prom: Runtime, receiver: Receiver) -> None:
    ours, theirs = hookroom.a_clinic(prom), hookroom.a_clinic(prom)
    hookroom.a_webhook(prom, ours, receiver.url)
    hookroom.change_flag(prom, theirs, 3)
    hookroom.change_flag(prom, ours)

    jobs.deliver_webhooks(prom)

    assert [taken.content["data"]["clinic_id"] for taken in receiver.taken] == [str(ours)]


@contextlib.contextmanager
def telling(prom: Runtime) -> Iterator[None]:
    """Run the job beside the block, at whose end it is cut off."""
    job = threading.Thread(target=jobs.deliver_webhooks, args=[prom])
    job.start()
    try:
        yield
    finally:
        prom.hooks.close()
        job.join()


def tick_through(prom: Runtime, clock: Clock, *, days: int) -> None:
    """Let the job run every hour."""
    for _ in range(days * 24):
        clock.advance(hours=1)
        jobs.deliver_webhooks(prom)
