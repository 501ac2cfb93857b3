"""Real scheduler processes, killed at random while they mail through a real server: none lost, none twice."""

import contextlib
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from sqlalchemy import select

from prom_service.models import Message
from prom_service.runtime import Runtime
from prom_service.services.contact import IN_FLIGHT
from tests import mailroom
from tests.fakes import Clock
from tests.scheduler import fast_process
from tests.scheduler.fast_process import NINE, Pace
from tests.support.smtp import Fault, SmtpServer

UNSETTLED = ("planned", "claimed", "committing", "deferred")


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
    def assumed(self) -> int:
        """How many are shown as assumed sent: a process was killed between their mark and the word of its outcome."""
        return sum(phase == "assumed_sent" for phase in self.phases.values())

    @property
    def assumed_in_vain(self) -> int:
        """How many of them the server never took: killed between the mark and the dot."""
        return sum(not self.taken[one] and phase == "assumed_sent" for one, phase in self.phases.items())


FEW = Pace(speed=150, batch=5)
MANY = Pace(speed=15, batch=10)


class Processes:
    """Scheduler processes on one database; a killed one is replaced at once."""

    def __init__(self, prom: Runtime, count: int, pace: Pace) -> None:
        self._prom = prom
        self._began = time.time()
        self._pace = pace
        self._running = [self._start() for _ in range(count)]

    def _start(self) -> BaseProcess:
        return fast_process.start(self._prom.settings, self._began, self._pace)

    def at_work(self) -> list[int]:
        """Return the places of those that have letters in hand; one that is still starting has nothing to lose."""
        pids = pids_with_letters(self._prom)
        return [place for place, process in enumerate(self._running) if process.pid in pids]

    def pid(self, place: int) -> int | None:
        return self._running[place].pid

    def kill(self, place: int) -> None:
        self._running[place].kill()
        self._running[place].join()
        self._running[place] = self._start()

    def stop(self) -> list[int | None]:
        """End them gently and return how they went."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.join(timeout=15)
        return [process.exitcode for process in self._running]

    def end(self) -> None:
        """Leave none behind."""
        for process in self._running:
            process.kill()
            process.join()


@contextlib.contextmanager
def running(prom: Runtime, count: int, pace: Pace) -> Iterator[Processes]:
    processes = Processes(prom, count, pace)
    try:
        yield processes
    finally:
        processes.end()


def mail_under_fire(url: str, folder: Path, *, mails: int, kills: int, processes: int, pace: Pace) -> Ledger:
    """Mail ``mails`` patients while processes are killed; return what came of it once all is settled.

    The kills are spread over the whole mailing, by the letters that arrived. Each hits one of the processes that have
    letters in hand: at once when a letter arrived, or, half of them, up to a fifth of a second later.
    """
    draw = random.Random(20260302)
    with (
        SmtpServer() as server,
        mailroom.mail_runtime(url, folder, Clock(mailroom.NOON), smtp_url=server.url, tick_seconds=1) as prom,
    ):
        server.always = Fault("dot", seconds=0.05)
        ids = mailroom.due_messages(prom, mails, due=NINE)
        with running(prom, processes, pace) as started:
            for number in range(kills):
                arrived = max(len(server.letters), number * mails // kills)
                wait_until(lambda arrived=arrived: len(server.letters) > arrived and started.at_work(), 120)
                time.sleep(0 if pace.naive or number % 2 else draw.uniform(0, 0.2))
                started.kill(draw.choice(started.at_work() or [0]))
            wait_until(lambda: settled(prom), 60 + mails)
            assert started.stop() == [0] * processes
        taken = Counter(uuid.UUID(str(one.message["Message-ID"])[1:37]) for one in server.letters)
        return Ledger({one: taken[one] for one in ids}, dict(zip(ids, mailroom.phases(prom, ids), strict=True)))


def settled(prom: Runtime) -> bool:
    with prom.reading() as session:
        return session.scalar(select(Message.id).where(Message.phase.in_(UNSETTLED)).limit(1)) is None


def pids_with_letters(prom: Runtime) -> set[int]:
    with prom.reading() as session:
        claims = session.scalars(select(Message.claimed_by).where(Message.phase.in_(IN_FLIGHT)).distinct())
        return {int(claim.partition("#")[0].rpartition(":")[2]) for claim in claims if claim}


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "not within the time allowed"
        time.sleep(0.01)


def test_several_processes_on_postgresql_lose_none_and_send_none_twice(
    postgres_url: str, tmp_path: Path, full: bool
) -> None:
    processes, mails, kills, pace = (3, 5000, 500, MANY) if full else (2, 40, 5, FEW)

    ledger = mail_under_fire(postgres_url, tmp_path, mails=mails, kills=kills, processes=processes, pace=pace)

    assert (ledger.twice, ledger.lost) == (0, 0)
    assert ledger.assumed <= kills
    assert ledger.assumed_in_vain <= 1 + kills // 20


def test_one_process_on_sqlite_loses_none_and_sends_none_twice(sqlite_url: str, tmp_path: Path, full: bool) -> None:
    mails, kills, pace = (500, 50, MANY) if full else (25, 4, FEW)

    ledger = mail_under_fire(sqlite_url, tmp_path, mails=mails, kills=kills, processes=1, pace=pace)

    assert (ledger.twice, ledger.lost) == (0, 0)
    assert ledger.assumed <= kills
    assert ledger.assumed_in_vain <= 1 + kills // 20


def test_a_sender_that_marks_after_sending_is_caught(sqlite_url: str, tmp_path: Path, full: bool) -> None:
    mails, kills, pace = (250, 25, MANY) if full else (6, 2, FEW)

    ledger = mail_under_fire(
        sqlite_url, tmp_path, mails=mails, kills=kills, processes=1, pace=replace(pace, naive=True)
    )

    assert ledger.twice > 0
