"""Which answers are taken, and what is said about the others."""

import pytest

import instruments

VAS = instruments.find("ihot-12-1.0")
SECRET = 987654


@pytest.mark.parametrize("answer", [0, 1, 99, 100])
def test_a_whole_number_in_range_is_an_answer(answer: int) -> None:
    checked = instruments.check_answers(VAS, {"Q1": answer})

    assert (checked.codes, checked.errors) == ({"Q1": answer}, {})


@pytest.mark.parametrize("answer", [None, ""])
def test_an_empty_answer_was_skipped(answer: object) -> None:
    checked = instruments.check_answers(VAS, {"Q1": answer})

    assert (checked.codes, checked.errors) == ({}, {})


@pytest.mark.parametrize(
    "answer",
    [-1, 101, 10**30, -(10**30), True, False, 3.0, 3.5, float("nan"), float("inf"), "3", "x", " ", "na", [3], {}, b"3"],
)
def test_anything_else_is_an_error_of_its_item(answer: object) -> None:
    checked = instruments.check_answers(VAS, {"Q1": answer, "Q2": 50})

    assert checked.codes == {"Q2": 50}
    assert list(checked.errors) == ["Q1"]
    assert checked.errors["Q1"].endswith("Allowed: a whole number from 0 to 100.")


def test_every_bad_answer_is_listed_and_none_is_repeated() -> None:
    checked = instruments.check_answers(VAS, {"Q1": SECRET, "Q2": str(SECRET), "Q3": float(SECRET), "Q13": SECRET})

    assert set(checked.errors) == {"Q1", "Q2", "Q3", "Q13"}
    assert str(SECRET) not in " ".join(checked.errors.values())


def test_na_is_taken_only_where_an_item_may_not_apply() -> None:
    checked = instruments.check_answers(VAS, {"Q5": "NA", "Q6": instruments.NotApplicable.NA, "Q1": "NA"})

    assert checked.codes == {"Q5": "NA", "Q6": "NA"}
    assert list(checked.errors) == ["Q1"]


def test_a_number_whose_codes_start_below_zero_is_taken_at_both_ends() -> None:
    groc = instruments.find("groc-1.0")

    answered = [instruments.check_answers(groc, {"Q1": code}).codes for code in (-8, -7, 7, 8)]

    assert answered == [{}, {"Q1": -7}, {"Q1": 7}, {}]


def test_checked_answers_can_be_checked_again() -> None:
    once = instruments.check_answers(VAS, {"Q5": "NA", "Q1": 3})

    again = instruments.check_answers(VAS, once.codes)

    assert again == once
