"""Who is told of flags that nobody acknowledges: the form of those who administer a clinic, and the proof it works."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Clinic, EscalationPlan
from prom_service.models.escalation import STEPS
from prom_service.queries.alerts import newest_alerts
from prom_service.services import escalation
from prom_service.services.escalation import PlanDetails
from prom_service.services.working_time import read_hours, write_hours
from prom_service.web import audit, guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, clinics_shown, common
from prom_service.web.dashboard.forms import LABELS
from prom_service.web.dashboard.settings_routes import ADMINISTRATOR
from prom_service.web.dashboard.staff_session import chosen_clinic, person
from prom_service.web.dashboard.words import read_in

ALERTS_LISTED = 20
PEOPLE = tuple(name for step in STEPS for name in (step, f"{step}_email"))


@blueprint.get("/settings/escalation")
@guards.admits(ADMINISTRATOR)
def show_escalation() -> str:
    """Show who is told, whose address has proven that emails arrive, and what was told lately."""
    return _page()


@blueprint.post("/settings/escalation")
@guards.admits(ADMINISTRATOR)
def change_escalation() -> Response | tuple[str, int]:
    """Save who is told and when somebody is there; nothing is saved that somebody else changed meanwhile."""
    try:
        details = _read()
        with audit.writing() as session:
            clinic = session.get_one(Clinic, chosen_clinic())
            if _mark(escalation.find_plan_for_update(session, clinic)) != request.form.get("seen"):
                raise ConflictError("Somebody changed this meanwhile. Nothing was saved.")
            escalation.write_plan(session, clinic, details, actor=person.actor, now=prom.now())
    except InvalidInputError as error:
        return _page(request.form, error.errors), 422
    except ConflictError as error:
        return _page(request.form, {"changed": [str(error)]}, stale=True), 409
    flash("Saved. An address that is new has to be confirmed: send a test email.")
    return redirect(url_for(".show_escalation"), code=303)


@blueprint.post("/settings/escalation/test")
@guards.admits(ADMINISTRATOR)
def send_escalation_test() -> Response | tuple[str, int]:
    """Have owner, deputy and manager emailed a test that each confirms."""
    try:
        with audit.writing() as session:
            escalation.plan_test(session, session.get_one(Clinic, chosen_clinic()), now=prom.now())
    except InvalidInputError as error:
        return _page(errors={"owner": error.errors["escalation"]}), 422
    flash("The test emails go out in a moment. Each person presses the button on the page that the email links to.")
    return redirect(url_for(".show_escalation"), code=303)


def _read() -> PlanDetails:
    """Return what the form says; raise ``InvalidInputError`` on days or hours that cannot be read."""
    days = [part.strip() for part in request.form.get("closed_on", "").split(",") if part.strip()]
    try:
        closed_on = [dt.date.fromisoformat(day).isoformat() for day in days]
    except ValueError:
        raise InvalidInputError({"closed_on": ["Write days as 2026-12-25, with commas between them."]}) from None
    people = {name: request.form.get(name, "") for name in PEOPLE}
    hours = request.form.get("working_hours", "").strip()
    return PlanDetails(**people, working_hours=read_hours(hours) if hours else {}, closed_on=closed_on)


def _mark(plan: EscalationPlan | None) -> str:
    """Return what tells one state of the plan from another."""
    return plan.changed_at.isoformat() if plan else "none"


def _page(
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, list[str]] | None = None,
    *,
    stale: bool = False,
) -> str:
    """Return the page with what was typed, or with what is on record; ``stale`` tells the two apart."""
    clinic_id = chosen_clinic()
    with prom.reading() as session:
        clinic = session.get_one(Clinic, clinic_id)
        plan = escalation.find_plan(session, clinic)
        view = _view(session, plan)
        view |= {"clinics": clinics_shown(session), "alerts": newest_alerts(session, clinic_id, limit=ALERTS_LISTED)}
    read_in(clinic.time_zone)
    form, mark = (view["kept"], _mark(plan)) if typed is None else (typed, typed.get("seen", ""))
    view["differences"] = _differences(view["kept"], form) if stale else []
    seen = {"seen": _mark(plan) if stale else mark, "clinic_id": clinic_id, "clinic": clinic}
    return render_template(
        "dashboard/escalation.html", **view, **seen, form=form, errors=errors or {}, steps=STEPS, **common()
    )


def _differences(kept: Mapping[str, str], typed: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return by its label what is on record where it differs from what was typed."""
    return [(LABELS[name], now) for name, now in kept.items() if now != typed.get(name, "").strip()]


def _view(session: Session, plan: EscalationPlan | None) -> dict[str, Any]:
    if plan is None:
        return {"kept": {}, "silent": STEPS, "planned": False}
    kept = {name: getattr(plan, name) for name in PEOPLE}
    kept |= {"working_hours": write_hours(plan.working_hours), "closed_on": ", ".join(plan.closed_on)}
    return {"kept": kept, "silent": escalation.unconfirmed(session, plan, now=prom.now()), "planned": True}
