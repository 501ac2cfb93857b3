"""What is missing before sending, and what follows from it."""

import pytest

import instruments
from prom_service.web.survey.gaps import count_questions, find_lacks, first_open_page, minutes_needed
from prom_service.web.survey.paging import Page, make_pages

Named = dict[tuple[str, str], str]


def pages(*refs: str, activities: Named | None = None) -> tuple[Page, ...]:
    return make_pages([instruments.find(ref) for ref in refs], follow_up=False, activities=activities or {})


def lines(answered: int, not_applicable: tuple[str, ...] = ()) -> dict[str, dict[str, int | str]]:
    numbers = {f"Q{number}": 50 for number in range(1, answered + 1)}
    return {"ihot-12-1.0": {**numbers, **dict.fromkeys(not_applicable, "NA")}}


@pytest.mark.parametrize(("answered", "consequence"), [(5, "score"), (6, "whole"), (11, "whole")])
def test_the_consequence_follows_the_rule_of_the_score(answered: int, consequence: str):
    [lack] = find_lacks(pages("ihot-12-1.0"), lines(answered))

    assert (len(lack.gaps), lack.consequence) == (12 - answered, consequence)


def test_does_not_apply_is_not_a_gap():
    given = lines(12, not_applicable=("Q5", "Q6", "Q8", "Q9"))

    assert find_lacks(pages("ihot-12-1.0"), given) == ()


def test_the_lost_scales_are_named():
    everything = {item.code: 0 for item in instruments.find("hoos-2.0").items if not item.code.startswith("SP")}

    [lack] = find_lacks(pages("hoos-2.0"), {"hoos-2.0": everything})

    assert (lack.consequence, lack.lost_scales) == ("scales", ("Sport and leisure",))


def test_open_safety_questions_have_their_own_word():
    [lack] = find_lacks(pages("safety-1.0"), {"safety-1.0": {"R1": 0}})

    assert (len(lack.gaps), lack.consequence) == (12, "safety")


def test_one_named_activity_answers_the_page_that_asks_for_them():
    nothing = find_lacks(pages("psfs-1.0"), {})
    named = find_lacks(
        pages("psfs-1.0", activities={("psfs-1.0", "Q1"): "Stairs"}), {"psfs-1.0": {"Q1.text": "Stairs"}}
    )

    assert [gap.question.code for lack in nothing for gap in lack.gaps] == ["Q1.text"]
    assert [gap.question.code for lack in named for gap in lack.gaps] == ["Q1"]


@pytest.mark.parametrize(
    ("named_here", "consequence"), [(True, "whole"), (False, "score")], ids=["at baseline", "at a follow-up"]
)
def test_a_follow_up_needs_a_rating_of_every_activity_of_the_baseline(named_here: bool, consequence: str):
    activities = {("psfs-1.0", "Q1"): "Stairs", ("psfs-1.0", "Q2"): "Gardening"}
    names = {"Q1.text": "Stairs", "Q2.text": "Gardening"} if named_here else {"Q1.text": "Stairs"}
    asked = make_pages([instruments.find("psfs-1.0")], follow_up=not named_here, activities=activities)

    [lack] = find_lacks(asked, {"psfs-1.0": {"Q1": 4, **names}})

    assert (lack.consequence, [gap.question.code for gap in lack.gaps]) == (consequence, ["Q2"])


def test_the_first_open_page_is_found_and_none_when_all_is_answered():
    shown = pages("ihot-12-1.0")

    assert first_open_page(shown, {}) == shown[0]
    assert first_open_page(shown, lines(4)) == shown[4]
    assert first_open_page(shown, lines(12)) is None


def test_zero_is_an_answer():
    assert first_open_page(pages("nprs-1.0"), {"nprs-1.0": {"Q1": 0}}) is None


@pytest.mark.parametrize(
    ("answered", "seconds", "minutes"),
    [(0, 10.0, 2), (5, 10.0, 2), (6, 10.0, 1), (12, 10.0, 1), (0, 20.0, 4), (0, 20.1, 5), (3, 20.0, 3)],
)
def test_the_time_is_that_of_the_open_questions_and_at_least_a_minute(answered: int, seconds: float, minutes: int):
    assert minutes_needed(pages("ihot-12-1.0"), lines(answered), seconds) == minutes


def test_naming_activities_counts_as_one_question():
    assert count_questions(pages("psfs-1.0", "nprs-1.0")) == 2
