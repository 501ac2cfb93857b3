"""What the timeline tells of the answers of an episode and of its patient, on both databases."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from prom_service.models import Administration, Episode, Message, Patient
from prom_service.queries.amendments import amended_since, amendments_of
from prom_service.queries.timeline import timeline
from prom_service.runtime import Runtime
from prom_service.services import administrations, amendment, standing, submission
from tests import builders
from tests.fakes import Clock

IHOT, PSFS = "ihot-12-1.0", "psfs-1.0"
DAY = dt.timedelta(days=1)


class Course:
    """One patient's episode, and what its timeline says."""

    def __init__(self, runtime: Runtime, clock: Clock, **episode: Any) -> None:
        self.runtime, self.clock = runtime, clock
        with runtime.transaction() as session:
            self.clinic = builders.a_clinic(session, now=clock.now())
            self.episode = builders.an_episode(session, self.clinic, now=clock.now(), **episode)

    def baseline(self, session: Session) -> Administration:
        return builders.the_administration(session, self.episode, "baseline")

    def answer(self, **changes: Any) -> None:
        """Everything is answered, but for what ``changes`` say of the first instrument."""
        with self.runtime.transaction() as session:
            baseline = self.baseline(session)
            answers = builders.complete_answers(baseline, self.episode)
            given = builders.changed(answers, next(iter(answers)), **changes)
            submission.submit(session, baseline, answers=given, now=self.clock.now())

    def amend(self, ref: str, **changes: Any) -> None:
        with self.runtime.transaction() as session:
            amendment.amend(session, self.baseline(session), {ref: changes}, language="en", now=self.clock.now())

    def told(self) -> dict[str, Any]:
        with self.runtime.reading() as session:
            return timeline(session, self.episode.id, now=self.clock.now())

    def responses(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.told()["administrations"][0]["responses"]
        return found


@pytest.fixture
def course(runtime: Runtime, clock: Clock) -> Course:
    return Course(runtime, clock)


def labels(response: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(response[name] for name in ("number", "mode", "partial", "late", "amendment"))


def test_what_came_in_is_told_in_order_with_its_labels(course: Course, clock: Clock) -> None:
    with course.runtime.transaction() as session:
        baseline = course.baseline(session)
        submission.start(session, baseline, now=clock.now())
        saved = {IHOT: dict.fromkeys([f"Q{number}" for number in range(1, 9)], 40)}
        submission.save_answers(session, baseline, saved, now=clock.now())
    begun = clock.now()
    clock.advance(days=10)
    with course.runtime.transaction() as session:
        administrations.close_late(session, now=clock.now(), limit=9)
    course.answer()
    clock.advance(minutes=5)
    course.amend(IHOT, Q1=90)

    told = course.responses()

    assert [labels(one) for one in told] == [
        (1, "web", True, False, False),
        (2, "web", False, True, False),
        (3, "web", False, True, True),
    ]
    assert [one["answered_at"] for one in told] == [
        begun.isoformat(),
        (clock.now() - dt.timedelta(minutes=5)).isoformat(),
        clock.now().isoformat(),
    ]
    assert [len(one["changes"]) for one in told] == [0, 0, 1]


def test_an_amendment_tells_what_it_changes_from_and_to_in_the_order_of_the_items(course: Course) -> None:
    course.answer(Q9=None)

    course.amend(IHOT, Q10=0, Q2=None, Q5="NA", Q9=30)

    [change] = [one["changes"] for one in course.responses() if one["amendment"]]
    assert change == [
        {"instrument": IHOT, "item": "Q2", "from": 50, "to": None},
        {"instrument": IHOT, "item": "Q5", "from": 50, "to": "NA"},
        {"instrument": IHOT, "item": "Q9", "from": None, "to": 30},
        {"instrument": IHOT, "item": "Q10", "from": 50, "to": 0},
    ]


def test_an_activity_named_anew_is_told_beside_its_rating(runtime: Runtime, clock: Clock) -> None:
    course = Course(runtime, clock, pathway="buttock-nerve-pain-1")
    course.answer()

    course.amend(PSFS, **{"Q1": 9, "Q1.text": "Put on socks"})

    assert [(one["item"], one["from"], one["to"]) for one in course.responses()[1]["changes"]] == [
        ("Q1", 4, 9),
        ("Q1.text", "Climb the stairs", "Put on socks"),
    ]


def test_each_of_two_amendments_is_told_beside_the_set_that_stands(course: Course, clock: Clock) -> None:
    course.answer()
    for item in ("Q1", "Q2"):
        clock.advance(minutes=1)
        course.amend(IHOT, **{item: 90})

    changed = [[one["item"] for one in response["changes"]] for response in course.responses()]

    assert changed == [[], ["Q1"], ["Q1", "Q2"]]


def test_an_episode_s_amendments_and_a_clinic_s_latest_are_found(course: Course, clock: Clock) -> None:
    course.answer()
    course.amend(IHOT, Q1=90)
    with course.runtime.transaction() as session:
        other = builders.a_clinic(session, now=clock.now())

    with course.runtime.reading() as session:
        [(timepoint, kept)] = amendments_of(session, course.episode.id)
        [found] = amended_since(session, course.clinic.id, clock.now())
        later = amended_since(session, course.clinic.id, clock.now() + dt.timedelta(seconds=1))
        elsewhere = amended_since(session, other.id, clock.now())

    assert (timepoint, kept["recorded_at"], len(kept["changes"])) == ("baseline", clock.now(), 1)
    assert (found.response.episode_id, found.timepoint, found.patient_name) == (
        course.episode.id,
        "baseline",
        "Alex Example",
    )
    assert (later, elsewhere) == ([], [])


def test_once_the_time_is_over_it_tells_why_nothing_came(course: Course, clock: Clock) -> None:
    with course.runtime.transaction() as session:
        session.execute(update(Message).values(phase="cancelled", reason="no_address"))
    before = course.told()["administrations"][0]["cause"]
    clock.advance(days=8)
    with course.runtime.transaction() as session:
        administrations.close_late(session, now=clock.now(), limit=9)

    causes = [one["cause"] for one in course.told()["administrations"]]

    assert (before, causes) == (None, ["not_sent:no_address", None, None])


def test_an_email_to_go_tells_when_it_is_tried_and_one_that_went_does_not(course: Course, clock: Clock) -> None:
    later = clock.now() + DAY
    with course.runtime.transaction() as session:
        first = course.baseline(session)
        of_it = update(Message).where(Message.administration_id == first.id)
        session.execute(of_it.where(Message.ordinal == 0).values(phase="sent", sent_at=clock.now()))
        session.execute(of_it.where(Message.ordinal == 1).values(due_at=later, reason="paused"))

    sent, put_off, *_ = course.told()["administrations"][0]["messages"]

    assert (sent["due_at"], put_off["due_at"]) == (None, later.isoformat())
    assert put_off["planned_for"] != put_off["due_at"]


def test_what_was_recorded_of_the_patient_is_told_in_order_and_nobody_else_s(course: Course, clock: Clock) -> None:
    with course.runtime.transaction() as session:
        patient = session.get_one(Patient, session.get_one(Episode, course.episode.id).patient_id)
        clock.advance(minutes=1)
        standing.pause(session, patient, note="on holiday", actor="user:1", now=clock.now())
        other = builders.a_patient(session, course.clinic, now=clock.now())
        standing.unsubscribe(session, other, actor="patient", now=clock.now())

    registered, paused = course.told()["patient_changes"]

    assert registered["kind"] == "registered"
    assert paused == {
        "kind": "paused",
        "effective_on": "2026-03-02",
        "note": "on holiday",
        "actor": "user:1",
        "recorded_at": clock.now().isoformat(),
    }
