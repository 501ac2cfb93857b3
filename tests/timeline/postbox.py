"""A mail server in the test's hand: it takes letters, refuses them, falls silent, or its client dies in the middle."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from prom_service.mail.letters import Letter
from prom_service.mail.transport import ACCEPTED, UNKNOWN, WITHHELD, BeforeFinalDot, Outcome, WithheldError

GREYLISTED = Outcome("deferred", "smtp 450")
RELAY_DOWN = Outcome("deferred", "relay_unreachable", relay_at_fault=True)
NO_SUCH_USER = Outcome("refused", "smtp 550", address_suspect=True)
REJECTED = Outcome("refused", "smtp 554")
BEFORE_THE_DOT = {
    "greylisted": GREYLISTED,
    "relay down": RELAY_DOWN,
    "no such user": NO_SUCH_USER,
    "rejected": REJECTED,
}
AFTER_THE_DOT = {"silent": UNKNOWN, "works": ACCEPTED}
FAULTS = (*BEFORE_THE_DOT, "silent", "killed before the dot", "killed after the dot", "overtaken")


class KilledError(BaseException):
    """The process that was sending is gone."""


@dataclass(frozen=True)
class Attempt:
    """One letter that was handed over; it ``arrived`` when the final dot was written."""

    letter: Letter
    arrived: bool


class Postbox:
    """Implements the transport. ``meanwhile`` is what happens between the claim and the dot when it is overtaken."""

    def __init__(self) -> None:
        self.arrived: list[Letter] = []
        self.attempts: list[Attempt] = []
        self.fault = "works"
        self.meanwhile: Callable[[Letter], None] = lambda letter: None

    def deliver(self, letter: Letter, *, before_final_dot: BeforeFinalDot) -> Outcome:
        """Hand over one letter under the present fault."""
        if self.fault in BEFORE_THE_DOT or self.fault == "killed before the dot":
            self.attempts.append(Attempt(letter, arrived=False))
            if self.fault == "killed before the dot":
                raise KilledError
            return BEFORE_THE_DOT[self.fault]
        if self.fault == "overtaken":
            self.meanwhile(letter)
        try:
            before_final_dot()
        except WithheldError:
            self.attempts.append(Attempt(letter, arrived=False))
            return WITHHELD
        self.attempts.append(Attempt(letter, arrived=True))
        self.arrived.append(letter)
        if self.fault == "killed after the dot":
            raise KilledError
        return AFTER_THE_DOT.get(self.fault, ACCEPTED)

    def close(self) -> None:
        """Nothing is kept open."""

    def cut(self) -> None:
        """Nothing is kept open."""

    def taken(self) -> list[Attempt]:
        """What was handed over since this was last asked."""
        attempts, self.attempts = self.attempts, []
        return attempts

    def count(self, message_id: uuid.UUID) -> int:
        """How many letters of a message have arrived."""
        return sum(letter.message_id == message_id for letter in self.arrived)
