"""Which questions stand on which page."""

import pytest

import instruments
from prom_service.web.survey.paging import Page, find_page, make_pages, page_after, page_before


def pages(
    *refs: str, follow_up: bool = False, activities: dict[tuple[str, str], str] | None = None
) -> tuple[Page, ...]:
    asked = [instruments.find(ref) for ref in refs]
    return make_pages(asked, follow_up=follow_up, activities=activities or {})


def codes(page: Page) -> list[str]:
    return [question.code for question in page.questions]


def test_each_line_has_a_page_of_its_own():
    shown = pages("ihot-12-1.0")

    assert [codes(page) for page in shown] == [[f"Q{number}"] for number in range(1, 13)]


@pytest.mark.parametrize("instrument", instruments.all_instruments(), ids=lambda instrument: instrument.ref)
def test_every_item_is_asked_once_and_no_page_has_more_than_five(instrument: instruments.Instrument):
    named = {(instrument.ref, item.code): "Climbing stairs" for item in instrument.items if item.activity}

    shown = make_pages([instrument], follow_up=False, activities=named)

    asked = [question.code for page in shown for question in page.questions if not question.naming]
    assert asked == list(instrument.item_codes)
    assert max(len(page.questions) for page in shown) <= 5


@pytest.mark.parametrize("instrument", instruments.all_instruments(), ids=lambda instrument: instrument.ref)
def test_questions_share_a_page_only_with_the_same_options_and_section(instrument: instruments.Instrument):
    for page in make_pages([instrument], follow_up=False, activities={}):
        likeness = {(question.item.options, question.item.section, question.kind) for question in page.questions}

        assert len(likeness) == 1 or page.questions[0].naming


def test_six_questions_that_stand_together_are_split_evenly():
    sizes = [len(page.questions) for page in pages("hoos-2.0") if page.section == "Daily life"]

    assert sizes == [4, 4, 4, 5]


def test_a_safety_question_that_may_call_for_advice_stands_alone_and_background_is_asked_together():
    shown = pages("safety-1.0")

    assert [codes(page) for page in shown] == [[f"R{number}"] for number in range(1, 11)] + [["R11", "R12", "R13"]]


def test_a_follow_up_asks_what_is_new_and_no_background():
    shown = pages("safety-1.0", follow_up=True)

    assert [codes(page) for page in shown] == [[f"R{number}"] for number in range(1, 11)]
    assert "new or worse" in shown[0].questions[0].text


def test_the_word_before_the_safety_questions_is_said_once():
    shown = pages("nprs-1.0", "safety-1.0")

    assert [bool(page.intro) for page in shown[1:]] == [True] + [False] * 10


def test_activities_are_named_on_one_page_before_those_named_are_rated():
    named = {("psfs-1.0", "Q1"): "Stairs", ("psfs-1.0", "Q3"): "Gardening", ("psfs-1.0", "Q2"): ""}

    shown = pages("psfs-1.0", activities=named)

    assert codes(shown[0]) == ["Q1.text", "Q2.text", "Q3.text", "Q4.text", "Q5.text"]
    assert [page.questions[0].activity for page in shown[1:]] == ["Stairs", "Gardening"]


def test_a_page_keeps_its_number_when_an_earlier_activity_is_taken_back():
    both = pages("psfs-1.0", "nprs-1.0", activities={("psfs-1.0", "Q1"): "Stairs", ("psfs-1.0", "Q2"): "Gardening"})
    one = pages("psfs-1.0", "nprs-1.0", activities={("psfs-1.0", "Q2"): "Gardening"})

    assert [page.number for page in both] == [1, 2, 3, 7]
    assert [page.number for page in one] == [1, 3, 7]
    assert page_after(one, 1) == one[1]
    assert page_before(one, 3) == one[0]
    assert find_page(one, 2) is None


def test_a_follow_up_rates_the_activities_of_the_baseline_without_naming():
    shown = pages("psfs-1.0", follow_up=True, activities={("psfs-1.0", "Q1"): "Stairs"})

    assert [codes(page) for page in shown] == [["Q1"]]


def test_sections_are_counted_over_the_whole_survey():
    shown = pages("hoos-2.0", "nprs-1.0")

    assert [page.section for page in shown if page.first_question == 1] == [
        "Symptoms", "Pain", "Daily life", "Sport and leisure", "Quality of life", "Pain",
    ]  # fmt: skip
    assert {page.section_count for page in shown} == {6}
    assert shown[-1].section_number == 6


def test_an_instrument_whose_sections_come_and_go_counts_as_one():
    shown = pages("ihot-12-1.0", "nprs-1.0")

    assert {page.section_number for page in shown[:12]} == {1}
    assert [page.section for page in shown[4:7]] == ["Work", "Sport and leisure", "Sport and leisure"]
    assert [page.first_question for page in shown[:12]] == list(range(1, 13))


def test_there_is_nothing_before_the_first_page_and_nothing_after_the_last():
    shown = pages("pass-1.0", "nprs-1.0")

    assert page_before(shown, 1) is None
    assert page_after(shown, 2) is None
