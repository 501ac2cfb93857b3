"""The stop link of every email (RFC 8058): looking asks, pressing stops, pressing again changes nothing."""

from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session

from prom_service.services import access, standing
from prom_service.services.access import LinkTarget
from prom_service.web import audit
from prom_service.web.context import prom
from prom_service.web.survey import texts

blueprint = Blueprint("unsubscribe", __name__, url_prefix="/u")


@blueprint.get("/<token>")
def ask(token: str) -> Any:
    """Ask whether the emails shall stop."""
    with prom.reading() as session:
        target = _find(session, token)
        return _show(target, done=target is not None and target.patient.unsubscribed_at is not None)


@blueprint.post("/<token>")
def stop(token: str) -> Any:
    """Stop all mail to the patient. A mail program posts this by itself when its stop button is pressed."""
    with prom.transaction() as session:
        target = _find(session, token)
        pressed = request.form.get("List-Unsubscribe") == "One-Click"
        if target is not None and pressed:
            standing.unsubscribe(session, target.patient, actor="patient", now=prom.now())
            audit.note(session)
        return _show(target, done=pressed)


def _find(session: Session, token: str) -> LinkTarget | None:
    target = access.find_link(session, token, purpose="unsubscribe", secret=prom.settings.secret)
    if target is not None:
        audit.about(clinic_id=target.clinic.id, episode=[target.episode.id])
    return target


def _show(target: LinkTarget | None, *, done: bool) -> Any:
    if target is None:
        return render_template("survey/end.html", text=texts.find_for_stranger(), kind="unknown", clinic=None), 404
    text = texts.find(target.patient.language)
    return render_template("survey/unsubscribe.html", text=text, clinic=target.clinic, done=done)
