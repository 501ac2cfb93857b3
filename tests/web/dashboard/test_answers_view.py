"""The answers of one questionnaire beside those of the start."""

import re
from typing import Any

import pytest

import instruments
from instruments.direction import higher_is_better
from prom_service.queries.answers import responses_of, standing_of
from prom_service.services import submission
from prom_service.web.dashboard.answers_view import compared
from tests import builders
from tests.builders import changed, complete_answers
from tests.web.dashboard.desk import Desk

WORDS = {True: "↗ Better", False: "↘ Worse", None: "= Same"}


pages = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""A page is the same on both databases; what it asks of them is tested on both."""


@pages
def test_each_item_says_whether_it_is_better_worse_or_the_same_than_at_the_start(staffed: Desk) -> None:
    episode = staffed.episode()
    staffed.answer(episode, "baseline", ihot=40, nprs=5)
    staffed.later(days=44)
    with staffed.runtime.transaction() as session:
        six_weeks = builders.the_administration(session, episode, "6-weeks")
        answers = changed(
            complete_answers(six_weeks, episode, ihot=40, nprs=7), "ihot-12-1.0", Q1=60, Q2=30, Q3=None, Q5="NA"
        )
        submission.submit(session, six_weeks, answers=answers, now=staffed.clock.now())

    page = staffed.shown(f"/administrations/{six_weeks.id}/answers")

    for said in (
        r"Q1 \D+60 60 40 ↗ Better",
        r"Q2 \D+30 30 40 ↘ Worse",
        r"Q3 \D+Skipped – 40 –",
        r"Q4 \D+40 40 40 = Same",
        r"Q5 \D+Does not apply NA 40 –",
        r"nprs-1.0, provisional wording Item Question Answer Code At the start Change Q1 \D+7 7 5 ↘ Worse",
        r"Compared with the start, answered 2 Mar 2026, 44 days ago\.",
        r"No safety question was answered yes\.",
    ):
        assert re.search(said, page), said


def test_an_item_stands_beside_the_baseline_from_which_change_counts(staffed: Desk) -> None:
    episode = staffed.episode()
    with staffed.runtime.transaction() as session:
        baseline = builders.the_administration(session, episode, "baseline")
        submission.start(session, baseline, now=staffed.clock.now())
        drafted = {"ihot-12-1.0": {f"Q{number}": 40 for number in range(1, 13)}}
        submission.save_answers(session, baseline, drafted, now=staffed.clock.now())
    staffed.later(days=9)
    staffed.answer(episode, "baseline", ihot=80)
    staffed.later(days=35)
    six_weeks = staffed.answer(episode, "6-weeks", ihot=60)

    page = staffed.shown(f"/administrations/{six_weeks}/answers")

    assert re.search(r"Q1 \D+60 60 40 ↗ Better", page)
    assert "Compared with the start, answered 2 Mar 2026, 44 days ago." in page


@pages
def test_a_symptom_not_said_at_the_start_says_so(staffed: Desk) -> None:
    episode = staffed.episode()
    staffed.answer(episode, "baseline")
    staffed.later(days=44)
    with staffed.runtime.transaction() as session:
        six_weeks = builders.the_administration(session, episode, "6-weeks")
        answers = changed(complete_answers(six_weeks, episode), "safety-1.0", R1=1)
        submission.submit(session, six_weeks, answers=answers, now=staffed.clock.now())

    page = staffed.shown(f"/administrations/{six_weeks.id}/answers")

    asked = instruments.find("safety-1.0").item("R1").followup_text
    assert f"Emergency Yes: {asked} Not said at the start." in page


@pages
def test_without_a_start_nothing_is_compared(staffed: Desk) -> None:
    episode = staffed.episode()
    staffed.later(days=44)
    administration_id = staffed.answer(episode, "6-weeks")

    page = staffed.shown(f"/administrations/{administration_id}/answers")

    assert "No answers came in at the start, so nothing can be compared." in page
    assert not any(word in page for word in WORDS.values())


def test_the_newest_set_that_is_no_amendment_stands(staffed: Desk) -> None:
    episode = staffed.episode()
    staffed.answer(episode, "baseline", ihot=40)
    with staffed.runtime.transaction() as session:
        administration = builders.the_administration(session, episode, "baseline")
        answers = complete_answers(administration, episode, ihot=60)
        submission.submit(session, administration, answers=answers, now=staffed.clock.now())

    with staffed.runtime.reading() as session:
        standing = standing_of(responses_of(session, administration))

    assert standing
    assert standing.answers["ihot-12-1.0"]["Q1"] == 40


@pytest.mark.parametrize(
    ("ref", "item", "expected"),
    [
        ("hoos-2.0", "P1", False),
        ("hoos-ps-1.0", "A1", False),
        ("hagos-1.0", "PA1", False),
        ("ihot-12-1.0", "Q1", True),
        ("nprs-1.0", "Q1", False),
        ("psfs-1.0", "Q1", True),
        ("s-lanss-1.0", "Q1", False),
        ("groc-1.0", "Q1", True),
        ("pass-1.0", "Q1", True),
        ("safety-1.0", "R1", False),
    ],
)
def test_the_good_end_of_an_item_is_that_of_its_scale(ref: str, item: str, expected: bool) -> None:
    instrument = instruments.find(ref)

    assert higher_is_better(instrument, instrument.item(item)) is expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [(1, 0, "better"), (0, 1, "worse"), (1, 1, "same"), (None, 1, None), ("NA", 1, None), (1, "NA", None)],
)
def test_only_two_numbers_compare(before: Any, now: Any, expected: str | None) -> None:
    instrument = instruments.find("nprs-1.0")

    assert compared(instrument, instrument.item("Q1"), before, now) == expected
