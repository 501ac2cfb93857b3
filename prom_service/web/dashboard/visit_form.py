"""Visits as staff record, correct and void them."""

import uuid
from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Clinic, Episode, Visit
from prom_service.models.user import READING_ROLES
from prom_service.queries import directory, visits
from prom_service.services.clinics import today_at
from prom_service.services.visits import VisitDetails, record_visit, void_visit
from prom_service.web import audit, guards
from prom_service.web.api.schemas.visit import VisitDetailsSchema, VisitNumberSchema
from prom_service.web.context import prom
from prom_service.web.dashboard import forms
from prom_service.web.dashboard.blueprint import blueprint, common, pathway_of
from prom_service.web.dashboard.staff_session import chosen_clinic, person
from prom_service.web.dashboard.words import read_in

DETAILS = VisitDetailsSchema()
NUMBER = VisitNumberSchema()
STATUSES = {"attended": "Attended", "cancelled": "Cancelled", "no_show": "Did not come"}
FORMATS = {"individual": "Individual", "group": "Group", "telehealth": "Telehealth"}
DOCUMENTATION = {
    "Exercise prescription": {
        "exercise_load": "Load",
        "repetitions": "Repetitions",
        "sets": "Sets",
        "time_under_tension": "Time under tension",
        "rest": "Rest between repetitions and sessions",
        "sessions_per_week": "Sessions per week",
        "progression": "Progression",
    },
    "What was done": {"interventions": "Interventions", "education": "Education"},
    "Medication and imaging": {"medication": "Medication", "imaging": "Imaging"},
}
"""Optional fields by group, in the order of the columns of the visits file."""


@blueprint.get("/episodes/<uuid:episode_id>/visits")
@guards.admits(*READING_ROLES)
def list_visits(episode_id: uuid.UUID) -> str:
    """Show the visits of a course of care, each with its history, against the limit."""
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
        clinic = session.get_one(Clinic, episode.clinic_id)
        shown = visits.visits_of(session, episode)
    read_in(clinic.time_zone)
    return render_template(
        "dashboard/visits.html",
        episode=episode,
        visits=shown,
        counted=sum(one.place is not None for one in shown),
        pathway=pathway_of(episode),
        statuses=STATUSES,
        formats=FORMATS,
        documented={name: label for group in DOCUMENTATION.values() for name, label in group.items()},
        **common(),
    )


@blueprint.get("/episodes/<uuid:episode_id>/visits/add")
@guards.admits(*READING_ROLES)
def show_new_visit(episode_id: uuid.UUID) -> str:
    """Show the form for a visit."""
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
        clinic = session.get_one(Clinic, episode.clinic_id)
    today = today_at(clinic, now=prom.now())
    return _form(episode, {"visit.date": today.isoformat(), "visit.clinician": episode.clinician}, {})


@blueprint.post("/episodes/<uuid:episode_id>/visits/add")
@guards.admits(*READING_ROLES)
def add_visit(episode_id: uuid.UUID) -> Response | tuple[str, int]:
    """Record a visit under the clinic's own number; one that is there already is not overwritten."""
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
    named, errors = forms.read(NUMBER, "number")
    details, more = forms.read(DETAILS, "visit")
    if errors or more:
        return _form(episode, request.form, errors | more), 422
    try:
        with audit.writing() as session:
            held = directory.find_episode(session, chosen_clinic(), episode_id)
            _refuse_overwriting(session, held, named["external_id"], details)
            record_visit(session, held, named["external_id"], details, actor=person.actor, now=prom.now())
    except InvalidInputError as error:
        return _form(episode, request.form, forms.under("visit", error.errors)), 422
    except ConflictError as error:
        return _form(episode, request.form, {"number.external_id": [str(error)]}), 409
    flash("The visit is recorded.")
    return redirect(url_for(".list_visits", episode_id=episode_id), code=303)


@blueprint.get("/episodes/<uuid:episode_id>/visits/<uuid:visit_id>")
@guards.admits(*READING_ROLES)
def show_visit(episode_id: uuid.UUID, visit_id: uuid.UUID) -> str:
    """Show a visit, to be corrected."""
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
        visit = visits.find_visit(session, episode, visit_id)
    return _form(episode, _said_of(visit), {}, visit)


@blueprint.post("/episodes/<uuid:episode_id>/visits/<uuid:visit_id>")
@guards.admits(*READING_ROLES)
def correct_visit(episode_id: uuid.UUID, visit_id: uuid.UUID) -> Response | tuple[str, int]:
    """Correct a visit, or bring a void one back, by those who saw it as it is. Every earlier state is kept."""
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
        visit = visits.find_visit(session, episode, visit_id)
    details, errors = forms.read(DETAILS, "visit")
    if errors:
        return _form(episode, request.form, errors, visit), 422
    try:
        with audit.writing() as session:
            held = directory.find_episode(session, chosen_clinic(), episode_id)
            newest = visits.find_visit(session, held, visit_id)
            _refuse_stale(newest, details)
            record_visit(session, held, newest.external_id, details, actor=person.actor, now=prom.now())
    except InvalidInputError as error:
        return _form(episode, request.form, forms.under("visit", error.errors), visit), 422
    except ConflictError as error:
        return _form(episode, request.form, {"visit": [str(error)]}, visit), 409
    flash("The visit is corrected.")
    return redirect(url_for(".list_visits", episode_id=episode_id), code=303)


@blueprint.get("/episodes/<uuid:episode_id>/visits/<uuid:visit_id>/void")
@guards.admits(*READING_ROLES)
def show_void(episode_id: uuid.UUID, visit_id: uuid.UUID) -> str:
    """Say what voiding a visit would do."""
    with prom.reading() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
        visit = visits.find_visit(session, episode, visit_id)
    return render_template("dashboard/visit_void.html", episode=episode, visit=visit, **common())


@blueprint.post("/episodes/<uuid:episode_id>/visits/<uuid:visit_id>/void")
@guards.admits(*READING_ROLES)
def void(episode_id: uuid.UUID, visit_id: uuid.UUID) -> Response:
    """Take a visit off the course of care; it stays on record. Pressing twice has one effect."""
    with audit.writing() as session:
        episode = directory.find_episode(session, chosen_clinic(), episode_id)
        visit = visits.find_visit(session, episode, visit_id)
        void_visit(session, episode, visit.external_id, actor=person.actor, now=prom.now())
    flash("The visit is void. It stays on record, and does not count.")
    return redirect(url_for(".list_visits", episode_id=episode_id), code=303)


def _refuse_overwriting(session: Session, episode: Episode, external_id: str, details: VisitDetails) -> None:
    known = visits.find_by_number(session, episode.clinic_id, external_id)
    if known is None or known.voided_at is not None or _says(known, details):
        return
    raise ConflictError("There is a visit under this number already. Correct that one, or give another number.")


def _refuse_stale(visit: Visit, details: VisitDetails) -> None:
    if request.form.get("version") != str(visit.number) and not (visit.voided_at is None and _says(visit, details)):
        raise ConflictError("The visit was changed by someone else meanwhile. Open this page again and retry.")


def _says(visit: Visit, details: VisitDetails) -> bool:
    said = {**vars(details), "documentation": dict(details.documentation)}
    return all(getattr(visit, name) == value for name, value in said.items())


def _said_of(visit: Visit) -> dict[str, str]:
    said = {"visit.date": visit.visited_on.isoformat(), "visit.reassessed": "true" if visit.reassessed else ""}
    said |= {f"visit.{name}": getattr(visit, name) for name in ("clinician", "status", "format")}
    said |= {f"visit.documentation.{name}": str(text) for name, text in visit.documentation.items()}
    return said | {"version": str(visit.number)}


def _form(episode: Episode, form: Mapping[str, Any], errors: forms.Errors, visit: Visit | None = None) -> str:
    return render_template(
        "dashboard/visit.html",
        episode=episode,
        visit=visit,
        form=form,
        errors=errors,
        statuses=STATUSES,
        formats=FORMATS,
        counted=[FORMATS[name].lower() for name in pathway_of(episode).counted_formats],
        documentation=DOCUMENTATION,
        **common(),
    )
