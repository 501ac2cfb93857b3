"""Checks answers before anything is made of them."""

from collections.abc import Mapping

from instruments.answer import CheckedAnswers, NotApplicable
from instruments.definition import Instrument, Item

UNKNOWN_ITEM = "This questionnaire has no such item."


def check_answers(instrument: Instrument, answers: Mapping[str, object]) -> CheckedAnswers:
    """The good answers as codes, and a message for every bad one; never raises for what was answered.

    An item that is absent, None or "" was skipped. "NA" is taken where the item allows it. Nothing else but a
    whole number in the item's range is an answer: not true, not 3.0, not "3".
    """
    codes: dict[str, int | NotApplicable] = {}
    errors: dict[str, str] = {code: UNKNOWN_ITEM for code in answers if code not in instrument.item_codes}
    for item in instrument.items:
        answer = answers.get(item.code)
        if answer is None or (isinstance(answer, str) and not answer):
            continue
        if type(answer) is int and item.minimum <= answer <= item.maximum:  # Not isinstance: True is an int too.
            codes[item.code] = answer
        elif item.na_allowed and isinstance(answer, str) and answer == NotApplicable.NA:
            codes[item.code] = NotApplicable.NA
        else:
            errors[item.code] = f"{_problem(item, answer)} Allowed: {item.allowed}."
    return CheckedAnswers(codes, errors)


def _problem(item: Item, answer: object) -> str:
    """What is wrong with an answer, without repeating it."""
    if isinstance(answer, bool):
        return "True and false are not answers."
    if isinstance(answer, int):
        return "Out of range."
    if isinstance(answer, float):
        return "Must be a whole number, written without a decimal point."
    if isinstance(answer, str) and answer == NotApplicable.NA:
        return "This item applies to everyone."
    return "Must be a number."
