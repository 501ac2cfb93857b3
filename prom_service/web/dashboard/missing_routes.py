"""The missing answers: whose, why, and what to do next."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

from flask import render_template, request
from sqlalchemy.orm import Session

from prom_service.models import Clinic
from prom_service.models.user import READING_ROLES
from prom_service.queries.amendments import amended_since
from prom_service.queries.missing import MissingAnswers, missing_answers
from prom_service.services.contact import Permission, addressees, may_contact
from prom_service.web import audit, guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, clinics_shown, common
from prom_service.web.dashboard.missing_filter import kept_cause
from prom_service.web.dashboard.notices import freshness
from prom_service.web.dashboard.staff_session import chosen_clinic
from prom_service.web.dashboard.words import ACTORS, CAUSES, MODES, read_in

PAGE = 50
LAST_PAGE = 10_000
AMENDMENTS_LISTED = dt.timedelta(days=28)
"""How long an amendment is listed beside the missing answers; on the page of its course of care it stays for good."""


@blueprint.get("/missing")
@guards.admits(*READING_ROLES)
def show_missing() -> str:
    """Show whose answers are missing, why, and what to do next; what closes first comes first."""
    clinic_id, kept = chosen_clinic(), kept_cause()
    number = min(max(request.args.get("page", 1, type=int), 1), LAST_PAGE)
    with prom.reading() as session:
        clinic = session.get_one(Clinic, clinic_id)
        found = missing_answers(session, clinic_id, now=prom.now())
        chosen = [row for row in found if row.cause == kept.get("cause", row.cause)]
        rows = chosen[(number - 1) * PAGE : number * PAGE]
        view: dict[str, Any] = {
            "sendable": _may_be_sent(session, rows),
            "amended": amended_since(session, clinic_id, prom.now() - AMENDMENTS_LISTED),
            "clinics": clinics_shown(session),
            "clinic": clinic,
            "fresh": freshness(session, clinic_id),
        }
    read_in(clinic.time_zone)
    on_page = [*(row.episode_id for row in rows), *(one.response.episode_id for one in view["amended"])]
    audit.about(shown=len(on_page), episode=on_page)
    return render_template(
        "dashboard/missing.html",
        rows=rows,
        total=len(found),
        counts=Counter(row.cause for row in found),
        more=number + 1 if len(chosen) > number * PAGE else None,
        kept=kept,
        causes=CAUSES,
        modes=MODES,
        actors=ACTORS,
        clinic_id=clinic_id,
        **view,
        **common(),
    )


def _may_be_sent(session: Session, rows: Sequence[MissingAnswers]) -> dict[uuid.UUID, Permission]:
    """Return for each row whether an email may go out now, or later; and if never, why."""
    now = prom.now()
    known = addressees(
        session, [row.administration_id for row in rows], production=prom.settings.in_production, now=now
    )
    return {number: may_contact(addressee.facts, now=now) for number, addressee in known.items()}
