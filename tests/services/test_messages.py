"""Messages: planned, claimed, marked, recorded, on both databases."""

import datetime as dt
import email
import email.policy
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from prom_service.errors import ConflictError
from prom_service.mail.letters import Letter
from prom_service.mail.transport import ACCEPTED, UNKNOWN, WITHHELD, Outcome
from prom_service.models import Administration, Link, Message, MessageEvent, Pace, Patient, PatientChange
from prom_service.pathway.plan import PlannedMessage
from prom_service.queries.facts import missed_cause
from prom_service.runtime import Runtime
from prom_service.services import access, messages
from prom_service.services.contact import EXPLANATIONS
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON

MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
GREYLISTED = Outcome("deferred", "smtp 450")
RELAY_DOWN = Outcome("deferred", "relay_unreachable", relay_at_fault=True)
NO_SUCH_USER = Outcome("refused", "smtp 550", address_suspect=True)
REJECTED = Outcome("refused", "smtp 554")


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, clock) as prom:
        yield prom


def claim(prom: Runtime, *, worker: str = "one", limit: int = 50) -> list[Letter]:
    with prom.transaction() as session:
        return messages.claim_due(session, settings=prom.settings, worker=worker, now=prom.now(), limit=limit).letters


def mark(prom: Runtime, letter: Letter) -> bool:
    with prom.transaction() as session:
        return messages.mark_committing(session, letter, settings=prom.settings, now=prom.now())


def record(prom: Runtime, letter: Letter, outcome: Outcome) -> None:
    with prom.transaction() as session:
        messages.record(session, letter, outcome, now=prom.now())


def settle(prom: Runtime) -> int:
    with prom.transaction() as session:
        return messages.settle_committing(session, now=prom.now())


def body_of(letter: Letter) -> str:
    """Return the text part of a letter, with single spaces."""
    parsed = email.message_from_bytes(letter.content, policy=email.policy.default)
    return " ".join(parsed.get_body(("plain",)).get_content().split())  # type: ignore[union-attr]


def state(prom: Runtime, message_id: uuid.UUID) -> tuple[str, str | None]:
    with prom.reading() as session:
        message = session.get_one(Message, message_id)
        return message.phase, message.reason


def one_due(prom: Runtime, **values: Any) -> uuid.UUID:
    with prom.transaction() as session:
        patient = mailroom.patient(session, mailroom.clinic(session), **values)
        return mailroom.message(session, mailroom.administration(session, patient)).id


def change_patient(prom: Runtime, **values: Any) -> None:
    with prom.transaction() as session:
        session.execute(sa.update(Patient).values(**values))


def test_a_due_message_is_claimed_marked_and_sent_and_every_step_is_on_record(prom: Runtime) -> None:
    sent = one_due(prom)

    [letter] = claim(prom)
    assert mark(prom, letter)
    record(prom, letter, ACCEPTED)

    with prom.reading() as session:
        assert mailroom.steps(session, sent) == ["claimed", "committing", "sent"]
        message = session.get_one(Message, sent)
        assert (message.phase, message.sent_at, message.attempts) == ("sent", NOON, 1)


@pytest.mark.parametrize(("after", "due"), [(-1, False), (0, True)])
def test_a_message_is_due_from_its_instant_on(prom: Runtime, clock: Clock, after: int, due: bool) -> None:
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        mailroom.message(session, administration, due=NOON + HOUR)

    clock.advance(seconds=3600 + after)

    assert bool(claim(prom)) is due


def test_the_letter_alone_holds_the_tokens_of_its_links(prom: Runtime) -> None:
    message_id = one_due(prom)

    [letter] = claim(prom)

    survey, stop = (
        re.search(rf"/{path}/([\w-]{{43}})", _text(letter)).group(1)  # type: ignore[union-attr]
        for path in ("s", "u")
    )
    with prom.reading() as session:
        found = access.find_link(session, survey, secret=prom.settings.secret)
        assert found is not None
        assert found.link.message_id == message_id
        assert access.find_link(session, stop, purpose="unsubscribe", secret=prom.settings.secret) is not None
        assert access.find_link(session, stop, secret=prom.settings.secret) is None
        stored = [str(value) for row in session.execute(select(Link.__table__)) for value in row]
    assert not any(token in value for value in stored for token in (survey, stop))
    assert not any(secret in repr(letter) for secret in (survey, stop, "example.org"))


def test_a_claimed_message_is_nobody_elses(prom: Runtime) -> None:
    one_due(prom)

    first, second = claim(prom, worker="one"), claim(prom, worker="two")

    assert (len(first), len(second)) == (1, 0)


def test_a_claim_takes_at_most_so_many_patients_the_longest_waiting_first(prom: Runtime) -> None:
    with prom.transaction() as session:
        at = mailroom.clinic(session)
        ids = [
            mailroom.message(
                session,
                mailroom.administration(session, mailroom.patient(session, at)),
                due=NOON - minutes * MINUTE,
            ).id
            for minutes in range(5)
        ]

    taken = {letter.message_id for letter in claim(prom, limit=3)}

    assert taken == set(ids[2:])


def test_after_an_outage_only_the_newest_due_message_goes_out(prom: Runtime) -> None:
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        ids = [mailroom.message(session, administration, ordinal=n, due=NOON + (3 * n - 8) * DAY).id for n in range(4)]

    letters = claim(prom)

    assert [letter.message_id for letter in letters] == [ids[2]]
    assert [state(prom, one) for one in ids] == [
        ("cancelled", "missed"),
        ("cancelled", "missed"),
        ("claimed", None),
        ("planned", None),
    ]


def test_two_open_administrations_get_one_email_of_the_one_closing_first(prom: Runtime) -> None:
    with prom.transaction() as session:
        patient = mailroom.patient(session, mailroom.clinic(session))
        later = mailroom.administration(session, patient, closes_at=NOON + 26 * DAY)
        sooner = mailroom.administration(session, patient, closes_at=NOON + 25 * DAY)
        ids = [mailroom.message(session, one, due=NOON - HOUR).id for one in (later, sooner)]
        reminder = mailroom.message(session, later, ordinal=1, due=NOON + DAY).id

    [letter] = claim(prom)
    mark(prom, letter)
    record(prom, letter, ACCEPTED)

    assert letter.message_id == ids[1]
    assert state(prom, ids[0]) == ("cancelled", "covered")
    assert state(prom, reminder) == ("planned", None)


@pytest.mark.parametrize(
    ("hours", "open_still", "expected"),
    [
        (47, True, ("cancelled", "covered")),
        (47, False, ("planned", "mailed_recently")),
        (48, True, ("claimed", None)),
    ],
)
def test_an_email_leads_on_to_a_later_administration_for_two_days_while_its_own_is_open(
    prom: Runtime, clock: Clock, hours: int, open_still: bool, expected: tuple[str, str | None]
) -> None:
    with prom.transaction() as session:
        patient = mailroom.patient(session, mailroom.clinic(session))
        sooner = mailroom.administration(session, patient, state="open" if open_still else "completed")
        mailroom.message(session, sooner, phase="sent", sent_at=NOON - hours * HOUR)
        later = mailroom.administration(session, patient, closes_at=NOON + 26 * DAY)
        message = mailroom.message(session, later).id

    claim(prom)

    assert state(prom, message) == expected


def test_a_recent_email_about_a_later_administration_postpones_this_one(prom: Runtime) -> None:
    with prom.transaction() as session:
        patient = mailroom.patient(session, mailroom.clinic(session))
        later = mailroom.administration(session, patient, closes_at=NOON + 26 * DAY)
        mailroom.message(session, later, phase="sent", sent_at=NOON - 47 * HOUR)
        message = mailroom.message(session, mailroom.administration(session, patient)).id

    claim(prom)

    assert state(prom, message) == ("planned", "mailed_recently")
    with prom.reading() as session:
        assert session.get_one(Message, message).due_at == NOON + HOUR


def test_a_letter_that_is_on_its_way_counts_as_sent(prom: Runtime) -> None:
    with prom.transaction() as session:
        patient = mailroom.patient(session, mailroom.clinic(session))
        later = mailroom.administration(session, patient, closes_at=NOON + 26 * DAY)
        mailroom.message(session, later)
    claim(prom)

    with prom.transaction() as session:
        message = mailroom.message(session, mailroom.administration(session, patient)).id

    assert claim(prom) == []
    assert state(prom, message) == ("planned", "mailed_recently")


def test_four_emails_of_an_administration_are_the_most(prom: Runtime) -> None:
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        for ordinal in range(4):
            mailroom.message(session, administration, ordinal=ordinal, phase="sent", sent_at=NOON - (9 - ordinal) * DAY)
        fifth = mailroom.message(session, administration, ordinal=4).id

    assert claim(prom) == []

    assert state(prom, fifth) == ("cancelled", "limit_reached")


def test_a_message_out_of_hours_waits_with_its_reason(prom: Runtime, clock: Clock) -> None:
    message = one_due(prom)
    clock.advance(hours=6)

    assert claim(prom) == []

    assert state(prom, message) == ("planned", "outside_hours")
    clock.advance(hours=15)
    assert len(claim(prom)) == 1


@pytest.mark.parametrize(("env", "phase"), [("production", "planned"), ("test", "claimed")])
def test_in_production_only_an_activated_clinic_mails(
    database_url: str, tmp_path: Path, clock: Clock, env: str, phase: str
) -> None:
    with mailroom.mail_runtime(database_url, tmp_path, clock, env=env) as prom:
        message = one_due(prom)

        claim(prom)

        assert state(prom, message) == (phase, "clinic_not_active" if env == "production" else None)


@pytest.mark.parametrize(
    ("timepoint", "seconds", "said"),
    [
        ("baseline", None, "It takes about 5 minutes."),  # 26 items, 10 seconds each
        ("baseline", 30.0, "It takes about 13 minutes."),
        ("6-weeks", 30.0, "It takes about 13 minutes."),  # 2 more items, and 3 that are asked at the baseline only
        ("baseline", 2.3, "It takes about 1 minute."),
    ],
)
def test_a_letter_says_the_time_that_was_measured(
    prom: Runtime, timepoint: str, seconds: float | None, said: str
) -> None:
    with prom.transaction() as session:
        patient = mailroom.patient(session, mailroom.clinic(session))
        asked = mailroom.administration(session, patient, timepoint=timepoint)
        mailroom.message(session, asked)
        if seconds is not None:
            key = {"pathway": "hip-related-pain-1", "timepoint": timepoint}
            session.add(Pace(**key, seconds_per_item=seconds, responses=30, computed_at=NOON))

    [letter] = claim(prom)

    assert said in body_of(letter)


def test_the_number_of_queries_does_not_grow_with_the_batch(prom: Runtime) -> None:
    def queries(count: int) -> int:
        mailroom.due_messages(prom, count)
        seen: list[str] = []
        note: Callable[..., None] = lambda *args: seen.append(args[2])  # noqa: E731
        sa.event.listen(prom.engine, "before_cursor_execute", note)
        assert len(claim(prom)) == count
        sa.event.remove(prom.engine, "before_cursor_execute", note)
        return len(seen)

    assert queries(30) == queries(2)


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


def test_letters_given_back_are_due_at_once(prom: Runtime) -> None:
    one_due(prom)
    letters = claim(prom, worker="one")

    with prom.transaction() as session:
        messages.release(session, letters, now=NOON)

    assert len(claim(prom, worker="two")) == 1


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


def _text(letter: Letter) -> str:
    return letter.content.replace(b"=\r\n", b"").decode("ascii")


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
            first = messages.claim_due(session, settings=prom.settings, worker="one", now=NOON, limit=50)
            second = claim(prom, worker="two")

        assert (len(first.letters), second) == (1, [])
        assert claim(prom) == []
