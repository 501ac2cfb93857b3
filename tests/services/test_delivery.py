"""What is reported of messages that a mail server has taken, on both databases."""

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from prom_service.mail.reports import DeliveryReport
from prom_service.models import Administration, Episode, Flag, Message, MessageEvent, Patient, PatientChange
from prom_service.queries.facts import missed_cause
from prom_service.runtime import Runtime
from prom_service.services import administrations, assessment, delivery, enrolment
from tests import builders, mailroom
from tests.fakes import Clock
from tests.mailroom import NOON

DAY = dt.timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, clock) as prom:
        yield prom


@pytest.fixture
def sent(prom: Runtime) -> uuid.UUID:
    """The invitation of a patient, sent; a reminder is planned."""
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        mailroom.message(session, administration, ordinal=1, due=NOON + 3 * DAY)
        return mailroom.message(session, administration, phase="sent", sent_at=NOON).id


@pytest.fixture
def missed(prom: Runtime, clock: Clock) -> uuid.UUID:
    """The invitation to a baseline that was missed, sent; the flag is raised."""
    with prom.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        episode = builders.an_episode(session, clinic, now=clock.now())
        baseline = builders.the_administration(session, episode, "baseline")
        invitation = session.scalars(
            select(Message).where(Message.administration_id == baseline.id, Message.ordinal == 0)
        ).one()
        invitation.phase, invitation.sent_at = "sent", clock.now()
    clock.advance(days=9)
    with prom.transaction() as session:
        administrations.close_late(session, now=clock.now(), limit=9)
    return invitation.id


def report(prom: Runtime, message_id: uuid.UUID, kind: Any, **values: Any) -> bool:
    with prom.transaction() as session:
        return delivery.record_report(session, DeliveryReport(message_id, kind, **values), now=prom.now())


def hard(prom: Runtime, message_id: uuid.UUID) -> bool:
    return report(prom, message_id, "bounced", address_at_fault=True, status="5.1.1")


def why_missed(prom: Runtime) -> str:
    with prom.reading() as session:
        return session.scalars(select(Flag.why).where(Flag.kind == "survey_missed")).one()


def phases_and_cause(prom: Runtime) -> tuple[list[str], str]:
    with prom.reading() as session:
        messages = session.scalars(select(Message).order_by(Message.ordinal)).all()
        return [one.phase for one in messages], missed_cause(session.scalars(select(Administration)).one(), messages)


def test_delivered_may_later_become_bounced(prom: Runtime, clock: Clock, sent: uuid.UUID) -> None:
    assert report(prom, sent, "delivered")
    before = phases_and_cause(prom)
    clock.advance(hours=1)

    assert hard(prom, sent)

    assert before == (["sent", "planned"], "delivered_never_started")
    assert phases_and_cause(prom) == (["sent", "cancelled"], "bounced")
    with prom.reading() as session:
        assert mailroom.steps(session, sent) == ["delivered", "bounced"]
        bounced = session.scalars(select(MessageEvent).where(MessageEvent.kind == "bounced")).one()
        assert (bounced.reason, bounced.actor) == ("hard 5.1.1", "mail")
        assert session.get_one(Message, sent).bounced_at == NOON + dt.timedelta(hours=1)
        assert session.scalars(select(Patient.bounced_at)).one() == NOON + dt.timedelta(hours=1)
        assert session.scalars(select(PatientChange.kind)).all() == ["bounced"]


def test_a_soft_bounce_takes_back_the_letter_and_nothing_more(prom: Runtime, sent: uuid.UUID) -> None:
    report(prom, sent, "bounced", status="5.2.2")

    assert phases_and_cause(prom) == (["sent", "planned"], "bounced")
    with prom.reading() as session:
        assert session.scalars(select(Patient.bounced_at)).one() is None


@pytest.mark.parametrize("kind", ["delivered", "delayed"])
def test_a_bounce_stays_the_last_word(prom: Runtime, sent: uuid.UUID, kind: str) -> None:
    hard(prom, sent)

    assert report(prom, sent, kind)

    assert phases_and_cause(prom)[1] == "bounced"


def test_a_complaint_stops_all_mail_as_the_stop_link_does(prom: Runtime, sent: uuid.UUID) -> None:
    report(prom, sent, "complained")

    assert phases_and_cause(prom)[0] == ["sent", "cancelled"]
    with prom.reading() as session:
        assert session.scalars(select(Patient.unsubscribed_at)).one() == NOON
        assert session.scalars(select(PatientChange.kind)).all() == ["unsubscribed"]


@pytest.mark.parametrize("kind", ["delivered", "delayed", "bounced", "complained"])
def test_a_repeated_report_has_one_effect(prom: Runtime, clock: Clock, sent: uuid.UUID, kind: str) -> None:
    news = []
    for _ in range(3):
        news.append(report(prom, sent, kind, address_at_fault=kind == "bounced"))
        clock.advance(minutes=1)

    with prom.reading() as session:
        assert news == [True, False, False]
        assert mailroom.steps(session, sent) == [kind]
        assert len(session.scalars(select(PatientChange)).all()) == (kind in ("bounced", "complained"))


def test_a_message_nobody_knows_or_that_never_left_has_no_reports(prom: Runtime, sent: uuid.UUID) -> None:
    with prom.reading() as session:
        planned = session.scalars(select(Message.id).where(Message.phase == "planned")).one()

    assert not hard(prom, uuid.uuid4())
    assert not hard(prom, planned)

    with prom.reading() as session:
        assert session.scalars(select(MessageEvent)).all() == []
        assert session.scalars(select(Patient.bounced_at)).one() is None


def test_a_bounce_from_an_address_that_was_corrected_since_says_nothing_about_the_new_one(
    prom: Runtime, clock: Clock, sent: uuid.UUID
) -> None:
    clock.advance(hours=1)
    with prom.transaction() as session:
        patient = session.scalars(select(Patient)).one()
        enrolment.change_patient(session, patient, {"email": "new@example.org"}, actor="command", now=prom.now())

    hard(prom, sent)

    assert phases_and_cause(prom) == (["sent", "planned"], "bounced")
    with prom.reading() as session:
        assert session.scalars(select(Patient.bounced_at)).one() is None


def test_a_flag_that_was_raised_already_says_the_cause_as_it_is_known_now(
    prom: Runtime, clock: Clock, missed: uuid.UUID
) -> None:
    report(prom, missed, "bounced", status="4.4.7")

    assert "the email came back" in why_missed(prom)


def test_where_the_course_of_care_cannot_be_assessed_the_bounce_stands_and_the_sweep_tells_the_flag(
    prom: Runtime, clock: Clock, missed: uuid.UUID, caplog: pytest.LogCaptureFixture
) -> None:
    with prom.transaction() as session:
        pathway = session.scalars(select(Episode.pathway)).one()
        session.execute(update(Episode).values(pathway="no-such-pathway-1"))

    assert report(prom, missed, "bounced", status="4.4.7")

    assert "the email came back" not in why_missed(prom)
    assert caplog.messages == ["episodes left to the sweep: 1 (UnknownPathwayError)"]
    with prom.transaction() as session:
        assert mailroom.steps(session, missed)[-1] == "bounced"
        assert session.get_one(Message, missed).bounced_at == clock.now()
        session.execute(update(Episode).values(pathway=pathway))
        due = assessment.claim_due_episodes(session, now=clock.now(), limit=9)
        assessment.assess_episodes(session, due, now=clock.now())
    assert "the email came back" in why_missed(prom)
