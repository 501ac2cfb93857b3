"""A scheduler process whose hours pass in seconds, and a quick way to start it: to be killed at random."""

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess

from prom_service import runtime
from prom_service.mail.letters import Letter
from prom_service.mail.transport import BeforeFinalDot, Outcome, Transport
from prom_service.settings import Settings
from scheduler import jobs, runner
from tests.mailroom import NOON
from tests.support.nursery import NURSERY

NINE = NOON.replace(hour=9)


@dataclass(frozen=True)
class Pace:
    """How scheduler processes live while they are killed.

    The nine mailing hours of a day must last longer than the whole run; what a killed process had claimed must become
    free again while there is a run.
    """

    speed: float
    """How many seconds pass for them in one."""
    batch: int
    """How many patients one of them claims at once."""
    naive: bool = False
    """It sends first and marks afterwards, as most senders do: the mistake that the oracle must be able to see."""


def fast_clock(began: float, speed: float) -> Callable[[], dt.datetime]:
    """Return a clock that showed nine at ``began`` and runs ``speed`` times too fast."""
    return lambda: NINE + dt.timedelta(seconds=(time.time() - began) * speed)


class SendThenMark:
    """A transport that marks a letter only when the server has answered."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def deliver(self, letter: Letter, *, before_final_dot: BeforeFinalDot) -> Outcome:
        outcome = self._transport.deliver(letter, before_final_dot=lambda: None)
        before_final_dot()
        return outcome

    def close(self) -> None:
        self._transport.close()

    def cut(self) -> None:
        self._transport.cut()


def start(settings: Settings, began: float, pace: Pace) -> BaseProcess:
    """Start a scheduler process for which it was nine o'clock at ``began`` (seconds since 1970), and return it."""
    process = NURSERY.Process(target=run, args=(settings, began, pace))
    process.start()
    return process


def run(settings: Settings, began: float, pace: Pace) -> None:
    """Run the jobs until told to stop."""
    jobs.PATIENTS_AT_ONCE = pace.batch
    prom = runtime.build(settings, clock=fast_clock(began, pace.speed))
    runner.run(replace(prom, mail=SendThenMark(prom.mail)) if pace.naive else prom)
