"""Every promise of the simulation, broken on purpose: each breach is named."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import (
    Administration,
    AnswerSet,
    Assessment,
    Clinic,
    Episode,
    FlagEvent,
    Judgement,
    Message,
    MessageEvent,
    PatientChange,
    Response,
    Score,
)
from prom_service.simulation import invariants, life
from prom_service.simulation.invariants import InvariantError
from tests.simulation.conftest import UNTIL
from tests.simulation.lived import Lived, newborn

EARLY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def session(lived_sqlite: Lived) -> Iterator[Session]:
    """A session whose changes are taken back."""
    with Session(lived_sqlite.prom.engine) as session:
        yield session
        session.rollback()


def a_sent_one(session: Session) -> Message:
    return session.scalars(select(Message).where(Message.phase == "sent").order_by(Message.sent_at)).first()  # type: ignore[return-value]


def patient_of(session: Session, message: Message) -> Episode:
    return session.scalars(
        select(Episode)
        .join(Administration, Administration.episode_id == Episode.id)
        .where(Administration.id == message.administration_id)
    ).one()


def left_before(kind: str) -> Callable[[Session], None]:
    def leave(session: Session) -> None:
        episode = patient_of(session, a_sent_one(session))
        session.add(
            PatientChange(
                clinic_id=episode.clinic_id,
                patient_id=episode.patient_id,
                kind=kind,
                effective_on=EARLY.date(),
                actor="test",
                recorded_at=EARLY,
            )
        )

    return leave


def mailed_after_completion(session: Session) -> None:
    message = session.scalars(
        select(Message)
        .join(Response, Response.administration_id == Message.administration_id)
        .where(Response.partial.is_(False))
    ).first()
    assert message is not None
    session.add(
        MessageEvent(clinic_id=message.clinic_id, message_id=message.id, kind="claimed", at=UNTIL, recorded_at=UNTIL)
    )


def sent_without_a_time(session: Session) -> None:
    a_sent_one(session).sent_at = None


def a_fifth_email(session: Session) -> None:
    one = a_sent_one(session)
    others = session.scalars(
        select(Message)
        .where(
            Message.phase == "sent",
            Message.clinic_id == one.clinic_id,
            Message.administration_id != one.administration_id,
        )
        .limit(4)
    )
    for ordinal, other in enumerate(others, start=100):
        other.administration_id, other.ordinal = one.administration_id, ordinal


def two_within_two_days(session: Session) -> None:
    one = a_sent_one(session)
    other = session.scalars(
        select(Message).where(Message.administration_id == one.administration_id, Message.id != one.id)
    ).first()
    assert other is not None
    assert one.sent_at is not None
    other.phase, other.sent_at = "sent", one.sent_at + dt.timedelta(hours=47, minutes=59)


def before_nine(session: Session) -> None:
    one = a_sent_one(session)
    assert one.sent_at is not None
    one.sent_at = one.sent_at.replace(hour=3)


def without_scores(session: Session) -> None:
    one = session.scalars(select(AnswerSet).where(AnswerSet.instrument.not_like("safety-%"))).first()
    assert one is not None
    session.execute(sa.delete(Score).where(Score.response_id == one.response_id, Score.instrument == one.instrument))


def without_judgement(session: Session) -> None:
    session.execute(sa.delete(Judgement))


def a_number_too_many(session: Session) -> None:
    session.execute(sa.update(Clinic).values(flag_event_count=Clinic.flag_event_count + 1))


def an_event_lost(session: Session) -> None:
    session.execute(sa.delete(FlagEvent).where(FlagEvent.number == 2))


def not_assessed(session: Session) -> None:
    session.execute(sa.update(Assessment).values(due_at=UNTIL))


def test_a_group_that_has_lived_keeps_every_promise(lived_sqlite: Lived, session: Session) -> None:
    invariants.check(session, lived_sqlite.mailbox, now=UNTIL)


@pytest.mark.parametrize(
    ("breach", "named"),
    [
        (left_before("withdrawn"), "claimed after withdrawal"),
        (left_before("deceased"), "claimed after withdrawal"),
        (left_before("unsubscribed"), "claimed after withdrawal"),
        (mailed_after_completion, "claimed after withdrawal"),
        (sent_without_a_time, "do not say when they were sent"),
        (a_fifth_email, "more than 4 emails"),
        (two_within_two_days, "within 48 hours"),
        (before_nine, "outside local hours"),
        (without_scores, "were not scored"),
        (without_judgement, "were not judged"),
        (a_number_too_many, "flag events"),
        (an_event_lost, "flag events"),
        (not_assessed, "were not assessed"),
    ],
)
def test_a_broken_promise_is_named(
    lived_sqlite: Lived, session: Session, breach: Callable[[Session], None], named: str
) -> None:
    breach(session)
    session.flush()

    with pytest.raises(InvariantError, match=named):
        invariants.check(session, lived_sqlite.mailbox, now=UNTIL)


@pytest.mark.parametrize("twice", [True, False])
def test_a_letter_too_many_or_too_few_is_named(
    lived_sqlite: Lived, session: Session, tmp_path: Path, twice: bool
) -> None:
    mailbox = tmp_path / "mailbox"
    shutil.copytree(lived_sqlite.mailbox, mailbox)
    letter = next(file for file in (mailbox / "new").iterdir() if b"List-Unsubscribe" in file.read_bytes())
    if twice:
        shutil.copy(letter, mailbox / "new" / "again")
    else:
        letter.unlink()

    with pytest.raises(InvariantError, match="the mailbox has"):
        invariants.check(session, mailbox, now=UNTIL)


def test_a_broken_promise_stops_the_life(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send = life.JOBS["send"]

    with newborn(sqlite_url, tmp_path, seed=1, until=UNTIL) as lived:

        def send_and_lose_the_letters(prom: object) -> int:
            taken = send(lived.life.prom)
            lived.life._read_mail()
            shutil.rmtree(lived.mailbox)
            return taken

        monkeypatch.setitem(life.JOBS, "send", send_and_lose_the_letters)

        with pytest.raises(InvariantError, match="the mailbox has 0 letters"):
            lived.life.live(UNTIL)
