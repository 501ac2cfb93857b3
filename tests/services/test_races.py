"""No mail is claimed or goes out once a stop is committed, however closely the two meet, on both databases.

In each race one thread commits the stop while another claims the patient's letter and marks it ``committing``. The
stop's moment is taken when its commit has returned, the mail's when its rows are written and not yet committed: one
that is later than the stop was written in spite of it.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.mail.letters import Letter
from prom_service.mail.transport import ACCEPTED, WITHHELD
from prom_service.models import Administration, Episode, Message, Patient
from prom_service.runtime import Runtime
from prom_service.services import claims, standing, submission
from tests import builders, mailroom
from tests.fakes import Clock
from tests.mailroom import NOON

CLOSE = (-0.01, 0.03)
"""Seconds between which the stop begins after the mailing: about as long as claiming and marking take."""

Stop = Callable[[Session, Administration, Episode, Patient], object]
Mark = Callable[[Runtime, Letter], float | None]
"""Marks a letter; returns when it was written, or None when the letter must not go."""


@dataclass(frozen=True)
class Race:
    """When the stop was committed, and when the claim and the mark were written, if they were."""

    stopped_at: float
    claimed_at: float | None
    marked_at: float | None

    @property
    def mailed_in_spite(self) -> bool:
        """Whether the letter was claimed or marked after the stop had been committed."""
        return max(self.claimed_at or 0, self.marked_at or 0) > self.stopped_at


def complete(session: Session, administration: Administration, episode: Episode, _patient: Patient) -> object:
    return submission.submit(
        session, administration, answers=builders.complete_answers(administration, episode), now=NOON
    )


def withdraw(session: Session, _administration: Administration, _episode: Episode, patient: Patient) -> object:
    return standing.withdraw(session, patient, actor="test", now=NOON)


def die(session: Session, _administration: Administration, _episode: Episode, patient: Patient) -> object:
    return standing.mark_deceased(session, patient, actor="test", now=NOON)


def unsubscribe(session: Session, _administration: Administration, _episode: Episode, patient: Patient) -> object:
    return standing.unsubscribe(session, patient, actor="test", now=NOON)


STOPS = (complete, withdraw, die, unsubscribe)


@pytest.fixture
def prom(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, Clock(NOON)) as prom:
        yield prom


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def mark(prom: Runtime, letter: Letter) -> float | None:
    with prom.transaction() as session:
        if not claims.mark_committing(session, letter, settings=prom.settings, now=NOON):
            return None
        session.flush()
        return time.perf_counter()


def look_and_then_mark(prom: Runtime, letter: Letter) -> float | None:
    """Mark as a careless sender does: what it saw may be different by the time it writes."""
    with prom.reading() as session:
        patient_id, *_ = someone(session, letter.message_id)
        patient, message = session.get_one(Patient, patient_id), session.get_one(Message, letter.message_id)
        if message.phase != "claimed" or patient.status != "active" or patient.unsubscribed_at is not None:
            return None
    with prom.transaction() as session:
        session.execute(sa.update(Message).where(Message.id == letter.message_id).values(phase="committing"))
        return time.perf_counter()


def someone(session: Session, message_id: uuid.UUID) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """Return the ids of patient, episode and administration of a message."""
    row = session.execute(
        sa.select(Episode.patient_id, Episode.id, Administration.id)
        .join(Administration, Administration.episode_id == Episode.id)
        .join(Message, Message.administration_id == Administration.id)
        .where(Message.id == message_id)
    ).one()
    return row[0], row[1], row[2]


def claim_and_mark(prom: Runtime, marking: Mark) -> tuple[float | None, float | None]:
    """Do what the job does with what is due; return when the claim and the mark were written."""
    with prom.transaction() as session:
        letters = claims.claim_due(session, settings=prom.settings, worker="one", now=NOON, limit=1).letters
        session.flush()
        claimed_at = time.perf_counter() if letters else None
    for letter in letters:
        marked_at = marking(prom, letter)
        with prom.transaction() as session:
            claims.record(session, letter, ACCEPTED if marked_at else WITHHELD, now=NOON)
        return claimed_at, marked_at
    return claimed_at, None


def race(prom: Runtime, threads: ThreadPoolExecutor, stop: Stop, later: float, marking: Mark = mark) -> Race:
    """Let one patient's letter and one stop meet, the stop ``later`` by so many seconds; return what came when."""
    [message_id] = mailroom.due_messages(prom, 1)
    together = threading.Barrier(2)

    def stopping() -> float:
        together.wait()
        time.sleep(max(0, later))
        with prom.transaction() as session:
            patient, episode, administration = someone(session, message_id)
            stop(
                session,
                session.get_one(Administration, administration),
                session.get_one(Episode, episode),
                session.get_one(Patient, patient),
            )
        return time.perf_counter()

    def mailing() -> tuple[float | None, float | None]:
        together.wait()
        time.sleep(max(0, -later))
        return claim_and_mark(prom, marking)

    stopped, mailed = threads.submit(stopping), threads.submit(mailing)
    return Race(stopped.result(), *mailed.result())


@pytest.mark.parametrize("stop", STOPS)
def test_nothing_is_mailed_once_a_stop_is_committed(
    prom: Runtime, threads: ThreadPoolExecutor, stop: Stop, full: bool
) -> None:
    draw = random.Random(stop.__name__)

    races = [race(prom, threads, stop, draw.uniform(*CLOSE)) for _ in range(500 if full else 12)]

    assert [one for one in races if one.mailed_in_spite] == []


def test_a_sender_that_looks_before_it_marks_and_holds_nothing_is_caught(
    prom: Runtime, threads: ThreadPoolExecutor
) -> None:
    draw = random.Random(1)

    races = (race(prom, threads, unsubscribe, draw.uniform(*CLOSE), look_and_then_mark) for _ in range(300))

    assert any(one.mailed_in_spite for one in races)
