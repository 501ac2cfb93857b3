"""Patients and episodes: what may be written, and what a change brings with it."""

import datetime as dt
from collections.abc import Callable

import pytest
from sqlalchemy import select

from prom_service.errors import ConflictError, InvalidInputError, StaleVersionError
from prom_service.models import Clinic, Episode, EpisodeChange, Judgement, Message, Patient, PatientChange
from prom_service.runtime import Runtime
from prom_service.services import enrolment, standing, submission, visits
from prom_service.services.visits import VisitDetails
from tests import builders
from tests.fakes import Clock


@pytest.fixture
def clinic(runtime: Runtime, clock: Clock) -> Clinic:
    with runtime.transaction() as session:
        return builders.a_clinic(session, now=clock.now())


@pytest.fixture
def patient(runtime: Runtime, clock: Clock, clinic: Clinic) -> Patient:
    with runtime.transaction() as session:
        return builders.a_patient(session, clinic, now=clock.now())


def close(
    runtime: Runtime,
    clock: Clock,
    episode: Episode,
    act: Callable[..., Episode] = enrolment.close_episode,
    *,
    closed_on: dt.date,
    reason: str,
) -> None:
    with runtime.transaction() as session:
        held = session.get_one(Episode, episode.id)
        act(session, held, closed_on=closed_on, reason=reason, actor="test", now=clock.now())


def test_a_second_open_episode_of_the_same_side_and_pathway_is_a_conflict(
    runtime: Runtime, clock: Clock, clinic: Clinic, patient: Patient
) -> None:
    with runtime.transaction() as session:
        builders.an_episode(session, clinic, patient, now=clock.now(), side="left")
        builders.an_episode(session, clinic, patient, now=clock.now(), side="right")
        with pytest.raises(ConflictError, match="open episode of this side"):
            builders.an_episode(session, clinic, patient, now=clock.now(), side="left")


def test_a_change_to_a_side_that_is_open_already_is_a_conflict(
    runtime: Runtime, clock: Clock, clinic: Clinic, patient: Patient
) -> None:
    with runtime.transaction() as session:
        builders.an_episode(session, clinic, patient, now=clock.now(), side="left")
        right = builders.an_episode(session, clinic, patient, now=clock.now(), side="right")

        with pytest.raises(ConflictError, match="open episode of this side"):
            enrolment.change_episode(session, right, {"side": "left"}, actor="test", now=clock.now())


@pytest.mark.parametrize(
    ("born", "allowed"), [(dt.date(2008, 3, 2), True), (dt.date(2008, 3, 3), False)], ids=["18 today", "17"]
)
def test_patients_are_adults_when_care_starts(
    runtime: Runtime, clock: Clock, clinic: Clinic, born: dt.date, allowed: bool
) -> None:
    with runtime.transaction() as session:
        patient = builders.a_patient(session, clinic, now=clock.now(), date_of_birth=born)
        if allowed:
            builders.an_episode(session, clinic, patient, now=clock.now())
        else:
            with pytest.raises(InvalidInputError, match="18 or older"):
                builders.an_episode(session, clinic, patient, now=clock.now())


def test_a_corrected_birth_date_may_not_make_an_open_episode_that_of_a_child(
    runtime: Runtime, clock: Clock, clinic: Clinic, patient: Patient
) -> None:
    with runtime.transaction() as session:
        patient = session.get_one(Patient, patient.id)
        builders.an_episode(session, clinic, patient, now=clock.now())

        with pytest.raises(InvalidInputError, match="date_of_birth"):
            enrolment.change_patient(
                session, patient, {"date_of_birth": dt.date(2010, 1, 1)}, actor="test", now=clock.now()
            )


def test_who_has_withdrawn_or_is_recorded_as_deceased_is_enrolled_only_after_resuming(
    runtime: Runtime, clock: Clock, clinic: Clinic, patient: Patient
) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        patient = session.get_one(Patient, patient.id)
        standing.withdraw(session, patient, actor="test", now=now)
        with pytest.raises(ConflictError, match="Resume the patient first"):
            builders.an_episode(session, clinic, patient, now=now)
        standing.resume(session, patient, actor="test", now=now)
        episode = builders.an_episode(session, clinic, patient, now=now)
        standing.mark_deceased(session, patient, actor="test", now=now)
        with pytest.raises(ConflictError, match=r"deceased.*resume the patient first, with a note"):
            builders.an_episode(session, clinic, patient, now=now, side="right")

        assert builders.the_administration(session, episode, "baseline").state == "cancelled"


@pytest.mark.parametrize("lost", ["refused", "unsubscribed"])
def test_a_patient_who_can_be_mailed_again_is_asked_what_is_still_open(
    runtime: Runtime, clock: Clock, clinic: Clinic, patient: Patient, lost: str
) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        patient = session.get_one(Patient, patient.id)
        episode = builders.an_episode(session, clinic, patient, now=now)
        if lost == "unsubscribed":
            standing.unsubscribe(session, patient, actor="patient", now=now)
        else:
            patient.bounced_at = now
            for message in session.scalars(select(Message)):
                message.phase, message.reason = "cancelled", "address_refused"
            session.flush()
    clock.advance(days=1)

    with runtime.transaction() as session:
        patient = session.get_one(Patient, patient.id)
        changes = {"email_allowed": True} if lost == "unsubscribed" else {"email": "new@example.org"}
        enrolment.change_patient(session, patient, changes, actor="test", now=clock.now())
        baseline = builders.the_administration(session, episode, "baseline")
        planned = session.scalars(
            select(Message.kind)
            .where(Message.administration_id == baseline.id, Message.phase == "planned")
            .order_by(Message.ordinal)
        ).all()
        history = set(session.scalars(select(PatientChange.kind)))

    assert (patient.bounced_at, patient.unsubscribed_at) == (None, None)
    assert planned == ["invitation", "reminder", "reminder"]
    assert ("resubscribed" if lost == "unsubscribed" else "address_changed") in history


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "Europe"])
def test_a_time_zone_that_is_none_is_refused(runtime: Runtime, clock: Clock, patient: Patient, zone: str) -> None:
    with runtime.transaction() as session:
        patient = session.get_one(Patient, patient.id)

        with pytest.raises(InvalidInputError, match="time_zone"):
            enrolment.change_patient(session, patient, {"time_zone": zone}, actor="test", now=clock.now())


@pytest.mark.parametrize("email", ["anna.@example.org", "a..b@example.org", ".a@example.org", "jörg@example.org"])
def test_an_address_that_no_letter_can_be_written_to_is_refused_on_entry(
    runtime: Runtime, clock: Clock, patient: Patient, email: str
) -> None:
    with runtime.transaction() as session:
        clinic, held = session.get_one(Clinic, patient.clinic_id), session.get_one(Patient, patient.id)
        with pytest.raises(InvalidInputError) as registered:
            builders.a_patient(session, clinic, email=email, now=clock.now())
        with pytest.raises(InvalidInputError) as changed:
            enrolment.change_patient(session, held, {"email": email}, actor="key:1", now=clock.now())
        with pytest.raises(InvalidInputError) as account:
            builders.a_user(session, clinic, email=email, now=clock.now())

    assert {*registered.value.errors, *changed.value.errors, *account.value.errors} == {"email"}


def test_a_clinic_whose_name_cannot_stand_in_a_sender_is_refused(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session, pytest.raises(InvalidInputError) as refused:
        builders.a_clinic(session, name="North\nside", now=clock.now())

    assert list(refused.value.errors) == ["name"]


def test_a_change_of_what_was_changed_meanwhile_is_refused(runtime: Runtime, clock: Clock, patient: Patient) -> None:
    with runtime.reading() as session:
        read_before = session.get_one(Patient, patient.id)
    with runtime.transaction() as session:
        patient = session.get_one(Patient, patient.id)
        enrolment.change_patient(session, patient, {"name": "New Name"}, actor="test", now=clock.now())

    with runtime.transaction() as session:
        session.add(read_before)

        with pytest.raises(StaleVersionError):
            enrolment.change_patient(session, read_before, {"name": "Other Name"}, actor="test", now=clock.now())


def test_what_was_believed_of_a_corrected_patient_stays_on_record_of_each_episode(
    runtime: Runtime, clock: Clock, clinic: Clinic, patient: Patient
) -> None:
    with runtime.transaction() as session:
        patient = session.get_one(Patient, patient.id)
        episodes = {
            builders.an_episode(session, clinic, patient, now=clock.now(), side=side).id for side in ("left", "right")
        }
        before = {"date_of_birth": patient.date_of_birth.isoformat(), "sex": patient.sex}
        corrected = {"name": "New Name", "date_of_birth": dt.date(1990, 2, 3), "sex": "male"}

        enrolment.change_patient(session, patient, corrected, actor="test", now=clock.now())
        enrolment.change_patient(session, patient, corrected, actor="test", now=clock.now())

        kept = session.scalars(select(EpisodeChange).where(EpisodeChange.kind == "patient_corrected")).all()
        assert len(kept) == 2
        assert {one.episode_id for one in kept} == episodes
        assert [one.before for one in kept] == [before, before]
        assert kept[0].after == {"date_of_birth": "1990-02-03", "sex": "male"}


def test_the_zone_a_patient_was_in_stays_on_record_of_each_episode(
    runtime: Runtime, clock: Clock, clinic: Clinic, patient: Patient
) -> None:
    with runtime.transaction() as session:
        patient = session.get_one(Patient, patient.id)
        episode = builders.an_episode(session, clinic, patient, now=clock.now())

        for zone in ("Asia/Kathmandu", "Asia/Kathmandu", None):
            enrolment.change_patient(session, patient, {"time_zone": zone}, actor="test", now=clock.now())

        kept = session.scalars(
            select(EpisodeChange).where(EpisodeChange.kind == "patient_moved").order_by(EpisodeChange.id)
        ).all()
        assert [(one.episode_id, one.before, one.after) for one in kept] == [
            (episode.id, {"time_zone": None}, {"time_zone": "Asia/Kathmandu"}),
            (episode.id, {"time_zone": "Asia/Kathmandu"}, {"time_zone": None}),
        ]


def test_another_time_zone_moves_what_is_not_answered_yet(
    runtime: Runtime, clock: Clock, clinic: Clinic, patient: Patient
) -> None:
    with runtime.transaction() as session:
        patient = session.get_one(Patient, patient.id)
        episode = builders.an_episode(session, clinic, patient, now=clock.now())
        before = builders.the_administration(session, episode, "6-weeks").target_at

        enrolment.change_patient(session, patient, {"time_zone": "Asia/Kathmandu"}, actor="test", now=clock.now())

        after = builders.the_administration(session, episode, "6-weeks").target_at
    assert (before, after) == (
        dt.datetime(2026, 4, 12, 23, tzinfo=dt.UTC),
        dt.datetime(2026, 4, 12, 18, 15, tzinfo=dt.UTC),
    )


def test_a_close_on_a_wrong_day_is_corrected_and_the_day_it_had_stays_on_record(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        episode = builders.an_episode(session, clinic, now=clock.now())
        administration = builders.the_administration(session, episode, "baseline")
        submission.submit(
            session, administration, answers=builders.complete_answers(administration, episode), now=clock.now()
        )
    wrong = clock.advance(days=3).date()
    close(runtime, clock, episode, closed_on=wrong, reason="discharged")
    right = clock.advance(days=40).date()
    with runtime.reading() as session:
        mail = session.execute(select(Message.id, Message.phase).order_by(Message.id)).all()

    for _ in range(2):
        close(runtime, clock, episode, enrolment.correct_close, closed_on=right, reason="Mistyped")
    with runtime.transaction() as session:
        held = session.get_one(Episode, episode.id)
        visits.record_visit(session, held, "V1", VisitDetails(right), actor="test", now=clock.now())
        six_weeks = builders.the_administration(session, held, "6-weeks")
        answers = builders.complete_answers(six_weeks, held)
        submission.submit(
            session, six_weeks, mode="paper", answers=answers, answered_at=clock.now(), now=clock.advance(hours=1)
        )

    with runtime.reading() as session:
        closed = session.get_one(Episode, episode.id)
        changes = session.scalars(select(EpisodeChange).order_by(EpisodeChange.id)).all()
        judged = session.scalars(select(Judgement.checkpoint)).all()
        mail_after = session.execute(select(Message.id, Message.phase).order_by(Message.id)).all()
    assert (closed.closed_on, closed.closed_reason) == (right, "discharged")
    assert [(one.kind, one.before, one.after, one.actor) for one in changes[1:]] == [
        ("closed", {}, {"closed_on": wrong.isoformat(), "reason": "discharged"}, "test"),
        (
            "close_corrected",
            {"closed_on": wrong.isoformat()},
            {"closed_on": right.isoformat(), "reason": "Mistyped"},
            "test",
        ),
    ]
    assert judged == ["6-weeks"]
    assert mail_after == mail


def test_the_day_of_a_close_is_corrected_beside_an_open_episode_of_the_same_side(
    runtime: Runtime, clock: Clock, clinic: Clinic, patient: Patient
) -> None:
    with runtime.transaction() as session:
        earlier = builders.an_episode(session, clinic, patient, now=clock.now())
    close(runtime, clock, earlier, closed_on=clock.now().date(), reason="discharged")
    clock.advance(days=2)
    with runtime.transaction() as session:
        builders.an_episode(session, clinic, session.get_one(Patient, patient.id), now=clock.now())

    close(runtime, clock, earlier, enrolment.correct_close, closed_on=clock.now().date(), reason="Mistyped")

    with runtime.transaction() as session, pytest.raises(ConflictError):
        builders.an_episode(session, clinic, session.get_one(Patient, patient.id), now=clock.now())


def test_a_correction_of_a_close_is_refused_without_a_reason_before_a_visit_and_while_it_is_open(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        episode = builders.an_episode(session, clinic, now=clock.now())
    clock.advance(days=5)
    today = clock.now().date()
    with runtime.transaction() as session:
        visits.record_visit(session, episode, "V1", VisitDetails(today), actor="test", now=clock.now())
    with pytest.raises(ConflictError):
        close(runtime, clock, episode, enrolment.correct_close, closed_on=today, reason="Mistyped")
    clock.advance(days=1)
    close(runtime, clock, episode, closed_on=clock.now().date(), reason="")

    with pytest.raises(InvalidInputError, match="reason"):
        close(runtime, clock, episode, enrolment.correct_close, closed_on=today, reason="")
    with pytest.raises(InvalidInputError, match="attended"):
        close(
            runtime, clock, episode, enrolment.correct_close, closed_on=today - dt.timedelta(days=1), reason="Mistyped"
        )
    close(runtime, clock, episode, enrolment.correct_close, closed_on=today, reason="Mistyped")
