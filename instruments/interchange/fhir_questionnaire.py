"""An instrument as a FHIR R4 Questionnaire. The linkId of a question is the code of its item.

Beside it stand ``Q5.na`` (does not apply, where the item allows it) and ``Q1.text`` (the name of an activity).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from instruments.activities import TEXT
from instruments.definition import Instrument, Item
from instruments.interchange import names

Resource = dict[str, Any]
Pick = Callable[[Instrument], str]

NA: Final = ".na"
INTRO: Final = "intro"
LOW, HIGH = ".low", ".high"
SECTION: Final = "section-"
ACTIVITY_LENGTH: Final = 100
OWN_WORDS: Final = (
    "The wording is this service's own and provisional: official wording, and what is published of it, is its owners'."
)


def questionnaire(instrument: Instrument, translations: Sequence[Instrument] = ()) -> Resource:
    """The instrument as a Questionnaire in its own language; ``translations`` are the same one in other languages."""
    voice = _Voice(instrument, tuple(translations))
    copyright_ = f"{instrument.licence} {OWN_WORDS}" if instrument.wording == "own" else instrument.licence
    optional = {"code": names.loinc(instrument.loinc)}
    return {
        "resourceType": "Questionnaire",
        "id": instrument.ref,
        "language": instrument.language,
        "extension": [{"url": names.WORDING, "valueCode": instrument.wording}],
        "url": names.url(instrument),
        "version": instrument.version,
        "name": instrument.key.upper().replace("-", "_"),
        **voice.say("title", lambda one: one.title),
        "status": "active",
        "experimental": False,
        "subjectType": ["Patient"],
        "description": _description(instrument),
        "copyright": copyright_,
        **{name: value for name, value in optional.items() if value},
        "item": [*_intro(voice), *_sections(voice)],
    }


def sections(instrument: Instrument) -> list[tuple[str, list[Item]]]:
    """The linkId of every run of items under one heading, and its items, in the order of the questionnaire."""
    runs = groupby(instrument.items, key=lambda item: item.section)
    return [(f"{SECTION}{number}", list(items)) for number, (_title, items) in enumerate(runs, start=1)]


@dataclass(frozen=True)
class _Voice:
    """Says every text in the language of the instrument, with its translations beside it."""

    instrument: Instrument
    translations: tuple[Instrument, ...]

    def say(self, name: str, pick: Pick) -> Resource:
        text = pick(self.instrument)
        others = [(one.language, pick(one)) for one in self.translations]
        extensions = [_translation(language, other) for language, other in others if other]
        return {name: text} | ({f"_{name}": {"extension": extensions}} if extensions else {})


def _translation(language: str, text: str) -> Resource:
    parts = [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": text}]
    return {"url": names.TRANSLATION, "extension": parts}


def _description(instrument: Instrument) -> str:
    scales = [f"{scale.title}: {scale.missing_rule}." for scale in instrument.scales]
    return " ".join([f"Recall: {instrument.recall}.", instrument.note, *scales, f"Source: {instrument.source}."])


def _intro(voice: _Voice) -> Iterator[Resource]:
    if voice.instrument.intro:
        yield {"linkId": INTRO, **voice.say("text", lambda one: one.intro), "type": "display"}


def _sections(voice: _Voice) -> Iterator[Resource]:
    for link_id, items in sections(voice.instrument):
        questions = [question for item in items for question in _questions(voice, item)]
        title = voice.say("text", lambda one, code=items[0].code: one.item(code).section)  # type: ignore[misc]
        yield {"linkId": link_id, **title, "type": "group", "item": questions}


def _questions(voice: _Voice, item: Item) -> Iterator[Resource]:
    """The questions an item is asked by: the name of the activity, the item itself, and whether it applies."""
    if item.activity:
        title = voice.say("text", lambda one: one.item(item.code).section)
        yield {"linkId": item.code + TEXT, **title, "type": "string", "maxLength": ACTIVITY_LENGTH}
    yield _question(voice, item)
    if item.na_allowed:
        yield {"linkId": item.code + NA, **voice.say("text", lambda one: one.na_text), "type": "boolean"}


def _question(voice: _Voice, item: Item) -> Resource:
    coded = bool(item.options)
    shown = [_control("radio-button")] if coded else _bounds(voice, item)
    question: Resource = {"linkId": item.code, "extension": [*_asked_later(item), *shown]}
    if names.loinc(item.loinc):
        question["code"] = names.loinc(item.loinc)
    question |= voice.say("text", lambda one: one.item(item.code).text)
    question["type"] = "choice" if coded else "integer"
    if item.na_allowed:
        question |= _unless_not_applicable(item)
    if coded:
        question["answerOption"] = [_option(voice, item, place) for place in range(len(item.options))]
    else:
        question["item"] = [_end(voice, item, LOW), _end(voice, item, HIGH)]
    return question


def _asked_later(item: Item) -> Iterator[Resource]:
    """What differs at a follow-up."""
    if item.followup_text:
        yield {"url": names.FOLLOWUP_TEXT, "valueString": item.followup_text}
    if item.baseline_only:
        yield {"url": names.BASELINE_ONLY, "valueBoolean": True}


def _bounds(voice: _Voice, item: Item) -> Iterator[Resource]:
    """The ends of a line or a row of numbers, said where the number is entered too."""

    def ends(one: Instrument) -> str:
        named = one.item(item.code)
        return f"{named.minimum} = {named.low_label}, {named.maximum} = {named.high_label}"

    yield {"url": names.ENTRY_FORMAT, **voice.say("valueString", ends)}
    yield {"url": names.LEAST, "valueInteger": item.minimum}
    yield {"url": names.MOST, "valueInteger": item.maximum}
    if item.kind == "vas":
        yield {"url": names.SLIDER_STEP, "valueInteger": 1}
        yield _control("slider")


def _control(code: str) -> Resource:
    coding = {"system": names.ITEM_CONTROLS, "code": code}
    return {"url": names.ITEM_CONTROL, "valueCodeableConcept": {"coding": [coding]}}


def _end(voice: _Voice, item: Item, end: str) -> Resource:
    """The label of one end of a line or a row of numbers."""
    name, control = ("low_label", "lower") if end == LOW else ("high_label", "upper")
    said = voice.say("text", lambda one: getattr(one.item(item.code), name))
    return {"linkId": item.code + end, "extension": [_control(control)], **said, "type": "display"}


def _unless_not_applicable(item: Item) -> Resource:
    unanswered = {"question": item.code + NA, "operator": "exists", "answerBoolean": False}
    applies = {"question": item.code + NA, "operator": "=", "answerBoolean": False}
    return {"enableWhen": [unanswered, applies], "enableBehavior": "any"}


def _option(voice: _Voice, item: Item, place: int) -> Resource:
    """One option: its code is the number that is scored, and so is its ordinal value."""
    number = item.minimum + place
    display = voice.say("display", lambda one: one.item(item.code).options[place])
    coding = {"system": names.answer_system(voice.instrument), "code": str(number), **display}
    return {"extension": [{"url": names.ORDINAL, "valueDecimal": number}], "valueCoding": coding}
