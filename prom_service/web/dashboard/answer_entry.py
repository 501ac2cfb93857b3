"""Answers that a patient gave on paper, by phone or at the desk, typed in by staff under the words of that day."""

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import redirect, render_template, request, url_for
from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from instruments.activities import TEXT
from instruments.definition import Instrument, Item
from prom_service.errors import InvalidInputError
from prom_service.models import Administration, Clinic, Episode
from prom_service.models.response import ANSWERED_BY, WORDINGS
from prom_service.models.user import READING_ROLES
from prom_service.queries import directory
from prom_service.queries.wording import Words, words_in_force
from prom_service.services import answer_window, questions, submission
from prom_service.services.answer_window import AnswersClosedError
from prom_service.services.clinics import zone_of
from prom_service.web import audit, guards
from prom_service.web.api.fields import Day
from prom_service.web.api.schemas.administration import STAFF_MODES
from prom_service.web.context import prom
from prom_service.web.dashboard import forms
from prom_service.web.dashboard.blueprint import blueprint, common, pathway_of
from prom_service.web.dashboard.patient_words import ANSWERED_BY_WORDS, LANGUAGES
from prom_service.web.dashboard.staff_session import chosen_clinic, person
from prom_service.web.dashboard.words import MODES, read_in

NOON = dt.time(12)
NOT_APPLICABLE = "NA"
HOW: Schema = Schema.from_dict(
    {
        "answered_on": Day(required=True),
        "mode": fields.String(required=True, validate=validate.OneOf(STAFF_MODES)),
        "answered_by": fields.String(validate=validate.OneOf(ANSWERED_BY), load_default="unknown"),
    }
)()


@dataclass(frozen=True)
class Asked:
    """One instrument as it is typed in: in the words of the day, with the items of this timepoint."""

    instrument: Instrument
    items: tuple[Item, ...]
    follow_up: bool
    activities: Mapping[str, str]
    """Activities named at the start, by item."""


@dataclass(frozen=True)
class Entry:
    """What the form is about."""

    administration: Administration
    episode: Episode
    clinic: Clinic
    answered_on: dt.date
    words: Words
    asked: tuple[Asked, ...]


@blueprint.get("/administrations/<uuid:administration_id>/entry")
@guards.admits(*READING_ROLES)
def show_entry(administration_id: uuid.UUID) -> str | tuple[str, int]:
    """Ask when and how the answers were given; then show the questions in the words in force on that day."""
    with prom.reading() as session:
        entry = _entry(session, administration_id, prom.now().date())
        closed = _closed(session, entry)
    if closed:
        return _how_form(entry, request.args, {"how.answered_on": [closed]}), 409
    if not request.args:
        return _how_form(entry, {"how.answered_on": _today(entry).isoformat(), "how.mode": "paper"}, {})
    how, errors = forms.read(HOW, "how", given=request.args)
    errors = errors or _outside(entry, how)
    if errors:
        return _how_form(entry, request.args, errors), 422
    with prom.reading() as session:
        entry = _entry(session, administration_id, how["answered_on"])
        closed = _closed(session, entry, at=_instant(entry))
    if closed:
        return _how_form(entry, request.args, {"how.answered_on": [closed]}), 409
    return _entry_form(entry, how, {}, {})


@blueprint.post("/administrations/<uuid:administration_id>/entry")
@guards.admits(*READING_ROLES)
def enter(administration_id: uuid.UUID) -> Response | tuple[str, int]:
    """Take the answers in: scored, judged and flagged at once. The same answers again have no further effect."""
    how, errors = forms.read(HOW, "how")
    with prom.reading() as session:
        entry = _entry(session, administration_id, prom.now().date() if errors else how["answered_on"])
    if errors:
        return _how_form(entry, request.form, errors), 422
    try:
        with audit.writing() as session:
            held = directory.find_administration(session, chosen_clinic(), administration_id)
            submission.submit(
                session,
                held,
                mode=how["mode"],
                answered_by=how["answered_by"],
                entered_by=person.actor,
                answers=dict(_typed(entry)),
                answered_at=_instant(entry),
                wording=_wording(entry),
                now=prom.now(),
            )
    except InvalidInputError as error:
        return _entry_form(entry, how, request.form, _beside(error.errors)), 422
    except AnswersClosedError as error:
        return _entry_form(entry, how, request.form, {"answers": [str(error)]}), 409
    return redirect(url_for(".show_answers", administration_id=administration_id), code=303)


def _entry(session: Session, administration_id: uuid.UUID, answered_on: dt.date) -> Entry:
    administration = directory.find_administration(session, chosen_clinic(), administration_id)
    episode = directory.find_episode(session, administration.clinic_id, administration.episode_id)
    clinic = session.get_one(Clinic, administration.clinic_id)
    at = dt.datetime.combine(answered_on, NOON, zone_of(episode.patient, clinic))
    words = words_in_force(session, clinic.id, episode.patient.language, at=at)
    return Entry(
        administration, episode, clinic, answered_on, words, tuple(_asked(session, administration, episode, words))
    )


def _asked(session: Session, administration: Administration, episode: Episode, words: Words) -> Iterator[Asked]:
    follow_up = administration.sequence > 0
    for instrument in questions.instruments_asked(session, administration, episode):
        worded = words.instrument(instrument.ref)
        known = questions.baseline_activities(session, episode, instrument) if follow_up else {}
        yield Asked(worded, questions.items_asked(worded, follow_up=follow_up), follow_up, known)


def _closed(session: Session, entry: Entry, *, at: dt.datetime | None = None) -> str | None:
    """Return why answers given ``at`` that moment, or on any day, are not taken; None when they are."""
    administration, episode, now = entry.administration, entry.episode, prom.now()
    try:
        if at is None:
            answer_window.check_any_day(session, administration, episode, episode.patient, now=now)
        else:
            answer_window.check_moment(session, administration, episode, episode.patient, at, now)
    except AnswersClosedError as error:
        return str(error)
    return None


def _typed(entry: Entry) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the answers of the form by instrument. What is no number is left for the service to refuse by name."""
    for one in entry.asked:
        given: dict[str, object] = {}
        for item in one.items:
            name = field_name(one.instrument.ref, item.code)
            text = request.form.get(name, "").strip()
            if request.form.get(f"{name}.na") == NOT_APPLICABLE and not text:
                text = NOT_APPLICABLE
            if text:
                given[item.code] = int(text) if _is_whole(text) else text
            activity = one.activities.get(item.code) or request.form.get(f"{name}{TEXT}", "").strip()
            if item.activity and activity and (text or not one.activities):
                given[item.code + TEXT] = activity
        yield one.instrument.ref, given


def _wording(entry: Entry) -> dict[str, str]:
    """Return in whose words each instrument was asked, where the form says so."""
    said = {one.instrument.ref: request.form.get(f"wording.{one.instrument.ref}") for one in entry.asked}
    return {ref: word for ref, word in said.items() if word}


def field_name(ref: str, item: str) -> str:
    """Return the name of the field of an item."""
    return f"answers.{ref}.{item}"


def _is_whole(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 4


def _beside(errors: Mapping[str, list[str]]) -> forms.Errors:
    """Return what the service found wrong under the names of the form's fields."""
    own = ("answers", "answered_at")
    names = {name: "answers" if name in own else name for name in errors}
    return {
        field if field == "answers" or field.startswith("wording.") else f"answers.{field}": texts
        for name, texts in errors.items()
        for field in [names[name]]
    }


def _outside(entry: Entry, how: Mapping[str, Any]) -> forms.Errors:
    if how["answered_on"] > _today(entry):
        return {"how.answered_on": ["Must not lie in the future."]}
    return {}


def _today(entry: Entry) -> dt.date:
    return prom.now().astimezone(zone_of(entry.episode.patient, entry.clinic)).date()


def _instant(entry: Entry) -> dt.datetime:
    """Return noon of the day where the patient lives, or now when that is earlier."""
    noon = dt.datetime.combine(entry.answered_on, NOON, zone_of(entry.episode.patient, entry.clinic))
    return min(noon, prom.now()) if entry.answered_on == _today(entry) else noon


def _how_form(entry: Entry, form: Mapping[str, Any], errors: forms.Errors) -> str:
    return _page("dashboard/entry_how.html", entry, form, errors)


def _entry_form(entry: Entry, how: Mapping[str, Any], form: Mapping[str, Any], errors: forms.Errors) -> str:
    return _page("dashboard/entry.html", entry, form, errors, how=how, field_name=field_name, wordings=WORDINGS)


def _page(template: str, entry: Entry, form: Mapping[str, Any], errors: forms.Errors, **more: Any) -> str:
    read_in(entry.clinic.time_zone, days=zone_of(entry.episode.patient, entry.clinic))
    return render_template(
        template,
        entry=entry,
        patient=entry.episode.patient,
        title=pathway_of(entry.episode).timepoint(entry.administration.timepoint).title,
        form=form,
        errors=errors,
        modes={mode: MODES[mode] for mode in STAFF_MODES},
        answered_by=ANSWERED_BY_WORDS,
        languages=LANGUAGES,
        **more,
        **common(),
    )
