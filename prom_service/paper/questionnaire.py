"""What a questionnaire on paper says: the questions, and for whom and by when they are asked."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import groupby

from instruments.definition import Instrument, Item
from prom_service.language import DEFAULT, Texts, read_texts

TEXTS = read_texts(files("prom_service.paper") / "texts")
FEW = 5
"""Most options that stand side by side; more stand one under the other."""
ADVISED_TIERS = ("emergency", "same_day")


@dataclass(frozen=True)
class Question:
    """One item as it is asked here: ``activity`` is what is rated, where the patient has named it before."""

    item: Item
    text: str
    activity: str = ""


@dataclass(frozen=True)
class Block:
    """Questions that are answered in the same way, one after the other, under one heading or none."""

    kind: str
    """``rows`` of boxes, a ``list`` of boxes, a ``line``, or ``numbers``."""
    section: str
    questions: tuple[Question, ...]

    @property
    def tier(self) -> str:
        """How urgent a yes is, where advice belongs to it; else empty."""
        tier = self.questions[0].item.tier
        return tier if tier in ADVISED_TIERS else ""


@dataclass(frozen=True)
class Part:
    """The questions of one instrument, in its order."""

    instrument: Instrument
    questions: tuple[Question, ...]

    @property
    def own_wording(self) -> bool:
        """Whether the questions are in the service's own words."""
        return self.instrument.wording == "own"

    @property
    def section(self) -> str:
        """The section of all its questions; empty when there are several."""
        sections = {question.item.section for question in self.questions}
        return sections.pop() if len(sections) == 1 else ""

    @property
    def intro(self) -> str:
        """What is said before the questions; how to name activities is not, once they are named."""
        return "" if any(question.activity for question in self.questions) else self.instrument.intro

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks in order. Sections that come and go, as those of the iHOT do, have no heading."""
        runs = [section for section, _ in groupby(question.item.section for question in self.questions)]
        headed = 1 < len(runs) == len(set(runs)) and not any(question.item.activity for question in self.questions)
        before = None
        for (section, *_), alike in groupby(self.questions, key=_likeness):
            questions = tuple(alike)
            yield Block(_kind(questions[0].item), section if headed and section != before else "", questions)
            before = section


@dataclass(frozen=True)
class Clinic:
    """Who asks, who reads, and what to do when it is urgent."""

    name: str
    phone: str
    reply_hours: str
    urgent_text: str
    texts_language: str
    """In which the clinic wrote the hours and the urgent text: the patient's, or its own."""
    language: str
    """The clinic's own."""


@dataclass(frozen=True)
class Occasion:
    """For whom and by when the questions are asked. No name and no diagnosis is among it."""

    clinic: Clinic
    side: str
    last_day: dt.date
    """Last local day on which answers are on time; once it has passed, on which they are taken at all."""
    late: bool
    patient_number: str
    """The clinic's own number of the patient."""
    episode_number: str
    """The clinic's own number of the episode."""
    timepoint: str
    link: str = field(repr=False)


@dataclass(frozen=True)
class Questionnaire:
    """A questionnaire as it is handed out; without an occasion it is a blank one for anybody."""

    parts: tuple[Part, ...]
    language: str
    occasion: Occasion | None = None

    @property
    def texts(self) -> Texts:
        """The words around the questions."""
        return find_texts(self.language)

    @property
    def clinic_texts(self) -> Texts:
        """How the language is written in which the clinic's own words are."""
        return find_texts(self.occasion.clinic.texts_language if self.occasion else self.language)

    @property
    def staff_texts(self) -> Texts:
        """The words for whoever enters the answers, in the clinic's own language."""
        return find_texts(self.occasion.clinic.language if self.occasion else self.language)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of block there are, in the order in which they first come."""
        return tuple(dict.fromkeys(block.kind for part in self.parts for block in part.blocks()))

    @property
    def own_wording(self) -> bool:
        """Whether every question is in the service's own words."""
        return all(part.own_wording for part in self.parts)


def find_texts(language: str) -> Texts:
    """Return the texts of ``language``, or the English ones when there are none."""
    return TEXTS.get(language) or TEXTS[DEFAULT]


def _likeness(question: Question) -> tuple[str, str, tuple[str, ...], str]:
    item = question.item
    return item.section, item.kind, item.options, item.tier


def _kind(item: Item) -> str:
    if item.kind in ("vas", "nrs"):
        return "line" if item.kind == "vas" else "numbers"
    return "rows" if len(item.options) <= FEW else "list"
