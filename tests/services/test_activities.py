"""The activities that a patient names at baseline are the ones that count at every follow-up."""

import datetime as dt
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from prom_service.models import Administration, AnswerSet, Episode, Judgement, Response, Score
from prom_service.queries.trajectory import trajectory
from prom_service.reports import ReportQuery, make_report
from prom_service.runtime import Runtime
from prom_service.services import reassessment, submission, verification
from tests import builders
from tests.fakes import Clock

PSFS = "psfs-1.0"
THREE = {"Q1": 2, "Q1.text": "Stairs", "Q2": 3, "Q2.text": "Gardening", "Q3": 8, "Q3.text": "Sitting"}


@pytest.fixture
def episode(runtime: Runtime, clock: Clock) -> Episode:
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        return builders.an_episode(session, clinic, now=clock.now(), pathway="buttock-nerve-pain-1")


def rate(runtime: Runtime, clock: Clock, episode: Episode, timepoint: str, ratings: dict[str, Any]) -> Response:
    with runtime.transaction() as session:
        administration = builders.the_administration(session, episode, timepoint)
        answers = builders.complete_answers(administration, episode) | {PSFS: ratings}
        return submission.submit(session, administration, answers=answers, now=clock.now()).response


def score_of(runtime: Runtime, response: Response) -> tuple[float | None, int]:
    with runtime.reading() as session:
        one = session.scalars(select(Score).where(Score.response_id == response.id, Score.instrument == PSFS)).one()
        return one.value, one.answered


@pytest.mark.parametrize(
    ("ratings", "score"),
    [
        ({"Q1": 4, "Q2": 5, "Q3": 9}, (6.0, 3)),
        ({"Q3": 9}, (None, 1)),
        ({"Q1": 4, "Q2": 5}, (None, 2)),
        ({}, (None, 0)),
    ],
    ids=["all", "the best one only", "one left out", "none"],
)
def test_a_follow_up_that_leaves_out_an_activity_has_no_score_to_compare(
    runtime: Runtime, clock: Clock, episode: Episode, ratings: dict[str, int], score: tuple[float | None, int]
) -> None:
    rate(runtime, clock, episode, "baseline", THREE)
    clock.advance(days=42)

    response = rate(runtime, clock, episode, "6-weeks", ratings)

    assert score_of(runtime, response) == score
    with runtime.reading() as session:
        assert [one.differences for one in verification.verify_scores(session)] == [()]


def test_a_follow_up_rates_the_activities_of_the_baseline_from_which_change_counts(
    runtime: Runtime, clock: Clock, episode: Episode
) -> None:
    with runtime.transaction() as session:
        baseline = builders.the_administration(session, episode, "baseline")
        submission.start(session, baseline, now=clock.now())
        saved = {PSFS: {"Q1": 2, "Q1.text": "Stairs"}, "nprs-1.0": {"Q1": 5}}
        submission.save_answers(session, baseline, saved, now=clock.now())
    clock.advance(days=9)
    rate(runtime, clock, episode, "baseline", THREE)
    clock.advance(days=33)

    follow_up = rate(runtime, clock, episode, "6-weeks", {"Q1": 4})

    with runtime.reading() as session:
        judged = session.scalars(select(Judgement)).one()
    assert score_of(runtime, follow_up) == (4.0, 1)
    assert [scale["change"] for scale in judged.evidence["scales"] if scale["instrument"] == PSFS] == [2.0]


def test_an_activity_without_a_rating_at_baseline_is_not_asked_again(
    runtime: Runtime, clock: Clock, episode: Episode
) -> None:
    baseline = rate(runtime, clock, episode, "baseline", THREE | {"Q3": None})
    clock.advance(days=42)

    follow_up = rate(runtime, clock, episode, "6-weeks", {"Q1": 4, "Q2": 5})

    assert (score_of(runtime, baseline), score_of(runtime, follow_up)) == ((2.5, 2), (4.5, 2))
    with runtime.reading() as session:
        kept = session.scalars(
            select(AnswerSet.answers)
            .join(Response, Response.id == AnswerSet.response_id)
            .join(Administration, Administration.id == Response.administration_id)
            .where(AnswerSet.instrument == PSFS, Administration.timepoint == "baseline")
        ).one()
    assert kept == {"Q1": 2, "Q1.text": "Stairs", "Q2": 3, "Q2.text": "Gardening"}


def come_before_its_baseline(runtime: Runtime, clock: Clock, episode: Episode, rated: dict[str, Any]) -> Judgement:
    """At 6 weeks these activities are rated, then the paper of the baseline comes. Return the judgement in force."""
    started_at = clock.now()
    clock.advance(days=42)
    rate(runtime, clock, episode, "6-weeks", rated)
    clock.advance(days=1)
    with runtime.transaction() as session:
        baseline = builders.the_administration(session, episode, "baseline")
        paper = builders.complete_answers(baseline, episode) | {PSFS: THREE, "nprs-1.0": {"Q1": 5}}
        given = {"mode": "paper", "entered_by": "staff", "answered_at": started_at}
        submission.submit(session, baseline, answers=paper, now=clock.now(), **given)
    with runtime.reading() as session:
        return session.scalars(select(Judgement).order_by(Judgement.number.desc())).first()


SAME = {"Q1": 9, "Q1.text": "Gardening", "Q2": 9, "Q2.text": "Sitting", "Q4": 9, "Q4.text": "Stairs"}
OTHERS = {
    "others": {"Q1": 9, "Q1.text": "Swimming"},
    "fewer": {"Q1": 9, "Q1.text": "Stairs", "Q2": 9, "Q2.text": "Gardening"},
    "more": SAME | {"Q5": 9, "Q5.text": "Swimming"},
}


@pytest.mark.parametrize("rated", OTHERS.values(), ids=OTHERS)
def test_other_activities_than_those_of_a_baseline_typed_in_later_are_not_compared_with_it(
    runtime: Runtime, clock: Clock, episode: Episode, rated: dict[str, Any]
) -> None:
    judged = come_before_its_baseline(runtime, clock, episode, rated)

    [pain, function] = judged.evidence["scales"]
    assert pain["change"] is not None
    assert (function["outcome"], function["step"], function["change"]) == ("not_assessable", "other_activities", None)
    assert (function["baseline"]["value"], function["current"]["value"]) == (13 / 3, 9)
    assert judged.evidence["missing_scales"] == ["psfs-1.0 total"]
    with runtime.reading() as session:
        course = trajectory(session, episode.id)
        assert [list(batch) for batch in reassessment.find_stale(session, episode.clinic_id)] == []
        assert [one.differences for one in verification.verify_judgements(session)] == [()]
        counted = report(session, episode, clock.now())
    [points] = [one["points"] for one in course["scales"] if one["instrument"] == PSFS]
    assert [(one["change"], one["other_activities"]) for one in points] == [(None, False), (None, True)]
    assert not course["improvement_demonstrated"]["demonstrated"]
    assert counted == (0, 0, 1)


def test_the_same_activities_in_another_order_are_compared_with_a_baseline_typed_in_later(
    runtime: Runtime, clock: Clock, episode: Episode
) -> None:
    judged = come_before_its_baseline(runtime, clock, episode, SAME)

    assert [one["change"] for one in judged.evidence["scales"] if one["instrument"] == PSFS] == [9 - 13 / 3]
    with runtime.reading() as session:
        course = trajectory(session, episode.id)
        assert [list(batch) for batch in reassessment.find_stale(session, episode.clinic_id)] == []
        assert report(session, episode, clock.now()) == (1, 1, 1)
    assert course["improvement_demonstrated"]["timepoint"] == "6-weeks"


def report(session: Any, episode: Episode, now: dt.datetime) -> tuple[int, ...]:
    """Episodes with improvement of function demonstrated, pairs of its scores, and scores at 6 weeks."""
    start = episode.started_on
    query = ReportQuery((episode.clinic_id,), None, start, start + dt.timedelta(days=1), now + dt.timedelta(days=30))
    improved = make_report(session, "utilization", query).tables["visits_after_improvement"]["demonstrated"].sum()
    tables = make_report(session, "outcomes", query).tables
    found = [improved]
    for name, figure in (("changes", "pairs"), ("scores", "scores")):
        table = tables[name].set_index(["scale", "timepoint"])[figure]
        found.append(table.get(("Patient-specific function", "6-weeks"), pd.Series([0])).sum())
    return tuple(int(one) for one in found)
