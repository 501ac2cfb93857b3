"""The page of a course of care."""

import uuid

from flask import render_template

from prom_service.models.user import READING_ROLES
from prom_service.web import guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, common
from prom_service.web.dashboard.episode_view import episode_view
from prom_service.web.dashboard.staff_session import chosen_clinic
from prom_service.web.dashboard.words import ACTORS, MODES, PATIENT_CHANGES, PHASES, STATES


@blueprint.get("/episodes/<uuid:episode_id>")
@guards.admits(*READING_ROLES)
def show_episode(episode_id: uuid.UUID) -> str:
    """Show a course of care: what was asked, sent and answered, what will be sent, and why something was not."""
    with prom.reading() as session:
        view = episode_view(
            session, chosen_clinic(), episode_id, production=prom.settings.in_production, now=prom.now()
        )
    words_used = {"states": STATES, "phases": PHASES, "modes": MODES, "changes": PATIENT_CHANGES, "actors": ACTORS}
    return render_template("dashboard/episode.html", **view, **words_used, **common())
