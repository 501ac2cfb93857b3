"""Many episodes assessed together leave what each of them alone would have left, and wait for nobody in a circle."""

import datetime as dt
import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import Assessment, AuditEntry, Base, Clinic, Episode, Flag, FlagEvent, Judgement, Patient
from prom_service.models.flag import IS_LIVE
from prom_service.queries.flags import Whose
from prom_service.runtime import Runtime
from prom_service.services import assessment, flag_ledger, submission
from prom_service.simulation.population import Size, write_population
from tests import builders
from tests.fakes import Clock

LATER = dt.datetime(2026, 2, 12, 9, tzinfo=dt.UTC)
"""Six weeks after the population ends: many checkpoints have come, and many were missed."""


class TakenBackError(Exception):
    """Ends a transaction without keeping anything."""


def one_by_one(session: Session, episodes: list[uuid.UUID]) -> None:
    for episode in episodes:
        assessment.assess_episodes(session, [episode], now=LATER)


def together(session: Session, episodes: list[uuid.UUID]) -> None:
    assessment.assess_episodes(session, reversed(episodes), now=LATER)


def left_behind(runtime: Runtime, assess: Callable[[Session, list[uuid.UUID]], None]) -> dict[str, list[Any]]:
    """Return every row that assessing every episode leaves behind, and take it back."""
    rows: dict[str, list[Any]] = {}
    try:
        with runtime.transaction() as session:
            assess(session, list(session.scalars(select(Episode.id).order_by(Episode.id))))
            rows = {table.__tablename__: _rows(session, table) for table in (Flag, FlagEvent, Judgement, AuditEntry)}
            rows["due"] = list(session.execute(select(Assessment.id, Assessment.due_at, Assessment.assessed_at)))
            rows["clinic"] = list(session.execute(select(Clinic.id, Clinic.flag_event_count)))
            raise TakenBackError
    except TakenBackError:
        return {name: sorted(map(str, of)) for name, of in rows.items()}


def _rows(session: Session, table: type[Base]) -> list[str]:
    """Return the rows without what is drawn anew each time: their own ids, and the digest that holds them."""
    session.flush()
    session.expire_all()
    resting_on_another_first = Flag.basis.startswith("flag:").desc()  # Their names hold its id, which is named after.
    names = {
        str(flag.id): f"{flag.episode_id}/{flag.kind}/{flag.checkpoint}/{flag.basis}"
        for flag in session.scalars(select(Flag).order_by(resting_on_another_first, Flag.id))
    }
    told = [
        json.dumps({name: value for name, value in row.items() if name not in ("id", "mac")}, default=str)
        for row in session.execute(select(table.__table__)).mappings()
    ]
    for flag_id, name in names.items():
        told = [row.replace(flag_id, name) for row in told]
    return sorted(told)  # In whatever order the database keeps them.


def test_episodes_assessed_together_leave_what_each_of_them_alone_leaves(runtime: Runtime, full: bool) -> None:
    write_population(runtime.engine, Size(episodes=600 if full else 60, clinics=3, seed=5))
    with runtime.transaction() as session:
        live = session.scalars(select(Flag).where(IS_LIVE).order_by(Flag.id)).all()
        for moved, ended in zip(live[::3], live[1::3], strict=False):
            moved.basis, ended.status = f"{moved.basis}-before", "superseded"

    alone, at_once = left_behind(runtime, one_by_one), left_behind(runtime, together)

    assert at_once == alone
    steps = [row["type"] for row in map(json.loads, at_once["flag_event"]) if row["recorded_at"] >= str(LATER)]
    assert min(steps.count(step) for step in ("raised", "updated", "superseded")) > 2
    assert any(json.loads(row)["basis"].endswith("#1") for row in at_once["flag"])


def test_the_numbers_of_each_clinic_go_on_without_a_gap(runtime: Runtime) -> None:
    write_population(runtime.engine, Size(episodes=60, clinics=3, seed=5))

    with runtime.transaction() as session:
        before = dict(session.execute(select(Clinic.id, Clinic.flag_event_count)).all())
        together(session, list(session.scalars(select(Episode.id))))

    with runtime.reading() as session:
        for clinic_id, count in session.execute(select(Clinic.id, Clinic.flag_event_count)):
            numbers = select(FlagEvent.number).where(FlagEvent.clinic_id == clinic_id).order_by(FlagEvent.number)
            assert session.scalars(numbers).all() == list(range(1, count + 1))
            assert count > before[clinic_id]


@pytest.mark.parametrize("days", [0, 1])
def test_a_baseline_that_comes_later_is_judged_anew_though_the_outcome_stays(
    runtime: Runtime, clock: Clock, days: int
) -> None:
    with runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=clock.now()), now=clock.now())
    clock.advance(days=42)
    for timepoint in ("6-weeks", "baseline"):
        with runtime.transaction() as session:
            administration = builders.the_administration(session, episode, timepoint)
            administration.closes_at = max(administration.closes_at, clock.now() + dt.timedelta(hours=1))
            answers = builders.complete_answers(administration, episode)
            submission.submit(session, administration, answers=answers, now=clock.now())
        clock.advance(days=days)

    with runtime.reading() as session:
        rows = session.scalars(select(Judgement).order_by(Judgement.number)).all()
    assert [row.outcome for row in rows] == ["not_assessable"] * 2
    assert [row.evidence["step"] for row in rows] == ["baseline_missing", "baseline_late"]


def test_what_is_due_is_claimed_over_all_clinics_and_what_another_holds_is_passed_over(
    runtime: Runtime, clock: Clock
) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        due = [builders.an_episode(session, builders.a_clinic(session, now=now), now=now).id for _ in range(3)]
        for episode_id, hours in zip(due, (1, 3, 2), strict=True):
            at = now - dt.timedelta(hours=hours)
            session.execute(sa.update(Assessment).where(Assessment.id == episode_id).values(due_at=at))

    with runtime.transaction() as session:
        longest = assessment.claim_due_episodes(session, now=now, limit=2)
        if runtime.engine.dialect.name == "postgresql":
            with runtime.transaction() as other:
                rest = assessment.claim_due_episodes(other, now=now, limit=3)
            assert rest == [due[0]]

    assert longest == [due[1], due[2]]


@pytest.mark.parametrize(("at_most", "shared"), [(1, [6]), (2, [3, 3]), (3, [2, 2, 2]), (9, [2, 1, 1, 2])])
def test_what_is_due_is_shared_out_by_whole_clinics(
    runtime: Runtime, clock: Clock, at_most: int, shared: list[int]
) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        for episodes in (2, 0, 1, 1, 2):
            clinic = builders.a_clinic(session, now=now)
            builders.an_episode(session, clinic, now=now)
            for _ in range(episodes):
                episode = builders.an_episode(session, clinic, now=now)
                session.get_one(Assessment, episode.id).due_at = now

        shares = assessment.shares_of_due(session, now=now, at_most=at_most)

        due = [assessment.claim_due_episodes(session, now=now, limit=9, share=share) for share in shares]
        assert [len(of_share) for of_share in due] == shared
        assert len(set().union(*due)) == 6
        assert assessment.shares_of_due(session, now=now - dt.timedelta(hours=1), at_most=at_most) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_writers_whose_steps_are_of_the_same_clinics_never_wait_for_each_other_in_a_circle(
    runtime: Runtime, clock: Clock
) -> None:
    now, rounds = clock.now(), 25
    with runtime.transaction() as session:
        there = [builders.an_episode(session, builders.a_clinic(session, now=now), now=now) for _ in range(3)]
        mine, theirs = (
            [builders.a_flag(session, episode, checkpoint=checkpoint, now=now).id for episode in there]
            for checkpoint in ("6-weeks", "3-months")
        )
    in_step = threading.Barrier(2)

    def write(flag_ids: list[uuid.UUID]) -> None:
        for _ in range(rounds):
            in_step.wait(timeout=30)
            with runtime.transaction() as session:
                flag_ledger.write(session, [_a_step(session, flag_id, now) for flag_id in flag_ids], now=now)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(write, mine), threads.submit(write, theirs[::-1])]:
            done.result()

    with runtime.reading() as session:
        assert session.scalars(select(Clinic.flag_event_count)).all() == [2 + 2 * rounds] * 3


def _a_step(session: Session, flag_id: uuid.UUID, now: dt.datetime) -> flag_ledger.Step:
    flag = session.get_one(Flag, flag_id)
    episode = session.get_one(Episode, flag.episode_id)
    whose = Whose.of(episode, session.get_one(Patient, episode.patient_id))
    return flag_ledger.take(flag, whose, "updated", flag_ledger.RULES, {}, now)
