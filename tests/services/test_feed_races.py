"""Every poller of the feed sees every event once and in order, however long the writers' transactions stay open.

The same writers without the clinic's counter, read by a cursor on the primary key, lose events: a transaction that
drew its key early commits it late, behind a cursor that has gone past.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.db import new_id
from prom_service.models import Clinic, Episode, Flag, FlagEvent, Patient
from prom_service.queries.flags import list_events
from prom_service.runtime import Runtime
from prom_service.services import flag_ledger, submission
from tests import builders
from tests.fakes import Clock

WRITERS, POLLERS = 8, 3
LONGEST = 0.02
"""Seconds that a transaction stays open, at most, before its event is written; a tenth of it afterwards."""


def a_flag_each(runtime: Runtime, clock: Clock) -> list[Flag]:
    """Return a flag of one clinic for each writer."""
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        for _ in range(WRITERS):
            episode = builders.an_episode(session, clinic, now=now)
            baseline = builders.the_administration(session, episode, "baseline")
            answers = builders.complete_answers(baseline, episode)
            submission.submit(session, baseline, answers=builders.changed(answers, "safety-1.0", R1=1), now=now)
        return list(session.scalars(select(Flag)))


@pytest.fixture
def flags(runtime: Runtime, clock: Clock) -> list[Flag]:
    """A flag of one clinic for each writer."""
    return a_flag_each(runtime, clock)


def numbered(session: Session, flag: Flag, number: int, *, wait: Callable[[], float]) -> None:
    """Write an event as the service does."""
    time.sleep(wait())
    held = session.get_one(Flag, flag.id)
    episode = session.get_one(Episode, flag.episode_id)
    patient = session.get_one(Patient, episode.patient_id)
    flag_ledger.note(session, held, episode, patient, "updated", "rules", {"write": number}, flag.raised_at)
    time.sleep(wait() / 10)


def keyed(session: Session, flag: Flag, number: int, *, wait: Callable[[], float]) -> None:
    """Write an event that is found by its key alone, drawn when the transaction began."""
    key = new_id()
    time.sleep(wait())
    session.add(
        FlagEvent(
            id=key,
            clinic_id=flag.clinic_id,
            flag_id=flag.id,
            number=1_000_000 + number,
            type="updated",
            at=flag.raised_at,
            actor="rules",
            detail={"write": number},
            flag={},
            recorded_at=flag.raised_at,
        )
    )


def by_number(session: Session, clinic_id: uuid.UUID, last: int) -> tuple[list[int], int]:
    """Poll as the feed is polled; return which writes were seen, and the new position."""
    events = list_events(session, clinic_id, after=last, limit=50)
    numbers = [one["number"] for one in events]
    writes = select(FlagEvent.detail).where(FlagEvent.clinic_id == clinic_id, FlagEvent.number.in_(numbers))
    seen = [detail["write"] for detail in session.scalars(writes.order_by(FlagEvent.number)) if "write" in detail]
    return seen, numbers[-1] if numbers else last


def by_key(session: Session, clinic_id: uuid.UUID, last: uuid.UUID) -> tuple[list[int], uuid.UUID]:
    """Poll by a cursor on the primary key."""
    newer = select(FlagEvent).where(FlagEvent.clinic_id == clinic_id, FlagEvent.id > last).order_by(FlagEvent.id)
    events = session.scalars(newer.limit(50)).all()
    seen = [one.detail["write"] for one in events if "write" in one.detail]
    return seen, events[-1].id if events else last


def race(
    runtime: Runtime,
    flags: list[Flag],
    write: Callable[..., None],
    poll: Callable[..., tuple[list[int], Any]],
    first: Any,
    count: int,
) -> list[list[int]]:
    """Let the writers make ``count`` events while the pollers read; return the writes that each poller saw."""
    clinic_id, done = flags[0].clinic_id, threading.Event()
    wait = partial(random.Random(5).uniform, 0, LONGEST)

    def written(writer: int) -> None:
        for number in range(writer, count, WRITERS):
            with runtime.transaction() as session:
                write(session, flags[writer], number, wait=wait)

    def polled() -> list[int]:
        seen: list[int] = []
        last, idle = first, False
        while not idle:
            idle = done.is_set()  # What was there when the last writer had gone is read once more.
            while True:
                with runtime.reading() as session:
                    fresh, now_at = poll(session, clinic_id, last)
                if now_at == last:
                    break
                seen, last = seen + fresh, now_at
        return seen

    with ThreadPoolExecutor(WRITERS + POLLERS) as threads:
        pollers = [threads.submit(polled) for _ in range(POLLERS)]
        for writer in [threads.submit(written, writer) for writer in range(WRITERS)]:
            writer.result()
        done.set()
        return [poller.result() for poller in pollers]


def test_every_poller_sees_every_event_once_in_order(runtime: Runtime, flags: list[Flag], full: bool) -> None:
    count = 20_000 if full else 100

    seen = race(runtime, flags, numbered, by_number, 0, count)

    with runtime.reading() as session:
        clinic = session.get_one(Clinic, flags[0].clinic_id)
        order = [
            detail["write"]
            for detail in session.scalars(
                select(FlagEvent.detail).where(FlagEvent.clinic_id == clinic.id).order_by(FlagEvent.number)
            )
            if "write" in detail
        ]
        numbers = session.scalars(select(FlagEvent.number).order_by(FlagEvent.number)).all()
    assert sorted(order) == list(range(count))
    assert seen == [order] * POLLERS
    assert list(numbers) == list(range(1, clinic.flag_event_count + 1))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_cursor_on_the_primary_key_loses_events(runtime: Runtime, flags: list[Flag]) -> None:
    seen = race(runtime, flags, keyed, by_key, uuid.UUID(int=0), 200)

    assert any(len(writes) < 200 for writes in seen)
