"""What a mail server says of a message: tried again, refused, or nothing at all."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from prom_service.models import Administration, Episode, Message, Patient, PatientChange
from prom_service.queries.facts import missed_cause
from prom_service.runtime import Runtime
from prom_service.services import claims
from prom_service.services.contact import EXPLANATIONS
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON
from tests.services.posting import (
    DAY,
    GREYLISTED,
    HOUR,
    MINUTE,
    NO_SUCH_USER,
    REJECTED,
    RELAY_DOWN,
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


def test_a_deferred_message_is_tried_after_1_5_15_and_60_minutes_and_then_every_hour(
    prom: Runtime, clock: Clock
) -> None:
    message = one_due(prom)
    waits = []
    for _ in range(5):
        [letter] = claim(prom)
        record(prom, letter, GREYLISTED)
        with prom.reading() as session:
            due_at = session.get_one(Message, message).due_at
        waits.append((due_at - clock.now()) / MINUTE)
        clock.move_to(due_at)

    assert waits == [1, 5, 15, 60, 60]
    assert state(prom, message) == ("deferred", "smtp 450")


@pytest.mark.parametrize(("ahead", "moved"), [(HOUR, 0), (HOUR + MINUTE, 1)])
def test_what_a_clock_that_was_ahead_put_off_is_tried_once_the_clock_is_right(
    prom: Runtime, ahead: dt.timedelta, moved: int
) -> None:
    message = one_due(prom)
    with prom.transaction() as session:
        session.execute(sa.update(Message).values(attempts=4))
    then = prom.under(lambda: NOON + ahead)
    [letter] = claim(then)
    record(then, letter, GREYLISTED)

    assert settle(prom) == moved

    assert state(prom, message)[0] == "deferred"
    assert len(claim(prom)) == moved


def test_trouble_of_the_relay_does_not_count_against_the_message(prom: Runtime, clock: Clock) -> None:
    message = one_due(prom)
    for _ in range(3):
        [letter] = claim(prom)
        record(prom, letter, RELAY_DOWN)
        clock.advance(minutes=1)

    with prom.reading() as session:
        assert session.get_one(Message, message).attempts == 0
    assert len(claim(prom)) == 1


def test_a_letter_that_cannot_be_written_fails_and_all_others_go_out(prom: Runtime) -> None:
    [good] = mailroom.due_messages(prom, 1)
    with prom.transaction() as session:
        northside, broken = mailroom.clinic(session), mailroom.clinic(session, name="North\nside")
        mistyped = mailroom.patient(session, northside, email="anna.@example.org")
        unwritable = mailroom.patient(session, broken)
        bad = [mailroom.message(session, mailroom.administration(session, one)).id for one in (mistyped, unwritable)]

    written = claim(prom)

    assert [letter.message_id for letter in written] == [good]
    assert [state(prom, one) for one in bad] == [("cancelled", "no_address"), ("failed", "not_written")]
    assert "not_written" in EXPLANATIONS
    with prom.reading() as session:
        assert mailroom.steps(session, bad[1]) == ["claimed", "failed"]


def test_a_letter_that_fails_by_our_own_fault_is_not_given_up(prom: Runtime) -> None:
    message = one_due(prom)
    settings = replace(prom.settings, base_url=None)  # type: ignore[arg-type]

    with prom.transaction() as session:
        claimed = claims.claim_due(session, settings=settings, worker="one", now=NOON, limit=10)

    assert claimed.letters == []
    assert state(prom, message) == ("planned", "not_written")


@pytest.mark.parametrize(
    ("table", "wrong", "right"),
    [
        (Episode, {"pathway": "no-such-pathway-1"}, {"pathway": "hip-related-pain-1"}),
        (Patient, {"time_zone": "Europe/Nowhere"}, {"time_zone": None}),
    ],
)
def test_a_patient_who_cannot_be_written_to_waits_an_hour_and_all_others_are_mailed(
    prom: Runtime, clock: Clock, caplog: pytest.LogCaptureFixture, table: Any, wrong: Any, right: Any
) -> None:
    one_due(prom)
    with prom.transaction() as session:
        session.execute(sa.update(table).values(wrong))
        patient = session.scalars(select(Patient)).one()
        mailroom.message(session, session.scalars(select(Administration)).one(), ordinal=1)
        bad = session.scalars(select(Message.id).order_by(Message.ordinal)).all()
    good = mailroom.due_messages(prom, 2)

    first = claim(prom)
    waiting = [state(prom, one) for one in bad]
    clock.advance(seconds=3599)
    early = claim(prom)
    with prom.transaction() as session:
        session.execute(sa.update(table).values(right))
    clock.advance(seconds=1)
    then = claim(prom)

    assert {letter.message_id for letter in first} == set(good)
    assert waiting == [("planned", "not_written")] * 2
    assert (early, [letter.message_id for letter in then]) == ([], bad[1:])
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        f"patient {patient.id} was not written to"
    ]
    assert not any(personal in caplog.text for personal in (patient.email, patient.name, *wrong.values()))
    with prom.reading() as session:
        assert [mailroom.steps(session, one) for one in bad] == [["postponed", "cancelled"], ["postponed", "claimed"]]
        assert mailroom.steps(session, good[0]) == ["claimed"]


def test_a_refused_address_is_noted_with_the_patient_and_stops_all_that_is_pending(prom: Runtime) -> None:
    message = one_due(prom)
    with prom.transaction() as session:
        patient = session.scalars(select(Patient)).one()
        administration = session.scalars(select(Administration)).one()
        reminder = mailroom.message(session, administration, ordinal=1, due=NOON + 3 * DAY).id
        other = mailroom.message(session, mailroom.administration(session, patient), due=NOON + 9 * DAY).id
    [letter] = claim(prom)

    record(prom, letter, NO_SUCH_USER)

    assert state(prom, message) == ("failed", "smtp 550")
    assert state(prom, reminder) == state(prom, other) == ("cancelled", "address_refused")
    with prom.reading() as session:
        assert session.scalars(select(Patient.bounced_at)).one() == NOON
        assert session.scalars(select(PatientChange.kind)).all() == ["bounced"]


def test_the_clinic_reads_of_a_refused_address_also_when_nothing_more_was_to_be_sent(prom: Runtime) -> None:
    message_id = one_due(prom)
    [letter] = claim(prom)

    record(prom, letter, NO_SUCH_USER)

    with prom.reading() as session:
        message = session.get_one(Message, message_id)
        administration = session.get_one(Administration, letter.administration_id)
        assert message.bounced_at == NOON
        assert missed_cause(administration, [message]) == "bounced"


def test_a_refusal_of_an_address_that_was_corrected_meanwhile_says_nothing_about_the_new_one(prom: Runtime) -> None:
    message = one_due(prom)
    [letter] = claim(prom)
    change_patient(prom, email="corrected@example.org")

    record(prom, letter, NO_SUCH_USER)

    assert state(prom, message) == ("failed", "smtp 550")
    with prom.reading() as session:
        assert session.scalars(select(Patient.bounced_at)).one() is None


def test_a_refusal_that_does_not_concern_the_address_fails_the_message_alone(prom: Runtime) -> None:
    message = one_due(prom)
    [letter] = claim(prom)
    mark(prom, letter)

    record(prom, letter, REJECTED)

    assert state(prom, message) == ("failed", "smtp 554")
    with prom.reading() as session:
        assert session.scalars(select(Patient.bounced_at)).one() is None
        assert session.get_one(Message, message).sent_at is None
        assert session.get_one(Message, message).bounced_at is None
