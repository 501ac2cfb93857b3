"""The patient's way: landing → Start → pages of questions → what is missing → send → thanks.

Looking changes nothing; every step goes on by a form, and only one that was sent by its button counts: what a mail
scanner opens or posts empty leaves no trace.
"""

import datetime as dt
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from prom_service.queries.waiting import find_waiting
from prom_service.services import access, misdelivery, submission
from prom_service.web.context import prom
from prom_service.web.problems import Problem
from prom_service.web.survey import gaps, texts
from prom_service.web.survey.advice import advice_for
from prom_service.web.survey.form import Fault, fields, read
from prom_service.web.survey.opening import DeadEndError, Survey, find_survey, open_survey
from prom_service.web.survey.paging import Page, find_page, page_after, page_before

blueprint = Blueprint("survey", __name__, url_prefix="/s")

DEAD_ENDS = {"unknown": 404, "moved": 404, "closed": 410, "cancelled": 410, "withdrawn": 410, "outage": 503}
"""Status of each page that ends the way; the others are good news or early, and 200."""
LEADS_ON = dt.timedelta(hours=24)
"""How long after sending a link leads on to the patient's next questionnaire."""
ANSWERED_BY = ("self", "helped", "proxy")


@blueprint.get("/<token>")
def landing(token: str) -> str:
    """Say who asks, what for, how long it takes and who reads the answers."""
    with prom.reading() as session:
        return _show_landing(_open(session, token), token)


@blueprint.post("/<token>")
def start(token: str) -> Any:
    """Note that the patient pressed Start, and go to the first question without an answer."""
    with prom.transaction() as session:
        survey = _open(session, token)
        if request.form.get("go") != "start":
            return _show_landing(survey, token), 422
        submission.start(session, survey.target.administration, now=prom.now())
    return _go_to(token, gaps.first_open_page(survey.pages, survey.answers))


@blueprint.get("/<token>/<int:number>")
def show_page(token: str, number: int) -> Any:
    """Show one page of questions with the answers saved so far."""
    with prom.reading() as session:
        survey = _open(session, token)
        return _show_page(survey, token, _page(survey, number)) if survey.started else _go_to_landing(token)


@blueprint.post("/<token>/<int:number>")
def save_page(token: str, number: int) -> Any:
    """Save one page of answers, or show the page again with what is wrong."""
    with prom.transaction() as session:
        survey = _open(session, token)
        page = _page(survey, number)
        if not survey.started:
            return _go_to_landing(token)
        if request.form.get("go") not in ("next", "back"):
            return _show_page(survey, token, page, [Fault("", "incomplete")]), 422
        posted = request.form.to_dict(flat=False)
        reading = read(page, posted, survey.answers)
        if reading.faults:
            return _show_page(survey, token, page, reading.faults), 422
        if reading.answers:
            administration = survey.target.administration
            submission.save_answers(
                session, administration, reading.answers, entered_with=reading.entered_with, now=prom.now()
            )
            survey = _open(session, token)
    if advice_for(page, survey.answers) and request.form["go"] == "next":
        return redirect(url_for(".show_advice", token=token, number=number, **request.args), 303)
    return _go_on(survey, token, number, request.form["go"])


@blueprint.get("/<token>/<int:number>/advice")
def show_advice(token: str, number: int) -> Any:
    """Show what a yes to a safety question calls for."""
    with prom.reading() as session:
        survey = _open(session, token)
        page = _page(survey, number)
        advice = advice_for(page, survey.answers)
        if advice is None or not survey.started:
            return _go_to_landing(token)
        return _render("advice", survey, token=token, advice=advice, back=_address(token, number))


@blueprint.post("/<token>/<int:number>/advice")
def leave_advice(token: str, number: int) -> Any:
    """Go on after advice."""
    with prom.reading() as session:
        survey = _open(session, token)
        _page(survey, number)
    return _go_on(survey, token, number, "next")


@blueprint.get("/<token>/review")
def review(token: str) -> Any:
    """Say what is missing and what follows from it, before anything is sent."""
    with prom.reading() as session:
        survey = _open(session, token)
        return _show_review(survey, token) if survey.started else _go_to_landing(token)


@blueprint.post("/<token>/review")
def send(token: str) -> Any:
    """Take the answers in: scored, judged and flagged when the thanks page is shown. Sending twice has one effect."""
    with prom.transaction() as session:
        survey = find_survey(session, token, secret=prom.settings.secret)
        if survey.target.administration.state == "completed":
            return _go_to_thanks(token)
        survey = _open(session, token)
        if not survey.started:
            return _go_to_landing(token)
        fault = _fault_before_sending(survey)
        if fault:
            return _show_review(survey, token, fault), 422
        submission.submit(
            session,
            survey.target.administration,
            answered_by=request.form.get("answered_by", "unknown"),
            language=survey.texts.code,
            now=prom.now(),
        )
    return _go_to_thanks(token)


@blueprint.get("/<token>/thanks")
def thanks(token: str) -> Any:
    """Give the receipt, and say what happens next."""
    with prom.reading() as session:
        survey = find_survey(session, token, secret=prom.settings.secret)
        if survey.target.administration.completed_at is None:
            return _go_to_landing(token)
        return _render(
            "thanks", survey, token=token, moment=_received(survey), more=_waiting(session, survey) is not None
        )


@blueprint.post("/<token>/thanks")
def lead_on(token: str) -> Any:
    """Go on to the patient's other open questionnaire by a link of its own."""
    with prom.transaction() as session:
        survey = find_survey(session, token, secret=prom.settings.secret)
        waiting = _waiting(session, survey)
        if waiting is None or request.form.get("go") != "next":
            return _go_to_thanks(token)
        secret, now = prom.settings.secret, prom.now()
        fresh = access.issue_link(session, waiting, issued_by="patient", secret=secret, now=now)
    return _go_to_landing(fresh)


@blueprint.get("/<token>/not-me")
def not_me(token: str) -> Any:
    """Ask whether the link reached the wrong person."""
    with prom.reading() as session:
        return _render("not_me", _open(session, token), token=token)


@blueprint.post("/<token>/not-me")
def report_not_me(token: str) -> Any:
    """Stop the emails and ask the clinic to check the address."""
    with prom.transaction() as session:
        survey = _open(session, token)
        if request.form.get("go") != "not-me":
            return _render("not_me", survey, token=token), 422
        misdelivery.report_wrong_person(session, survey.target.patient, now=prom.now())
    return redirect(url_for(".not_me_noted", token=token), 303)


@blueprint.get("/<token>/not-me/noted")
def not_me_noted(token: str) -> str:
    """Say thank you. The link is dead by now, so nothing is looked up."""
    return render_template("survey/not_me_noted.html", text=texts.find(texts.DEFAULT))


@blueprint.errorhandler(DeadEndError)
def show_dead_end(end: DeadEndError) -> Any:
    """Show why there is nothing to answer, and what to do instead."""
    status = DEAD_ENDS.get(end.kind, 200)
    if end.survey is None:
        return render_template("survey/end.html", text=texts.find(texts.DEFAULT), kind=end.kind, clinic=None), status
    return _render("end", end.survey, kind=end.kind, **_moments(end.survey)), status


@blueprint.errorhandler(submission.AnswersClosedError)
def show_closed(closed: submission.AnswersClosedError) -> Any:
    """Somebody was faster, between our looking and our saving: the landing page says what is the case now."""
    return _go_to_landing(str((request.view_args or {})["token"]))


def show_problem(problem: Problem) -> Response:
    """Return the page for an error that is nobody's fault: an address that is no page, or an outage."""
    kind = "outage" if problem.status >= 500 else "moved"
    page = render_template("survey/end.html", text=texts.find(texts.DEFAULT), kind=kind, clinic=None)
    return make_response(page)


def _open(session: Session, token: str) -> Survey:
    return open_survey(session, token, secret=prom.settings.secret, now=prom.now())


def _page(survey: Survey, number: int) -> Page:
    page = find_page(survey.pages, number)
    if page is None:
        raise DeadEndError("moved", survey)
    return page


def _waiting(session: Session, survey: Survey) -> Any:
    completed_at = survey.target.administration.completed_at
    if completed_at is None or prom.now() - completed_at > LEADS_ON:
        return None
    return find_waiting(session, survey.target.administration, now=prom.now())


def _fault_before_sending(survey: Survey) -> Fault | None:
    if request.form.get("go") != "send":
        return Fault("", "incomplete")
    if request.form.get("answered_by", "self") not in ANSWERED_BY:
        return Fault("answered_by", "who_answered")
    if not any(survey.answers.values()):
        return Fault("", "nothing_answered")
    return None


def _render(name: str, survey: Survey, **values: Any) -> str:
    target = survey.target
    return render_template(
        f"survey/{name}.html",
        text=survey.texts,
        survey=survey,
        clinic=target.clinic,
        side=target.episode.side,
        **values,
    )


def _show_landing(survey: Survey, token: str) -> str:
    asked = gaps.count_questions(survey.pages)
    left = sum(len(gaps.open_questions(page, survey.answers)) for page in survey.pages)
    late = prom.now() >= survey.target.administration.late_after
    minutes = gaps.minutes_needed(survey.pages, survey.answers)
    return _render("landing", survey, token=token, minutes=minutes, late=late, asked=asked, answered=asked - left)


def _show_page(survey: Survey, token: str, page: Page, faults: Any = ()) -> str:
    posted = request.form.to_dict(flat=False) if faults else None
    return _render(
        "page",
        survey,
        token=token,
        page=page,
        fields=fields(page, survey.answers, posted, faults),
        faults=faults,
        labels={question.name: question.text for question in page.questions},
        first=page_before(survey.pages, page.number) is None,
    )


def _show_review(survey: Survey, token: str, fault: Fault | None = None) -> str:
    lacks = gaps.find_lacks(survey.pages, survey.answers)
    return _render(
        "review",
        survey,
        token=token,
        lacks=lacks,
        missing=sum(len(lack.gaps) for lack in lacks),
        first_page=survey.pages[0].number,
        fault=fault,
    )


def _moments(survey: Survey) -> dict[str, Any]:
    opens_at = survey.target.administration.opens_at.astimezone(survey.zone)
    days = {"not_open_yet": opens_at.date(), "closed": survey.closing_day}
    return {"days": days, "moment": _received(survey)}


def _received(survey: Survey) -> str:
    completed_at = survey.target.administration.completed_at
    return survey.texts.moment(completed_at.astimezone(survey.zone)) if completed_at else ""


def _go_on(survey: Survey, token: str, number: int, button: str) -> Any:
    if request.args.get("to") == "review":
        return redirect(url_for(".review", token=token), 303)
    page = page_after(survey.pages, number) if button == "next" else page_before(survey.pages, number)
    return _go_to(token, page) if page or button == "next" else _go_to_landing(token)


def _go_to(token: str, page: Page | None) -> Any:
    return redirect(_address(token, page.number) if page else url_for(".review", token=token), 303)


def _address(token: str, number: int) -> str:
    return url_for(".show_page", token=token, number=number, **request.args)


def _go_to_landing(token: str) -> Any:
    return redirect(url_for(".landing", token=token), 303)


def _go_to_thanks(token: str) -> Any:
    return redirect(url_for(".thanks", token=token), 303)
