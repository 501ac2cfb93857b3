"""Everything at once on a few clinics: answers, visits, withdrawals, staff and the sweep, in many threads."""

import datetime as dt
import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from prom_service.errors import PromError
from prom_service.models import Clinic, Episode, Flag, FlagEvent, Patient, Response
from prom_service.pathway.facts import LIVE_STATUSES
from prom_service.runtime import Runtime
from prom_service.services import assessment, enrolment, flags, importing, redcap, standing, submission, visits
from prom_service.services.visits import VisitDetails
from scheduler import jobs
from tests import builders
from tests.fakes import Clock

CLINICS, EPISODES = 3, 4
THREADS = 6


def answer(session: Session, episode: Episode, draw: random.Random, now: dt.datetime) -> None:
    timepoint = draw.choice(("baseline", "6-weeks"))
    administration = builders.the_administration(session, episode, timepoint)
    answers = builders.complete_answers(administration, episode, ihot=draw.choice((20, 40, 60)))
    symptoms = {"R1": draw.choice((0, 0, 1))}
    submission.submit(session, administration, answers=builders.changed(answers, "safety-1.0", **symptoms), now=now)


def visit(session: Session, episode: Episode, draw: random.Random, now: dt.datetime) -> None:
    number = f"{episode.external_id}-{draw.randrange(18)}"
    if draw.random() < 0.2:
        visits.void_visit(session, episode, number, actor="test", now=now)
    else:
        visits.record_visit(session, episode, number, VisitDetails(now.date()), actor="test", now=now)


def stand(session: Session, episode: Episode, draw: random.Random, now: dt.datetime) -> None:
    patient = session.get_one(Patient, episode.patient_id)
    draw.choice((standing.pause, standing.resume))(session, patient, actor="test", now=now)  # type: ignore[operator]


def act_on_a_flag(session: Session, episode: Episode, draw: random.Random, now: dt.datetime) -> None:
    live = session.scalars(select(Flag.id).where(Flag.episode_id == episode.id, Flag.status.in_(LIVE_STATUSES))).all()
    if live:
        flag = flags.find_for_update(session, episode.clinic_id, draw.choice(live))
        assert flag is not None
        flags.resolve(session, flag, "contacted", actor="test", now=now)


def change_the_course(session: Session, episode: Episode, draw: random.Random, now: dt.datetime) -> None:
    patient = session.get_one(Patient, episode.patient_id)
    match draw.randrange(6):
        case 0:
            standing.withdraw(session, patient, actor="test", now=now)
        case 1:
            enrolment.close_episode(session, episode, closed_on=now.date(), reason="done", actor="test", now=now)
        case _:
            start = now.date() - dt.timedelta(days=draw.choice((38, 41, 42, 44)))
            changes = {"started_on": start, "diagnosis": draw.choice(("sciatica", "hip-related pain"))}
            enrolment.change_episode(session, episode, changes, actor="test", now=now)


def import_a_file(session: Session, episode: Episode, draw: random.Random, now: dt.datetime) -> None:
    clinic = session.get_one(Clinic, episode.clinic_id)
    rows = [f"{episode.external_id},,{episode.external_id}-{n},{now.date()},PT-1,attended" for n in range(12, 18)]
    draw.shuffle(rows)
    head = "episode_external_id,patient_external_id,visit_external_id,date,clinician,status"
    importing.import_visits(session, clinic, "\n".join([head, *rows]).encode(), actor="test", now=now)


def enter_a_file(session: Session, episode: Episode, draw: random.Random, now: dt.datetime) -> None:
    clinic = session.get_one(Clinic, episode.clinic_id)
    numbers = session.scalars(select(Episode.external_id).where(Episode.clinic_id == clinic.id)).all()
    asked = {"baseline_arm_1": now.date() - dt.timedelta(days=40), "6_weeks_arm_1": now.date()}
    rows = [f"{number},{event},{on},{draw.randrange(2)}" for number in numbers for event, on in asked.items()]
    draw.shuffle(rows)
    head = "record_id,redcap_event_name,answered_on,safety_r1"
    redcap.import_answers(session, clinic, "\n".join([head, *rows]).encode(), actor="test", now=now)


ACTS: tuple[Callable[[Session, Episode, random.Random, dt.datetime], None], ...] = (
    answer,
    visit,
    visit,
    stand,
    act_on_a_flag,
    change_the_course,
    import_a_file,
    enter_a_file,
)


def sweep_all_clinics(runtime: Runtime) -> None:
    """Assess what will be due some day, of every clinic, as the sweep does with what is due now."""
    with runtime.transaction() as session:
        now = runtime.now()
        due = assessment.claim_due_episodes(session, now=now + dt.timedelta(days=1000), limit=EPISODES)
        assessment.assess_episodes(session, due, now=now)


SWEEPS = (
    jobs.open_due_administrations,
    jobs.send_due_messages,
    jobs.close_late_administrations,
    jobs.assess_due_episodes,
    sweep_all_clinics,
    sweep_all_clinics,
)


def test_writers_of_a_few_clinics_never_block_each_other_for_good_nor_lose_a_number(
    runtime: Runtime, clock: Clock, full: bool
) -> None:
    episodes = [episode for _ in range(CLINICS) for episode in _clinic(runtime, clock)]
    clock.advance(days=42, hours=3)
    unforeseen: list[Exception] = []
    rounds = 400 if full else 25

    def work(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(rounds):
            try:
                if draw.random() < 0.15:
                    draw.choice(SWEEPS)(runtime)
                    continue
                with runtime.transaction() as session:
                    episode = session.get_one(Episode, draw.choice(episodes))
                    draw.choice(ACTS)(session, episode, draw, clock.now())
            except PromError:
                continue
            except Exception as error:  # noqa: BLE001 (collected, and shown by the assertion)
                unforeseen.append(error)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(work, range(THREADS)))

    with runtime.reading() as session:
        numbers = session.execute(select(FlagEvent.clinic_id, FlagEvent.number)).all()
        counted = session.execute(select(Clinic.id, Clinic.flag_event_count)).all()
        standing_twice = session.scalars(
            select(Response.administration_id)
            .where(Response.amendment.is_(False), Response.partial.is_(False))
            .group_by(Response.administration_id)
            .having(func.count() > 1)
        ).all()
    assert unforeseen == []
    assert sorted(numbers) == sorted((clinic, number + 1) for clinic, count in counted for number in range(count))
    assert standing_twice == []
    assert all(count > 0 for _, count in counted)


def test_an_answer_and_the_fifteenth_visit_that_arrive_together_are_both_judged(runtime: Runtime, clock: Clock) -> None:
    [episode_id, *_] = _clinic(runtime, clock)
    now = clock.now()
    with runtime.transaction() as session:
        episode = session.get_one(Episode, episode_id)
        baseline = builders.the_administration(session, episode, "baseline")
        submission.submit(session, baseline, answers=builders.complete_answers(baseline, episode), now=now)
        for number in range(14):
            visits.record_visit(session, episode, f"V{number}", VisitDetails(now.date()), actor="test", now=now)
    clock.advance(days=42)
    together = threading.Barrier(2)

    def send() -> None:
        together.wait()
        with runtime.transaction() as session:
            episode = session.get_one(Episode, episode_id)
            administration = builders.the_administration(session, episode, "6-weeks")
            answers = builders.complete_answers(administration, episode, ihot=90)
            submission.submit(session, administration, answers=answers, now=clock.now())

    def come() -> None:
        together.wait()
        with runtime.transaction() as session:
            episode = session.get_one(Episode, episode_id)
            visits.record_visit(
                session, episode, "V15", VisitDetails(clock.now().date()), actor="test", now=clock.now()
            )

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(send), threads.submit(come)]:
            done.result()

    with runtime.reading() as session:
        [flag] = session.scalars(select(Flag).where(Flag.kind == "visits_over_threshold")).all()
    assert (flag.status, flag.severity) == ("open", "low")


def _clinic(runtime: Runtime, clock: Clock) -> list[uuid.UUID]:
    """Write a clinic; return its episodes."""
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        return [builders.an_episode(session, clinic, now=clock.now()).id for _ in range(EPISODES)]
