"""The charts of a course of care: what is drawn is also said, and what is missing is never drawn as good."""

import datetime as dt
import itertools
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from prom_service.models import Patient
from prom_service.services import standing, submission
from prom_service.services.visits import VisitDetails, record_visit
from prom_service.web.dashboard.trajectory_chart import ASIDE, LINE, RIGHT
from tests import builders
from tests.builders import PASSWORD
from tests.support.browser import texts_cut_off, too_wide
from tests.web.dashboard.desk import EMAIL, Desk, text_of


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The drawing is the same on both databases; the queries behind it are tested on both."""
    return sqlite_url


@pytest.fixture
def episode(staffed: Desk) -> Any:
    return staffed.episode(staffed.patient(name="Ada Nightingale"))


def visit(desk: Desk, episode: Any, days: list[int]) -> None:
    """Record a visit on each of these days of the course of care."""
    with desk.runtime.transaction() as session:
        for number, day in enumerate(days):
            on = episode.started_on + dt.timedelta(days=day)
            record_visit(session, episode, f"V{number}", VisitDetails(on), actor="command", now=desk.clock.now())


def charts_of(desk: Desk, episode: Any) -> tuple[str, list[str]]:
    """The page, and its charts as they are written."""
    answer = desk.client.get(f"/episodes/{episode.id}")
    assert answer.status_code == 200
    return text_of(answer), re.findall(r"<svg class=.*?</svg>", answer.text)


def test_without_answers_there_is_no_chart_and_nothing_is_called_fine(staffed: Desk, episode: Any) -> None:
    page, charts = charts_of(staffed, episode)

    assert charts == []
    assert "there is nothing to draw. That says nothing of how the patient is." in page


def test_a_chart_has_a_title_and_says_all_that_it_shows(staffed: Desk, episode: Any) -> None:
    staffed.answer(episode, "baseline", ihot=40, nprs=6)
    staffed.later(days=44)
    staffed.answer(episode, "6-weeks", ihot=55, nprs=4, groc=4, acceptable=1)

    page, charts = charts_of(staffed, episode)

    drawn = ElementTree.fromstring(charts[0])
    title, description = drawn[0].text, drawn[1].text or ""
    assert title == "iHOT-12 over the course of care"
    for said in (
        "Start: 40.0 on 2 Mar 2026.",
        "6 weeks: 55.0 on 15 Apr 2026, 15.0 points better.",
        "6 weeks: on track from 47.0, worse from 26.0.",
        "3 months: improved from 54.0, borderline from 47.0, worse from 26.0.",
        "Visits: 0 counted, limit 14.",
    ):
        assert said in description
    assert "Newest: 55.0 , answered 15 Apr 2026, today." in page
    assert "Provisional wording" in page
    assert len(charts) == 2
    assert all("style=" not in chart and "<script" not in chart for chart in charts)


def test_the_days_of_a_chart_are_those_of_a_patient_east_of_the_clinic(staffed: Desk) -> None:
    episode = staffed.episode(staffed.patient(time_zone="Asia/Tokyo"))
    staffed.later(hours=10)
    staffed.answer(episode, "baseline")

    page, charts = charts_of(staffed, episode)

    assert re.findall(r">(\d+ \w{3})<", charts[0]) == ["2 Mar", "13 Apr", "2 Jun"]
    assert "answered 3 Mar 2026, today." in page
    assert "Total ihot-12-1.0 100.0 50.0 3 Mar 2026, today" in page


def test_better_is_up_whichever_end_of_the_scale_is_best(staffed: Desk, episode: Any) -> None:
    staffed.answer(episode, "baseline", ihot=40, nprs=6)
    staffed.later(days=44)
    staffed.answer(episode, "6-weeks", ihot=55, nprs=4)

    for chart in charts_of(staffed, episode)[1]:
        first, second = (float(y) for y in re.findall(r'class="score" cx="[\d.]+" cy="([\d.]+)"', chart))
        assert second < first


def test_a_score_of_other_activities_than_at_the_start_is_shown_and_not_compared(staffed: Desk) -> None:
    episode = staffed.episode(pathway="buttock-nerve-pain-1")
    started_at = staffed.clock.now()
    staffed.later(days=43)
    with staffed.runtime.transaction() as session:
        for timepoint, activity, at in (("6-weeks", "Swim", staffed.clock.now()), ("baseline", "Sit", started_at)):
            asked = builders.the_administration(session, episode, timepoint)
            answers = builders.complete_answers(asked, episode) | {"psfs-1.0": {"Q1": 8, "Q1.text": activity}}
            given = {"answers": answers, "mode": "paper", "entered_by": "staff", "answered_at": at}
            submission.submit(session, asked, now=staffed.clock.now(), **given)

    page, charts = charts_of(staffed, episode)
    answers = staffed.shown(f"/administrations/{staffed.administration(episode, '6-weeks').id}/answers")

    assert "At 6 weeks other activities were rated than at the start: the score is shown, and not compared" in page
    assert "6 weeks 8.0 not compared: other activities 14 Apr 2026, today" in page
    [drawn] = [chart for chart in charts if "Patient-specific" in chart]
    assert "6 weeks: 8.0 on 14 Apr 2026, of other activities than at the start, not compared." in drawn
    assert drawn.count('class="score"') == 2
    assert 'class="course"' not in drawn
    assert "Swim 8 8 – Another activity" in answers


def test_a_missing_checkpoint_is_a_gap_with_its_cause_and_the_newest_score_is_not_called_current(
    staffed: Desk, episode: Any
) -> None:
    staffed.answer(episode, "baseline", ihot=40)
    staffed.later(days=44)

    page, charts = charts_of(staffed, episode)

    assert "No current score. The newest is 40.0, answered 2 Mar 2026, 44 days ago" in page
    assert "6 weeks No score – Open, not started. Planned for 13 Apr 2026, 2 days ago." in page
    assert 'class="gap"' in charts[0]
    assert 'class="course"' not in charts[0]


def test_a_late_start_has_no_band_and_says_why(staffed: Desk, episode: Any) -> None:
    staffed.later(days=20)
    staffed.answer(episode, "baseline", ihot=40)

    page, charts = charts_of(staffed, episode)

    assert "The answers of the start came late: no change is counted from them" in page
    assert 'class="band' not in charts[0]
    assert 'class="score late"' in charts[0]
    assert "40.0 late" in charts[0]


def test_visits_are_drawn_against_notice_level_and_limit(staffed: Desk, episode: Any) -> None:
    staffed.answer(episode, "baseline", ihot=40)
    staffed.later(days=40)
    visit(staffed, episode, list(range(16)))

    _, charts = charts_of(staffed, episode)

    assert charts[0].count('class="visit"') == 14
    assert charts[0].count('class="visit over"') == 2
    assert "Visits: 16 counted, limit 14, 2 over it" in charts[0]


@pytest.mark.parametrize(
    ("days_apart", "anchors"), [(0, ["end", "start"]), (6, ["end", "start"]), (30, ["middle", "middle"])]
)
def test_numbers_of_visits_that_are_close_lean_apart(
    staffed: Desk, episode: Any, days_apart: int, anchors: list[str]
) -> None:
    staffed.answer(episode, "baseline", ihot=40)
    staffed.later(days=60)
    visit(staffed, episode, [*range(10, 22), 21 + days_apart // 2, 21 + days_apart])

    _, charts = charts_of(staffed, episode)

    numbers = re.findall(r'class="value" x="([\d.]+)" y="[\d.]+" text-anchor="(\w+)">(12|14)<', charts[0])
    [(before, _, _), (after, _, _)] = numbers
    assert [(anchor, number) for _, anchor, number in numbers] == list(zip(anchors, ("12", "14"), strict=True))
    assert float(after) - float(before) >= 2 * ASIDE


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_a_chart_is_read_at_every_width(staffed: Desk, episode: Any, page: Any, width: int) -> None:
    staffed.answer(episode, "baseline", ihot=40)
    staffed.later(days=44)
    visit(staffed, episode, [*range(20, 32), 33, 35, 38])
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/login")
    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.goto(f"/episodes/{episode.id}")

    sizes = page.locator(".chart text").evaluate_all(
        "texts => texts.map(text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"
    )

    assert texts_cut_off(page) == []
    assert min(sizes) >= 9.5
    assert not too_wide(page)


def test_the_published_acceptable_state_is_drawn_and_ratings_of_change_are_not(staffed: Desk, episode: Any) -> None:
    staffed.answer(episode, "baseline")
    staffed.later(days=44)
    staffed.answer(episode, "6-weeks", groc=3)

    page, charts = charts_of(staffed, episode)

    assert re.search(r">PASS [\d.]+<", charts[0])
    assert len(charts) == 2
    assert "Rating of change" not in " ".join(charts)
    assert "groc-1.0" in page


def test_nothing_is_called_missing_before_its_day_though_it_was_cancelled(staffed: Desk, episode: Any) -> None:
    staffed.answer(episode, "baseline")
    staffed.later(days=1)
    with staffed.runtime.transaction() as session:
        patient = session.get_one(Patient, episode.patient_id)
        standing.withdraw(session, patient, actor="test", now=staffed.clock.now())

    _, before = charts_of(staffed, episode)
    staffed.later(days=45)
    page, after = charts_of(staffed, episode)

    assert 'class="gap"' not in before[0]
    assert after[0].count('class="gap"') == 1
    assert re.search(r"6 weeks No score – [^.]*withdr", page)


def test_the_names_of_the_band_stand_beside_the_chart_and_apart(staffed: Desk, episode: Any) -> None:
    staffed.answer(episode, "baseline", ihot=40)

    _, charts = charts_of(staffed, episode)

    names = re.findall(r'class="zone" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]+)<', charts[0])
    heights = [float(y) for _x, y, _name in names]
    assert {name.split()[0] for _x, _y, name in names} == {"improved", "borderline", "worse", "PASS"}
    assert all(float(x) > RIGHT for x, _y, _name in names)
    assert all(lower - upper >= LINE for upper, lower in itertools.pairwise(heights))
