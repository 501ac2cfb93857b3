"""The thread through the middle: what is planned, answered, judged and flagged, in the transaction that causes it."""

import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import select, update

from prom_service.models import (
    Administration,
    AuditEntry,
    Flag,
    FlagEvent,
    Judgement,
    Message,
    Patient,
    Response,
    SavedAnswer,
    Score,
)
from prom_service.pathway import definition
from prom_service.pathway.replay import replay
from prom_service.queries.flags import FlagFilter, list_events, list_flags
from prom_service.queries.history import histories
from prom_service.runtime import Runtime
from prom_service.services import administrations, amendment, assessment, flags, questions, standing, submission, visits
from prom_service.services.answer_window import AnswersClosedError
from prom_service.services.visits import VisitDetails
from tests import builders
from tests.fakes import Clock


class Life:
    """One episode of one clinic, and the few things that happen to it in these tests."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock
        with runtime.transaction() as session:
            self.clinic = builders.a_clinic(session, now=clock.now())
            self.episode = builders.an_episode(session, self.clinic, now=clock.now())

    def answer(self, timepoint: str, **levels: int) -> submission.Submission:
        return self.answer_with(timepoint, "safety-1.0", levels)

    def answer_with(
        self, timepoint: str, ref: str, levels: dict[str, int], **items: int | None
    ) -> submission.Submission:
        with self.runtime.transaction() as session:
            administration = builders.the_administration(session, self.episode, timepoint)
            answers = builders.changed(builders.complete_answers(administration, self.episode, **levels), ref, **items)
            return submission.submit(session, administration, answers=answers, now=self.clock.now())

    def save(self, timepoint: str, answers: questions.Answers) -> None:
        with self.runtime.transaction() as session:
            administration = builders.the_administration(session, self.episode, timepoint)
            submission.start(session, administration, now=self.clock.now())
            submission.save_answers(session, administration, answers, now=self.clock.now())

    def amend(self, timepoint: str, changes: questions.Answers) -> submission.Submission:
        with self.runtime.transaction() as session:
            administration = builders.the_administration(session, self.episode, timepoint)
            return amendment.amend(session, administration, changes, language="en", now=self.clock.now())

    def visit(self, number: int, **changes: object) -> None:
        with self.runtime.transaction() as session:
            details = VisitDetails(**{"visited_on": self.clock.now().date(), **changes})  # type: ignore[arg-type]
            visits.record_visit(session, self.episode, f"V{number}", details, actor="test", now=self.clock.now())

    def sweep(self) -> None:
        now = self.clock.now()
        with self.runtime.transaction() as session:
            administrations.open_due(session, now=now, limit=100)
            administrations.close_late(session, now=now, limit=100)
            administrations.close_for_good(session, now=now, limit=100)
        with self.runtime.transaction() as session:
            due = assessment.claim_due_episodes(session, now=now, limit=100)
            assessment.assess_episodes(session, due, now=now)

    def flags(self) -> list[dict[str, Any]]:
        with self.runtime.reading() as session:
            return list(list_flags(session, self.clinic.id, FlagFilter()))

    def live(self) -> dict[tuple[str, str | None], str]:
        return {(flag["kind"], flag["checkpoint"]): flag["severity"] for flag in self.flags()}


@pytest.fixture
def life(runtime: Runtime, clock: Clock) -> Life:
    return Life(runtime, clock)


def test_enrolment_plans_three_administrations_and_their_messages(life: Life) -> None:
    with life.runtime.reading() as session:
        planned = session.scalars(select(Administration).order_by(Administration.sequence)).all()
        messages = session.scalars(select(Message)).all()

    assert [(one.timepoint, one.state) for one in planned] == [
        ("baseline", "open"),
        ("6-weeks", "planned"),
        ("3-months", "planned"),
    ]
    assert {message.phase for message in messages} == {"planned"}


def test_an_answer_is_scored_and_its_messages_are_cancelled_in_its_own_transaction(life: Life) -> None:
    submitted = life.answer("baseline", ihot=40)

    with life.runtime.reading() as session:
        total = session.scalars(select(Score).where(Score.instrument == "ihot-12-1.0")).one()
        administration = session.get_one(Administration, submitted.response.administration_id)
        pending = session.scalars(
            select(Message.phase).where(Message.administration_id == administration.id).distinct()
        ).all()
    assert (submitted.kind, total.value, administration.state, pending) == ("first", 40.0, "completed", ["cancelled"])


@pytest.mark.parametrize(
    ("ihot", "outcome", "flagged"),
    [(46, "not_yet_on_track", {("non_responder", "6-weeks"): "medium"}), (47, "on_track", {}), (48, "on_track", {})],
)
def test_six_weeks_are_judged_at_seven_points(
    life: Life, ihot: int, outcome: str, flagged: dict[tuple[str, str], str]
) -> None:
    life.answer("baseline", ihot=40)
    life.clock.advance(days=42)

    life.answer("6-weeks", ihot=ihot)

    with life.runtime.reading() as session:
        assert session.scalars(select(Judgement.outcome)).all() == [outcome]
    assert life.live() == flagged


def test_an_early_six_weeks_answer_waits_for_its_target_to_be_flagged(life: Life) -> None:
    life.answer("baseline", ihot=40)
    life.clock.advance(days=36)
    life.answer("6-weeks", ihot=40)
    before = life.live()

    life.clock.advance(days=6)
    life.sweep()

    assert before == {}
    assert life.live() == {("non_responder", "6-weeks"): "medium"}


def test_the_fifteenth_visit_is_flagged_and_not_the_fourteenth(life: Life) -> None:
    life.answer("baseline", ihot=40)
    seen = {}
    for number in range(1, 16):
        life.visit(number)
        seen[number] = set(life.live())

    assert seen[11] == set()
    assert seen[12] == seen[14] == {("visits_near_threshold", None)}
    assert ("visits_over_threshold", None) in seen[15]


def test_a_visit_taken_back_takes_its_finding_with_it(life: Life) -> None:
    life.answer("baseline", ihot=40)
    for number in range(1, 16):
        life.visit(number)

    with life.runtime.transaction() as session:
        visits.void_visit(session, life.episode, "V15", actor="test", now=life.clock.now())

    assert set(life.live()) == {("visits_near_threshold", None)}


def test_a_resolved_finding_stays_resolved_on_the_same_basis_and_returns_on_a_new_one(life: Life) -> None:
    life.answer("baseline", ihot=40)
    for number in range(1, 16):
        life.visit(number)
    with life.runtime.transaction() as session:
        [first] = list_flags(session, life.clinic.id, FlagFilter(kind="visits_over_threshold"))
        flag = flags.find_for_update(session, life.clinic.id, uuid.UUID(first["id"]))
        assert flag is not None
        flags.resolve(session, flag, "plan_changed", actor="test", now=life.clock.now())

    life.visit(16)
    still = life.live()
    life.clock.advance(days=1)
    with life.runtime.transaction() as session:
        visits.void_visit(session, life.episode, "V15", actor="test", now=life.clock.now())
        [second] = list_flags(session, life.clinic.id, FlagFilter(kind="visits_over_threshold"))

    assert ("visits_over_threshold", None) not in still
    assert second["predecessor_id"] == first["id"]


def test_after_a_visit_is_taken_back_the_next_fifteenth_is_flagged_although_the_last_was_resolved(life: Life) -> None:
    life.answer("baseline", ihot=40)
    for number in range(1, 16):
        life.visit(number)
    with life.runtime.transaction() as session:
        [first] = list_flags(session, life.clinic.id, FlagFilter(kind="visits_over_threshold"))
        flag = flags.find_for_update(session, life.clinic.id, uuid.UUID(first["id"]))
        assert flag is not None
        flags.resolve(session, flag, "reassessed", actor="test", now=life.clock.now())
    life.clock.advance(days=1)
    with life.runtime.transaction() as session:
        visits.void_visit(session, life.episode, "V3", actor="test", now=life.clock.now())
    fourteen = life.live()

    life.visit(16)

    assert ("visits_over_threshold", None) not in fourteen
    assert life.live()["visits_over_threshold", None] == "high"


def test_an_emergency_symptom_is_flagged_when_its_page_is_saved_and_kept_when_taken_back(life: Life) -> None:
    with life.runtime.transaction() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        submission.start(session, baseline, now=life.clock.now())
        submission.save_answers(session, baseline, {"safety-1.0": {"R1": 1}}, now=life.clock.now())
    flagged = life.live()
    with life.runtime.transaction() as session:
        submission.save_answers(session, baseline, {"safety-1.0": {"R1": 0}}, now=life.clock.now())

    assert flagged == {("red_flag_symptom", "baseline"): "urgent"}
    assert life.live() == flagged
    with life.runtime.reading() as session:
        [flag] = list_flags(session, life.clinic.id, FlagFilter())
    assert [symptom["now_yes"] for symptom in flag["evidence"]["symptoms"]] == [False]


def test_an_emergency_symptom_that_is_left_open_again_was_not_answered_no(life: Life) -> None:
    life.save("baseline", {"safety-1.0": {"R1": 1}})
    life.save("baseline", {"safety-1.0": {"R1": None}})

    [flag] = life.flags()
    assert flag["evidence"]["symptoms"][0]["now_yes"] is None
    assert flag["why"].endswith("Later left open: 1.")


def test_the_last_word_about_a_symptom_counts_however_often_it_was_changed_after_sending(life: Life) -> None:
    life.answer_with("baseline", "safety-1.0", {}, R1=1)
    kinds, said = [], []

    for answer in (0, 0, 1, 0, None):
        life.clock.advance(minutes=5)
        kinds.append(life.amend("baseline", {"safety-1.0": {"R1": answer}}).kind)
        [flag] = life.flags()
        said.append(flag["evidence"]["symptoms"][0]["now_yes"])

    assert kinds == ["amendment", "same", "amendment", "amendment", "amendment"]
    assert said == [False, False, True, False, None]


def test_a_set_that_comes_again_later_takes_nothing_back_that_was_changed_since(life: Life) -> None:
    life.answer_with("baseline", "safety-1.0", {}, R1=1)
    life.amend("baseline", {"safety-1.0": {"R1": 0}})
    life.clock.advance(minutes=5)

    again = life.answer_with("baseline", "safety-1.0", {}, R1=1)

    [flag] = life.flags()
    assert (again.kind, flag["evidence"]["symptoms"][0]["now_yes"]) == ("same", False)


def test_a_symptom_on_paper_was_said_on_the_day_of_the_paper(life: Life) -> None:
    answered_at = life.clock.now()
    life.clock.advance(days=5)

    with life.runtime.transaction() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        answers = builders.changed(builders.complete_answers(baseline, life.episode), "safety-1.0", R1=1)
        given = {"answers": answers, "answered_at": answered_at, "mode": "paper", "entered_by": "user:staff"}
        submission.submit(session, baseline, now=life.clock.now(), **given)  # type: ignore[arg-type]

    [flag] = life.flags()
    assert flag["evidence"]["symptoms"][0]["answered_yes_at"] == answered_at.isoformat()


def test_the_same_answers_twice_are_one_response_and_others_are_kept_as_an_amendment(life: Life) -> None:
    kinds = [
        life.answer("baseline", ihot=40).kind,
        life.answer("baseline", ihot=40).kind,
        life.answer("baseline", ihot=60).kind,
    ]

    with life.runtime.reading() as session:
        kept = session.execute(select(Response.number, Response.amendment).order_by(Response.number)).all()
    assert kinds == ["first", "same", "amendment"]
    assert [tuple(row) for row in kept] == [(1, False), (2, True)]


def test_a_window_that_passes_with_enough_saved_answers_is_scored_as_partial(life: Life) -> None:
    with life.runtime.transaction() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        submission.start(session, baseline, now=life.clock.now())
        six = {f"Q{number}": 40 for number in range(1, 7)}
        submission.save_answers(session, baseline, {"ihot-12-1.0": six}, now=life.clock.now())

    life.clock.advance(days=8)
    life.sweep()

    with life.runtime.reading() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        [response] = session.scalars(select(Response)).all()
    assert (baseline.state, response.partial, response.late) == ("partial", True, False)


def test_a_late_answer_completes_a_missed_administration_and_ends_its_flag(life: Life) -> None:
    life.answer("baseline", ihot=40)
    life.clock.advance(days=42 + 15)
    life.sweep()
    missed = set(life.live())

    submitted = life.answer("6-weeks", ihot=60)

    assert missed == {("survey_missed", "6-weeks")}
    assert submitted.response.late
    assert life.live() == {}


def test_an_answer_outside_its_window_is_refused_with_the_reason(life: Life) -> None:
    with pytest.raises(AnswersClosedError) as early:
        life.answer("6-weeks")
    life.clock.advance(days=42 - 7 + 400)
    with pytest.raises(AnswersClosedError) as late:
        life.answer("6-weeks")

    assert (early.value.reason, late.value.reason) == ("not_open_yet", "closed")


def test_flag_events_are_numbered_without_gaps(life: Life) -> None:
    life.answer("baseline", ihot=40)
    for number in range(1, 17):
        life.visit(number)

    with life.runtime.reading() as session:
        events = list_events(session, life.clinic.id, after=0, limit=100)

    assert [event["number"] for event in events] == list(range(1, len(events) + 1))


def test_the_three_months_of_the_calendar_open_and_close_by_the_sweep(life: Life) -> None:
    life.answer("baseline", ihot=40)
    life.clock.move_to(dt.datetime(2026, 5, 19, 12, tzinfo=dt.UTC))
    life.sweep()

    with life.runtime.reading() as session:
        last = builders.the_administration(session, life.episode, "3-months")

    assert last.state == "open"
    assert last.target_at == dt.datetime(2026, 6, 1, 23, tzinfo=dt.UTC)


def test_saved_answers_that_cannot_be_scored_do_not_hold_up_the_others(
    life: Life, caplog: pytest.LogCaptureFixture
) -> None:
    now = life.clock.now()
    with life.runtime.transaction() as session:
        other = builders.an_episode(session, life.clinic, now=now)
        for episode, item in ((life.episode, "Q1"), (other, "no such item")):
            baseline = builders.the_administration(session, episode, "baseline")
            submission.start(session, baseline, now=now)
            saved = {f"Q{number}": "40" for number in range(1, 7)} | {item: "40"}
            session.add_all(
                SavedAnswer(
                    clinic_id=baseline.clinic_id,
                    administration_id=baseline.id,
                    instrument="ihot-12-1.0",
                    item=code,
                    value=value,
                    recorded_at=now,
                )
                for code, value in saved.items()
            )

    life.clock.advance(days=8)
    life.sweep()

    with life.runtime.reading() as session:
        states = [builders.the_administration(session, one, "baseline").state for one in (life.episode, other)]
    assert states == ["partial", "missed"]
    assert "were not scored: InvalidInputError" in caplog.text


def test_what_was_begun_late_and_never_sent_is_scored_when_the_window_closes_for_good(life: Life) -> None:
    life.answer("baseline", ihot=40)
    life.clock.advance(days=42 + 16)
    life.sweep()
    with life.runtime.transaction() as session:
        six_weeks = builders.the_administration(session, life.episode, "6-weeks")
        submission.start(session, six_weeks, now=life.clock.now())
        saved = {"ihot-12-1.0": {f"Q{number}": 60 for number in range(1, 8)}}
        submission.save_answers(session, six_weeks, saved, now=life.clock.now())

    life.clock.move_to(six_weeks.closes_at)
    life.sweep()

    with life.runtime.reading() as session:
        six_weeks = builders.the_administration(session, life.episode, "6-weeks")
        [response] = session.scalars(select(Response).where(Response.administration_id == six_weeks.id)).all()
        judged = session.scalars(select(Judgement.outcome)).all()
    assert (six_weeks.state, response.partial, response.late, judged) == ("partial", True, True, ["on_track"])


def test_a_finding_nobody_reviewed_stays_unreviewed_when_the_finished_answer_says_the_same(life: Life) -> None:
    life.answer("baseline", ihot=40)
    life.clock.advance(days=42)
    with life.runtime.transaction() as session:
        six_weeks = builders.the_administration(session, life.episode, "6-weeks")
        submission.start(session, six_weeks, now=life.clock.now())
        saved = {"ihot-12-1.0": {f"Q{number}": 41 for number in range(1, 13)}}
        submission.save_answers(session, six_weeks, saved, now=life.clock.now())
    life.clock.advance(days=16)
    life.sweep()
    for number in range(3):
        life.clock.advance(days=2)
        life.visit(number)
    before = life.live()
    life.clock.advance(days=1)

    life.answer("6-weeks", ihot=41)

    assert life.live() == before
    assert before["continued_without_review", "6-weeks"] == "high"


@pytest.mark.parametrize("in_time", [{}, {"groc-1.0": {"Q1": 0}}, {"ihot-12-1.0": {"Q1": 40}, "nprs-1.0": {"Q1": 5}}])
def test_a_worsening_saved_late_is_flagged_whatever_of_it_came_in_time(
    life: Life, in_time: dict[str, dict[str, int]]
) -> None:
    life.answer("baseline", ihot=40)
    life.clock.advance(days=90)
    life.save("3-months", in_time)
    life.clock.advance(days=32)
    life.sweep()
    life.save("3-months", {"ihot-12-1.0": {f"Q{number}": 20 for number in range(1, 13)}})

    life.clock.advance(days=60)
    life.sweep()

    with life.runtime.reading() as session:
        last = builders.the_administration(session, life.episode, "3-months")
        newest = select(Response).where(Response.administration_id == last.id).order_by(Response.number.desc())
        response = session.scalars(newest.limit(1)).one()
        judged = session.scalars(select(Judgement.outcome).order_by(Judgement.number.desc()).limit(1)).one()
    assert (last.state, last.late, response.partial, response.late, judged) == ("partial", True, True, True, "worse")
    assert life.live() == {("survey_missed", "6-weeks"): "medium", ("deterioration", "3-months"): "high"}


@pytest.mark.parametrize("later", [{}, {"nprs-1.0": {"Q1": 5}}, {"nprs-1.0": {"Q1": 9}}])
def test_what_was_scored_in_time_is_not_scored_again_when_the_window_closes_for_good(
    life: Life, later: dict[str, dict[str, int]]
) -> None:
    life.save(
        "baseline", {"ihot-12-1.0": dict.fromkeys(["Q1", "Q2", "Q3", "Q4", "Q5", "Q6"], 40), "nprs-1.0": {"Q1": 5}}
    )
    life.clock.advance(days=9)
    life.sweep()
    life.save("baseline", later)
    life.save("baseline", {"nprs-1.0": {"Q1": 5}})

    life.clock.advance(days=60)
    life.sweep()

    with life.runtime.reading() as session:
        kept = session.execute(select(Response.number, Response.partial, Response.late)).all()
        baseline = builders.the_administration(session, life.episode, "baseline")
        acts = session.scalars(select(AuditEntry.act).where(AuditEntry.act == "administration.partial")).all()
    assert [tuple(row) for row in kept] == [(1, True, False)]
    assert (baseline.state, baseline.late, len(acts)) == ("partial", False, 1)


def test_a_baseline_scored_in_time_stands_before_one_finished_late(life: Life) -> None:
    with life.runtime.transaction() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        submission.start(session, baseline, now=life.clock.now())
        saved = {"ihot-12-1.0": {f"Q{number}": 40 for number in range(1, 8)}}
        submission.save_answers(session, baseline, saved, now=life.clock.now())
    life.clock.advance(days=9)
    life.sweep()
    life.answer("baseline", ihot=55)
    life.clock.advance(days=33)

    life.answer("6-weeks", ihot=47)

    with life.runtime.reading() as session:
        assert session.scalars(select(Judgement.outcome)).all() == ["on_track"]


@pytest.mark.parametrize("ticked", [True, False])
def test_a_baseline_saved_in_time_and_sent_late_counts_whether_or_not_the_sweep_was_there_between(
    life: Life, ticked: bool
) -> None:
    with life.runtime.reading() as session:
        late_after = builders.the_administration(session, life.episode, "baseline").late_after
    life.clock.move_to(late_after - dt.timedelta(seconds=1))
    life.save("baseline", {"ihot-12-1.0": {f"Q{number}": 40 for number in range(1, 13)}})
    life.clock.move_to(late_after + dt.timedelta(seconds=1))
    if ticked:
        life.sweep()
    life.answer("baseline", ihot=40)
    life.sweep()
    life.clock.advance(days=34)

    life.answer("6-weeks", ihot=47)

    with life.runtime.reading() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        of_it = select(Response.partial, Response.late).where(Response.administration_id == baseline.id)
        kept = [tuple(row) for row in session.execute(of_it.order_by(Response.number))]
        judged = session.scalars(select(Judgement.outcome)).all()
    assert (baseline.state, baseline.late, kept, judged) == (
        "completed",
        True,
        [(True, False), (False, True)],
        ["on_track"],
    )


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("ticked", [True, False])
def test_a_late_baseline_ends_what_is_missing_whatever_without_a_primary_score_came_in_time(
    life: Life, sent: bool, ticked: bool
) -> None:
    life.save("baseline", {"nprs-1.0": {"Q1": 6}})
    life.clock.advance(days=9)
    if ticked:
        life.sweep()
        assert set(life.live()) == {("survey_missed", "baseline"), ("baseline_missing", "baseline")}
    if sent:
        life.answer("baseline", ihot=40)
    else:
        life.save("baseline", {"ihot-12-1.0": {f"Q{number}": 40 for number in range(1, 13)}})
    life.clock.advance(days=33)
    life.sweep()

    life.answer("6-weeks", ihot=47)

    [flag] = life.flags()
    assert (flag["kind"], flag["checkpoint"]) == ("not_assessable", "6-weeks")
    assert "was first answered too late to count as the start" in flag["why"]


def test_a_baseline_without_a_primary_score_is_scored_when_its_window_closes_and_nothing_else_came(life: Life) -> None:
    life.save("baseline", {"nprs-1.0": {"Q1": 6}})
    life.clock.advance(days=9)
    life.sweep()
    with life.runtime.reading() as session:
        before = builders.the_administration(session, life.episode, "baseline").state

    life.clock.advance(days=33)
    life.sweep()

    with life.runtime.reading() as session:
        after = builders.the_administration(session, life.episode, "baseline").state
        response = session.scalars(select(Response)).one()
    assert (before, after, response.partial, response.late) == ("missed", "partial", True, False)


def test_a_late_baseline_on_paper_ends_what_is_missing_though_a_draft_without_a_primary_score_stands(
    life: Life,
) -> None:
    life.save("baseline", {"nprs-1.0": {"Q1": 6}})
    life.clock.advance(days=12)
    on_paper_at = life.clock.now()
    life.clock.advance(days=30)
    life.sweep()
    assert set(life.live()) == {("survey_missed", "baseline"), ("baseline_missing", "baseline")}

    with life.runtime.transaction() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        answers = builders.complete_answers(baseline, life.episode, ihot=40)
        submission.submit(
            session, baseline, mode="paper", answers=answers, answered_at=on_paper_at, now=life.clock.now()
        )
    assert life.live() == {}

    life.answer("6-weeks", ihot=47)

    assert set(life.live()) == {("not_assessable", "6-weeks")}


def test_a_late_baseline_without_a_primary_score_is_told_as_such_though_a_draft_without_one_stands(life: Life) -> None:
    life.save("baseline", {"nprs-1.0": {"Q1": 6}})
    life.clock.advance(days=12)
    on_paper_at = life.clock.now()
    life.clock.advance(days=30)
    life.sweep()

    with life.runtime.transaction() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        submission.submit(
            session,
            baseline,
            mode="paper",
            answers={"nprs-1.0": {"Q1": 7}},
            answered_at=on_paper_at,
            now=life.clock.now(),
        )

    assert set(life.live()) == {("baseline_missing", "baseline"), ("not_scorable", "baseline")}
    with life.runtime.reading() as session:
        [history] = histories(session, life.clinic.id, life.episode.pathway_key, since=life.episode.enrolled_at)
        again = replay(history, definition.find(life.episode.pathway), until=life.clock.now())
    assert [one.kind for one in again].count("not_scorable") == 1


def test_a_set_saved_in_time_that_cannot_be_scored_does_not_keep_out_the_one_that_is_sent_late(life: Life) -> None:
    life.save("baseline", {})
    with life.runtime.transaction() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        given = {"instrument": "ihot-12-1.0", "item": "no such item", "value": "40", "recorded_at": life.clock.now()}
        session.add(SavedAnswer(clinic_id=baseline.clinic_id, administration_id=baseline.id, **given))
    life.clock.advance(days=9)

    assert life.answer("baseline", ihot=40).kind == "first"


def test_a_finding_that_goes_back_to_a_resolved_basis_takes_its_later_flag_with_it(life: Life) -> None:
    life.answer("baseline", ihot=40)
    start = life.clock.now().date()
    life.clock.advance(days=30)
    for number in range(15):
        life.visit(number, visited_on=start + dt.timedelta(days=2 * number))
    with life.runtime.transaction() as session:
        [first] = list_flags(session, life.clinic.id, FlagFilter(kind="visits_over_threshold"))
        flag = flags.find_for_update(session, life.clinic.id, uuid.UUID(first["id"]))
        assert flag is not None
        flags.resolve(session, flag, "plan_changed", actor="test", now=life.clock.now())
    life.visit(14, visited_on=start + dt.timedelta(days=28), status="no_show")
    life.visit(99, visited_on=start + dt.timedelta(days=1))
    returned = ("visits_over_threshold", None) in life.live()

    with life.runtime.transaction() as session:
        visits.void_visit(session, life.episode, "V99", actor="test", now=life.clock.now())
    life.visit(14, visited_on=start + dt.timedelta(days=28))

    assert returned
    assert ("visits_over_threshold", None) not in life.live()


def test_other_words_for_the_same_make_no_new_judgement_and_are_put_on_the_live_flag_once(life: Life) -> None:
    enrolled_at = life.clock.now()
    life.clock.advance(days=42)
    life.answer("6-weeks", ihot=41)
    with life.runtime.transaction() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        answers = builders.complete_answers(baseline, life.episode, ihot=40)
        paper = {"mode": "paper", "entered_by": "test", "answered_at": enrolled_at}
        submission.submit(session, baseline, answers=answers, now=life.clock.now(), **paper)
    with life.runtime.transaction() as session:
        newest = session.scalars(select(Judgement).order_by(Judgement.number.desc()).limit(1)).one()
        kept = {one.name: getattr(newest, one.name) for one in newest.__table__.c if one.name != "id"}
        session.add(Judgement(**kept | {"number": 3, "reason": "In other words."}))
        session.execute(update(Flag).where(Flag.kind == "non_responder").values(why="In other words."))

    for _ in range(2):
        life.clock.advance(days=1)
        with life.runtime.transaction() as session:
            assessment.assess_episodes(session, [life.episode.id], now=life.clock.now())

    with life.runtime.reading() as session:
        judged = session.scalars(select(Judgement).order_by(Judgement.number)).all()
        flag = session.scalars(select(Flag).where(Flag.kind == "non_responder")).one()
        steps = session.scalars(select(FlagEvent.type).where(FlagEvent.flag_id == flag.id).order_by(FlagEvent.number))
        assert list(steps) == ["raised", "updated"]
    assert (len(judged), judged[-1].reason) == (3, "In other words.")
    assert "iHOT-12 is 1.0 points better since the start" in flag.why


def test_after_a_withdrawal_nothing_is_missed_any_more(life: Life) -> None:
    life.answer("baseline", ihot=40)
    life.clock.advance(days=42 + 15)
    life.sweep()
    before = set(life.live())

    with life.runtime.transaction() as session:
        patient = session.get_one(Patient, life.episode.patient_id)
        standing.withdraw(session, patient, actor="test", now=life.clock.now())

    assert before == {("survey_missed", "6-weeks")}
    assert life.live() == {}


@pytest.mark.parametrize("factor_first", [True, False], ids=["before the symptom", "after it"])
def test_a_background_factor_weighs_on_a_symptom_whichever_episode_asked_for_it(life: Life, factor_first: bool) -> None:
    with life.runtime.transaction() as session:
        patient = session.get_one(Patient, life.episode.patient_id)
        other = builders.an_episode(session, life.clinic, patient, now=life.clock.now(), side="right")
    answers = {"factor": (other, {"R11": 1}), "symptom": (life.episode, {"R9": 1})}

    for said in ("factor", "symptom") if factor_first else ("symptom", "factor"):
        life.episode, items = answers[said]
        life.answer_with("baseline", "safety-1.0", {}, **items)

    assert life.live()["red_flag_symptom", "baseline"] == "urgent"


def test_a_flag_that_was_put_aside_is_open_again_as_soon_as_it_is_urgent(life: Life) -> None:
    symptom = life.episode
    with life.runtime.transaction() as session:
        patient = session.get_one(Patient, symptom.patient_id)
        other = builders.an_episode(session, life.clinic, patient, now=life.clock.now(), side="right")
    life.answer_with("baseline", "safety-1.0", {}, R9=1)
    with life.runtime.transaction() as session:
        [flag_id] = session.scalars(select(Flag.id).where(Flag.kind == "red_flag_symptom"))
        flag = flags.find_for_update(session, life.clinic.id, flag_id)
        assert flag is not None
        flags.snooze(session, flag, life.clock.now() + dt.timedelta(days=7), actor="test", now=life.clock.now())

    life.episode = other
    life.answer_with("baseline", "safety-1.0", {}, R11=1)

    with life.runtime.reading() as session:
        woken = session.get_one(Flag, flag_id)
        assert (woken.severity, woken.status, woken.snoozed_until) == ("urgent", "open", None)


def test_a_draft_counts_as_it_stood_when_its_window_passed_however_late_the_sweep(life: Life) -> None:
    def save(ihot: int) -> None:
        with life.runtime.transaction() as session:
            baseline = builders.the_administration(session, life.episode, "baseline")
            answers = {"ihot-12-1.0": {f"Q{number}": ihot for number in range(1, 13)}}
            submission.start(session, baseline, now=life.clock.now())
            submission.save_answers(session, baseline, answers, now=life.clock.now())

    save(40)
    life.clock.advance(days=9)
    save(80)

    life.sweep()

    with life.runtime.reading() as session:
        [partial] = session.scalars(select(Response)).all()
        ihot = select(Score.value).where(Score.response_id == partial.id, Score.instrument == "ihot-12-1.0")
        assert (session.scalars(ihot).one(), partial.late) == (40, False)
    assert partial.answered_at == life.clock.now() - dt.timedelta(days=9)


def test_what_was_missed_before_a_withdrawal_is_missed_again_after_resuming(life: Life) -> None:
    life.answer("baseline", ihot=40)
    life.clock.advance(days=42 + 15)
    life.sweep()

    for act in (standing.withdraw, standing.resume):
        with life.runtime.transaction() as session:
            act(session, session.get_one(Patient, life.episode.patient_id), actor="test", now=life.clock.now())

    assert ("survey_missed", "6-weeks") in life.live()
