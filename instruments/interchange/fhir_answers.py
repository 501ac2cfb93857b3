"""Answers as the items of a FHIR R4 QuestionnaireResponse, and back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from instruments.activities import TEXT, name_keys
from instruments.answer import NotApplicable
from instruments.definition import Instrument, Item
from instruments.interchange import names
from instruments.interchange.fhir_questionnaire import HIGH, INTRO, LOW, NA, sections

SCORE: Final = "score."
"""Under ``score.<scale>`` a sender may say what it makes of the answers itself; it is compared, never trusted."""
_OF_ITEM: Final = {"linkId", "id", "extension", "definition", "text", "_text", "answer", "item"}
_OF_ANSWER: Final = {"id", "extension", "item"}


@dataclass
class ReadAnswers:
    """What items say: answers by item code, scores the sender claims by scale, and what is wrong by linkId."""

    answers: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def response_items(instrument: Instrument, answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answers as items, nested as the Questionnaire is; what was skipped is left out.

    They are codes without words, so no words are put into a patient's mouth that were not read.
    """
    groups = []
    for link_id, items in sections(instrument):
        answered = [one for item in items for one in _answered(instrument, item, answers)]
        if answered:
            groups.append({"linkId": link_id, "item": answered})
    return groups


def _answered(instrument: Instrument, item: Item, answers: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    name, answer = answers.get(item.code + TEXT), answers.get(item.code)
    if name:
        yield {"linkId": item.code + TEXT, "answer": [{"valueString": name}]}
    if answer == NotApplicable.NA:
        yield {"linkId": item.code + NA, "answer": [{"valueBoolean": True}]}
    elif answer is not None:
        yield {"linkId": item.code, "answer": [_value(instrument, item, answer)]}


def _value(instrument: Instrument, item: Item, answer: int) -> dict[str, Any]:
    if not item.options:
        return {"valueInteger": answer}
    return {"valueCoding": {"system": names.answer_system(instrument), "code": str(answer)}}


def read_items(instrument: Instrument, items: object) -> ReadAnswers:
    """What the items say. Only their shape is judged here: whether an answer is in range is the instrument's to say.

    A question may be answered once. Messages never repeat an answer.
    """
    read = ReadAnswers()
    seen: set[str] = set()
    silent = _silent(instrument)
    for link_id, answers in _leaves(items, read.errors):
        if link_id in seen:
            read.errors[link_id] = "Is there more than once."
        seen.add(link_id)
        if link_id in silent and answers:
            read.errors[link_id] = "Takes no answer."
        elif answers:
            _take(instrument, link_id, answers, read)
        elif link_id not in silent and not _known(instrument, link_id):
            read.errors[link_id] = _unknown(instrument)
    return read


def _silent(instrument: Instrument) -> set[str]:
    """The linkIds of what is shown and not asked."""
    ends = {item.code + end for item in instrument.items if not item.options for end in (LOW, HIGH)}
    return {INTRO, *ends, *(link_id for link_id, _items in sections(instrument))}


def _known(instrument: Instrument, link_id: str) -> bool:
    code, _, rest = link_id.partition(".")
    if link_id.startswith(SCORE):
        return rest in {scale.key for scale in instrument.scales}
    if link_id in name_keys(instrument) or link_id in instrument.item_codes:
        return True
    return f".{rest}" == NA and code in instrument.item_codes and instrument.item(code).na_allowed


def _unknown(instrument: Instrument) -> str:
    return f"{instrument.ref} has no such question. It has {', '.join(instrument.item_codes)}."


def _leaves(items: object, errors: dict[str, str], place: str = "item") -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The linkId and the answers of every item, whatever it is nested in."""
    if not isinstance(items, list):
        errors[place] = "Must be a list of items."
        return
    for item in items:
        link_id = item.get("linkId") if isinstance(item, dict) else None
        if not isinstance(link_id, str):
            errors[place] = "Every item must be an object with a linkId."
            continue
        answers = item.get("answer", [])
        if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
            errors[link_id] = "Answers must be a list of objects."
            continue
        unknown = sorted(set(item) - _OF_ITEM)
        if unknown:
            errors[link_id] = f"An item has no {', '.join(unknown)}."
        yield link_id, answers
        for nested in (item, *answers):
            yield from _leaves(nested.get("item", []), errors, link_id)


def _take(instrument: Instrument, link_id: str, answers: Sequence[dict[str, Any]], read: ReadAnswers) -> None:
    """Keep the one answer of a question, or say what is wrong with it."""
    if not _known(instrument, link_id):
        read.errors[link_id] = _unknown(instrument)
        return
    values = [(name, value) for name, value in answers[0].items() if name not in _OF_ANSWER]
    if len(answers) > 1 or len(values) != 1:
        read.errors[link_id] = "One answer with one value is allowed."
        return
    try:
        _keep(instrument, link_id, *values[0], read)
    except _UnfitError as error:
        read.errors[link_id] = str(error)


def _keep(instrument: Instrument, link_id: str, kind: str, value: object, read: ReadAnswers) -> None:
    code, _, rest = link_id.partition(".")
    if link_id.startswith(SCORE):
        read.claims[rest] = _number(kind, value)
    elif link_id.endswith(TEXT):
        read.answers[link_id] = _text(kind, value)
    elif link_id.endswith(NA):
        if _truth(kind, value):
            _keep_once(read, code, NotApplicable.NA.value)
    else:
        _keep_once(read, code, _code(instrument, instrument.item(code), kind, value))


def _keep_once(read: ReadAnswers, code: str, answer: Any) -> None:
    if code in read.answers:
        raise _UnfitError("Either it does not apply or it has an answer, not both.")
    read.answers[code] = answer


class _UnfitError(ValueError):
    """An answer is not of the kind that its question takes."""


def _code(instrument: Instrument, item: Item, kind: str, value: object) -> int:
    """The number an answer stands for."""
    if kind == "valueInteger" and type(value) is int:
        return value
    if kind == "valueBoolean" and item.kind == "yes_no" and isinstance(value, bool):
        return int(value)
    if kind == "valueCoding" and item.options and isinstance(value, dict):
        return _coded(instrument, item, value)
    wanted = "a valueCoding" if item.options else "a valueInteger"
    raise _UnfitError(f"Must be {wanted}. Allowed: {item.allowed}.")


def _coded(instrument: Instrument, item: Item, coding: Mapping[str, Any]) -> int:
    system = names.answer_system(instrument)
    known = {str(code): code for code, _text in item.choices}
    code = coding.get("code")
    if coding.get("system", system) != system or not isinstance(code, str) or code not in known:
        raise _UnfitError(f"Must be a code of {system}: {', '.join(known)}.")
    return known[code]


def _truth(kind: str, value: object) -> bool:
    if kind != "valueBoolean" or not isinstance(value, bool):
        raise _UnfitError("Must be a valueBoolean.")
    return value


def _text(kind: str, value: object) -> str:
    if kind != "valueString" or not isinstance(value, str):
        raise _UnfitError("Must be a valueString.")
    return value


def _number(kind: str, value: object) -> float:
    if kind not in ("valueDecimal", "valueInteger") or isinstance(value, bool) or not isinstance(value, int | float):
        raise _UnfitError("Must be a valueDecimal.")
    return float(value)
