"""Windows that pass: what was saved by then is scored, what comes late still counts, and then they close for good."""

import datetime as dt

import pytest
from sqlalchemy import select

from prom_service.models import AuditEntry, Judgement, Response, SavedAnswer, Score
from prom_service.services import submission
from prom_service.services.answer_window import AnswersClosedError
from tests import builders
from tests.services.life import Life


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
