"""The worklist: a clinic's flags as the address filters them, and what is done with several of them at once."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from prom_service.errors import NotFoundError
from prom_service.models import Clinic, Flag
from prom_service.models.user import READING_ROLES
from prom_service.pathway.facts import LIVE_STATUSES
from prom_service.queries.colleagues import names_of
from prom_service.queries.patients import has_number_with
from prom_service.queries.worklist import WorklistRow, count_flags, find_rows, worklist
from prom_service.services import flags
from prom_service.web import audit, guards
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, clinics_shown, common
from prom_service.web.dashboard.notices import freshness
from prom_service.web.dashboard.staff_session import chosen_clinic, person
from prom_service.web.dashboard.words import QUEUE_WORDS, STEPS, read_in
from prom_service.web.dashboard.worklist_filter import CHOICES, kept_filters, wanted_flags, wanted_place

PAGE = 50
DONE = {"acknowledge": "acknowledged", "take": "assigned to you"}


@blueprint.get("/worklist")
@guards.admits(*READING_ROLES)
def show_worklist() -> str:
    """Show the clinic's flags that the address asks for; of the live ones the gravest first."""
    return _worklist_page()


@blueprint.post("/worklist")
@guards.admits(*READING_ROLES)
def step_together() -> Response | tuple[str, int]:
    """Acknowledge the ticked flags or take them over, each a step of its own; name those that changed meanwhile."""
    step, seen = request.form.get("step", ""), _ticked()
    if step not in DONE:
        raise BadRequest("There is no such step; there are acknowledge and take.")
    if not seen:
        return _worklist_page(error="Tick at least one flag."), 422
    with audit.writing() as session:
        held = flags.find_all_for_update(session, chosen_clinic(), seen.keys())
        if len(held) < len(seen):
            raise NotFoundError("There is no such flag.")
        audit.about(flag=seen)
        left = [flag.id for flag in held if not _may_step(flag, seen[flag.id], step)]
        _step_each(session, (flag for flag in held if flag.id not in left), step)
    done = len(held) - len(left)
    if left:
        return _worklist_page(done=f"{done} {DONE[step]}.", left=left), 409
    flash(f"{done} {'flag' if done == 1 else 'flags'} {DONE[step]}.")
    return redirect(url_for(".show_worklist", after=request.args.get("after"), **kept_filters()), code=303)


def _ticked() -> dict[uuid.UUID, int]:
    """Return the ticked flags, each with the number of the newest event that was on the page."""
    ticks = request.form.getlist("flag")
    if len(ticks) > PAGE:
        raise BadRequest(f"At most {PAGE} flags at once.")
    try:
        pairs = [tick.split(".") for tick in ticks]
        return {uuid.UUID(flag_id): int(number) for flag_id, number in pairs}
    except ValueError:
        raise BadRequest("The form is not complete. Load the page again.") from None


def _may_step(flag: Flag, seen: int, step: str) -> bool:
    """Return whether the flag is as it was shown, and the step takes nothing from whoever has it."""
    untouched = flag.number == seen and flag.status in LIVE_STATUSES
    return untouched and not (step == "acknowledge" and flag.status == "assigned")


def _step_each(session: Session, taken: Iterable[Flag], step: str) -> None:
    whose: dict[str, Any] = {"actor": person.actor, "now": prom.now()}
    for flag in taken:
        if step == "acknowledge":
            flags.acknowledge(session, flag, **whose)
        else:
            flags.assign(session, flag, person.user_id, **whose)


def _worklist_page(*, done: str = "", left: Sequence[uuid.UUID] = (), error: str = "") -> str:
    clinic_id, kept = chosen_clinic(), kept_filters()
    wanted = wanted_flags(kept)
    with prom.reading() as session:
        rows = worklist(session, clinic_id, wanted, after=wanted_place(), limit=PAGE + 1)
        changed = find_rows(session, clinic_id, left) if left else []
        view: dict[str, Any] = {
            "counts": count_flags(session, clinic_id, wanted, user_id=person.user_id),
            "names": names_of(session, (row.last_actor for row in (*rows, *changed))),
            "fresh": freshness(session, clinic_id),
            "clinics": clinics_shown(session),
            "nobody": not rows and "patient" in kept and not has_number_with(session, clinic_id, kept["patient"]),
        }
        read_in(session.get_one(Clinic, clinic_id).time_zone)
    asked = {"kept": kept, "choices": CHOICES, "queues": QUEUE_WORDS, "steps": STEPS, "clinic_id": clinic_id}
    told = {"done": done, "changed": changed, "error": error}
    audit.about(shown=len(rows[:PAGE]), flag=(row.flag.id for row in (*rows[:PAGE], *changed)))
    more = _cursor(rows[PAGE - 1]) if len(rows) > PAGE else None
    return render_template("dashboard/worklist.html", rows=rows[:PAGE], more=more, **view, **asked, **told, **common())


def _cursor(row: WorklistRow) -> str:
    return f"{row.rank}.{row.flag.id}"
