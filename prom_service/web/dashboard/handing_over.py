"""How a questionnaire reaches the patient by the hand of staff: sent now, or as a link for the tablet at the desk."""

import uuid

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from prom_service.models import Clinic, Episode
from prom_service.models.user import READING_ROLES
from prom_service.queries import directory
from prom_service.services import messages
from prom_service.services.clinics import zone_of
from prom_service.services.contact import EXPLANATIONS
from prom_service.services.handed_link import hand_link
from prom_service.web import audit, guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, common, pathway_of
from prom_service.web.dashboard.missing_filter import kept_cause
from prom_service.web.dashboard.staff_session import chosen_clinic, person
from prom_service.web.dashboard.words import read_in, words


@blueprint.post("/administrations/<uuid:administration_id>/send")
@guards.admits(*READING_ROLES)
def send_now(administration_id: uuid.UUID) -> Response:
    """Send the next email now, or at the next moment at which the patient may be mailed; lead back to where it was."""
    with audit.writing() as session:
        administration = directory.find_administration(session, chosen_clinic(), administration_id)
        message = messages.send_now(session, administration, actor=person.actor, now=prom.now())
        read_in(session.get_one(Clinic, administration.clinic_id).time_zone)
    when = "goes out now" if message.due_at <= prom.now() else f"goes out on {words(message.due_at)}"
    flash(f"The email {when}. {EXPLANATIONS[message.reason] if message.reason else ''}")
    if request.form.get("back") == "missing":
        return redirect(url_for(".show_missing", **kept_cause()), code=303)
    page = url_for(".show_episode", episode_id=administration.episode_id, _anchor=administration.timepoint)
    return redirect(page, code=303)


@blueprint.post("/administrations/<uuid:administration_id>/link")
@guards.admits(*READING_ROLES)
def make_link(administration_id: uuid.UUID) -> tuple[str, int]:
    """Make a survey link for the tablet at the desk. It is on this page and nowhere else, so no redirect follows."""
    with audit.writing() as session:
        administration = directory.find_administration(session, chosen_clinic(), administration_id)
        episode = directory.find_episode(session, administration.clinic_id, administration.episode_id)
        link = hand_link(session, administration, prom.settings, issued_by=person.actor, now=prom.now())
        zone = zone_of(episode.patient, session.get_one(Clinic, administration.clinic_id))
    read_in(zone.key)
    page = render_template(
        "dashboard/link.html",
        episode=episode,
        administration=administration,
        title=_title(episode, administration.timepoint),
        link=link,
        **common(),
    )
    return page, 201


def _title(episode: Episode, timepoint: str) -> str:
    return pathway_of(episode).timepoint(timepoint).title
