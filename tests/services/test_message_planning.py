"""Messages as they are planned, planned anew, and brought forward by staff."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from prom_service.errors import ConflictError
from prom_service.models import Message, MessageEvent
from prom_service.pathway.plan import PlannedMessage
from prom_service.runtime import Runtime
from prom_service.services import messages
from prom_service.services.contact import EXPLANATIONS
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON
from tests.services.posting import DAY, HOUR, claim


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, clock) as prom:
        yield prom


def test_planning_writes_one_message_for_each_step(prom: Runtime) -> None:
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        planned = messages.plan_messages(session, administration, _steps(0, 3, 7))

    assert [(one.kind, one.ordinal, one.due_at) for one in planned] == [
        ("invitation", 0, NOON),
        ("reminder", 1, NOON + 3 * DAY),
        ("reminder", 2, NOON + 7 * DAY),
    ]


def test_planning_anew_takes_up_cancelled_messages_and_leaves_those_that_went_out(prom: Runtime) -> None:
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        first = messages.plan_messages(session, administration, _steps(0, 3, 7))
        first[0].phase, first[1].phase = "sent", "assumed_sent"
        messages.cancel_pending(session, [administration.id], "start_changed", actor="test", now=NOON)
        again = messages.plan_messages(session, administration, _steps(2, 5, 9)[1:])
        kept = session.scalars(select(Message).order_by(Message.ordinal)).all()

    assert [(one.ordinal, one.due_at) for one in again] == [(2, NOON + 5 * DAY), (3, NOON + 9 * DAY)]
    assert [(one.ordinal, one.phase) for one in kept] == [
        (0, "sent"),
        (1, "assumed_sent"),
        (2, "planned"),
        (3, "planned"),
    ]


def test_send_now_brings_the_next_message_forward(prom: Runtime) -> None:
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        planned = messages.plan_messages(session, administration, _steps(1, 4))

        message = messages.send_now(session, administration, actor="user:1", now=NOON)

    assert message.id == planned[0].id
    assert [letter.message_id for letter in claim(prom)] == [planned[0].id]


def test_send_now_adds_a_reminder_when_none_is_left(prom: Runtime) -> None:
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        mailroom.message(session, administration, phase="sent", sent_at=NOON - 3 * DAY)

        message = messages.send_now(session, administration, actor="user:1", now=NOON)

        assert (message.kind, message.ordinal, message.due_at) == ("reminder", 1, NOON)


def test_send_now_waits_for_the_next_moment_at_which_the_patient_may_be_mailed(prom: Runtime) -> None:
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))

        message = messages.send_now(session, administration, actor="user:1", now=NOON + 7 * HOUR)

        assert (message.due_at, message.reason) == (NOON + 21 * HOUR, "outside_hours")


def test_send_now_is_refused_with_the_reason_when_the_patient_may_not_be_mailed(prom: Runtime) -> None:
    with prom.transaction() as session:
        patient = mailroom.patient(session, mailroom.clinic(session), unsubscribed_at=NOON)
        administration = mailroom.administration(session, patient)

        with pytest.raises(ConflictError) as refused:
            messages.send_now(session, administration, actor="user:1", now=NOON)

    assert (str(refused.value), refused.value.reason) == (EXPLANATIONS["unsubscribed"], "unsubscribed")


def test_who_asked_for_a_message_is_on_record_beside_the_reasons(prom: Runtime) -> None:
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        message = messages.send_now(session, administration, actor="user:1", now=NOON)
    claim(prom)

    with prom.reading() as session:
        events = session.scalars(
            sa.select(MessageEvent).where(MessageEvent.message_id == message.id).order_by(MessageEvent.id)
        )
        noted = [(event.kind, event.actor, event.reason) for event in events]
    assert noted == [("requested", "user:1", None), ("claimed", "sweep", None)]


def _steps(*days: int) -> list[PlannedMessage]:
    return [PlannedMessage("reminder" if n else "invitation", n, NOON + day * DAY) for n, day in enumerate(days)]
