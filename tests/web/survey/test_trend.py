"""A patient's own scores over time, on the thanks page, where the clinic wants it."""

from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Clinic
from prom_service.runtime import Runtime
from tests.builders import the_administration
from tests.fakes import Clock
from tests.web.survey.visitor import Visitor, ask, behind, link_to

OVER_TIME = "Your answers over time"


@pytest.fixture
def later(client: Any, runtime: Runtime, clock: Clock) -> Visitor:
    """A patient who answered 40 at the start and 54 at 6 weeks."""
    first = Visitor(client, ask(runtime))
    first.answer_everything(value=40)
    first.send()
    clock.advance(days=42)
    with runtime.transaction() as session:
        _, episode, _ = behind(session, runtime, first.token)
        second = Visitor(client, link_to(runtime, session, the_administration(session, episode, "6-weeks")))
    second.answer_everything(value=54)
    second.send()
    return second


def show_trend(runtime: Runtime) -> None:
    with runtime.transaction() as session:
        session.scalars(select(Clinic)).one().show_trend = True


def test_scores_over_time_are_shown_in_words_and_drawn_with_the_best_at_the_top(later: Visitor, runtime: Runtime):
    show_trend(runtime)

    page = later.open("/thanks").text

    assert OVER_TIME in page
    assert "Monday 2 March 2026: <b>40</b>" in page
    assert "Monday 13 April 2026: <b>54</b>" in page
    assert '<polyline points="14,69 306,56 "/>' in page
    assert 'role="img" aria-label="A line through' in page


def test_whoever_sends_the_answers_of_an_earlier_day_without_a_check_is_shown_no_scores(
    client: Any, runtime: Runtime, clock: Clock
):
    first = Visitor(client, ask(runtime))
    first.answer_everything(value=40)
    first.send()
    show_trend(runtime)
    clock.advance(days=42)
    with runtime.transaction() as session:
        _, episode, _ = behind(session, runtime, first.token)
        visitor = Visitor(client, link_to(runtime, session, the_administration(session, episode, "6-weeks")))
    visitor.answer_everything(value=54)
    clock.advance(days=2)
    visitor.send()

    assert OVER_TIME not in visitor.open("/thanks").text


def test_they_are_off_by_default(later: Visitor):
    assert OVER_TIME not in later.open("/thanks").text


def test_they_are_gone_a_day_after_sending(later: Visitor, runtime: Runtime, clock: Clock):
    show_trend(runtime)
    clock.advance(hours=24)
    last = later.open("/thanks").text
    clock.advance(microseconds=1)

    assert OVER_TIME in last
    assert OVER_TIME not in later.open("/thanks").text


def test_a_single_score_is_no_course(visitor: Visitor, runtime: Runtime):
    show_trend(runtime)
    visitor.answer_everything()
    visitor.send()

    assert OVER_TIME not in visitor.open("/thanks").text
