"""Every way in which a mail server can treat a letter, through the job over a real socket, to what the clinic reads."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select

from prom_service.mail.letters import Letter
from prom_service.mail.transport import BeforeFinalDot, Outcome, Relay, SmtpTransport, Transport
from prom_service.models import Message, Patient
from prom_service.queries.missing import ASK_ADDRESS, NEXT_STEPS, NextStep, missing_answers
from prom_service.runtime import Runtime
from scheduler import jobs
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON
from tests.support import smtp as servers
from tests.support.smtp import Fault, SmtpServer

PHONE_DAY = NOON + dt.timedelta(days=14)
AT_ONCE = ("claimed", "committing", "sent")
DEFERRED = ("claimed", "deferred", *AT_ONCE)
DEFERRED_AT_THE_DOT = ("claimed", "committing", "deferred", *AT_ONCE)
ASSUMED = ("claimed", "committing", "assumed_sent")
DELIVERED = ("delivered_never_started", None)
NO_REPLY_TO_DOT = ("assumed_sent", "no_reply_to_final_dot")


@dataclass(frozen=True)
class Case:
    """What a server does to the first attempt, and what must come of it."""

    fault: Fault | None
    first: tuple[str, str | None]
    """Phase and reason after the first attempt."""
    steps: tuple[str, ...]
    """What is on record in the end."""
    told: tuple[str, str | None] = DELIVERED
    """Cause and reason that the clinic reads on the phone day, while nobody has answered."""
    next_step: NextStep = NEXT_STEPS["delivered_never_started"]
    taken: int = 1
    """How often the server took the letter."""
    address_refused: bool = False


CASES = {
    "accepted": Case(None, ("sent", None), AT_ONCE),
    "accepted after a delay": Case(servers.SLOW, ("sent", None), AT_ONCE),
    "421 at MAIL": Case(servers.BUSY, ("deferred", "smtp 421"), DEFERRED),
    "450 at RCPT": Case(servers.GREYLISTED, ("deferred", "smtp 450"), DEFERRED),
    "451 at DATA": Case(servers.NOT_NOW, ("deferred", "smtp 451"), DEFERRED),
    "451 at the dot": Case(servers.TRY_LATER, ("deferred", "smtp 451"), DEFERRED_AT_THE_DOT),
    "dropped at MAIL": Case(Fault("mail", drop=True), ("deferred", "no_reply"), DEFERRED),
    "dropped at RCPT": Case(Fault("rcpt", drop=True), ("deferred", "no_reply"), DEFERRED),
    "dropped at DATA": Case(Fault("data", drop=True), ("deferred", "no_reply"), DEFERRED),
    "dropped in the body": Case(servers.DROP_IN_BODY, ("deferred", "no_reply"), DEFERRED_AT_THE_DOT),
    "dropped after the dot": Case(servers.DROP_AFTER_DOT, NO_REPLY_TO_DOT, ASSUMED),
    "hung after the dot": Case(servers.HANG_AFTER_DOT, NO_REPLY_TO_DOT, ASSUMED),
    "dropped at QUIT": Case(servers.DROP_AT_QUIT, ("sent", None), AT_ONCE),
    "554 at the dot": Case(
        servers.REJECTED,
        ("failed", "smtp 554"),
        ("claimed", "committing", "failed"),
        told=("not_sent", "smtp 554"),
        next_step=NEXT_STEPS["not_sent"],
        taken=0,
    ),
    "550 at RCPT": Case(
        servers.NO_SUCH_USER,
        ("failed", "smtp 550"),
        ("claimed", "failed"),
        told=("bounced", None),
        next_step=ASK_ADDRESS,
        taken=0,
        address_refused=True,
    ),
}


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock, smtp: SmtpServer) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, clock, smtp_url=smtp.url) as prom:
        yield prom


class MarksWhenCut:
    """A transport whose mark comes when the server has cut the connection: before the final dot, not beside it."""

    def __init__(self, transport: Transport, smtp: SmtpServer) -> None:
        self._transport, self._smtp = transport, smtp

    def deliver(self, letter: Letter, *, before_final_dot: BeforeFinalDot) -> Outcome:
        def wait_and_mark() -> None:
            assert self._smtp.cut_in_body.acquire(timeout=30)
            before_final_dot()

        return self._transport.deliver(letter, before_final_dot=wait_and_mark)

    def close(self) -> None:
        self._transport.close()

    def cut(self) -> None:
        self._transport.cut()


def sending(prom: Runtime, smtp: SmtpServer, fault: Fault | None) -> Runtime:
    """Return the runtime for the first attempt; the hanging server is waited for a second, not half a minute."""
    match fault:
        case servers.HANG_AFTER_DOT:
            return replace(prom, mail=SmtpTransport(Relay("127.0.0.1", smtp.port, timeout=1)))
        case servers.DROP_IN_BODY:
            return replace(prom, mail=MarksWhenCut(prom.mail, smtp))
    return prom


def states(prom: Runtime, ids: list[uuid.UUID]) -> set[tuple[str, str | None]]:
    with prom.reading() as session:
        rows = session.execute(select(Message.phase, Message.reason).where(Message.id.in_(ids)))
        return {(row.phase, row.reason) for row in rows}


def times_taken(smtp: SmtpServer, ids: list[uuid.UUID]) -> list[int]:
    taken = Counter(str(one.message["Message-ID"]) for one in smtp.letters)
    return [taken[f"<{one}@clinic.example.org>"] for one in ids]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_a_server_does_leads_to_its_state_and_never_to_a_second_email(
    prom: Runtime, clock: Clock, smtp: SmtpServer, case: Case, full: bool
) -> None:
    ids = mailroom.due_messages(prom, 50 if full else 2)
    smtp.script(*[case.fault] * len(ids))

    jobs.send_due_messages(sending(prom, smtp, case.fault))
    first = states(prom, ids)
    for wait in (dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1), PHONE_DAY - NOON):
        clock.move_to(NOON + wait)
        jobs.settle_committing(prom)
        jobs.send_due_messages(prom)

    assert first == {case.first}
    assert times_taken(smtp, ids) == [case.taken] * len(ids)
    with prom.reading() as session:
        assert {tuple(mailroom.steps(session, one)) for one in ids} == {case.steps}
        [clinic_id] = session.scalars(select(Patient.clinic_id).distinct())
        told = missing_answers(session, clinic_id, now=clock.now())
        assert [((one.cause, one.reason), one.next_step) for one in told] == [(case.told, case.next_step)] * len(ids)
        refused = session.scalars(select(Patient.bounced_at))
        assert {at is not None for at in refused} == {case.address_refused}
