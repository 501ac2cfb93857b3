"""Withdrawn, deceased, paused, resumed, unsubscribed: what ends, and what does not."""

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Administration, Episode, Message, MessageEvent, Patient, PatientChange
from prom_service.runtime import Runtime
from prom_service.services import enrolment, standing, submission, visits
from prom_service.services.answer_window import AnswersClosedError
from prom_service.services.contact import addressees, may_contact
from prom_service.services.visits import VisitDetails
from tests import builders
from tests.fakes import Clock

Act = Callable[..., object]


def close(session: Session, patient: Patient, *, effective_on: dt.date, actor: str, now: dt.datetime) -> None:
    episode = session.scalars(select(Episode).where(Episode.patient_id == patient.id)).one()
    enrolment.close_episode(session, episode, closed_on=effective_on, reason="done", actor=actor, now=now)


@pytest.mark.parametrize("act", [standing.withdraw, standing.mark_deceased])
def test_everything_pending_is_cancelled_at_once(runtime: Runtime, clock: Clock, act: object) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        patient = builders.a_patient(session, clinic, now=now)
        builders.an_episode(session, clinic, patient, now=now)

        act(session, patient, actor="test", now=now)  # type: ignore[operator]

    with runtime.reading() as session:
        assert set(session.scalars(select(Administration.state))) == {"cancelled"}
        assert set(session.scalars(select(Message.phase))) == {"cancelled"}
        assert set(session.scalars(select(MessageEvent.actor))) == {"test"}


def test_a_withdrawn_patient_s_answers_are_refused(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        patient = builders.a_patient(session, clinic, now=now)
        episode = builders.an_episode(session, clinic, patient, now=now)
        standing.withdraw(session, patient, actor="test", now=now)
        baseline = builders.the_administration(session, episode, "baseline")

        with pytest.raises(AnswersClosedError) as refused:
            submission.submit(session, baseline, answers=builders.complete_answers(baseline, episode), now=now)

    assert refused.value.reason == "withdrawn"


def test_death_closes_the_episodes_and_names_the_way_back_to_whoever_goes_on(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        patient = builders.a_patient(session, clinic, now=now)
        episode = builders.an_episode(session, clinic, patient, now=now)
        standing.mark_deceased(session, patient, effective_on=dt.date(2026, 3, 5), actor="test", now=now)

        for act in (standing.pause, standing.withdraw):
            with pytest.raises(ConflictError, match="resume the patient first, with a note that says why"):
                act(session, patient, actor="test", now=now)  # type: ignore[operator]

    with runtime.reading() as session:
        assert session.get_one(Episode, episode.id).closed_on == dt.date(2026, 3, 5)


@pytest.mark.parametrize("note", ["", "  "])
def test_a_death_is_not_taken_back_without_a_note_that_says_why(runtime: Runtime, clock: Clock, note: str) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        patient = builders.a_patient(session, builders.a_clinic(session, now=now), now=now)
        standing.mark_deceased(session, patient, actor="test", now=now)

        with pytest.raises(InvalidInputError) as refused:
            standing.resume(session, patient, note=note, actor="test", now=now)
        history = session.scalars(select(PatientChange.kind).order_by(PatientChange.id)).all()

    assert refused.value.errors == {"note": ["Say why the death that is on record is taken back."]}
    assert patient.status == "deceased"
    assert history == ["registered", "deceased"]


def test_a_death_taken_back_leaves_what_it_ended_and_begins_anew(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        patient = builders.a_patient(session, clinic, now=now)
        episode = builders.an_episode(session, clinic, patient, now=now)
        standing.mark_deceased(session, patient, actor="user:ann", now=now)
        died = {row.id: row.state for row in session.scalars(select(Administration))}
    clock.advance(days=1)
    now = clock.now()

    with runtime.transaction() as session:
        patient = session.get_one(Patient, patient.id)
        for _ in range(2):
            standing.resume(session, patient, note="Wrong patient", actor="user:bo", now=now)
        again = builders.an_episode(session, clinic, patient, now=now, started_on=now.date())
        history = session.scalars(select(PatientChange).order_by(PatientChange.id)).all()

    with runtime.transaction() as session:
        ended = session.get_one(Episode, episode.id)
        states = {row.id: row.state for row in session.scalars(select(Administration)) if row.id in died}
        baseline = builders.the_administration(session, session.get_one(Episode, again.id), "baseline")
        addressee = addressees(session, [baseline.id], now=now)[baseline.id]
        answers = builders.complete_answers(baseline, again)

        assert may_contact(addressee.facts, now=now + dt.timedelta(hours=2)).allowed
        assert submission.submit(session, baseline, answers=answers, now=now).kind == "first"
        assert standing.pause(session, addressee.patient, actor="test", now=now).status == "paused"
        assert standing.withdraw(session, addressee.patient, actor="test", now=now).status == "withdrawn"
    assert [(one.kind, one.actor, one.note) for one in history[1:]] == [
        ("deceased", "user:ann", ""),
        ("resumed", "user:bo", "Wrong patient"),
    ]
    assert (ended.closed_on, ended.closed_reason) == (dt.date(2026, 3, 2), "deceased")
    assert states == died
    assert set(states.values()) == {"cancelled"}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_two_who_take_a_death_back_at_once_one_does(runtime: Runtime, clock: Clock) -> None:
    """Both have read the patient as deceased; on SQLite the second cannot begin before the first has ended."""
    now = clock.now()
    with runtime.transaction() as session:
        patient = builders.a_patient(session, builders.a_clinic(session, now=now), now=now)
        standing.mark_deceased(session, patient, actor="test", now=now)
    together = threading.Barrier(2)

    def take_back(who: str) -> str:
        with runtime.transaction() as session:
            known = session.get_one(Patient, patient.id)
            together.wait()
            return standing.resume(session, known, note="Wrong patient", actor=who, now=now).status

    with ThreadPoolExecutor(2) as threads:
        said = list(threads.map(take_back, ("user:ann", "user:bo")))

    with runtime.reading() as session:
        kinds = session.scalars(select(PatientChange.kind).order_by(PatientChange.id)).all()
    assert said == ["active", "active"]
    assert kinds == ["registered", "deceased", "resumed"]


def test_a_death_before_an_attended_visit_is_refused_and_nothing_ends(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        patient = builders.a_patient(session, clinic, now=now)
        episode = builders.an_episode(session, clinic, patient, now=now)
    clock.advance(days=10)
    attended_on = dt.date(2026, 3, 9)
    with runtime.transaction() as session:
        visits.record_visit(session, episode, "V1", VisitDetails(attended_on), actor="test", now=clock.now())

    with runtime.transaction() as session:
        known = session.get_one(Patient, patient.id)
        with pytest.raises(InvalidInputError) as refused:
            standing.mark_deceased(session, known, effective_on=dt.date(2026, 3, 8), actor="test", now=clock.now())
        assert known.status == "active"
        standing.mark_deceased(session, known, effective_on=attended_on, actor="test", now=clock.now())

    assert refused.value.errors == {"effective_on": ["Before the visit of 2026-03-09, which was attended."]}
    with runtime.reading() as session:
        assert session.get_one(Episode, episode.id).closed_on == attended_on


def test_a_pause_holds_and_a_resume_releases_and_both_are_on_record(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        patient = builders.a_patient(session, builders.a_clinic(session, now=now), now=now)
        standing.pause(session, patient, until=dt.date(2026, 3, 20), actor="test", now=now)
        paused = patient.status, patient.paused_until
        standing.resume(session, patient, actor="test", now=now)
        history = session.scalars(select(PatientChange.kind).order_by(PatientChange.id)).all()

    assert paused == ("paused", dt.date(2026, 3, 20))
    assert (patient.status, patient.paused_until) == ("active", None)
    assert history == ["registered", "paused", "resumed"]


@pytest.mark.parametrize(
    ("zone", "hours", "today"),
    [
        ("Pacific/Auckland", 2, dt.date(2026, 3, 2)),
        ("Pacific/Auckland", 3, dt.date(2026, 3, 3)),
        ("America/Los_Angeles", 23, dt.date(2026, 3, 2)),
        ("America/Los_Angeles", 24, dt.date(2026, 3, 3)),
    ],
)
def test_a_standing_holds_from_the_clinic_s_today_on(
    runtime: Runtime, clock: Clock, zone: str, hours: int, today: dt.date
) -> None:
    start, now = clock.now(), clock.now() + dt.timedelta(hours=hours)
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=start, time_zone=zone)
        patients = [builders.a_patient(session, clinic, now=start) for _ in range(3)]
        episode = builders.an_episode(session, clinic, patients[0], now=start)

        for act, patient in zip((standing.mark_deceased, standing.withdraw, standing.pause), patients, strict=True):
            act(session, patient, actor="test", now=now)
        changes = dict(session.execute(select(PatientChange.kind, PatientChange.effective_on)).all())

    assert {changes[kind] for kind in ("deceased", "withdrawn", "paused")} == {today}
    assert episode.closed_on == today


def test_a_pause_may_end_on_the_clinic_s_today_and_not_on_the_day_before(runtime: Runtime, clock: Clock) -> None:
    now = clock.now() + dt.timedelta(hours=12)
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now, time_zone="Pacific/Auckland")
        patient = builders.a_patient(session, clinic, now=now)

        with pytest.raises(InvalidInputError, match="until"):
            standing.pause(session, patient, until=dt.date(2026, 3, 2), actor="test", now=now)
        standing.pause(session, patient, until=dt.date(2026, 3, 3), actor="test", now=now)

    assert patient.paused_until == dt.date(2026, 3, 3)


def test_unsubscribing_stops_mail_and_not_answers(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        patient = builders.a_patient(session, clinic, now=now)
        episode = builders.an_episode(session, clinic, patient, now=now)

        standing.unsubscribe(session, patient, actor="patient", now=now)
        standing.unsubscribe(session, patient, actor="patient", now=now)

        baseline = builders.the_administration(session, episode, "baseline")
        submitted = submission.submit(session, baseline, answers=builders.complete_answers(baseline, episode), now=now)
        history = session.scalars(select(PatientChange.kind)).all()
    assert submitted.kind == "first"
    assert history.count("unsubscribed") == 1


@pytest.mark.parametrize("act", [standing.withdraw, standing.mark_deceased, close])
@pytest.mark.parametrize(("days_before", "taken"), [(1, True), (0, True), (-1, False)], ids=["before", "on", "after"])
def test_answers_on_paper_count_until_the_day_on_which_the_patient_s_part_ended(
    runtime: Runtime, clock: Clock, act: Act, days_before: int, taken: bool
) -> None:
    now = clock.now()
    answered_at = now - dt.timedelta(days=2)
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        patient = builders.a_patient(session, clinic, now=now)
        episode = builders.an_episode(session, clinic, patient, now=now, started_on=dt.date(2026, 2, 25))
        act(session, patient, effective_on=answered_at.date() + dt.timedelta(days=days_before), actor="test", now=now)
        baseline = builders.the_administration(session, episode, "baseline")
        answers = builders.complete_answers(baseline, episode)
        enter = partial(
            submission.submit, session, baseline, mode="paper", answers=answers, answered_at=answered_at, now=now
        )

        if taken:
            assert enter().kind == "first"
            assert enter().kind == "same"
            assert baseline.state == "completed"
        else:
            with pytest.raises(AnswersClosedError):
                enter()


@pytest.mark.parametrize("act", [standing.withdraw, standing.mark_deceased])
@pytest.mark.parametrize(("days", "taken"), [(0, True), (1, False), (3, False)], ids=["on the day", "after", "again"])
def test_what_ended_with_the_patient_s_part_takes_no_later_paper_when_the_patient_takes_part_again(
    runtime: Runtime, clock: Clock, act: Act, days: int, taken: bool
) -> None:
    """It ended on 2 March, was resumed two days later, and once more ended and resumed since."""
    ended_at = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=ended_at)
        patient = builders.a_patient(session, clinic, now=ended_at)
        episode = builders.an_episode(session, clinic, patient, now=ended_at)
        for _ in range(2):
            act(session, patient, actor="test", now=clock.now())
            clock.advance(days=2)
            standing.resume(session, patient, note="A mistake", actor="test", now=clock.now())
        baseline = builders.the_administration(session, episode, "baseline")
        enter = partial(
            submission.submit,
            session,
            baseline,
            mode="paper",
            answers=builders.complete_answers(baseline, episode),
            answered_at=ended_at + dt.timedelta(days=days, hours=-1),
            now=clock.now(),
        )

        if taken:
            assert enter().kind == "first"
        else:
            with pytest.raises(AnswersClosedError):
                enter()
