"""Messages that are due: which of them is claimed, when, and what its letter says, on both databases."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from prom_service.mail.letters import Letter
from prom_service.mail.transport import ACCEPTED
from prom_service.models import Link, Message, Pace
from prom_service.runtime import Runtime
from prom_service.services import access
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON
from tests.services.posting import DAY, HOUR, MINUTE, body_of, claim, mark, one_due, record, state


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, clock) as prom:
        yield prom


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


def _text(letter: Letter) -> str:
    return letter.content.replace(b"=\r\n", b"").decode("ascii")
