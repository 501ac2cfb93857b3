"""The patients of a clinic: the list, the page of one, and the steps by which a patient's part changes."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from marshmallow import Schema
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Clinic, Patient
from prom_service.models.user import READING_ROLES
from prom_service.queries import directory, patients
from prom_service.services import enrolment, standing
from prom_service.services.rows import hold
from prom_service.web import audit, guards
from prom_service.web.api.schemas.patient import PatientChangeSchema, PauseSchema, StandingSchema
from prom_service.web.context import prom
from prom_service.web.dashboard import forms
from prom_service.web.dashboard.blueprint import blueprint, common, pathway_of
from prom_service.web.dashboard.patient_words import ANSWERS, CONTACT, LANGUAGES
from prom_service.web.dashboard.staff_session import chosen_clinic, person
from prom_service.web.dashboard.words import ACTORS, PATIENT_CHANGES, read_in

PAGE = 50
LONGEST_SEARCH = 100
STOP_HOLDS = (
    " No email goes out all the same: the patient pressed the stop link, and nobody has said that the patient asked"
    " to be emailed again."
)
ASK_FIRST = (
    "The patient pressed the stop link. Tick below that the patient has asked to be emailed again, or choose No."
)


@dataclass(frozen=True)
class Step:
    """One way in which a patient's part changes: what staff are told before, and what the button says."""

    title: str
    consequences: tuple[str, ...]
    button: str
    act: Callable[..., Patient]
    schema: Schema
    from_statuses: tuple[str, ...]
    done: str
    """What is said when it has been taken."""
    day: str = "Since"
    """What the day is called from which it counts."""
    why: str = ""
    """What the note has to say; empty where it may be left out."""


STEPS: Mapping[str, Step] = {
    "pause": Step(
        "Pause the follow-up",
        ("No email goes out until the last day named, or until it is resumed.", "Links already sent go on working."),
        "Pause",
        standing.pause,
        PauseSchema(),
        ("active", "paused"),
        "The follow-up is paused.",
    ),
    "resume": Step(
        "Resume the follow-up",
        (
            "Emails go out again as planned.",
            "What a withdrawal cancelled stays cancelled: a new course of care begins a new follow-up.",
        ),
        "Resume",
        standing.resume,
        StandingSchema(),
        ("paused", "withdrawn"),
        "The follow-up is resumed.",
    ),
    "withdraw": Step(
        "Record a withdrawal",
        (
            "Nothing more is asked or sent, in any course of care of this patient; what is still to come is cancelled.",
            "Answers already given stay. The care itself is not touched by it.",
        ),
        "Record the withdrawal",
        standing.withdraw,
        StandingSchema(),
        ("active", "paused"),
        "The withdrawal is recorded.",
    ),
    "deceased": Step(
        "Record a death",
        (
            "Everything ends at once: what is still to come is cancelled, and every open course of care is closed.",
            "A death recorded by mistake can be taken back; what it cancelled or closed stays cancelled or closed.",
        ),
        "Record the death",
        standing.mark_deceased,
        StandingSchema(),
        ("active", "paused", "withdrawn"),
        "The death is recorded.",
        day="Day of death",
    ),
}
TAKE_BACK = Step(
    "Take back the recorded death",
    (
        "For a death that was recorded by mistake: the patient takes part again. Both stay on record, with your note.",
        "What the death cancelled stays cancelled, and the courses of care that it closed stay closed. Reports of the"
        " past do not change. To go on asking the patient, add a new course of care.",
        "What was flagged before the death and still holds is flagged again.",
        "A withdrawal or a pause from before the death is not in force any more: record it again if it still stands.",
    ),
    "Take back the death",
    standing.resume,
    StandingSchema(),
    ("deceased",),
    "The death is taken back: the patient takes part again. A new course of care begins a new follow-up.",
    why="Why the death is taken back, such as: recorded of the wrong patient.",
)
"""What it is to resume the follow-up of a patient who is recorded as deceased."""


@blueprint.get("/patients")
@guards.admits(*READING_ROLES)
def list_patients() -> str:
    """Show the clinic's patients by its own numbers, each with how far the answers came."""
    wanted = request.args.get("q", "").strip()[:LONGEST_SEARCH]
    with prom.reading() as session:
        clinic = session.get_one(Clinic, chosen_clinic())
        rows = patients.list_rows(session, clinic, containing=wanted, after=_after(), limit=PAGE + 1, now=prom.now())
    audit.about(shown=len(rows[:PAGE]), patient=(row.id for row in rows[:PAGE]))
    read_in(clinic.time_zone)
    return render_template(
        "dashboard/patients.html",
        clinic=clinic,
        rows=rows[:PAGE],
        more=rows[PAGE - 1].id if len(rows) > PAGE else None,
        wanted=wanted,
        first=_after() is None,
        contact=CONTACT,
        answer_states=ANSWERS,
        **common(),
    )


@blueprint.get("/patients/<uuid:patient_id>")
@guards.admits(*READING_ROLES)
def show_patient(patient_id: uuid.UUID) -> str:
    """Show who a patient is, whether the patient can be reached, and the courses of care."""
    with prom.reading() as session:
        patient = directory.find_patient(session, chosen_clinic(), patient_id)
        clinic = session.get_one(Clinic, patient.clinic_id)
        episodes = patients.episodes_of(session, patient)
        changes = patients.changes_of(session, patient)
    steps = {name: _step(name, patient.status) for name in STEPS}
    read_in(clinic.time_zone)
    return render_template(
        "dashboard/patient.html",
        patient=patient,
        clinic=clinic,
        episodes=episodes,
        titles={one.pathway: pathway_of(one).title for one in episodes},
        changes=changes,
        change_words=PATIENT_CHANGES,
        actors=ACTORS,
        contact=CONTACT[patients.contact_state(patient)],
        languages=LANGUAGES,
        steps={name: step for name, step in steps.items() if patient.status in step.from_statuses},
        **common(),
    )


@blueprint.get("/patients/<uuid:patient_id>/change")
@guards.admits(*READING_ROLES)
def show_patient_change(patient_id: uuid.UUID) -> str:
    """Show what is said of a patient, to be changed."""
    with prom.reading() as session:
        patient = directory.find_patient(session, chosen_clinic(), patient_id)
    return _change_page(patient, _said_of(patient), {})


@blueprint.post("/patients/<uuid:patient_id>/change")
@guards.admits(*READING_ROLES)
def change_patient(patient_id: uuid.UUID) -> Response | tuple[str, int]:
    """Change what is said of a patient, by those who saw it as it is."""
    with prom.reading() as session:
        patient = directory.find_patient(session, chosen_clinic(), patient_id)
    changes, errors = forms.read(PatientChangeSchema(), "patient", cleared=True)
    if errors:
        return _change_page(patient, request.form, errors), 422
    try:
        stopped = _change(patient_id, changes)
    except InvalidInputError as error:
        return _change_page(patient, request.form, forms.under("patient", error.errors)), 422
    except ConflictError as error:
        return _change_page(patient, request.form, {"patient": [str(error)]}), 409
    flash(f"The details are saved.{STOP_HOLDS if stopped else ''}")
    return redirect(url_for(".show_patient", patient_id=patient_id), code=303)


def _change(patient_id: uuid.UUID, changes: Mapping[str, Any]) -> bool:
    """Write what differs, and return whether the patient may be emailed but for a stop by the patient's own hand.

    It is lifted only when staff say that the patient asked.
    """
    with audit.writing() as session:
        patient = directory.find_patient(session, chosen_clinic(), patient_id)
        news = {name: value for name, value in changes.items() if getattr(patient, name) != value}
        if patient.unsubscribed_at and changes.get("email_allowed"):
            if request.form.get("resubscribe") == "true":
                news["email_allowed"] = True
            elif "email_allowed" in news:
                raise InvalidInputError({"email_allowed": [ASK_FIRST]})
        if news and request.form.get("version") != str(patient.version):
            raise ConflictError("The patient was changed by someone else meanwhile. Open this page again and retry.")
        if news:
            enrolment.change_patient(session, patient, news, actor=person.actor, now=prom.now())
        return patient.email_allowed and patient.unsubscribed_at is not None


@blueprint.get("/patients/<uuid:patient_id>/<any(pause, resume, withdraw, deceased):step>")
@guards.admits(*READING_ROLES)
def show_step(patient_id: uuid.UUID, step: str) -> str:
    """Say what a step would do, before it is taken."""
    with prom.reading() as session:
        patient = directory.find_patient(session, chosen_clinic(), patient_id)
    return _step_page(patient, step, {})


@blueprint.post("/patients/<uuid:patient_id>/<any(pause, resume, withdraw, deceased):step>")
@guards.admits(*READING_ROLES)
def take_step(patient_id: uuid.UUID, step: str) -> Response | tuple[str, int]:
    """Pause or resume the follow-up, record a withdrawal or a death, or take one back. Twice has one effect."""
    with prom.reading() as session:
        patient = directory.find_patient(session, chosen_clinic(), patient_id)
    seen = request.form.get("status", patient.status)
    chosen = _step(step, seen)
    details, errors = forms.read(chosen.schema, "step")
    if errors:
        return _step_page(patient, step, errors), 422
    try:
        with audit.writing() as session:
            held = directory.find_patient(session, chosen_clinic(), patient_id)
            if step == "resume":
                _check_seen(session, held, seen)
            chosen.act(session, held, **details, actor=person.actor, now=prom.now())
    except InvalidInputError as error:
        return _step_page(patient, step, forms.under("step", error.errors)), 422
    except ConflictError as error:
        return _step_page(patient, step, {"step": [str(error)]}), 409
    flash(chosen.done)
    return redirect(url_for(".show_patient", patient_id=patient_id), code=303)


def _step(name: str, status: str) -> Step:
    return TAKE_BACK if (name, status) == ("resume", "deceased") else STEPS[name]


def _check_seen(session: Session, patient: Patient, seen: str) -> None:
    """Refuse to resume from another standing than the one ``seen``: it would do something else than was said."""
    hold(session, patient)
    if patient.status not in ("active", seen):
        raise ConflictError("Something else was recorded of the patient meanwhile. Read again what this would do.")


def _said_of(patient: Patient) -> dict[str, str]:
    names = ("name", "date_of_birth", "email", "sex", "language", "time_zone")
    said = {f"patient.{name}": str(getattr(patient, name) or "") for name in names}
    return said | {
        "patient.email_allowed": "true" if patient.email_allowed else "false",
        "version": str(patient.version),
    }


def _change_page(patient: Patient, form: Mapping[str, str], errors: forms.Errors) -> str:
    return render_template(
        "dashboard/patient_change.html",
        patient=patient,
        form=form,
        errors=errors,
        languages=LANGUAGES,
        **common(),
    )


def _step_page(patient: Patient, step: str, errors: forms.Errors) -> str:
    return render_template(
        "dashboard/patient_step.html",
        patient=patient,
        step=_step(step, patient.status),
        pausing=step == "pause",
        form=request.form,
        errors=errors,
        **common(),
    )


def _after() -> uuid.UUID | None:
    text = request.args.get("after")
    if not text:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        raise BadRequest("The address of this page is not complete.") from None
