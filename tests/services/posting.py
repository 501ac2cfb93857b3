"""Messages taken through the hands of a process, and what a mail server may say of them."""

import datetime as dt
import email
import email.policy
import uuid
from typing import Any

import sqlalchemy as sa

from prom_service.mail.letters import Letter
from prom_service.mail.transport import Outcome
from prom_service.models import Message, Patient
from prom_service.runtime import Runtime
from prom_service.services import claims
from tests import mailroom

MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
GREYLISTED = Outcome("deferred", "smtp 450")
RELAY_DOWN = Outcome("deferred", "relay_unreachable", relay_at_fault=True)
NO_SUCH_USER = Outcome("refused", "smtp 550", address_suspect=True)
REJECTED = Outcome("refused", "smtp 554")


def claim(prom: Runtime, *, worker: str = "one", limit: int = 50) -> list[Letter]:
    """Claim what is due and return its letters."""
    with prom.transaction() as session:
        return claims.claim_due(session, settings=prom.settings, worker=worker, now=prom.now(), limit=limit).letters


def mark(prom: Runtime, letter: Letter) -> bool:
    """Mark a letter just before its final dot; say whether it may go."""
    with prom.transaction() as session:
        return claims.mark_committing(session, letter, settings=prom.settings, now=prom.now())


def record(prom: Runtime, letter: Letter, outcome: Outcome) -> None:
    """Note what the mail server said."""
    with prom.transaction() as session:
        claims.record(session, letter, outcome, now=prom.now())


def settle(prom: Runtime) -> int:
    """Settle what dead processes left behind; return how many."""
    with prom.transaction() as session:
        return claims.settle_committing(session, now=prom.now())


def body_of(letter: Letter) -> str:
    """Return the text part of a letter, with single spaces."""
    parsed = email.message_from_bytes(letter.content, policy=email.policy.default)
    return " ".join(parsed.get_body(("plain",)).get_content().split())  # type: ignore[union-attr]


def state(prom: Runtime, message_id: uuid.UUID) -> tuple[str, str | None]:
    """Return the phase of a message and its reason."""
    with prom.reading() as session:
        message = session.get_one(Message, message_id)
        return message.phase, message.reason


def one_due(prom: Runtime, **values: Any) -> uuid.UUID:
    """Write a patient with one message due at noon; return the message's id."""
    with prom.transaction() as session:
        patient = mailroom.patient(session, mailroom.clinic(session), **values)
        return mailroom.message(session, mailroom.administration(session, patient)).id


def change_patient(prom: Runtime, **values: Any) -> None:
    """Change every patient, past the services."""
    with prom.transaction() as session:
        session.execute(sa.update(Patient).values(**values))
