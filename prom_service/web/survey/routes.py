"""The patient's way: landing → Start → pages of questions → what is missing → send → thanks.

Looking changes nothing; every step goes on by a form, and only one that was sent by its button counts: what a mail
scanner opens or posts empty leaves no trace.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Response, make_response, redirect, request, url_for
from sqlalchemy.orm import Session

from prom_service.models import Administration
from prom_service.models.response import ANSWERED_BY
from prom_service.queries.waiting import find_waiting
from prom_service.services import access, amendment, answer_window, fresh_link, identity, misdelivery, submission
from prom_service.web import audit
from prom_service.web.context import prom
from prom_service.web.problems import Problem
from prom_service.web.survey import gaps, screens, trend
from prom_service.web.survey.advice import advice_for
from prom_service.web.survey.form import Answers, Fault, Said, part, read, read_birth
from prom_service.web.survey.opening import (
    DeadEndError,
    Survey,
    check_open,
    dead_end,
    find_survey,
    hold_survey,
    open_survey,
)
from prom_service.web.survey.paging import Page, Question, find_page, page_after, page_before

blueprint = Blueprint("survey", __name__, url_prefix="/s")

DEAD_ENDS = {"unknown": 404, "moved": 404, "closed": 410, "cancelled": 410, "withdrawn": 410, "locked": 403}
"""Status of the pages that end the way; those that are not named are good news or early, and 200."""
LEADS_TO_FRESH = ("closed", "cancelled", "completed")
"""Ends from which a link to what is open now can be asked for."""
LEADS_ON = dt.timedelta(hours=24)
"""How long after sending a link leads on to the patient's next questionnaire."""


@blueprint.get("/<token>")
def landing(token: str) -> str:
    """Say who asks, what for, how long it takes and who reads the answers."""
    with prom.reading() as session:
        return screens.landing(_open(session, token), token, now=prom.now())


@blueprint.post("/<token>")
def start(token: str) -> Any:
    """Note that the patient pressed Start, and go to the first question without an answer."""
    with _writing() as session:
        survey = _open(session, token)
        if _pressed() != "start":
            return screens.landing(survey, token, now=prom.now()), 422
        submission.start(session, survey.target.administration, now=prom.now())
    return _go_to(token, gaps.first_open_page(survey.pages, survey.answers))


@blueprint.get("/<token>/<int:number>")
def show_page(token: str, number: int) -> Any:
    """Show one page of questions with the answers saved so far."""
    with prom.reading() as session:
        survey = _open(session, token)
        page = _page(session, survey, number)
        if not survey.started:
            return _go_to_landing(token)
        if _is_guarded(session, survey, page.questions):
            return _go_to_check(token, number)
        return screens.questions(survey, page)


@blueprint.post("/<token>/<int:number>")
def save_page(token: str, number: int) -> Any:
    """Save one page of answers, or show the page again with what is wrong."""
    with _writing() as session:
        survey = hold_survey(session, token, secret=prom.settings.secret)
        page = _page(session, survey, number)
        if survey.target.administration.state == "completed":
            return _amend(session, survey, token, page)
        check_open(session, survey, now=prom.now())
        if not survey.started:
            return _go_to_landing(token)
        posted = request.form.to_dict(flat=False)
        reading = read(page, posted, _unguarded_answers(session, survey))
        faults = reading.faults if _pressed() in ("next", "back") else (Fault("", "incomplete"),)
        if faults and _is_guarded(session, survey, page.questions):
            return _go_to_check(token, number)  # The page again would show what is on record.
        if faults:
            return screens.questions(survey, page, posted, faults), 422
        if reading.answers:
            _save(session, survey, reading.answers, reading.entered_with)
            survey = _open(session, token)
        advice = advice_for(page, _with(_unguarded_answers(session, survey), reading.answers))
    if _pressed() == "next" and advice:
        return redirect(url_for(".show_advice", token=token, number=number, to=_returning()), 303)
    return _go_on(survey, token, number)


@blueprint.post("/<token>/<int:number>/save")
def save_on_the_way(token: str, number: int) -> Any:
    """Save answers of a page as they are given (for the script), and return what a yes calls for.

    409 when they are not taken any more or come too late: the page is saved as a whole when it is left.
    """
    with _writing() as session:
        survey = hold_survey(session, token, secret=prom.settings.secret)
        check_open(session, survey, now=prom.now())
        posted = request.form.to_dict(flat=False)
        answered = part(_page(session, survey, number), posted, _unguarded_answers(session, survey))
        if not survey.started or _pressed() != "save" or answered is None:
            return {}, 409
        reading = read(answered, posted, _unguarded_answers(session, survey))
        if reading.faults:
            return {}, 422
        if reading.answers:
            _save(session, survey, reading.answers, reading.entered_with)
            survey = _open(session, token)
        advice = advice_for(answered, _with(_unguarded_answers(session, survey), reading.answers))
    return {"advice": screens.advice_at_once(survey, advice)}


@blueprint.get("/<token>/<int:number>/advice")
def show_advice(token: str, number: int) -> Any:
    """Show what a yes to a safety question calls for."""
    with prom.reading() as session:
        survey = _open(session, token)
        page = _page(session, survey, number)
        if _is_guarded(session, survey, page.questions):
            return _go_to_check(token, number)
        advice = advice_for(page, survey.answers)
        return screens.advice(survey, advice, _address(token, number)) if advice else _go_to_landing(token)


@blueprint.post("/<token>/<int:number>/advice")
def leave_advice(token: str, number: int) -> Any:
    """Go on after advice."""
    with prom.reading() as session:
        survey = _open(session, token)
        _page(session, survey, number)
    return _go_on(survey, token, number)


@blueprint.get("/<token>/review")
def review(token: str) -> Any:
    """Say what is missing and what follows from it, before anything is sent."""
    with prom.reading() as session:
        survey = _open(session, token)
        if not survey.started:
            return _go_to_landing(token)
        if _is_review_guarded(session, survey):
            return _go_to_check(token, None)
        return screens.review(survey, token)


@blueprint.post("/<token>/review")
def send(token: str) -> Any:
    """Take the answers in: scored, judged and flagged when the thanks page is shown. Sending twice has one effect."""
    with _writing() as session:
        survey = find_survey(session, token, secret=prom.settings.secret)
        if survey.target.administration.state == "completed":
            return _go_to_thanks(token)
        survey = _open(session, token)
        if not survey.started:
            return _go_to_landing(token)
        fault = _fault_before_sending(survey)
        if fault and _is_review_guarded(session, survey):
            return _go_to_check(token, None)
        if fault:
            return screens.review(survey, token, fault), 422
        submission.submit(
            session,
            survey.target.administration,
            answered_by=request.form.get("answered_by", "unknown"),
            language=survey.texts.code,
            now=prom.now(),
        )
    return _go_to_thanks(token)


@blueprint.get("/<token>/check")
def check(token: str) -> Any:
    """Ask for the year of birth before earlier answers are shown."""
    with prom.reading() as session:
        survey = _open(session, token)
        if identity.is_locked(session, survey.target.administration, now=prom.now()):
            raise dead_end(session, "locked", survey)
        return screens.check(survey)


@blueprint.post("/<token>/check")
def answer_check(token: str) -> Any:
    """Go on to the page that was asked for when the year is right; else ask again, five times at most."""
    with _writing() as session:
        survey = hold_survey(session, token, secret=prom.settings.secret)
        check_open(session, survey, now=prom.now())
        target = survey.target
        numbers = read_birth(request.form, target.clinic.identity_check)
        if _pressed() != "check" or numbers is None:
            return screens.check(survey, "check_unreadable"), 422
        if identity.is_locked(session, target.administration, now=prom.now()):
            raise dead_end(session, "locked", survey)
        if not identity.confirm(session, target, numbers, now=prom.now()):
            return screens.check(survey, "check_wrong"), 422
        page = find_page(survey.pages, request.args.get("page", 0, int))
    return _go_to(token, page)


@blueprint.get("/<token>/thanks")
def thanks(token: str) -> Any:
    """Give the receipt, and say what happens next."""
    with prom.reading() as session:
        survey = find_survey(session, token, secret=prom.settings.secret)
        if survey.target.administration.completed_at is None:
            return _go_to_landing(token)
        courses = trend.find_courses(session, survey, now=prom.now())
        return screens.thanks(survey, more=_waiting(session, survey) is not None, courses=courses)


@blueprint.post("/<token>/thanks")
def lead_on(token: str) -> Any:
    """Go on to the patient's other open questionnaire by a link of its own."""
    with _writing() as session:
        survey = find_survey(session, token, secret=prom.settings.secret)
        waiting = _waiting(session, survey)
        if waiting is None or _pressed() != "next":
            return _go_to_thanks(token)
        secret, now = prom.settings.secret, prom.now()
        fresh = access.issue_link(session, waiting, issued_by="patient", secret=secret, now=now)
    return _go_to_landing(fresh)


@blueprint.get("/<token>/not-me")
def not_me(token: str) -> str:
    """Ask whether the link reached the wrong person."""
    with prom.reading() as session:
        return screens.not_me(_open(session, token), token)


@blueprint.post("/<token>/not-me")
def report_not_me(token: str) -> Any:
    """Stop the emails and ask the clinic to check the address."""
    with _writing() as session:
        survey = _open(session, token)
        if _pressed() != "not-me":
            return screens.not_me(survey, token), 422
        misdelivery.report_wrong_person(session, survey.target.patient, now=prom.now())
    return redirect(url_for(".not_me_noted", token=token, language=survey.texts.code), 303)


@blueprint.get("/<token>/not-me/noted")
def not_me_noted(token: str) -> str:
    """Say thank you for it."""
    return screens.not_me_noted()


@blueprint.post("/<token>/fresh")
def ask_for_link(token: str) -> Any:
    """Have a link to what is open now mailed to the address on file; the answer is the same whether it can be."""
    with _writing() as session:
        target = find_survey(session, token, secret=prom.settings.secret).target
        if _pressed() != "fresh":
            return _go_to_landing(token)
        fresh_link.ask_for_link(session, target.administration, target.patient, now=prom.now())
    return redirect(url_for(".link_asked_for", token=token), 303)


@blueprint.get("/<token>/fresh")
def link_asked_for(token: str) -> str:
    """Say what happens next."""
    with prom.reading() as session:
        return screens.dead_end("fresh", find_survey(session, token, secret=prom.settings.secret))


@blueprint.errorhandler(DeadEndError)
def show_dead_end(end: DeadEndError) -> Any:
    """Show why there is nothing to answer, and what to do instead."""
    token = str((request.view_args or {})["token"]) if end.kind in LEADS_TO_FRESH else None
    return screens.dead_end(end.kind, end.survey, token), DEAD_ENDS.get(end.kind, 200)


@blueprint.errorhandler(answer_window.AnswersClosedError)
def show_closed(_closed: answer_window.AnswersClosedError) -> Any:
    """Somebody was faster, between our looking and our saving: the landing page says what is the case now."""
    return _go_to_landing(str((request.view_args or {})["token"]))


def show_problem(problem: Problem) -> Response:
    """Return the page for an error that is nobody's fault: an address that is no page, or an outage."""
    return make_response(screens.dead_end("outage" if problem.status >= 500 else "moved"))


@contextmanager
def _writing() -> Iterator[Session]:
    """Open a transaction; what a patient does in it by a button is on record with it, what a scanner posts is not."""
    with prom.transaction() as session:
        yield session
        if _pressed():
            audit.note(session)


def _open(session: Session, token: str) -> Survey:
    return open_survey(session, token, secret=prom.settings.secret, now=prom.now())


def _page(session: Session, survey: Survey, number: int) -> Page:
    page = find_page(survey.pages, number)
    if page is None:
        raise dead_end(session, "moved", survey)
    return page


def _amend(session: Session, survey: Survey, token: str, page: Page) -> Any:
    """Keep what a page changes after everything was sent, and say so; a page that changes nothing gets the receipt.

    A page with faults changes nothing. What a yes calls for is said here too.
    """
    target = survey.target
    if target.patient.status in ("withdrawn", "deceased") or _pressed() not in ("next", "back"):
        check_open(session, survey, now=prom.now())
    changes = read(page, request.form.to_dict(flat=False), _unguarded_answers(session, survey)).answers
    if not changes:
        return _go_to_thanks(token)
    amendment.amend(session, target.administration, changes, language=survey.texts.code, now=prom.now())
    advice = advice_for(page, changes)
    return screens.advice(survey, advice) if advice else screens.kept(survey)


def _save(session: Session, survey: Survey, answers: Any, entered_with: Any) -> None:
    administration = survey.target.administration
    submission.save_answers(session, administration, answers, entered_with=entered_with, now=prom.now())


def _waiting(session: Session, survey: Survey) -> Administration | None:
    completed_at = survey.target.administration.completed_at
    if completed_at is None or prom.now() - completed_at > LEADS_ON:
        return None
    return find_waiting(session, survey.target.administration, now=prom.now())


def _unguarded_answers(session: Session, survey: Survey) -> Answers:
    """Return the answers on record but for those that are shown only after a check.

    Posted pages are compared with these: what is guarded is as good as not there, else the reply would tell a guess
    that is right from one that is wrong.
    """
    guarded = identity.guarded_items(session, survey.target, now=prom.now())
    return {
        ref: {code: answer for code, answer in given.items() if (ref, code) not in guarded}
        for ref, given in survey.answers.items()
    }


def _with(answers: Answers, said: Said) -> Said:
    """Return the answers with what was said just now, also where that is on record and guarded already."""
    return {ref: {**answers.get(ref, {}), **said.get(ref, {})} for ref in {**answers, **said}}


def _is_guarded(session: Session, survey: Survey, questions: Iterable[Question]) -> bool:
    """Say whether one of these questions comes with an answer that is shown only after a check."""
    guarded = identity.guarded_items(session, survey.target, now=prom.now())
    return any(question.shows & guarded for question in questions)


def _is_review_guarded(session: Session, survey: Survey) -> bool:
    return _is_guarded(session, survey, (gap.question for gap in gaps.find_gaps(survey.pages, survey.answers)))


def _go_to_check(token: str, number: int | None) -> Any:
    return redirect(url_for(".check", token=token, page=number, to=_returning()), 303)


def _fault_before_sending(survey: Survey) -> Fault | None:
    if _pressed() != "send":
        return Fault("", "incomplete")
    if request.form.get("answered_by", "unknown") not in ANSWERED_BY:
        return Fault("answered_by", "who_answered")
    if not any(survey.answers.values()):
        return Fault("", "nothing_answered")
    return None


def _pressed() -> str | None:
    """Return which button sent the form; None when none did."""
    return request.form.get("go")


def _returning() -> str | None:
    """Return ``review`` when the page was opened from the review and leads back there."""
    return "review" if request.args.get("to") == "review" else None


def _go_on(survey: Survey, token: str, number: int) -> Any:
    if _returning():
        return _go_to(token, None)
    if _pressed() == "back":
        before = page_before(survey.pages, number)
        return _go_to(token, before) if before else _go_to_landing(token)
    return _go_to(token, page_after(survey.pages, number))


def _go_to(token: str, page: Page | None) -> Any:
    return redirect(_address(token, page.number) if page else url_for(".review", token=token), 303)


def _address(token: str, number: int) -> str:
    return url_for(".show_page", token=token, number=number, to=_returning())


def _go_to_landing(token: str) -> Any:
    return redirect(url_for(".landing", token=token), 303)


def _go_to_thanks(token: str) -> Any:
    return redirect(url_for(".thanks", token=token), 303)
