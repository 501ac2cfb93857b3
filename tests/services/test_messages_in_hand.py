"""Messages between claim and final dot: what still stops them, and what becomes of those left behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from prom_service.mail.transport import ACCEPTED, UNKNOWN, WITHHELD
from prom_service.models import Administration, Message, Patient
from prom_service.runtime import Runtime
from prom_service.services import claims, messages
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON
from tests.services.posting import (
    DAY,
    GREYLISTED,
    HOUR,
    MINUTE,
    change_patient,
    claim,
    mark,
    one_due,
    record,
    settle,
    state,
)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, clock) as prom:
        yield prom


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": "withdrawn"}, ("cancelled", "withdrawn")),
        ({"status": "deceased"}, ("cancelled", "deceased")),
        ({"unsubscribed_at": NOON}, ("cancelled", "unsubscribed")),
        ({"bounced_at": NOON}, ("cancelled", "address_refused")),
        ({"email": None}, ("cancelled", "no_address")),
        ({"status": "paused", "paused_until": NOON.date()}, ("planned", "paused")),
        ({"email": "new@example.org"}, ("planned", "address_changed")),
    ],
)
def test_what_happens_between_claim_and_dot_stops_the_letter(
    prom: Runtime, change: dict[str, Any], expected: tuple[str, str]
) -> None:
    message = one_due(prom)
    [letter] = claim(prom)
    change_patient(prom, **change)

    allowed = mark(prom, letter)
    record(prom, letter, WITHHELD)

    assert not allowed
    assert state(prom, message) == expected


def test_completion_between_claim_and_dot_stops_the_letter(prom: Runtime) -> None:
    message = one_due(prom)
    [letter] = claim(prom)
    with prom.transaction() as session:
        session.execute(sa.update(Administration).values(state="completed"))

    assert not mark(prom, letter)

    assert state(prom, message) == ("cancelled", "completed")


def test_cancelling_reaches_a_letter_that_is_being_sent(prom: Runtime) -> None:
    message = one_due(prom)
    [letter] = claim(prom)

    with prom.transaction() as session:
        assert (
            messages.cancel_pending(session, [letter.administration_id], "start_changed", actor="test", now=NOON) == 1
        )

    assert not mark(prom, letter)
    record(prom, letter, WITHHELD)
    assert state(prom, message) == ("cancelled", "start_changed")


def test_a_message_past_its_dot_cannot_be_cancelled(prom: Runtime) -> None:
    message = one_due(prom)
    [letter] = claim(prom)
    mark(prom, letter)

    with prom.transaction() as session:
        assert messages.cancel_pending(session, [letter.administration_id], "completed", actor="test", now=NOON) == 0

    record(prom, letter, ACCEPTED)
    assert state(prom, message) == ("sent", None)


def test_a_lapsed_claim_is_planned_again_and_its_old_holder_may_not_send(prom: Runtime, clock: Clock) -> None:
    message = one_due(prom)
    [letter] = claim(prom, worker="one")

    clock.advance(seconds=599)
    assert settle(prom) == 0
    clock.advance(seconds=1)
    assert settle(prom) == 1
    [second] = claim(prom, worker="two")

    assert not mark(prom, letter)
    assert mark(prom, second)
    record(prom, letter, ACCEPTED)
    assert state(prom, message) == ("committing", None)


def test_the_same_worker_cannot_send_under_its_lapsed_claim(prom: Runtime, clock: Clock) -> None:
    one_due(prom)
    [letter] = claim(prom)
    clock.advance(minutes=10)
    settle(prom)
    claim(prom)

    assert not mark(prom, letter)


def test_a_message_left_committing_is_assumed_sent_and_never_sent_again(prom: Runtime, clock: Clock) -> None:
    message = one_due(prom)
    [letter] = claim(prom)
    mark(prom, letter)

    clock.advance(seconds=299)
    assert settle(prom) == 0
    clock.advance(seconds=1)
    assert settle(prom) == 1

    clock.advance(days=3)
    assert claim(prom) == []
    assert state(prom, message) == ("assumed_sent", "no_reply_to_final_dot")


@pytest.mark.parametrize(("marked", "phase"), [(False, "planned"), (True, "assumed_sent")])
def test_what_a_process_left_behind_whose_clock_was_ahead_is_settled_once_the_clock_is_right(
    prom: Runtime, marked: bool, phase: str
) -> None:
    message = one_due(prom)
    ahead = prom.under(lambda: NOON + DAY)
    [letter] = claim(ahead)
    assert not marked or mark(ahead, letter)

    assert settle(prom) == 1

    assert state(prom, message)[0] == phase


def test_after_a_backup_was_put_back_nothing_goes_out_that_may_have_gone_out_since(prom: Runtime, clock: Clock) -> None:
    at_noon = mailroom.due_messages(prom, 3)
    unmarked, marked, _ = claim(prom, limit=3)
    mark(prom, marked)
    record(prom, unmarked, GREYLISTED)
    due = mailroom.due_messages(prom, 2, due=NOON + HOUR)
    ahead = mailroom.due_messages(prom, 1, due=NOON + HOUR + MINUTE)
    clock.advance(hours=1)

    with prom.transaction() as session:
        assumed = [len(claims.assume_sent(session, actor="command", now=prom.now(), limit=3)) for _ in range(3)]

    assert assumed == [3, 2, 0]
    assert mailroom.phases(prom, at_noon + due) == ["assumed_sent"] * 5
    assert {state(prom, one) for one in at_noon + due} == {("assumed_sent", "restored")}
    assert claim(prom) == []
    with prom.reading() as session:
        assert {session.get_one(Message, one).sent_at for one in due} == {NOON + HOUR}
    clock.advance(minutes=1)
    assert [letter.message_id for letter in claim(prom)] == ahead


def test_the_reminder_after_an_email_that_may_have_gone_out_is_sent_as_planned(prom: Runtime, clock: Clock) -> None:
    with prom.transaction() as session:
        of = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        mailroom.message(session, of)
        reminder = mailroom.message(session, of, ordinal=1, due=NOON + 3 * DAY).id
    clock.advance(days=1)
    with prom.transaction() as session:
        claims.assume_sent(session, actor="command", now=prom.now())

    clock.advance(days=2)

    assert [letter.message_id for letter in claim(prom)] == [reminder]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"email": None}, ("cancelled", "no_address")),
        ({"bounced_at": NOON}, ("cancelled", "address_refused")),
        ({"unsubscribed_at": NOON}, ("cancelled", "unsubscribed")),
        ({"status": "paused"}, ("assumed_sent", "restored")),
    ],
)
def test_after_a_backup_was_put_back_nothing_is_taken_as_sent_that_was_never_to_go(
    prom: Runtime, clock: Clock, change: dict[str, Any], expected: tuple[str, str]
) -> None:
    message = one_due(prom)
    change_patient(prom, **change)
    clock.advance(days=40)  # Its window is over by now; when it was due it was not.

    with prom.transaction() as session:
        claims.assume_sent(session, actor="command", now=prom.now())

    assert state(prom, message) == expected


def test_an_outcome_that_comes_after_all_replaces_the_assumption(prom: Runtime, clock: Clock) -> None:
    message = one_due(prom)
    [letter] = claim(prom)
    mark(prom, letter)
    clock.advance(minutes=5)
    settle(prom)

    record(prom, letter, ACCEPTED)

    assert state(prom, message) == ("sent", None)


def test_silence_after_the_final_dot_is_assumed_sent(prom: Runtime) -> None:
    message = one_due(prom)
    [letter] = claim(prom)
    mark(prom, letter)

    record(prom, letter, UNKNOWN)

    assert state(prom, message) == ("assumed_sent", "no_reply_to_final_dot")


def test_letters_given_back_are_due_at_once(prom: Runtime) -> None:
    one_due(prom)
    letters = claim(prom, worker="one")

    with prom.transaction() as session:
        claims.release(session, letters, now=NOON)

    assert len(claim(prom, worker="two")) == 1


def test_a_patient_who_is_withdrawing_at_this_moment_is_left_out_of_the_claim(
    postgres_url: str, tmp_path: Path, clock: Clock
) -> None:
    with mailroom.mail_runtime(postgres_url, tmp_path, clock) as prom:
        message = one_due(prom)

        with prom.transaction() as session:
            session.execute(sa.update(Patient).values(status="withdrawn"))
            during = claim(prom)
        after = claim(prom)

        assert (during, after) == ([], [])
        assert state(prom, message) == ("cancelled", "withdrawn")


def test_two_processes_never_claim_for_the_same_patient_at_once(
    postgres_url: str, tmp_path: Path, clock: Clock
) -> None:
    with mailroom.mail_runtime(postgres_url, tmp_path, clock) as prom:
        with prom.transaction() as session:
            patient = mailroom.patient(session, mailroom.clinic(session))
            for _ in range(2):
                mailroom.message(session, mailroom.administration(session, patient))

        with prom.transaction() as session:
            first = claims.claim_due(session, settings=prom.settings, worker="one", now=NOON, limit=50)
            second = claim(prom, worker="two")

        assert (len(first.letters), second) == (1, [])
        assert claim(prom) == []
