"""Reports for quality teams and for the clinic itself."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response, request, url_for
from marshmallow import fields, validate
from sqlalchemy.orm import Session

from prom_service.reports.query import (
    BASES,
    DAYS_AHEAD,
    FORMATS,
    GROUPINGS,
    REPORTS,
    YEARS_BACK,
    ReportQuery,
    default_period,
)
from prom_service.services import report_tasks
from prom_service.web import audit
from prom_service.web.api import tasks
from prom_service.web.api.blueprint import ApiBlueprint
from prom_service.web.api.fields import Day, Instant, Strict
from prom_service.web.api.report_file import FILES, file_answer
from prom_service.web.context import principal, prom
from prom_service.web.json_provider import json_response

reports = ApiBlueprint("reports", "Utilization beside outcomes.")


class ReportParameters(Strict):
    """Whose care, which period, as it was known when."""

    from_on = Day(years_back=YEARS_BACK, days_ahead=DAYS_AHEAD, data_key="from")
    to_on = Day(years_back=YEARS_BACK, days_ahead=DAYS_AHEAD, data_key="to", metadata={"description": "The day after."})
    as_of = Instant(metadata={"description": "Reproduces the report as it was then, not after now; now when left out."})
    basis = fields.String(validate=validate.OneOf(BASES), load_default="episodes")
    group_by = fields.String(validate=validate.OneOf(GROUPINGS), load_default=None)
    format = fields.String(validate=validate.OneOf(FORMATS), load_default="json")


def _offer(name: str, told: str) -> None:
    """Give the report of that name an address of its own, and a sentence in the API's own documentation."""

    def show(session: Session, query: Mapping[str, Any]) -> Response:
        return _answer(session, name, query)

    show.__doc__ = f"""{told}

    By default over the last 12 whole months. A clinic's key sees the clinic's own exact numbers; a quality key sees its
    organisation, with small counts hidden. With `Prefer: respond-async` it is made in the background and answered with
    202 and its task.
    """
    show.__name__ = f"show_{name}"
    reports.get(
        f"/reports/{name}",
        scope="reports:read",
        query=ReportParameters(),
        answer={"type": "object", "description": "Parameters, definitions, notes and tables."},
        files=FILES,
        later=tasks.TASK,
    )(show)


for _name, _told in REPORTS.items():
    _offer(_name, _told)


def _answer(session: Session, name: str, query: Mapping[str, Any]) -> Response:
    question = asked(query)
    if wants_it_later():
        session.rollback()  # Nothing more is read: no request holds two connections at a time.
        return _queue(name, question, query["format"])
    from prom_service.reports import make_report  # pandas takes a second, and few requests need it.
    from prom_service.reports.forms import export

    report = make_report(session, name, question)
    audit.about(shown=sum(map(len, report.tables.values())), detail=question.in_words())
    return file_answer(name, query["format"], export.render(report, query["format"]), report.parameters)


def wants_it_later() -> bool:
    """Say whether the caller would rather have the report made in the background (RFC 7240, 4.1)."""
    wishes = request.headers.get("Prefer", "").split(",")
    return any(wish.partition(";")[0].strip().lower() == "respond-async" for wish in wishes)


def _queue(name: str, question: ReportQuery, form: str) -> Response:
    with prom.transaction() as session:
        task = report_tasks.ask(
            session,
            report=name,
            form=form,
            parameters=question.parameters(),
            organisation_id=principal.organisation_id,
            clinic_ids=question.clinic_ids,
            requested_by=principal.actor,
            now=prom.now(),
        )
    audit.about(detail=f"in the background: {question.in_words()}", task=[task.id])
    response = json_response(tasks.TASK.dump(tasks.shown(task)), HTTPStatus.ACCEPTED)
    response.location = url_for("tasks.show_task", task_id=task.id)
    response.headers["Preference-Applied"] = "respond-async"
    return response


def asked(query: Mapping[str, Any]) -> ReportQuery:
    """Return the question of these parameters: of its own clinic by a clinic's key, else of the organisation."""
    now = prom.now()
    from_on, to_on = default_period(now.date())
    own = principal.clinic_id
    return ReportQuery(
        clinic_ids=(own,) if own else (),
        organisation_id=principal.organisation_id,
        from_on=query.get("from_on", from_on),
        to_on=query.get("to_on", to_on),
        as_of=query.get("as_of", now),
        basis=query.get("basis", "episodes"),
        group_by=query.get("group_by"),
        audience="clinic" if own else "quality",
        now=now,
    )
