"""The missing answers: whose, why, and what to do next."""

import datetime as dt

from flask import render_template, request

from prom_service.models import Clinic
from prom_service.models.user import READING_ROLES
from prom_service.queries.amendments import amended_since
from prom_service.queries.missing import missing_answers
from prom_service.web import audit, guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, clinics_shown, common
from prom_service.web.dashboard.staff_session import chosen_clinic
from prom_service.web.dashboard.words import CAUSES, read_in

PAGE = 50
AMENDMENTS_LISTED = dt.timedelta(days=28)
"""How long an amendment is listed beside the missing answers; on the page of its course of care it stays for good."""


@blueprint.get("/missing")
@guards.admits(*READING_ROLES)
def show_missing() -> str:
    """Show whose answers are missing, why, and what to do next; what closes first comes first."""
    clinic_id = chosen_clinic()
    page = max(request.args.get("page", 1, type=int), 1)
    with prom.reading() as session:
        rows = missing_answers(session, clinic_id, now=prom.now())
        amended = amended_since(session, clinic_id, prom.now() - AMENDMENTS_LISTED)
        clinics = clinics_shown(session)
        read_in(session.get_one(Clinic, clinic_id).time_zone)
    listed = rows[(page - 1) * PAGE : page * PAGE]
    on_page = [*(row.episode_id for row in listed), *(one.response.episode_id for one in amended)]
    audit.about(shown=len(on_page), episode=on_page)
    return render_template(
        "dashboard/missing.html",
        rows=listed,
        total=len(rows),
        more=page + 1 if len(rows) > page * PAGE else None,
        amended=amended,
        causes=CAUSES,
        clinics=clinics,
        clinic_id=clinic_id,
        **common(),
    )
