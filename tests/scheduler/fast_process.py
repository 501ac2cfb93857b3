"""A real scheduler process whose hours pass in seconds: ``python -m tests.scheduler.fast_process BEGAN SPEED [naive]``.

``BEGAN`` is the moment (seconds since 1970) at which it was nine o'clock for all such processes, ``SPEED`` how many
seconds pass for them in one: the nine hours in which patients are mailed must do for the whole run. With ``naive`` it
sends first and marks afterwards, as most senders do: the mistake that the oracle must be able to see.
"""

import datetime as dt
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from prom_service import runtime, settings
from prom_service.mail.letters import Letter
from prom_service.mail.transport import BeforeFinalDot, Outcome, Transport
from scheduler import runner
from tests.mailroom import NOON

NINE = NOON.replace(hour=9)


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


if __name__ == "__main__":
    prom = runtime.build(settings.from_process(), clock=fast_clock(float(sys.argv[1]), float(sys.argv[2])))
    runner.run(replace(prom, mail=SendThenMark(prom.mail)) if "naive" in sys.argv else prom)
