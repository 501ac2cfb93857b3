"""What a posted page says."""

import pytest

import instruments
from prom_service.web.survey.form import Reading, fields, read
from prom_service.web.survey.paging import Page, make_pages

LINE = "ihot-12-1.0-Q5"


def page_of(ref: str, code: str, activities: dict[tuple[str, str], str] | None = None) -> Page:
    shown = make_pages([instruments.find(ref)], follow_up=False, activities=activities or {})
    return next(page for page in shown if code in [question.code for question in page.questions])


def read_line(*texts: str, was: str = "", saved: int | str | None = None, tool: str = "number") -> Reading:
    answers = {} if saved is None else {"ihot-12-1.0": {"Q5": saved}}
    posted = {LINE: list(texts), f"{LINE}.was": [was], f"{LINE}.with": [tool], "go": ["next"]}
    return read(page_of("ihot-12-1.0", "Q5"), posted, answers)


def problems(reading: Reading) -> list[tuple[str, str]]:
    return [(fault.name, fault.problem) for fault in reading.faults]


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("100", 100), (" 55 ", 55), ("007", 7), ("+3", 3)])
def test_a_whole_number_on_the_line_is_an_answer(text: str, number: int):
    reading = read_line(text)

    assert reading.answers == {"ihot-12-1.0": {"Q5": number}}


@pytest.mark.parametrize("text", ["-1", "101", "9999"])
def test_a_number_beyond_the_line_is_a_fault(text: str):
    reading = read_line(text)

    assert problems(reading) == [(LINE, "out_of_range")]
    assert reading.answers == {}


@pytest.mark.parametrize("text", ["50.5", "fifty", "1e2", "٥٠", "5 0", "99999", "\x00", "NaN", "true", "na"])
def test_what_is_no_whole_number_is_a_fault(text: str):
    reading = read_line(text)

    assert problems(reading) == [(LINE, "not_a_number")]


def test_does_not_apply_is_an_answer_where_the_item_allows_it():
    assert read_line("", "NA").answers == {"ihot-12-1.0": {"Q5": "NA"}}


def test_does_not_apply_is_a_fault_where_the_item_does_not_allow_it():
    reading = read(page_of("ihot-12-1.0", "Q1"), {"ihot-12-1.0-Q1": ["NA"]}, {})

    assert problems(reading) == [("ihot-12-1.0-Q1", "not_a_number")]


def test_a_number_and_does_not_apply_together_are_a_fault():
    assert problems(read_line("30", "NA")) == [(LINE, "both")]


def test_two_answers_to_one_question_are_a_fault():
    reading = read(page_of("pass-1.0", "Q1"), {"pass-1.0-Q1": ["0", "1"]}, {})

    assert problems(reading) == [("pass-1.0-Q1", "several")]


@pytest.mark.parametrize("text", ["5", "-1", "x", "NA"])
def test_an_option_that_was_not_offered_is_a_fault(text: str):
    reading = read(page_of("hoos-2.0", "P1"), {"hoos-2.0-P1": [text]}, {})

    assert problems(reading) == [("hoos-2.0-P1", "not_an_option")]


def test_a_field_of_another_page_is_a_fault_and_the_page_saves_nothing():
    reading = read(page_of("hoos-2.0", "P1"), {"hoos-2.0-P1": ["1"], "hoos-2.0-Q1": ["2"]}, {})

    assert problems(reading) == [("hoos-2.0-Q1", "unknown")]
    assert reading.answers == {}


def test_every_fault_of_a_page_is_named():
    page = page_of("hoos-2.0", "P3")
    first, second = page.questions[:2]

    reading = read(page, {first.name: ["9"], second.name: ["x"]}, {})

    assert [fault.name for fault in reading.faults] == [first.name, second.name]


def test_an_answer_that_is_on_record_is_no_news():
    assert read_line("40", was="40", saved=40) == Reading()


def test_an_emptied_field_clears_the_answer_its_page_showed():
    assert read_line("", was="40", saved=40).answers == {"ihot-12-1.0": {"Q5": None}}


def test_an_old_tab_cannot_clear_an_answer_it_never_showed():
    assert read_line("", was="", saved=40) == Reading()


def test_skipping_is_not_an_answer():
    assert read_line("") == Reading()


@pytest.mark.parametrize(("tool", "kept"), [("line", "line"), ("number", "number"), ("<b>", "number")])
def test_how_a_line_was_answered_is_kept(tool: str, kept: str):
    assert read_line("40", tool=tool).entered_with == {("ihot-12-1.0", "Q5"): kept}


def test_a_rating_is_kept_with_the_activity_it_rates():
    page = page_of("psfs-1.0", "Q2", {("psfs-1.0", "Q2"): "Gardening"})

    reading = read(page, {"psfs-1.0-Q2": ["7"]}, {"psfs-1.0": {"Q2.text": "Gardening"}})

    assert reading.answers == {"psfs-1.0": {"Q2": 7, "Q2.text": "Gardening"}}


def test_an_activity_taken_back_loses_its_rating():
    saved = {"psfs-1.0": {"Q1.text": "Stairs", "Q1": 3}}

    reading = read(
        page_of("psfs-1.0", "Q1.text"), {"psfs-1.0-Q1.text": [" "], "psfs-1.0-Q1.text.was": ["Stairs"]}, saved
    )

    assert reading.answers == {"psfs-1.0": {"Q1.text": None, "Q1": None}}


@pytest.mark.parametrize(("length", "faults"), [(100, []), (101, [("psfs-1.0-Q1.text", "long")])])
def test_an_activity_has_at_most_100_letters(length: int, faults: list[tuple[str, str]]):
    reading = read(page_of("psfs-1.0", "Q1.text"), {"psfs-1.0-Q1.text": ["x" * length]}, {})

    assert problems(reading) == faults


def test_an_activity_is_one_line_of_printable_text():
    page = page_of("psfs-1.0", "Q1.text")

    assert read(page, {"psfs-1.0-Q1.text": ["Going \n up\tstairs"]}, {}).answers == {
        "psfs-1.0": {"Q1.text": "Going up stairs"}
    }
    assert problems(read(page, {"psfs-1.0-Q1.text": ["a\x00b"]}, {})) == [("psfs-1.0-Q1.text", "unreadable")]


def test_after_a_fault_the_page_shows_what_was_posted():
    page = page_of("ihot-12-1.0", "Q5")
    posted = {LINE: ["140", "NA"], f"{LINE}.was": ["40"]}
    saved = {"ihot-12-1.0": {"Q5": 40}}

    [field] = fields(page, saved, posted, read(page, posted, saved).faults)

    assert (field.shown, field.was, field.not_applicable) == ("140", "40", True)
    assert field.fault is not None


def test_a_field_that_nobody_touched_does_not_bring_back_an_older_answer():
    assert read_line("30", was="30", saved=50).answers == {}
    assert read_line("31", was="30", saved=50).answers == {"ihot-12-1.0": {"Q5": 31}}


def test_an_answer_the_page_has_held_can_be_cleared():
    page, posted = page_of("ihot-12-1.0", "Q5"), {LINE: [""], f"{LINE}.was": ["", "40"]}

    assert read(page, posted, {"ihot-12-1.0": {"Q5": 40}}).answers == {"ihot-12-1.0": {"Q5": None}}
    assert read(page, posted, {"ihot-12-1.0": {"Q5": 41}}).answers == {}
