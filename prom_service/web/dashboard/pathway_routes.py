"""The pages on which a clinic changes a pathway: its versions, a draft, what it would have flagged, who activates."""

import uuid
from typing import Any

from flask import redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from prom_service.errors import ConflictError, InvalidInputError, NotFoundError
from prom_service.models import Clinic, ClinicPathway, Episode, PathwayPreview, Patient, User
from prom_service.pathway.definition import UnknownPathwayError
from prom_service.pathway.shape import Pathway
from prom_service.pathway.variant import differences
from prom_service.queries.pathways import (
    InForce,
    find_pathway,
    find_version,
    in_force,
    list_activations,
    list_versions,
    refs_in_force,
)
from prom_service.services import pathway_changes
from prom_service.services.pathway_changes import ACTIVATORS, DRAFTERS
from prom_service.web import audit
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, clinics_shown, common
from prom_service.web.dashboard.forms import LABELS, Errors
from prom_service.web.dashboard.staff_session import chosen_clinic, person
from prom_service.web.dashboard.words import read_in
from prom_service.web.guards import admits

NUMBERS = {name: LABELS[name] for name in pathway_changes.NUMBERS}


@blueprint.get("/pathways")
@admits(*DRAFTERS)
def show_pathways() -> str:
    """Show, of each pathway, what the clinic enrols on now, and every version it ever drafted."""
    clinic_id = chosen_clinic()
    with prom.reading() as session:
        current = refs_in_force(session, clinic_id)
        view = {
            "pathways": [find_pathway(session, ref) for ref in current.values()],
            "bases": list(current),
            "versions": list_versions(session, clinic_id),
            "activations": list_activations(session, clinic_id),
            "names": _names(session),
            "clinics": clinics_shown(session),
        }
        read_in(session.get_one(Clinic, clinic_id).time_zone)
    return render_template("dashboard/pathways.html", **view, clinic_id=clinic_id, **common())


@blueprint.get("/pathways/<base>/draft")
@admits(*DRAFTERS)
def show_pathway_draft(base: str) -> str:
    """Show the form for a change, filled with what is in force or with an earlier version."""
    with prom.reading() as session:
        current = _in_force(session, base)
        earlier = request.args.get("from", type=uuid.UUID)
        text = find_version(session, chosen_clinic(), earlier).text if earlier else current.text
    return _draft_form(base, current, {"text": text}, {})


@blueprint.post("/pathways/<base>/draft")
@admits(*DRAFTERS)
def draft_pathway(base: str) -> Response | str | tuple[str, int]:
    """Show in plain words what a change says, and on confirmation keep it as a version."""
    form = request.form.to_dict() | {"text": request.form.get("text", "").replace("\r\n", "\n")}
    with prom.reading() as session:
        current = _in_force(session, base)
    try:
        text = _with_numbers(form)
        checked = pathway_changes.check(text)
        if checked.base != base:
            raise InvalidInputError({"text": [f"This is the text of {checked.base}, not of {base}."]})
        if form.get("go") == "save":
            return redirect(url_for(".show_pathway_version", version_id=_save(text, form.get("note", ""))), code=303)
    except InvalidInputError as error:
        return _draft_form(base, current, form, _beside_fields(error.errors)), 422
    except ConflictError as error:
        return _draft_form(base, current, form, {"text": [str(error)]}), 409
    return _draft_form(base, current, form | {"text": text}, {}, said=differences(current.pathway, checked.pathway))


@blueprint.get("/pathways/versions/<uuid:version_id>")
@admits(*DRAFTERS)
def show_pathway_version(version_id: uuid.UUID) -> str:
    """Show one version: who drafted it and why, what it changes, and what was seen of it."""
    return _version_page(version_id, {})


@blueprint.post("/pathways/versions/<uuid:version_id>/preview")
@admits(*DRAFTERS)
def preview_pathway(version_id: uuid.UUID) -> Response:
    """Work out what the version would have flagged, put on record who saw it, and show it."""
    with prom.reading() as session:
        version = find_version(session, chosen_clinic(), version_id)
        clinic = session.get_one(Clinic, version.clinic_id)
        seen = pathway_changes.preview(session, version, now=prom.now())
    with audit.writing() as session:
        row = pathway_changes.note_preview(
            session, clinic, version, seen, seen_by_id=person.user_id, actor=person.actor, now=prom.now()
        )
    return redirect(url_for(".show_pathway_preview", preview_id=row.id), code=303)


@blueprint.get("/pathways/previews/<uuid:preview_id>")
@admits(*DRAFTERS)
def show_pathway_preview(preview_id: uuid.UUID) -> str:
    """Show what somebody saw, with the form to activate the version for who may."""
    return _preview_page(preview_id, {})


@blueprint.post("/pathways/previews/<uuid:preview_id>/activate")
@admits(*ACTIVATORS)
def activate_pathway(preview_id: uuid.UUID) -> Response | tuple[str, int]:
    """Put the version in force for whoever is enrolled from now on."""
    clinic_id = chosen_clinic()
    if request.form.get("confirm") != "yes":
        return _preview_page(preview_id, {"confirm": ["Say that you have looked at what it would have flagged."]}), 422
    try:
        with audit.writing() as session:
            seen = _find_preview(session, preview_id)
            version = find_version(session, clinic_id, seen.version_id)
            clinic = session.get_one(Clinic, clinic_id)
            pathway_changes.activate(session, clinic, version, by_id=person.user_id, actor=person.actor, now=prom.now())
    except ConflictError as error:
        return _preview_page(preview_id, {"confirm": [str(error)]}), 409
    return redirect(url_for(".show_pathways"), code=303)


def _in_force(session: Session, base: str) -> InForce:
    read_in(session.get_one(Clinic, chosen_clinic()).time_zone)
    try:
        return in_force(session, chosen_clinic(), base)
    except UnknownPathwayError:
        raise NotFoundError("There is no such pathway.") from None


def _with_numbers(form: dict[str, str]) -> str:
    """Return the text with the numbers that were filled in; days are typed with commas."""
    numbers = {name: form[name].strip() for name in NUMBERS if form.get(name, "").strip()}
    if "days" in numbers:
        numbers["days"] = f"[{', '.join(part.strip() for part in numbers['days'].strip('[]').split(','))}]"
    return pathway_changes.with_numbers(form["text"], numbers)


def _beside_fields(errors: Errors) -> Errors:
    """Return the errors by the field each belongs beside: one about a common number beside its own, not the text."""
    places = {f"{table}.{name}:": name for name, table in pathway_changes.NUMBERS.items()}
    about = [name for text in errors.get("text", ()) for place, name in places.items() if place in text]
    return {about[0]: errors["text"]} if about else errors


def _save(text: str, note: str) -> uuid.UUID:
    with audit.writing() as session:
        clinic = session.get_one(Clinic, chosen_clinic())
        row = pathway_changes.draft(
            session, clinic, text, note=note, author_id=person.user_id, actor=person.actor, now=prom.now()
        )
        audit.about(detail=row.ref)
        return row.id


def _draft_form(
    base: str, current: InForce, form: dict[str, Any], errors: Errors, *, said: tuple[str, ...] | None = None
) -> str:
    with prom.reading() as session:
        clinic = session.get_one(Clinic, chosen_clinic())
    return render_template(
        "dashboard/pathway_draft.html",
        clinic=clinic,
        base=base,
        current=current.pathway,
        numbers={name: (label, _typed(current.pathway, name)) for name, label in NUMBERS.items()},
        form=form,
        errors=errors,
        changes=said,
        **common(),
    )


def _typed(pathway: Pathway, name: str) -> str:
    value = pathway_changes.numbers_of(pathway)[name]
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _version_page(version_id: uuid.UUID, errors: Errors) -> str:
    clinic_id = chosen_clinic()
    with prom.reading() as session:
        version = find_version(session, clinic_id, version_id)
        current = in_force(session, clinic_id, version.base).pathway
        view = {
            "version": version,
            "current": current,
            "changes": differences(current, find_pathway(session, version.ref)),
            "previews": session.scalars(
                select(PathwayPreview)
                .where(PathwayPreview.clinic_id == clinic_id, PathwayPreview.version_id == version.id)
                .order_by(PathwayPreview.id.desc())
            ).all(),
            "activations": [one for one in list_activations(session, clinic_id) if one.version_id == version.id],
            "names": _names(session),
        }
        read_in(session.get_one(Clinic, clinic_id).time_zone)
    return render_template("dashboard/pathway_version.html", **view, errors=errors, **common())


def _preview_page(preview_id: uuid.UUID, errors: Errors) -> str:
    clinic_id = chosen_clinic()
    with prom.reading() as session:
        seen = _find_preview(session, preview_id)
        version = find_version(session, clinic_id, seen.version_id)
        current, episodes = refs_in_force(session, clinic_id)[version.base], _episodes(session, clinic_id, seen)
        view = {
            "seen": seen,
            "version": version,
            "changes": differences(find_pathway(session, seen.against), find_pathway(session, version.ref)),
            "episodes": episodes,
            "names": _names(session),
            "hindrance": _hindrance(clinic_id, version, seen, current),
        }
        read_in(session.get_one(Clinic, clinic_id).time_zone)
    audit.about(shown=len(episodes), episode=episodes)
    return render_template("dashboard/pathway_preview.html", **view, errors=errors, **common())


def _hindrance(clinic_id: uuid.UUID, version: ClinicPathway, seen: PathwayPreview, current: str) -> str | None:
    """Return why the person cannot activate the version here; None when nothing is against it."""
    if version.ref == current:
        return "This version is in force."
    if version.author_id == person.user_id:
        return "You drafted this version. A second person has to look at its preview and activate it."
    if person.roles[clinic_id] not in ACTIVATORS:
        return "Activating a version takes the role of a clinic administrator."
    if seen.seen_by_id != person.user_id:
        return "Somebody else ran this preview. Run it yourself to activate the version."
    if seen.against != current:
        return f"{current} has come into force since. Run the preview again to see the version beside it."
    return None


def _find_preview(session: Session, preview_id: uuid.UUID) -> PathwayPreview:
    found = session.scalar(
        select(PathwayPreview).where(PathwayPreview.clinic_id == chosen_clinic(), PathwayPreview.id == preview_id)
    )
    if found is None:
        raise NotFoundError("There is no such preview.")
    return found


def _episodes(session: Session, clinic_id: uuid.UUID, seen: PathwayPreview) -> dict[str, tuple[str, str]]:
    """Return whose each listed episode is: the patient's name and number, by the episode's id."""
    listed = {one["episode_id"] for side in ("gained_flags", "lost_flags") for one in seen.figures[side]}
    rows = session.execute(
        select(Episode.id, Patient.name, Patient.external_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(Episode.clinic_id == clinic_id, Episode.id.in_([uuid.UUID(one) for one in listed]))
    )
    return {str(episode_id): (name, number) for episode_id, name, number in rows}


def _names(session: Session) -> dict[uuid.UUID, str]:
    rows = session.execute(select(User.id, User.name).where(User.organisation_id == person.organisation_id))
    return {row.id: row.name for row in rows}
