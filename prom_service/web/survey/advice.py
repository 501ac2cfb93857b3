"""What a safety answer calls for, said at once on the page that follows it."""

from dataclasses import dataclass

from prom_service.web.survey.form import Said, saved_answer
from prom_service.web.survey.paging import ADVISED_TIERS, Page, Question

YES = 1


@dataclass(frozen=True)
class Advice:
    """The most urgent tier answered yes on a page, and the questions that were."""

    tier: str
    questions: tuple[Question, ...]


def advice_for(page: Page, answers: Said) -> Advice | None:
    """Return the advice a page's answers call for, the most urgent tier first; None when there is none to give."""
    for tier in ADVISED_TIERS:
        asked = (question for question in page.questions if question.item.tier == tier)
        said_yes = tuple(question for question in asked if saved_answer(question, answers) == YES)
        if said_yes:
            return Advice(tier, said_yes)
    return None
