"""Baselines that come late: what counts as the start, what is still missing, and what is told of it."""

import datetime as dt

import pytest
from sqlalchemy import select

from prom_service.models import Judgement, Response, SavedAnswer
from prom_service.pathway import definition
from prom_service.pathway.replay import replay
from prom_service.queries.history import histories
from prom_service.services import submission
from tests import builders
from tests.services.life import Life


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
