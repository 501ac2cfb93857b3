"""The worklist: a clinic's live flags."""

import uuid

from flask import render_template, request
from sqlalchemy import select
from werkzeug.exceptions import BadRequest

from prom_service.models import Clinic
from prom_service.models.flag import QUEUES
from prom_service.queries.worklist import count_live, worklist
from prom_service.web import audit
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, common
from prom_service.web.dashboard.staff_session import chosen_clinic, clinics_to_read
from prom_service.web.dashboard.words import read_in

PAGE = 50


@blueprint.get("/worklist")
def show_worklist() -> str:
    """Show the clinic's live flags, the gravest first."""
    clinic_id = chosen_clinic()
    queue = request.args.get("queue") or None
    if queue is not None and queue not in QUEUES:
        raise BadRequest(f"There is no such queue; there are {', '.join(QUEUES)}.")
    with prom.reading() as session:
        rows = worklist(session, clinic_id, queue=queue, after=_after(), limit=PAGE + 1)
        counts = count_live(session, clinic_id)
        clinics = session.scalars(select(Clinic).where(Clinic.id.in_(clinics_to_read())).order_by(Clinic.name)).all()
        read_in(session.get_one(Clinic, clinic_id).time_zone)
    audit.about(shown=len(rows[:PAGE]), flag=(row.flag.id for row in rows[:PAGE]))
    return render_template(
        "dashboard/worklist.html",
        rows=rows[:PAGE],
        more=f"{rows[PAGE - 1].rank}.{rows[PAGE - 1].flag.id}" if len(rows) > PAGE else None,
        counts=counts,
        queue=queue,
        clinics=clinics,
        clinic_id=clinic_id,
        **common(),
    )


def _after() -> tuple[int, uuid.UUID] | None:
    text = request.args.get("after")
    if not text:
        return None
    rank, _, flag_id = text.partition(".")
    try:
        return int(rank), uuid.UUID(flag_id)
    except ValueError:
        raise BadRequest("The address of this page is not complete.") from None
