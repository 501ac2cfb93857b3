"""A FHIR R4 Questionnaire from elsewhere, checked against the instrument that it says it is."""

from collections.abc import Iterator, Mapping
from typing import Any

from instruments.catalogue import find
from instruments.definition import Instrument
from instruments.errors import InstrumentsError, UnknownInstrumentError
from instruments.interchange import names
from instruments.interchange.fhir_questionnaire import questionnaire


class QuestionnaireError(InstrumentsError):
    """A Questionnaire does not ask what its instrument asks; ``problems`` holds everything that differs."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def check_questionnaire(document: object) -> tuple[Instrument, tuple[str, ...]]:
    """The instrument of a Questionnaire, and the linkIds of questions that it asks in other words than ours.

    It must ask every item under its code, with the same answers for the same numbers, and nothing else. Raises
    QuestionnaireError, or UnknownInstrumentError when its url and version name none.
    """
    if not isinstance(document, Mapping) or document.get("resourceType") != "Questionnaire":
        raise QuestionnaireError(["It is no Questionnaire."])
    ref = names.reference_of(str(document.get("url", "")), str(document.get("version", "")))
    try:
        instrument = find(ref)
    except UnknownInstrumentError as error:
        raise QuestionnaireError([f"Its url and version name no instrument: {ref}."]) from error
    expected, found = _asked(questionnaire(instrument)), _asked(document)
    problems = list(_problems(expected, found))
    if problems:
        raise QuestionnaireError(problems)
    return instrument, tuple(link_id for link_id in expected if _words(expected[link_id]) != _words(found[link_id]))


def _asked(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Every question by its linkId, whatever it is nested in; what is shown only is left out."""
    questions = {}
    for item in _mappings(document.get("item")):
        if item.get("type") not in ("group", "display"):
            questions[str(item.get("linkId"))] = item
        questions |= _asked(item)
    return questions


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _problems(expected: Mapping[str, Mapping[str, Any]], found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield from (f"{link_id}: is missing" for link_id in expected if link_id not in found)
    yield from (f"{link_id}: no such question" for link_id in found if link_id not in expected)
    for link_id, question in expected.items():
        if link_id in found:
            yield from (f"{link_id}: {problem}" for problem in _differences(question, found[link_id]))


def _differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    if expected["type"] != found.get("type"):
        yield f"its type must be {expected['type']}"
    if _options(expected) != _options(found):
        said = ", ".join(f"{code} = {ordinal}" for code, ordinal in _options(expected))
        yield f"its options and their ordinal values must be {said}"
    for name in (names.LEAST, names.MOST):
        if _extension(expected, name) != _extension(found, name):
            yield f"{name.rpartition('/')[2]} must be {_extension(expected, name)}"


def _options(question: Mapping[str, Any]) -> list[tuple[object, object]]:
    codings = [(option, option.get("valueCoding")) for option in _mappings(question.get("answerOption"))]
    return [
        (coding.get("code"), _extension(option, names.ORDINAL) or _extension(coding, names.ORDINAL) or 0)
        for option, coding in codings
        if isinstance(coding, Mapping)
    ]


def _extension(element: Mapping[str, Any], name: str) -> object:
    """The value of an extension; None when it is not there."""
    for extension in _mappings(element.get("extension")):
        if extension.get("url") == name:
            return next((value for key, value in extension.items() if key.startswith("value")), None)
    return None


def _words(question: Mapping[str, Any]) -> list[object]:
    options = [option.get("valueCoding") for option in _mappings(question.get("answerOption"))]
    return [question.get("text"), *(coding.get("display") for coding in options if isinstance(coding, Mapping))]
