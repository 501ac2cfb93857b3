"""What a patient has left open, and what follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import instruments
from instruments.activities import TEXT, ratings
from instruments.definition import Instrument
from prom_service.queries.pace import in_minutes
from prom_service.web.survey.form import Answer, Answers, saved_answer
from prom_service.web.survey.paging import Page, Question


@dataclass(frozen=True)
class Gap:
    """One open question and the page it stands on."""

    page: Page
    question: Question


@dataclass(frozen=True)
class Lack:
    """The open questions of one instrument and the scores that cannot be calculated without them."""

    instrument: Instrument
    gaps: tuple[Gap, ...]
    lost_scales: tuple[str, ...]

    @property
    def consequence(self) -> str:
        """What follows: ``safety``, ``score`` or ``scales`` lost, or the set is ``whole`` all the same."""
        if any(gap.question.item.tier for gap in self.gaps):
            return "safety"
        if not self.lost_scales:
            return "whole"
        return "score" if len(self.instrument.scales) == 1 else "scales"


def open_questions(page: Page, answers: Answers) -> tuple[Question, ...]:
    """Return the page's questions without an answer. Naming one activity answers the page that asks for activities."""
    unanswered = tuple(question for question in page.questions if saved_answer(question, answers) is None)
    if page.questions[0].naming:
        return page.questions[:1] if unanswered == page.questions else ()
    return unanswered


def first_open_page(pages: Sequence[Page], answers: Answers) -> Page | None:
    """Return the first page with an open question, or None when everything is answered."""
    return next((page for page in pages if open_questions(page, answers)), None)


def find_gaps(pages: Sequence[Page], answers: Answers) -> tuple[Gap, ...]:
    """Return the open questions, each with its page."""
    return tuple(Gap(page, question) for page in pages for question in open_questions(page, answers))


def find_lacks(pages: Sequence[Page], answers: Answers) -> tuple[Lack, ...]:
    """Return what is open, instrument by instrument, with the scores lost by it."""
    return tuple(
        _lack(instrument, tuple(mine), answers.get(instrument.ref, {}))
        for instrument, mine in groupby(find_gaps(pages, answers), key=lambda gap: gap.question.instrument)
    )


def count_questions(pages: Sequence[Page]) -> int:
    """Return how many questions are asked; naming activities is one of them."""
    return sum(1 if page.questions[0].naming else len(page.questions) for page in pages)


def minutes_needed(pages: Sequence[Page], answers: Answers, seconds: float) -> int:
    """Return the minutes that the open questions of these pages will take, at ``seconds`` each."""
    return in_minutes(sum(len(open_questions(page, answers)) for page in pages), seconds)


def _lack(instrument: Instrument, open_ones: tuple[Gap, ...], given: Mapping[str, Answer]) -> Lack:
    scores = instruments.score(instruments.find(instrument.ref), ratings(given))  # Scores do not depend on words.
    left_out = any(_is_of_baseline(gap.question, given) for gap in open_ones)
    lost = (scale.title for scale in instrument.scales if left_out or scores[scale.key].value is None)
    return Lack(instrument, open_ones, tuple(lost))


def _is_of_baseline(question: Question, given: Mapping[str, Answer]) -> bool:
    """Say whether it rates an activity named at baseline: one named in these answers may stay unrated."""
    return bool(question.activity) and question.item.code + TEXT not in given
