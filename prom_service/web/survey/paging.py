"""Which questions stand on which page. Made for a phone first: what fits a small screen is comfortable on a large one.

A line (visual analogue scale) and a row of numbers have a page of their own, and so has every safety question that
may call for advice. Other questions share a page, at most five, when they stand together and have the same options.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import ceil

from instruments.activities import TEXT
from instruments.definition import Instrument, Item
from prom_service.services.questions import items_asked

SHARED = 5
"""Most questions on one page."""
ADVISED_TIERS = ("emergency", "same_day")


@dataclass(frozen=True)
class Question:
    """One thing asked. ``naming`` asks for an activity and not for its rating; ``activity`` is what is rated."""

    instrument: Instrument
    item: Item
    text: str
    naming: bool = False
    activity: str = ""

    @property
    def code(self) -> str:
        """Under which code the answer is saved."""
        return f"{self.item.code}{TEXT}" if self.naming else self.item.code

    @property
    def name(self) -> str:
        """The name of its form field, unique in the whole survey."""
        return f"{self.instrument.ref}-{self.code}"

    @property
    def kind(self) -> str:
        """How it is answered: ``choice``, ``line``, ``numbers`` or ``activity``."""
        if self.naming:
            return "activity"
        return {"vas": "line", "nrs": "numbers"}.get(self.item.kind, "choice")

    @property
    def shows(self) -> frozenset[tuple[str, str]]:
        """The answers its page shows: its own, and what the patient named to be rated."""
        rated = {self.item.code + TEXT} if self.activity else set()
        return frozenset((self.instrument.ref, code) for code in {self.code} | rated)

    @property
    def choices(self) -> tuple[tuple[int, str], ...]:
        """The codes to choose from, each with its text; a bare number stands for itself."""
        return self.item.choices or tuple((code, str(code)) for code in range(self.item.minimum, self.item.maximum + 1))


@dataclass(frozen=True)
class Page:
    """One screen. Numbers are stable: a page that is left out (an activity nobody named) leaves its number unused."""

    number: int
    questions: tuple[Question, ...]
    section: str
    section_number: int
    section_count: int
    first_question: int
    """Place of its first question in the section, from 1."""
    section_questions: int
    opens_instrument: bool
    """Whether it is the first page of its instrument."""

    @property
    def instrument(self) -> Instrument:
        """The instrument its questions belong to."""
        return self.questions[0].instrument

    @property
    def intro(self) -> str:
        """What is said before the questions; the long word before the safety questions is said once."""
        item = self.questions[0].item
        said_here = self.opens_instrument if item.tier else self.questions[0].naming or not item.activity
        return self.instrument.intro if said_here else ""


@dataclass(frozen=True)
class _Section:
    title: str
    pages: tuple[tuple[Question, ...], ...]


def make_pages(
    instruments: Sequence[Instrument], *, follow_up: bool, activities: Mapping[tuple[str, str], str]
) -> tuple[Page, ...]:
    """Return the pages of a survey in order.

    ``activities`` are the texts the patient gave, by instrument reference and item code. At the baseline the patient
    names them on a page before they are rated; at a follow-up they are only rated.
    """
    sections = [section for instrument in instruments for section in _sections(instrument, follow_up)]
    return tuple(_named(_numbered(sections), activities))


def find_page(pages: Sequence[Page], number: int) -> Page | None:
    """Return the page of that number, or None."""
    return next((page for page in pages if page.number == number), None)


def page_after(pages: Sequence[Page], number: int) -> Page | None:
    """Return the page that follows, or None after the last."""
    return next((page for page in pages if page.number > number), None)


def page_before(pages: Sequence[Page], number: int) -> Page | None:
    """Return the page before, or None before the first."""
    return next((page for page in reversed(pages) if page.number < number), None)


def _sections(instrument: Instrument, follow_up: bool) -> Iterator[_Section]:
    """The sections of an instrument; one whose sections come and go is a single section, titled page by page."""
    questions = [_question(instrument, item, follow_up) for item in items_asked(instrument, follow_up=follow_up)]
    if any(question.item.activity for question in questions):
        naming = () if follow_up else (tuple(replace(question, naming=True) for question in questions),)
        yield _Section(instrument.scales[0].title, naming + tuple((question,) for question in questions))
        return
    runs = [list(run) for _, run in groupby(questions, key=lambda question: question.item.section)]
    titles = [run[0].item.section for run in runs]
    if len(set(titles)) < len(titles):
        yield _Section("", tuple(page for run in runs for page in _screens(run)))
        return
    for title, run in zip(titles, runs, strict=True):
        yield _Section(title, tuple(_screens(run)))


def _question(instrument: Instrument, item: Item, follow_up: bool) -> Question:
    return Question(instrument, item, (follow_up and item.followup_text) or item.text)


def _screens(questions: Sequence[Question]) -> Iterator[tuple[Question, ...]]:
    """Split questions that stand together into screens of nearly equal length."""
    for _, alike in groupby(enumerate(questions), key=lambda place: _likeness(*place)):
        run = [question for _, question in alike]
        screens = ceil(len(run) / SHARED)
        for screen in range(screens):
            yield tuple(run[len(run) * screen // screens : len(run) * (screen + 1) // screens])


def _likeness(place: int, question: Question) -> object:
    alone = question.kind != "choice" or question.item.tier in ADVISED_TIERS
    return place if alone else (question.item.options, question.item.tier)


def _numbered(sections: Sequence[_Section]) -> Iterator[Page]:
    number = 0
    seen: set[str] = set()
    for section_number, section in enumerate(sections, start=1):
        asked = sum(len(page) for page in section.pages)
        first = 1
        for questions in section.pages:
            number += 1
            ref = questions[0].instrument.ref
            yield Page(
                number=number,
                questions=questions,
                section=section.title or questions[0].item.section,
                section_number=section_number,
                section_count=len(sections),
                first_question=first,
                section_questions=asked,
                opens_instrument=ref not in seen,
            )
            seen.add(ref)
            first += len(questions)


def _named(pages: Iterator[Page], activities: Mapping[tuple[str, str], str]) -> Iterator[Page]:
    """Give activities their texts, and leave out the rating of those that have none."""
    for page in pages:
        question = page.questions[0]
        if not question.item.activity or question.naming:
            yield page
            continue
        activity = activities.get((question.instrument.ref, question.item.code), "")
        if activity:
            yield replace(page, questions=(replace(question, activity=activity),))
