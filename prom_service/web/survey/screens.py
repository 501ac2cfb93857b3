"""What each of the patient's pages is given to show."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from flask import render_template
from markupsafe import Markup

from prom_service.web.survey import gaps, texts
from prom_service.web.survey.advice import Advice
from prom_service.web.survey.form import BIRTH, Fault, fields
from prom_service.web.survey.opening import Survey
from prom_service.web.survey.paging import Page
from prom_service.web.survey.trend import Course


def landing(survey: Survey, token: str, *, now: dt.datetime) -> str:
    """Return the page that says who asks, what for, how long it takes, until when, and who reads the answers."""
    asked = gaps.count_questions(survey.pages)
    left = sum(len(gaps.open_questions(page, survey.answers)) for page in survey.pages)
    minutes = gaps.minutes_needed(survey.pages, survey.answers, survey.seconds_per_item)
    late = now >= survey.target.administration.late_after
    return _render("landing", survey, token=token, minutes=minutes, late=late, asked=asked, answered=asked - left)


def questions(
    survey: Survey, page: Page, posted: Mapping[str, Sequence[str]] | None = None, faults: Sequence[Fault] = ()
) -> str:
    """Return a page of questions: with the saved answers, or with what was posted and what is wrong with it."""
    labels = {question.name: question.text for question in page.questions}
    shown = fields(page, survey.answers, posted, faults)
    to_come = [one for one in survey.pages if one.number >= page.number]
    minutes = gaps.minutes_needed(to_come, survey.answers, survey.seconds_per_item)
    return _render("page", survey, page=page, minutes=minutes, fields=shown, faults=faults, labels=labels)


def advice(survey: Survey, given: Advice, back: str | None = None) -> str:
    """Return the page that says what a yes to a safety question calls for; ``back`` leads to where it was given."""
    return _render("advice", survey, advice=given, back=back)


def advice_at_once(survey: Survey, given: Advice | None) -> str:
    """Return the same in one breath, as plain text, for the page on which it was given; empty without advice."""
    if given is None:
        return ""
    text, clinic, clinic_texts = survey.texts, survey.target.clinic, survey.target.clinic_texts
    said: list[str] = [text(f"advice.{given.tier}.title") + "."]
    if given.tier != "emergency":
        said += [text("advice.same_day.call", clinic=clinic.name, reply_hours=clinic_texts.reply_hours), clinic.phone]
    elif clinic_texts.language == text.code:
        said += [clinic_texts.urgent_text]
    else:
        said += [text("urgent.help"), clinic_texts.urgent_text]
    return " ".join(Markup.escape(part).striptags() for part in said)


def review(survey: Survey, token: str, fault: Fault | None = None) -> str:
    """Return the page that says what is missing, and sends."""
    lacks = gaps.find_lacks(survey.pages, survey.answers)
    missing = sum(len(lack.gaps) for lack in lacks)
    first_page = survey.pages[0].number
    return _render("review", survey, token=token, lacks=lacks, missing=missing, first_page=first_page, fault=fault)


def thanks(survey: Survey, *, more: bool, courses: Sequence[Course] = ()) -> str:
    """Return the receipt; ``more`` when another questionnaire is waiting, ``courses`` are scores over time to show."""
    return _render("thanks", survey, moment=_received(survey), more=more, courses=courses)


def kept(survey: Survey) -> str:
    """Return the page that says that the answers came before, and that the change was kept for the clinic."""
    return _render("end", survey, kind="kept", moment=_received(survey))


def check(survey: Survey, fault: str | None = None) -> str:
    """Return the page that asks for the year of birth, or the date, before earlier answers are shown."""
    asked = "date" if survey.target.clinic.identity_check == "date" else "year"
    return _render("check", survey, asked=asked, names=BIRTH[asked][::-1], fault=fault)


def not_me(survey: Survey, token: str) -> str:
    """Return the page that asks whether the link reached the wrong person."""
    return _render("not_me", survey, token=token)


def not_me_noted() -> str:
    """Return the thanks for saying so; the link is dead by then, so nothing is looked up for it."""
    return render_template("survey/not_me_noted.html", text=texts.find_for_stranger())


def dead_end(kind: str, survey: Survey | None = None, token: str | None = None) -> str:
    """Return the page of that kind; without a survey it knows no clinic and refers to the email.

    With the link's ``token`` it offers to mail a link to what is open now.
    """
    if survey is None:
        return render_template("survey/end.html", text=texts.find_for_stranger(), kind=kind, clinic=None)
    opening_day = survey.target.administration.opens_at.astimezone(survey.zone).date()
    days = {"not_open_yet": opening_day, "closed": survey.closing_day}
    return _render("end", survey, kind=kind, days=days, moment=_received(survey), token=token)


def _render(name: str, survey: Survey, **values: Any) -> str:
    target = survey.target
    return render_template(
        f"survey/{name}.html",
        text=survey.texts,
        survey=survey,
        clinic=target.clinic,
        clinic_texts=target.clinic_texts,
        side=target.episode.side,
        **values,
    )


def _received(survey: Survey) -> str:
    completed_at = survey.target.administration.completed_at
    return survey.texts.moment(completed_at.astimezone(survey.zone)) if completed_at else ""
