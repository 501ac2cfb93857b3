"""Whose answers are missing, why, and what to do next, on both databases."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from prom_service.models import Administration, Clinic, Episode, Flag, Message, Patient
from prom_service.queries.missing import NEXT_STEPS, OF_REASON, MissingAnswers, missing_answers, next_step
from prom_service.runtime import Runtime
from prom_service.services import (
    access,
    administrations,
    enrolment,
    identity,
    messages,
    misdelivery,
    standing,
    submission,
)
from prom_service.services.contact import EXPLANATIONS
from tests import builders
from tests.builders import SECRET
from tests.fakes import Clock

THEN = dt.datetime(2026, 4, 13, tzinfo=dt.UTC)


class Ward:
    """A clinic with one patient, whose baseline is answered and whose 6-week questionnaire is open."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock
        with runtime.transaction() as session:
            self.clinic = builders.a_clinic(session, now=clock.now())
            self.episode = builders.an_episode(session, self.clinic, now=clock.now())
            baseline = builders.the_administration(session, self.episode, "baseline")
            answers = builders.complete_answers(baseline, self.episode)
            submission.submit(session, baseline, answers=answers, now=clock.now())
            self.six_weeks = builders.the_administration(session, self.episode, "6-weeks")
        clock.move_to(self.six_weeks.opens_at)
        with runtime.transaction() as session:
            administrations.open_due(session, now=clock.now(), limit=9)

    def set(self, **values: Any) -> None:
        with self.runtime.transaction() as session:
            session.execute(update(Administration).where(Administration.id == self.six_weeks.id).values(**values))

    def message(self, **values: Any) -> None:
        with self.runtime.transaction() as session:
            session.execute(update(Message).where(Message.administration_id == self.six_weeks.id).values(**values))

    def settle(self) -> None:
        with self.runtime.transaction() as session:
            administrations.close_late(session, now=self.clock.now(), limit=9)

    def missing(self, clinic: Clinic | None = None) -> list[MissingAnswers]:
        with self.runtime.reading() as session:
            return missing_answers(session, (clinic or self.clinic).id, now=self.clock.now())


@pytest.fixture
def ward(runtime: Runtime, clock: Clock) -> Ward:
    return Ward(runtime, clock)


def test_it_is_listed_from_the_phone_day_on_until_it_closes_for_good(ward: Ward, clock: Clock) -> None:
    phone_day = ward.six_weeks.target_at + dt.timedelta(days=14)
    listed = []
    for instant in (
        phone_day - dt.timedelta(seconds=1),
        phone_day,
        ward.six_weeks.late_after,
        ward.six_weeks.closes_at - dt.timedelta(seconds=1),
        ward.six_weeks.closes_at,
    ):
        clock.move_to(instant)
        ward.settle()
        listed.append([(one.timepoint, one.state) for one in ward.missing() if one.timepoint == "6-weeks"])

    assert listed == [[], [("6-weeks", "open")], [("6-weeks", "missed")], [("6-weeks", "missed")], []]


@pytest.mark.parametrize(
    ("administration", "message", "cause", "reason"),
    [
        ({}, {"phase": "cancelled", "reason": "no_address"}, "not_sent", "no_address"),
        ({}, {"phase": "sent", "bounced_at": THEN}, "bounced", None),
        ({}, {"phase": "sent"}, "delivered_never_started", None),
        (
            {"started_at": dt.datetime(2026, 4, 13, tzinfo=dt.UTC), "state": "started"},
            {"phase": "sent"},
            "started",
            None,
        ),
        ({"declined_at": THEN}, {"phase": "sent"}, "declined", None),
    ],
)
def test_each_says_its_cause_and_the_next_step_for_it(
    ward: Ward, clock: Clock, administration: dict[str, Any], message: dict[str, Any], cause: str, reason: str | None
) -> None:
    if administration:
        ward.set(**administration)
    ward.message(**message)
    clock.move_to(ward.six_weeks.target_at + dt.timedelta(days=14))

    [missing] = ward.missing()

    assert (missing.cause, missing.reason) == (cause, reason)
    assert missing.next_step == next_step(cause, reason)
    assert (missing.episode_id, missing.administration_id) == (ward.episode.id, ward.six_weeks.id)


def _answer(session: Session, ward: Ward) -> None:
    six_weeks = builders.the_administration(session, ward.episode, "6-weeks")
    answers = builders.complete_answers(six_weeks, ward.episode)
    submission.submit(session, six_weeks, answers=answers, now=ward.clock.now())


def _withdraw(session: Session, ward: Ward) -> None:
    standing.withdraw(session, session.get_one(Patient, ward.episode.patient_id), actor="command", now=ward.clock.now())


def _close(session: Session, ward: Ward) -> None:
    session.execute(update(Episode).values(closed_on=ward.clock.now().date()))


def _resolve(session: Session, ward: Ward) -> None:
    session.execute(update(Flag).where(Flag.kind == "survey_missed").values(status="resolved", resolution="contacted"))


@pytest.mark.parametrize("done", [_answer, _withdraw, _close, _resolve])
def test_what_is_answered_ended_or_dealt_with_is_left_out(ward: Ward, clock: Clock, done: Any) -> None:
    clock.move_to(ward.six_weeks.late_after)
    ward.settle()
    before = len(ward.missing())

    with ward.runtime.transaction() as session:
        done(session, ward)

    assert (before, ward.missing()) == (1, [])


def _lock(ward: Ward) -> dt.datetime:
    """The patient begins, and the year of birth is typed wrongly five times; return when the lock lapses."""
    with ward.runtime.transaction() as session:
        six_weeks = builders.the_administration(session, ward.episode, "6-weeks")
        submission.start(session, six_weeks, now=ward.clock.now())
        token = access.issue_link(session, six_weeks, secret=SECRET, now=ward.clock.now())
        target = access.find_link(session, token, secret=SECRET)
        assert target
        for _ in range(5):
            identity.confirm(session, target, [1900], now=ward.clock.now())
    return ward.clock.now() + dt.timedelta(hours=24)


def test_a_locked_identity_check_is_listed_at_once_until_it_lapses_or_is_unlocked(ward: Ward, clock: Clock) -> None:
    lapses = _lock(ward)

    [locked] = ward.missing()
    clock.move_to(lapses)
    lapsed = ward.missing()
    _lock(ward)
    again = len(ward.missing())
    with ward.runtime.transaction() as session:
        identity.unlock(session, ward.six_weeks, actor="user:1", now=clock.now())

    assert (locked.cause, locked.reason, locked.locked_until) == ("identity_locked", None, lapses)
    assert locked.next_step == NEXT_STEPS["identity_locked"]
    assert (lapsed, again, ward.missing()) == ([], 1, [])


def test_from_the_phone_day_on_a_lapsed_lock_is_a_questionnaire_that_was_started(ward: Ward, clock: Clock) -> None:
    clock.move_to(ward.six_weeks.target_at + dt.timedelta(days=14))
    lapses = _lock(ward)
    causes = [one.cause for one in ward.missing()]
    clock.move_to(lapses)

    assert (causes, [one.cause for one in ward.missing()]) == (["identity_locked"], ["started"])


def _report_wrong_person(ward: Ward) -> None:
    with ward.runtime.transaction() as session:
        patient = session.get_one(Patient, ward.episode.patient_id)
        misdelivery.report_wrong_person(session, patient, now=ward.clock.now())


def test_a_report_of_the_wrong_person_is_listed_at_once_until_the_address_is_corrected(
    ward: Ward, clock: Clock
) -> None:
    ward.message(phase="sent")
    _report_wrong_person(ward)

    [stuck] = ward.missing()
    with ward.runtime.transaction() as session:
        patient = session.get_one(Patient, ward.episode.patient_id)
        enrolment.change_patient(session, patient, {"email": "right@example.org"}, actor="user:1", now=clock.now())

    assert (stuck.cause, stuck.reason, stuck.next_step) == ("not_me", None, NEXT_STEPS["not_me"])
    assert ward.missing() == []


@pytest.mark.parametrize(
    ("administration", "cause"),
    [
        ({"declined_at": THEN}, "declined"),
        ({"state": "started", "started_at": THEN}, "not_me"),
        ({"state": "partial", "started_at": THEN}, "not_me"),
    ],
)
def test_the_wrong_person_comes_before_any_cause_but_a_patient_who_declined(
    ward: Ward, clock: Clock, administration: dict[str, Any], cause: str
) -> None:
    clock.move_to(ward.six_weeks.late_after)
    ward.settle()
    ward.set(**administration)

    _report_wrong_person(ward)

    assert [one.cause for one in ward.missing()] == [cause]


def test_an_address_that_was_refused_is_not_a_report_of_the_wrong_person(ward: Ward, clock: Clock) -> None:
    ward.message(phase="sent", bounced_at=THEN)
    with ward.runtime.transaction() as session:
        messages.note_refused_address(session, session.get_one(Patient, ward.episode.patient_id), now=clock.now())
    clock.move_to(ward.six_weeks.late_after)
    ward.settle()

    assert [one.cause for one in ward.missing()] == ["bounced"]


def test_only_one_episode_s_are_asked_for(ward: Ward, clock: Clock) -> None:
    with ward.runtime.transaction() as session:
        other = builders.an_episode(session, ward.clinic, now=clock.now())
    clock.move_to(ward.six_weeks.late_after)
    ward.settle()

    with ward.runtime.reading() as session:
        found = missing_answers(session, ward.clinic.id, episode_id=ward.episode.id, now=clock.now())
        everybody_s = missing_answers(session, ward.clinic.id, now=clock.now())

    assert {one.episode_id for one in found} == {ward.episode.id}
    assert {one.episode_id for one in everybody_s} == {ward.episode.id, other.id}


def test_another_clinic_s_patients_are_not_listed(ward: Ward, clock: Clock) -> None:
    with ward.runtime.transaction() as session:
        other = builders.a_clinic(session, now=clock.now())
    clock.move_to(ward.six_weeks.late_after)

    assert (len(ward.missing()), ward.missing(other)) == (1, [])


def test_every_reason_with_a_step_of_its_own_is_one_that_is_given() -> None:
    assert OF_REASON.keys() <= EXPLANATIONS.keys()


def test_nobody_is_to_be_called_who_declined() -> None:
    assert NEXT_STEPS["declined"].script is None


@pytest.mark.parametrize("step", [*NEXT_STEPS.values(), *OF_REASON.values()])
def test_what_is_said_on_the_phone_names_no_condition(step: Any) -> None:
    said = (step.script or "").lower()

    assert [word for word in ("hip", "pain", "sciatica", "ihot", "hoos", "score") if word in said] == []
