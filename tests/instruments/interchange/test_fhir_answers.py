"""Answers leave as items and come back the same; what is no answer is named by its linkId."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

import instruments
from instruments.definition import Instrument, Item
from instruments.interchange.fhir_answers import read_items, response_items

ALL = instruments.all_instruments()
IHOT, HOOS, PSFS = (instruments.find(ref) for ref in ("ihot-12-1.0", "hoos-2.0", "psfs-1.0"))


@some.composite
def answered(draw: some.DrawFn) -> tuple[Instrument, dict[str, Any]]:
    """An instrument, and answers to some of its items."""
    instrument = draw(some.sampled_from(ALL))
    items = draw(some.lists(some.sampled_from(instrument.items), unique_by=lambda item: item.code))
    answers = {item.code: draw(an_answer(item)) for item in items}
    return instrument, answers | {f"{item.code}.text": draw(some.text(min_size=1)) for item in items if item.activity}


def an_answer(item: Item) -> some.SearchStrategy[Any]:
    codes = some.integers(item.minimum, item.maximum)
    return codes | some.just("NA") if item.na_allowed else codes


@given(answered())
def test_answers_come_back_as_they_left(case: tuple[Instrument, dict[str, Any]]) -> None:
    instrument, answers = case

    read = read_items(instrument, response_items(instrument, answers))

    assert (read.answers, read.errors, read.claims) == (answers, {}, {})


def test_groups_need_not_be_there() -> None:
    flat = [{"linkId": "Q1", "answer": [{"valueInteger": 3}]}]

    assert read_items(IHOT, flat).answers == {"Q1": 3}


def test_an_item_that_is_there_without_an_answer_was_skipped() -> None:
    read = read_items(IHOT, [{"linkId": "intro"}, {"linkId": "Q1"}, {"linkId": "Q5.na"}, {"linkId": "Q1.low"}])

    assert (read.answers, read.errors) == ({}, {})


def test_yes_and_no_may_be_said_in_every_way() -> None:
    safety = instruments.find("safety-1.0")
    values: list[dict[str, Any]] = [{"valueBoolean": True}, {"valueInteger": 1}, {"valueCoding": {"code": "1"}}]

    read = [read_items(safety, [{"linkId": "R1", "answer": [value]}]).answers for value in values]

    assert read == [{"R1": 1}] * 3


def test_scores_that_the_sender_computed_are_kept_apart() -> None:
    read = read_items(HOOS, [{"linkId": "score.pain", "answer": [{"valueDecimal": 62.5}]}])

    assert (read.answers, read.claims) == ({}, {"pain": 62.5})


@pytest.mark.parametrize(
    ("instrument", "items", "link_id", "message"),
    [
        (IHOT, "x", "item", "a list of items"),
        (IHOT, [7], "item", "a linkId"),
        (IHOT, [{"linkId": 7}], "item", "a linkId"),
        (IHOT, [{"linkId": "Q99"}], "Q99", "no such question"),
        (IHOT, [{"linkId": "Q1.na", "answer": [{"valueBoolean": True}]}], "Q1.na", "no such question"),
        (IHOT, [{"linkId": "Q1", "answer": {}}], "Q1", "a list of objects"),
        (IHOT, [{"linkId": "Q1", "answer": [{"valueInteger": 1}, {"valueInteger": 2}]}], "Q1", "One answer"),
        (IHOT, [{"linkId": "Q1", "answer": [{"valueInteger": 1, "valueString": "1"}]}], "Q1", "one value"),
        (IHOT, [{"linkId": "Q1", "answer": [{}]}], "Q1", "one value"),
        (IHOT, [{"linkId": "Q1", "answer": [{"valueDecimal": 1.5}]}], "Q1", "a valueInteger"),
        (IHOT, [{"linkId": "Q1", "answer": [{"valueInteger": True}]}], "Q1", "a valueInteger"),
        (IHOT, [{"linkId": "Q1", "answer": [{"valueBoolean": True}]}], "Q1", "a valueInteger"),
        (IHOT, [{"linkId": "Q1"}, {"linkId": "Q1"}], "Q1", "more than once"),
        (IHOT, [{"linkId": "Q1", "modifierExtension": []}], "Q1", "no modifierExtension"),
        (IHOT, [{"linkId": "intro", "answer": [{"valueString": "x"}]}], "intro", "no answer"),
        (IHOT, [{"linkId": "Q5.na", "answer": [{"valueInteger": 1}]}], "Q5.na", "a valueBoolean"),
        (HOOS, [{"linkId": "P1", "answer": [{"valueCoding": {"code": "5"}}]}], "P1", "0, 1, 2, 3, 4"),
        (HOOS, [{"linkId": "P1", "answer": [{"valueCoding": {"system": "x", "code": "1"}}]}], "P1", "a code of urn"),
        (HOOS, [{"linkId": "P1", "answer": [{"valueString": "1"}]}], "P1", "a valueCoding"),
        (HOOS, [{"linkId": "score.all", "answer": [{"valueDecimal": 1}]}], "score.all", "no such question"),
        (HOOS, [{"linkId": "score.pain", "answer": [{"valueString": "1"}]}], "score.pain", "a valueDecimal"),
        (PSFS, [{"linkId": "Q1.text", "answer": [{"valueInteger": 1}]}], "Q1.text", "a valueString"),
    ],
)
def test_what_is_no_answer_is_named_by_its_link_id(
    instrument: Instrument, items: Any, link_id: str, message: str
) -> None:
    errors = read_items(instrument, items).errors

    assert list(errors) == [link_id]
    assert message in errors[link_id]


@pytest.mark.parametrize("order", [1, -1])
def test_what_does_not_apply_has_no_answer_beside_it(order: int) -> None:
    items = [
        {"linkId": "Q5", "answer": [{"valueInteger": 7}]},
        {"linkId": "Q5.na", "answer": [{"valueBoolean": True}]},
    ]

    read = read_items(IHOT, items[::order])

    assert list(read.errors.values()) == ["Either it does not apply or it has an answer, not both."]


def test_what_is_said_to_apply_is_no_answer() -> None:
    read = read_items(IHOT, [{"linkId": "Q5.na", "answer": [{"valueBoolean": False}]}])

    assert (read.answers, read.errors) == ({}, {})
