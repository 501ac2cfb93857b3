"""What all pages of the staff share: the door, the token of their forms, the words they may say."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, current_app, g, render_template, request
from flask import Response as WrappedResponse
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from prom_service.models import Clinic, Episode
from prom_service.pathway.shape import Pathway
from prom_service.queries.pathways import find_pathway
from prom_service.web import audit, guards, looks
from prom_service.web.context import prom
from prom_service.web.dashboard.notices import notices
from prom_service.web.dashboard.staff_session import chosen_clinic, clinics_to_read, person, require_log_in
from prom_service.web.dashboard.words import (
    KINDS,
    OUTCOMES,
    PAPERS,
    SEVERITY_WORDS,
    age,
    answered,
    asked,
    by,
    explained,
    read_in,
    timepoint,
    words,
)
from prom_service.web.problems import Problem

blueprint = Blueprint("dashboard", __name__)
csrf = CSRFProtect()
PROBLEMS = {
    400: "This cannot be shown",
    403: "This is not open to you",
    404: "There is nothing here",
    405: "This cannot be done here",
}
"""What stands above a problem where its name in the protocol says little."""
FORM_TOO_OLD = (
    "This page is from before you last logged in, or your browser keeps no cookies. Nothing was saved: go back, load"
    " the page again, and send it once more."
)
LOOKS = ("dashboard.show_worklist", "dashboard.show_flag")
"""Pages on which a clinic's flags are read."""


def install(app: Flask) -> None:
    """Protect the staff's forms in ``app`` and give its templates their words."""
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=urlsplit(prom_base_url(app)).scheme == "https",
        SESSION_COOKIE_NAME="prom_staff",
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
        # Over TLS it would want a Referer, and our pages have browsers send none: a link in one may be a secret.
        # The token of the form and the cookie's SameSite keep other sites out.
        WTF_CSRF_SSL_STRICT=False,
    )
    csrf.init_app(app)
    shown = {"words": words, "explained": explained, "asked": asked, "answered": answered, "timepoint": timepoint}
    app.jinja_env.filters.update(**shown, age=age, by=by)


def prom_base_url(app: Flask) -> str:
    """Return the address the service is reached at."""
    address: str = app.extensions["prom"].settings.base_url
    return address


@blueprint.before_request
def guard() -> Response | None:
    """Let in who is logged in, and take forms only with their token."""
    if request.method == "POST":
        try:
            csrf.protect()
        except CSRFError:
            raise BadRequest(FORM_TOO_OLD) from None
    is_open = guards.policy_of(current_app, str(request.endpoint)) == "public"
    return None if is_open else require_log_in()


@blueprint.after_request
def note_look(response: WrappedResponse) -> WrappedResponse:
    """Note that somebody has looked at the flags of the clinic that was shown."""
    if request.endpoint in LOOKS and response.status_code == HTTPStatus.OK:
        looks.note(chosen_clinic(), person.actor)
    return response


blueprint.after_request(audit.note_page)


def show_problem(problem: Problem) -> str:
    """Return the page for what went wrong under the staff's addresses."""
    title = PROBLEMS.get(problem.status, problem.title)
    return render_template(
        "dashboard/problem.html", problem=problem, title=title, **(common() if "person" in g else {})
    )


def pathway_of(episode: Episode) -> Pathway:
    """Return the version of the pathway that the episode keeps."""
    with prom.reading() as session:
        return find_pathway(session, episode.pathway)


def common() -> dict[str, Any]:
    """Return what every page of the staff may say.

    A page that named no zone is read in that of the person's clinics, in UTC where they have several.
    """
    if "zone" not in g and person.roles:
        with prom.reading() as session:
            zones = select(Clinic.time_zone).where(Clinic.id.in_(clinics_to_read())).distinct()
            own = session.scalars(zones).all()
        read_in(own[0] if len(own) == 1 else "UTC")
    return {
        "person": person,
        "kinds": KINDS,
        "severities": SEVERITY_WORDS,
        "outcomes": OUTCOMES,
        "papers": PAPERS,
        "now": prom.now(),
    }


@blueprint.context_processor
def notices_at_hand() -> dict[str, Any]:
    """Let every page behind the log-in ask what is to be said first."""
    return {"notices": notices} if "person" in g else {}


def clinics_shown(session: Session) -> Sequence[Clinic]:
    """Return the clinics the person may change to, by name."""
    return session.scalars(select(Clinic).where(Clinic.id.in_(clinics_to_read())).order_by(Clinic.name)).all()
