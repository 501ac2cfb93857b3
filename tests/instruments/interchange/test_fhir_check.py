"""A Questionnaire from elsewhere is taken for an instrument only if it asks the same."""

from copy import deepcopy
from typing import Any

import pytest

import instruments
from instruments.interchange import names
from instruments.interchange.fhir_check import QuestionnaireError, check_questionnaire
from instruments.interchange.fhir_questionnaire import questionnaire

ALL = instruments.all_instruments()


def a_document() -> dict[str, Any]:
    return deepcopy(questionnaire(instruments.find("pass-1.0")))


def asked(document: dict[str, Any]) -> dict[str, Any]:
    """The one question of the document."""
    found: dict[str, Any] = document["item"][0]["item"][0]
    return found


@pytest.mark.parametrize("instrument", ALL, ids=lambda one: one.ref)
def test_our_own_comes_back_as_it_left(instrument: instruments.Instrument) -> None:
    assert check_questionnaire(questionnaire(instrument)) == (instrument, ())


def test_other_words_are_named_and_taken() -> None:
    document = a_document()
    asked(document)["answerOption"][1]["valueCoding"]["display"] = "Certainly"

    _instrument, reworded = check_questionnaire(document)

    assert reworded == ("Q1",)


def test_where_the_ordinal_value_stands_does_not_matter() -> None:
    document = a_document()
    for option in asked(document)["answerOption"]:
        option["valueCoding"]["extension"] = option.pop("extension")

    assert check_questionnaire(document)[1] == ()


def _swap_ordinals(document: dict[str, Any]) -> None:
    low, high = asked(document)["answerOption"]
    low["extension"], high["extension"] = high["extension"], low["extension"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda one: one.update(resourceType="Patient"), "It is no Questionnaire."),
        (lambda one: one.update(url="https://example.org"), "name no instrument"),
        (lambda one: one.update(version="9"), "name no instrument"),
        (lambda one: one.update(item="x"), "Q1: is missing"),
        (lambda one: asked(one).update(linkId="Q2"), "Q1: is missing\nQ2: no such question"),
        (lambda one: asked(one).update(type="string"), "Q1: its type must be choice"),
        (lambda one: asked(one)["answerOption"].pop(), "Q1: its options and their ordinal values must be 0 = 0, 1 = 1"),
        (_swap_ordinals, "Q1: its options and their ordinal values must be 0 = 0, 1 = 1"),
    ],
)
def test_what_asks_something_else_is_refused_with_everything_that_differs(change: Any, problem: str) -> None:
    document = a_document()
    change(document)

    with pytest.raises(QuestionnaireError) as refused:
        check_questionnaire(document)

    assert problem in str(refused.value)


def test_a_range_that_differs_is_refused() -> None:
    document = deepcopy(questionnaire(instruments.find("nprs-1.0")))
    question = document["item"][1]["item"][0]
    [most] = [one for one in question["extension"] if one["url"] == names.MOST]
    most["valueInteger"] = 100

    with pytest.raises(QuestionnaireError, match="Q1: maxValue must be 10"):
        check_questionnaire(document)
