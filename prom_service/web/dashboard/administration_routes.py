"""What staff do about one administration."""

import uuid

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from prom_service.models.user import READING_ROLES
from prom_service.queries import directory
from prom_service.services import identity
from prom_service.services.paper_writing import write_paper
from prom_service.web import audit, guards, paper
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint
from prom_service.web.dashboard.staff_session import chosen_clinic, person


@blueprint.post("/administrations/<uuid:administration_id>/paper")
@guards.admits(*READING_ROLES)
def print_paper(administration_id: uuid.UUID) -> Response:
    """Hand over what an administration asks as a PDF, with the QR code of a link made for it."""
    with audit.writing() as session:
        pdf = write_paper(
            session,
            directory.find_administration(session, chosen_clinic(), administration_id),
            prom.settings,
            paper=request.form.get("paper", "a4"),
            issued_by=person.actor,
            now=prom.now(),
        )
    return paper.answer(pdf)


@blueprint.post("/administrations/<uuid:administration_id>/unlock")
@guards.admits(*READING_ROLES)
def unlock(administration_id: uuid.UUID) -> Response:
    """Let a patient who was locked out take the identity check again."""
    with audit.writing() as session:
        administration = directory.find_administration(session, chosen_clinic(), administration_id)
        identity.unlock(session, administration, actor=person.actor, now=prom.now())
    page = url_for(".show_episode", episode_id=administration.episode_id, _anchor=administration.timepoint)
    return redirect(page, code=303)
