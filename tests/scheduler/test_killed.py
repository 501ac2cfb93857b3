"""Real scheduler processes, killed at random while they mail through a real server: none lost, none twice."""

import contextlib
import os
import random
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prom_service.runtime import Runtime
from tests import mailroom
from tests.fakes import Clock
from tests.scheduler.fast_process import NINE
from tests.support.smtp import Fault, SmtpServer

ROOT = Path(__file__).parents[2]
UNSETTLED = {"planned", "claimed", "committing", "deferred"}


@dataclass(frozen=True)
class Ledger:
    """What the server took against what the database says, message by message."""

    taken: dict[uuid.UUID, int]
    phases: dict[uuid.UUID, str]

    @property
    def twice(self) -> int:
        """How many messages the server took more than once."""
        return sum(count > 1 for count in self.taken.values())

    @property
    def lost(self) -> int:
        """How many the server never took although nobody is told that this may be so."""
        return sum(not self.taken[one] and phase != "assumed_sent" for one, phase in self.phases.items())

    @property
    def assumed_in_vain(self) -> int:
        """How many are shown as assumed sent that the server never took: killed between the mark and the dot."""
        return sum(not self.taken[one] and phase == "assumed_sent" for one, phase in self.phases.items())


class Processes:
    """Scheduler processes on one database; a killed one is replaced at once."""

    def __init__(self, prom: Runtime, count: int, *, speed: int, naive: bool) -> None:
        self._environment = os.environ | {
            "PROM_ENV": "test",
            "PROM_DATABASE_URL": prom.engine.url.render_as_string(hide_password=False),
            "PROM_SMTP_URL": prom.settings.smtp_url,
            "PROM_MAIL_FROM": prom.settings.mail_from,
            "PROM_MAIL_ALLOW": ",".join(prom.settings.mail_allow),
            "PROM_SECRET_KEY": prom.settings.secret_key,
            "PROM_TICK_SECONDS": "1",
        }
        self._arguments = [str(time.time()), str(speed), *(["naive"] if naive else [])]
        self._running = [self._start() for _ in range(count)]

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.scheduler.fast_process", *self._arguments]
        return subprocess.Popen(command, env=self._environment, cwd=ROOT, stderr=subprocess.DEVNULL)

    def kill_one(self, draw: random.Random) -> None:
        victim = draw.randrange(len(self._running))
        self._running[victim].kill()
        self._running[victim].wait()
        self._running[victim] = self._start()

    def stop(self) -> list[int]:
        """End them gently and return how they went."""
        for process in self._running:
            process.terminate()
        return [process.wait(timeout=15) for process in self._running]


@contextlib.contextmanager
def running(prom: Runtime, count: int, *, speed: int, naive: bool) -> Iterator[Processes]:
    processes = Processes(prom, count, speed=speed, naive=naive)
    try:
        yield processes
    finally:
        for process in processes._running:
            process.kill()
            process.wait()


def mail_under_fire(url: str, folder: Path, *, mails: int, kills: int, processes: int, naive: bool = False) -> Ledger:
    """Mail ``mails`` patients while processes are killed; return what came of it once all is settled."""
    draw = random.Random(20260302)
    with (
        SmtpServer() as server,
        mailroom.mail_runtime(url, folder, Clock(mailroom.NOON), smtp_url=server.url) as prom,
    ):
        server.always = Fault("dot", seconds=0.05)
        ids = mailroom.due_messages(prom, mails, due=NINE)
        with running(prom, processes, speed=40 if mails > 100 else 150, naive=naive) as started:
            for number in range(kills):
                arrived = len(server.letters)
                wait_until(lambda arrived=arrived: len(server.letters) > arrived or settled(prom, ids), 60)
                time.sleep(0 if naive or number % 2 else draw.uniform(0, 0.2))
                started.kill_one(draw)
            wait_until(lambda: settled(prom, ids), 60 + mails)
            assert started.stop() == [0] * processes
        taken = Counter(uuid.UUID(str(one.message["Message-ID"])[1:37]) for one in server.letters)
        return Ledger({one: taken[one] for one in ids}, dict(zip(ids, mailroom.phases(prom, ids), strict=True)))


def settled(prom: Runtime, ids: list[uuid.UUID]) -> bool:
    return UNSETTLED.isdisjoint(mailroom.phases(prom, ids))


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "not within the time allowed"
        time.sleep(0.01)


def test_two_processes_on_postgresql_lose_none_and_send_none_twice(
    postgres_url: str, tmp_path: Path, full: bool
) -> None:
    mails, kills = (500, 50) if full else (40, 5)

    ledger = mail_under_fire(postgres_url, tmp_path, mails=mails, kills=kills, processes=2)

    assert (ledger.twice, ledger.lost) == (0, 0)
    assert ledger.assumed_in_vain <= 1 + kills // 20


def test_one_process_on_sqlite_loses_none_and_sends_none_twice(sqlite_url: str, tmp_path: Path, full: bool) -> None:
    mails, kills = (500, 50) if full else (25, 4)

    ledger = mail_under_fire(sqlite_url, tmp_path, mails=mails, kills=kills, processes=1)

    assert (ledger.twice, ledger.lost) == (0, 0)
    assert ledger.assumed_in_vain <= 1 + kills // 20


def test_a_sender_that_marks_after_sending_is_caught(sqlite_url: str, tmp_path: Path) -> None:
    ledger = mail_under_fire(sqlite_url, tmp_path, mails=6, kills=2, processes=1, naive=True)

    assert ledger.twice > 0
