"""Which questionnaires are waiting."""

import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy.orm import Session

from prom_service.models import Administration, Clinic, Episode, Patient
from prom_service.queries.waiting import find_waiting, waiting_in_episode
from prom_service.runtime import Runtime
from prom_service.services import standing, submission
from tests.builders import a_clinic, a_patient, an_episode, complete_answers, the_administration
from tests.fakes import Clock


@pytest.fixture
def baselines(runtime: Runtime, clock: Clock) -> tuple[uuid.UUID, uuid.UUID]:
    """The open baselines of both sides of one patient; another patient of the clinic has one too."""
    now = clock.now()
    with runtime.transaction() as session:
        clinic = a_clinic(session, now=now)
        patient = a_patient(session, clinic, now=now)
        an_episode(session, clinic, now=now)
        left = an_episode(session, clinic, patient, now=now, side="left")
        right = an_episode(session, clinic, patient, now=now, side="right")
        left_id, right_id = (the_administration(session, episode, "baseline").id for episode in (left, right))
    return left_id, right_id


def waiting_beside(session: Session, administration_id: uuid.UUID, now: dt.datetime) -> uuid.UUID | None:
    found = find_waiting(session, session.get_one(Administration, administration_id), now=now)
    return found.id if found else None


def test_the_other_open_questionnaire_of_the_patient_is_found(runtime: Runtime, clock: Clock, baselines: Any):
    left, right = baselines

    with runtime.reading() as session:
        assert waiting_beside(session, left, clock.now()) == right
        assert waiting_beside(session, right, clock.now()) == left


def test_one_that_was_answered_or_cancelled_is_not_waiting(runtime: Runtime, clock: Clock, baselines: Any):
    left, right = baselines
    with runtime.transaction() as session:
        administration = session.get_one(Administration, right)
        episode = session.get_one(Episode, administration.episode_id)
        submission.submit(session, administration, answers=complete_answers(administration, episode), now=clock.now())

    with runtime.reading() as session:
        assert waiting_beside(session, left, clock.now()) is None


def test_nothing_is_waiting_for_a_patient_who_has_withdrawn(runtime: Runtime, clock: Clock, baselines: Any):
    left, _ = baselines
    with runtime.transaction() as session:
        episode = session.get_one(Episode, session.get_one(Administration, left).episode_id)
        patient = session.get_one(Patient, episode.patient_id)
        standing.withdraw(session, patient, actor="command", now=clock.now())

    with runtime.reading() as session:
        assert waiting_beside(session, left, clock.now()) is None


def test_of_several_waiting_the_one_closing_first_is_next(runtime: Runtime, clock: Clock, baselines: Any):
    left, right = baselines
    with runtime.transaction() as session:
        later = session.get_one(Administration, right)
        episode = session.get_one(Episode, later.episode_id)
        patient = session.get_one(Patient, episode.patient_id)
        clinic = session.get_one(Clinic, episode.clinic_id)
        both = an_episode(session, clinic, patient, now=clock.now(), side="both")
        third = the_administration(session, both, "baseline")
        third.closes_at = later.closes_at - dt.timedelta(days=1)
        later.late_after = third.late_after - dt.timedelta(days=1)
        third_id = third.id

    with runtime.reading() as session:
        assert waiting_beside(session, left, clock.now()) == third_id


def test_in_an_episode_only_its_own_questionnaires_wait_the_one_closing_first_before_the_next(
    runtime: Runtime, clock: Clock, baselines: Any
):
    left, _ = baselines
    with runtime.transaction() as session:
        episode_id = session.get_one(Administration, left).episode_id
        six_weeks = the_administration(session, session.get_one(Episode, episode_id), "6-weeks")
        six_weeks.opens_at = clock.now()
        six_weeks_id = six_weeks.id

    with runtime.reading() as session:
        found = waiting_in_episode(session, episode_id, now=clock.now())

    assert [one.id for one in found] == [left, six_weeks_id]


def test_a_questionnaire_waits_from_its_opening_until_just_before_its_closing(
    runtime: Runtime, clock: Clock, baselines: Any
):
    left, right = baselines
    with runtime.reading() as session:
        other = session.get_one(Administration, right)
        step = dt.timedelta(microseconds=1)
        moments = (other.opens_at - step, other.opens_at, other.closes_at - step, other.closes_at)

        waiting = [waiting_beside(session, left, moment) == right for moment in moments]

    assert waiting == [False, True, True, False]
