"""`prom webhook`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from prom_service.models import Clinic
from prom_service.runtime import Runtime
from scheduler import jobs
from tests import hookroom
from tests.cli.conftest import Prom
from tests.fakes import Clock
from tests.mailroom import NOON
from tests.support.receiver import FAILING, TAKEN, Receiver


@pytest.fixture
def runtime(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    with hookroom.hook_runtime(database_url, tmp_path, clock) as runtime:
        yield runtime


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


def code_of(runtime: Runtime, clinic_id: object) -> str:
    with runtime.reading() as session:
        return session.get_one(Clinic, clinic_id).code


def test_receivers_are_listed_and_told_again(prom_on_both: Prom, runtime: Runtime, clock: Clock) -> None:
    clinic = hookroom.a_clinic(runtime)
    code = code_of(runtime, clinic)
    with Receiver(clock.now) as receiver:
        webhook, _ = hookroom.a_webhook(runtime, clinic, receiver.url)
        hookroom.change_flag(runtime, clinic)
        receiver.always = FAILING
        for _ in range(10):
            jobs.deliver_webhooks(runtime)
            clock.advance(days=1)

        [listed] = json.loads(prom_on_both("webhook", "list", "--clinic", code, "--json").stdout)
        table = prom_on_both("webhook", "list", "--clinic", code).stdout
        dead = prom_on_both("webhook", "replay", webhook, "--clinic", code, "--dead-letters")
        older = json.loads(prom_on_both("webhook", "replay", webhook, "--clinic", code, "--from", 1, "--json").stdout)
        clock.advance(days=5000)  # The command lives by the clock of the machine.
        receiver.always = TAKEN
        receiver.taken.clear()
        jobs.deliver_webhooks(runtime)

        assert (listed["state"], listed["dead_letters"], listed["last_failure"]) == ("active", 1, "http 500")
        assert "http 500" in table
        assert dead.stdout == "1 deliveries are planned again; the feed is told from event 3 on.\n"
        assert older == {"planned_again": 1, "position": 0}
        assert sorted(hookroom.numbers(receiver)) == [1, 2]


def test_a_replay_of_nothing_is_wrong_use(prom_on_both: Prom, runtime: Runtime) -> None:
    clinic = hookroom.a_clinic(runtime)
    webhook, _ = hookroom.a_webhook(runtime, clinic, "http://127.0.0.1:9/")

    told = prom_on_both("webhook", "replay", webhook, "--clinic", code_of(runtime, clinic))

    assert told.exit_code == 2
    assert "Give --dead-letters or --from." in told.stderr


def test_another_clinic_s_receiver_is_not_there(prom_on_both: Prom, runtime: Runtime) -> None:
    ours, theirs = hookroom.a_clinic(runtime), hookroom.a_clinic(runtime)
    webhook, _ = hookroom.a_webhook(runtime, theirs, "http://127.0.0.1:9/")

    told = prom_on_both("webhook", "replay", webhook, "--clinic", code_of(runtime, ours), "--from", 1)

    assert (told.exit_code, told.stderr) == (1, "Error: There is no such webhook.\n")
