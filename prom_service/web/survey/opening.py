"""From a link to the survey behind it, or to the reason why there is none to show."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from instruments.activities import TEXT
from prom_service.errors import PromError
from prom_service.language import Texts
from prom_service.pathway.shape import Education, Pathway
from prom_service.queries.pace import seconds_per_item
from prom_service.queries.pathways import find_pathway
from prom_service.queries.wording import words_of
from prom_service.services import access, answer_window, questions, saved_answers, submission
from prom_service.services.access import LinkTarget
from prom_service.services.clinics import zone_of
from prom_service.web import audit
from prom_service.web.survey import texts
from prom_service.web.survey.paging import Page, make_pages


class DeadEndError(PromError):
    """There is nothing to answer here; ``kind`` says why, in one word, and each kind has a page of its own."""

    def __init__(self, kind: str, survey: "Survey | None" = None) -> None:
        self.kind = kind
        self.survey = survey
        super().__init__(kind)


@dataclass(frozen=True)
class Survey:
    """One administration as its patient sees it: what is asked, and what was answered so far."""

    target: LinkTarget
    pages: tuple[Page, ...]
    answers: Mapping[str, Mapping[str, Any]]
    seconds_per_item: float
    pathway: Pathway

    @property
    def started(self) -> bool:
        """Whether the patient pressed Start."""
        return self.target.administration.started_at is not None

    @property
    def texts(self) -> Texts:
        """The interface in the patient's language."""
        return texts.find(self.target.patient.language)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone the patient's days are counted in."""
        return zone_of(self.target.patient, self.target.clinic)

    @property
    def last_day(self) -> dt.date:
        """The last day on which answers are on time."""
        return self._day_before(self.target.administration.late_after)

    @property
    def closing_day(self) -> dt.date:
        """The last day on which answers are taken at all."""
        return self._day_before(self.target.administration.closes_at)

    @property
    def own_wording(self) -> str:
        """How many of the questionnaires that have scores are in own words: ``all``, ``some`` or none (empty).

        Only these have official words; the safety questions are ours in any case.
        """
        wordings = {page.instrument.wording for page in self.pages if page.instrument.scales}
        return ("some" if "official" in wordings else "all") if "own" in wordings else ""

    @property
    def education(self) -> tuple[Education, ...]:
        """The pathway's texts for the patient, in the language of the pages."""
        return tuple(topic for topic in self.pathway.education if topic.language == self.texts.code)

    def _day_before(self, end: dt.datetime) -> dt.date:
        return (end.astimezone(self.zone) - dt.timedelta(microseconds=1)).date()


def open_survey(session: Session, token: str, *, secret: bytes, now: dt.datetime) -> Survey:
    """Return the survey of a link that takes answers now; DeadEndError otherwise."""
    survey = find_survey(session, token, secret=secret)
    check_open(session, survey, now=now)
    return survey


def check_open(session: Session, survey: Survey, *, now: dt.datetime) -> None:
    """Raise DeadEndError unless the survey takes answers now."""
    target = survey.target
    try:
        answer_window.check_open(target.administration, target.episode, target.patient, at=now)
    except answer_window.AnswersClosedError as closed:
        raise dead_end(session, closed.reason, survey) from None


def dead_end(session: Session, kind: str, survey: Survey) -> DeadEndError:
    """Return the error to raise; its survey can still be shown when the transaction has been given up."""
    session.expunge_all()
    return DeadEndError(kind, survey)


def find_survey(session: Session, token: str, *, secret: bytes) -> Survey:
    """Return the survey of a link, also when it takes no answers; DeadEndError when there is no such link."""
    return _survey(session, _find_target(session, token, secret))


def hold_survey(session: Session, token: str, *, secret: bytes) -> Survey:
    """Return the same, held until the transaction ends: what others committed before is seen, what they begin waits."""
    target = _find_target(session, token, secret)
    submission.hold(session, target.administration)
    return _survey(session, target)


def _find_target(session: Session, token: str, secret: bytes) -> LinkTarget:
    target = access.find_link(session, token, purpose="survey", secret=secret)
    if target is None:
        raise DeadEndError("unknown")
    audit.about(clinic_id=target.clinic.id, administration=[target.administration.id], episode=[target.episode.id])
    return target


def _survey(session: Session, target: LinkTarget) -> Survey:
    answers = saved_answers.current_answers(session, target.administration)
    pace = seconds_per_item(session, target.episode.pathway, target.administration.timepoint)
    pathway = find_pathway(session, target.episode.pathway)
    return Survey(target, _pages(session, target, pathway, answers), answers, pace, pathway)


def _pages(
    session: Session, target: LinkTarget, pathway: Pathway, answers: Mapping[str, Mapping[str, Any]]
) -> tuple[Page, ...]:
    language = texts.find(target.patient.language).code
    words = words_of(session, target.administration, language)
    asked = [
        questions.with_tiers(words.instrument(ref), pathway)
        for ref in pathway.timepoint(target.administration.timepoint).instruments
    ]
    follow_up = target.administration.sequence > 0
    activities: dict[tuple[str, str], str] = {}
    for instrument in asked:
        if follow_up:
            named = questions.baseline_activities(session, target.episode, instrument)
        else:
            given = answers.get(instrument.ref, {})
            named = {item.code: given.get(item.code + TEXT, "") for item in instrument.items if item.activity}
        activities |= {(instrument.ref, code): text for code, text in named.items()}
    return make_pages(asked, follow_up=follow_up, activities=activities)
