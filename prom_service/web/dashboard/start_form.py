"""What changes a course of care as a whole: its details, its start after a dry run, and its close."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Administration, Clinic, Episode
from prom_service.models.user import READING_ROLES
from prom_service.queries import directory
from prom_service.services import enrolment, planning
from prom_service.services.clinics import today_at, zone_of
from prom_service.services.planning import PENDING, StartChange
from prom_service.web import audit, guards
from prom_service.web.api.schemas.episode import CloseSchema, EpisodeChangeSchema
from prom_service.web.context import prom
from prom_service.web.dashboard import forms
from prom_service.web.dashboard.blueprint import blueprint, common, pathway_of
from prom_service.web.dashboard.staff_session import chosen_clinic, person
from prom_service.web.dashboard.words import read_in, words

START = EpisodeChangeSchema(only=("started_on",))
CLOSE = CloseSchema(only=("closed_on", "reason"))
DETAILS = EpisodeChangeSchema(exclude=("started_on",))
STAYS = {
    "answered": "Stays: it is answered",
    "cancelled": "Stays: it was cancelled",
    "ended": "Stays: nothing is asked any more",
    "unchanged": "Stays where it is",
}


@blueprint.get("/episodes/<uuid:episode_id>/start")
@guards.admits(*READING_ROLES)
def show_start(episode_id: uuid.UUID) -> str:
    """Show the day on which care started, to be changed."""
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
    return _start_form(episode, {"episode.started_on": episode.started_on.isoformat()}, {})


@blueprint.post("/episodes/<uuid:episode_id>/start")
@guards.admits(*READING_ROLES)
def change_start(episode_id: uuid.UUID) -> Response | str | tuple[str, int]:
    """Show what another start would do; on confirmation change it, if it would still do what was shown."""
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
    said, errors = forms.read(START, "episode")
    if not errors and "started_on" not in said:
        errors = {"episode.started_on": ["Name the day on which care started."]}
    if errors:
        return _start_form(episode, request.form, errors), 422
    try:
        if request.form.get("go") == "save":
            return _move(episode_id, said["started_on"])
        return _start_preview(episode_id, said["started_on"])
    except InvalidInputError as error:
        return _start_form(episode, request.form, forms.under("episode", error.errors)), 422


@blueprint.get("/episodes/<uuid:episode_id>/close")
@guards.admits(*READING_ROLES)
def show_close(episode_id: uuid.UUID) -> str:
    """Say what closing would end, or correcting the day of one that is closed would change."""
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
        clinic = session.get_one(Clinic, episode.clinic_id)
        pending = _pending(session, episode)
    day = episode.closed_on or today_at(clinic, now=prom.now())
    return _close_form(episode, pending, {"close.closed_on": day.isoformat()}, {})


@blueprint.post("/episodes/<uuid:episode_id>/close")
@guards.admits(*READING_ROLES)
def close(episode_id: uuid.UUID) -> Response | tuple[str, int]:
    """Close a course of care, or correct the day on which it was closed. Pressing twice has one effect."""
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
        pending = _pending(session, episode)
    correcting = request.form.get("go") == "correct"
    said, errors = forms.read(CLOSE, "close")
    if not errors and "closed_on" not in said:
        errors = {"close.closed_on": ["Name the day on which it was closed."]}
    if errors:
        return _close_form(episode, pending, request.form, errors), 422
    try:
        with audit.writing() as session:
            held = directory.find_episode(session, chosen_clinic(), episode_id)
            act = enrolment.correct_close if correcting else enrolment.close_episode
            act(session, held, **said, actor=person.actor, now=prom.now())
    except InvalidInputError as error:
        return _close_form(episode, pending, request.form, forms.under("close", error.errors)), 422
    except ConflictError as error:
        return _close_form(episode, pending, request.form, {"close.closed_on": [str(error)]}), 409
    day = words(said["closed_on"])
    flash(f"The course of care was closed on {day}." if correcting else "The course of care is closed.")
    return redirect(url_for(".show_episode", episode_id=episode_id), code=303)


@blueprint.get("/episodes/<uuid:episode_id>/change")
@guards.admits(*READING_ROLES)
def show_details(episode_id: uuid.UUID) -> str:
    """Show what is said of a course of care, to be changed."""
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
    return _details_form(episode, _said_of(episode), {})


@blueprint.post("/episodes/<uuid:episode_id>/change")
@guards.admits(*READING_ROLES)
def change_details(episode_id: uuid.UUID) -> Response | tuple[str, int]:
    """Change what is said of a course of care, by those who saw it as it is."""
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
    said, errors = forms.read(DETAILS, "episode", cleared=True)
    if errors:
        return _details_form(episode, request.form, errors), 422
    try:
        _change(episode_id, said)
    except InvalidInputError as error:
        return _details_form(episode, request.form, forms.under("episode", error.errors)), 422
    except ConflictError as error:
        return _details_form(episode, request.form, {"episode": [str(error)]}), 409
    flash("The details are saved.")
    return redirect(url_for(".show_episode", episode_id=episode_id), code=303)


def _change(episode_id: uuid.UUID, said: Mapping[str, Any]) -> None:
    with audit.writing() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
        news = {name: value for name, value in said.items() if getattr(episode, name) != value}
        if news and request.form.get("version") != str(episode.version):
            raise ConflictError("It was changed by someone else meanwhile. Open this page again and retry.")
        if news:
            enrolment.change_episode(session, episode, news, actor=person.actor, now=prom.now())


def _said_of(episode: Episode) -> dict[str, str]:
    said = {f"episode.{name}": getattr(episode, name) for name in ("side", "diagnosis", "clinician")}
    excluded = "episode.serious_pathology_excluded"
    return said | {
        "episode.symptom_onset_on": str(episode.symptom_onset_on or ""),
        f"{excluded}.by": episode.pathology_excluded_by or "",
        f"{excluded}.on": str(episode.pathology_excluded_on or ""),
        "version": str(episode.version),
    }


def _move(episode_id: uuid.UUID, started_on: Any) -> Response | tuple[str, int]:
    """Change the start when it would do what was shown; else show what it would do now."""
    with audit.writing() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
        done = episode.started_on == started_on
        planning.hold_administrations(session, [episode.id])
        change = enrolment.preview_start(session, episode, started_on, now=prom.now())
        stale = not done and request.form.get("seen") != _seen(episode, change)
        if not done and not stale:
            changes = {"started_on": started_on}
            enrolment.change_episode(session, episode, changes, actor=person.actor, now=prom.now())
    if stale:
        return _start_preview(episode_id, started_on, stale=True), 409
    flash(f"The course of care now starts on {words(started_on)}.")
    return redirect(url_for(".show_episode", episode_id=episode_id), code=303)


def _start_preview(episode_id: uuid.UUID, started_on: Any, *, stale: bool = False) -> str:
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
        clinic = session.get_one(Clinic, episode.clinic_id)
        change = enrolment.preview_start(session, episode, started_on, now=prom.now())
    read_in(clinic.time_zone, days=zone_of(episode.patient, clinic))
    return render_template(
        "dashboard/start_preview.html",
        episode=episode,
        change=change,
        stale=stale,
        seen=_seen(episode, change),
        stays=STAYS,
        titles={one.key: one.title for one in pathway_of(episode).timepoints},
        **common(),
    )


def _seen(episode: Episode, change: StartChange) -> str:
    """Return a mark of everything that the dry run shows: whoever confirms, confirms just that."""
    shown = [episode.version, change.started_on, change.cancelled_messages, change.due_messages, change.earlier]
    for move in change.moves:
        before = move.administration
        shown += [before.state, before.opens_at, before.target_at, before.closes_at, move.reason]
        shown += [move.planned.opens_at, move.planned.closes_at] if move.planned else []
    return hashlib.sha256("\n".join(map(str, shown)).encode()).hexdigest()[:32]


def _pending(session: Session, episode: Episode) -> list[str]:
    """Return the titles of what is still to be answered."""
    titles = {one.key: one.title for one in pathway_of(episode).timepoints}
    query = select(Administration.timepoint).where(
        Administration.clinic_id == episode.clinic_id,
        Administration.episode_id == episode.id,
        Administration.state.in_(PENDING),
    )
    return [titles[key] for key in session.scalars(query.order_by(Administration.sequence))]


def _start_form(episode: Episode, form: Mapping[str, Any], errors: forms.Errors) -> str:
    return render_template("dashboard/start.html", episode=episode, form=form, errors=errors, **common())


def _close_form(episode: Episode, pending: list[str], form: Mapping[str, Any], errors: forms.Errors) -> str:
    return render_template(
        "dashboard/close.html", episode=episode, pending=pending, form=form, errors=errors, **common()
    )


def _details_form(episode: Episode, form: Mapping[str, Any], errors: forms.Errors) -> str:
    return render_template("dashboard/episode_change.html", episode=episode, form=form, errors=errors, **common())
