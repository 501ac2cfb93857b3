"""The fields of one page: what the patient posted becomes answers, or says what is wrong with it.

Beside each field its page carries ``<name>.was``, the answer it showed; a field may carry several, one for each answer
it has held. A field left empty clears an answer only if that page knew it, and a field that nobody touched says
nothing: an old tab can neither erase nor bring back what was answered elsewhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from instruments.activities import TEXT
from prom_service.services.questions import TEXT_LENGTH
from prom_service.web.survey.paging import Page, Question

WHOLE = re.compile(r"[+-]?[0-9]{1,4}", re.ASCII)
NOT_APPLICABLE = "NA"
ENTERED_WITH = ("line", "number")
BIRTH = {"year": ("year",), "date": ("year", "month", "day")}
"""The fields of the identity check."""
CONTROLS = frozenset({"go"})
"""Fields that are not answers: which button was pressed."""

Answer = int | str
Answers = Mapping[str, Mapping[str, Answer]]
Said = Mapping[str, Mapping[str, Answer | None]]
"""Answers as a page says them: None where one is cleared."""
"""Instrument reference → item code → whole number, ``NA``, or the text of an activity."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one field: ``problem`` is a key of the interface texts, ``values`` fill it in."""

    name: str
    problem: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """What one posted page says: only the answers that are new, cleared ones as None; or its faults."""

    answers: dict[str, dict[str, Answer | None]] = field(default_factory=dict)
    entered_with: dict[tuple[str, str], str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Field:
    """One question as it is shown: with the answer to show (as text), the answer on record, and its fault."""

    question: Question
    shown: str
    was: str
    fault: Fault | None = None
    not_applicable: bool = False


def read(page: Page, posted: Mapping[str, Sequence[str]], saved: Answers) -> Reading:
    """Return the answers on a posted page that differ from those saved, or every fault of it."""
    known = {question.name for question in page.questions}
    strange = sorted(name for name in posted if name not in known | CONTROLS and not _is_companion(name, known))
    faults = [Fault(name[:60], "unknown") for name in strange]
    reading = Reading()
    for question in page.questions:
        answer = _read_question(question, posted.get(question.name, ()))
        if isinstance(answer, Fault):
            faults.append(answer)
        else:
            _note(reading, question, answer, posted, saved)
    return Reading(faults=tuple(faults)) if faults else reading


def part(page: Page, posted: Mapping[str, Sequence[str]], saved: Answers) -> Page | None:
    """Return the page with only the questions that were posted; None when there is none, or when it comes too late.

    It does when the answer on record is one that the page never held: something newer was saved meanwhile.
    """
    asked = tuple(question for question in page.questions if f"{question.name}.was" in posted)
    before = [(question, saved_answer(question, saved)) for question in asked]
    known = all(("" if old is None else str(old)) in posted[f"{question.name}.was"] for question, old in before)
    return replace(page, questions=asked) if asked and known else None


def fields(
    page: Page, saved: Answers, posted: Mapping[str, Sequence[str]] | None = None, faults: Sequence[Fault] = ()
) -> list[Field]:
    """Return the page's questions as shown: with the saved answers, or after faults with what was posted."""
    wrong = {fault.name: fault for fault in faults}
    return [_field(question, saved, posted, wrong.get(question.name)) for question in page.questions]


def _field(
    question: Question, saved: Answers, posted: Mapping[str, Sequence[str]] | None, fault: Fault | None
) -> Field:
    answer = saved_answer(question, saved)
    was = "" if answer is None else str(answer)
    given = [was] if posted is None else list(posted.get(question.name, ()))
    ticked = question.item.na_allowed and NOT_APPLICABLE in given
    shown = next((text for text in given if text and not (ticked and text == NOT_APPLICABLE)), "")
    return Field(question, shown[: TEXT_LENGTH + 1], was, fault, ticked)


def read_birth(posted: Mapping[str, str], asked: str) -> tuple[int, ...] | None:
    """Return the year, or for ``date`` year, month and day as posted; None when one is missing or no number."""
    texts = [posted.get(name, "").strip() for name in BIRTH["date" if asked == "date" else "year"]]
    return tuple(map(int, texts)) if all(WHOLE.fullmatch(text) for text in texts) else None


def saved_answer(question: Question, saved: Said) -> Answer | None:
    """Return the answer on record, or None."""
    return saved.get(question.instrument.ref, {}).get(question.code)


def _is_companion(name: str, known: set[str]) -> bool:
    stem, _, ending = name.rpartition(".")
    return stem in known and ending in ("was", "with")


def _read_question(question: Question, texts: Sequence[str]) -> Answer | Fault | None:
    given = [text.strip() for text in texts if text.strip()]
    if not given:
        return None
    if question.naming:
        return _read_activity(question, given)
    if len(given) > 1:
        return Fault(question.name, "both" if NOT_APPLICABLE in given else "several")
    if given[0] == NOT_APPLICABLE and question.item.na_allowed:
        return NOT_APPLICABLE
    return _read_number(question, given[0])


def _read_activity(question: Question, given: Sequence[str]) -> str | Fault:
    text = " ".join(given[0].split())
    if len(given) > 1:
        return Fault(question.name, "several")
    if len(text) > TEXT_LENGTH:
        return Fault(question.name, "long", {"allowed": TEXT_LENGTH})
    return text if text.isprintable() else Fault(question.name, "unreadable")


def _read_number(question: Question, text: str) -> int | Fault:
    item = question.item
    number = int(text) if WHOLE.fullmatch(text) else None
    if number is not None and item.minimum <= number <= item.maximum:
        return number
    if question.kind == "choice":
        return Fault(question.name, "not_an_option")
    problem = "not_a_number" if number is None else "out_of_range"
    return Fault(question.name, problem, {"minimum": item.minimum, "maximum": item.maximum})


def _note(
    reading: Reading,
    question: Question,
    answer: Answer | None,
    posted: Mapping[str, Sequence[str]],
    saved: Answers,
) -> None:
    """Add the answer to the reading when it is news."""
    before = saved_answer(question, saved)
    held = list(posted.get(f"{question.name}.was", ("",)))
    if answer == before or held == [str(answer)] or (answer is None and str(before) not in held):
        return
    ref = question.instrument.ref
    given = reading.answers.setdefault(ref, {})
    given[question.code] = answer
    if question.activity:
        given[question.item.code + TEXT] = question.activity  # A rating is kept with what it rates.
    if question.naming and answer is None:
        given[question.item.code] = None  # An activity that is no longer named has no rating.
    if question.kind == "line" and isinstance(answer, int):
        tool = posted.get(f"{question.name}.with", ("",))[0]
        reading.entered_with[ref, question.code] = tool if tool in ENTERED_WITH else "number"
