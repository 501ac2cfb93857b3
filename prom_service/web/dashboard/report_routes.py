"""The reports: a question, the report that answers it, and the same as a file."""

from typing import Any

from flask import Response, render_template, request
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest

from prom_service.errors import InvalidInputError
from prom_service.models.user import REPORT_ROLES
from prom_service.queries.registry import clinics_of
from prom_service.reports import make_report
from prom_service.reports.query import FORMATS, ReportQuery
from prom_service.services import report_subscriptions, report_tasks
from prom_service.web import audit, guards
from prom_service.web.api.report_file import attachment
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, common
from prom_service.web.dashboard.forms import Errors
from prom_service.web.dashboard.report_episode_routes import BEHIND, episodes_behind
from prom_service.web.dashboard.report_form import Asked, asked, query_of, zone_of
from prom_service.web.dashboard.staff_session import person
from prom_service.web.dashboard.words import read_in

TASKS_LISTED = 20
FILE_WORDS = {"csv": "CSV", "xlsx": "Excel (XLSX)", "json": "JSON", "html": "HTML", "pdf": "PDF", "parquet": "Parquet"}


@blueprint.get("/reports")
@guards.admits(*REPORT_ROLES)
def show_reports() -> str | tuple[str, int]:
    """Show the report that the address asks for below its question."""
    with prom.reading() as session:
        question = asked(session)
        if not question.is_question:
            return _page(question, **_in_hand(session))
        try:
            query = query_of(question)
        except InvalidInputError as error:
            return _page(question, errors=error.errors), 422
        report = make_report(session, question.form["report"], query)
        _note(session, query, shown=sum(map(len, report.tables.values())))
    from prom_service.reports.forms.page import nothing_behind, render_body  # pandas takes a second.

    leads = query.audience == "clinic" and BEHIND in report.tables
    body = render_body(report, episodes_behind(question) if leads else nothing_behind)
    return _page(
        question,
        title=report.kind.title,
        body=Markup(body),  # noqa: S704 (it escapes)
        leads=leads,
    )


@blueprint.get("/reports/file")
@guards.admits(*REPORT_ROLES)
def download_report() -> Response:
    """Give the report that the address asks for as a file."""
    form = request.args.get("format", "")
    if form not in FORMATS:
        raise BadRequest(f"There is no such form; there are {', '.join(FORMATS)}.")
    from prom_service.reports.forms import export  # pandas takes a second, and few pages need it.

    with prom.reading() as session:
        question = asked(session)
        try:
            query = query_of(question)
        except InvalidInputError:
            raise BadRequest("The address asks for a report there is none of. Ask again on the page Reports.") from None
        report = make_report(session, question.form["report"], query)
        _note(session, query, shown=sum(map(len, report.tables.values())))
    return attachment(report.kind.name, form, export.render(report, form), report.parameters)


@blueprint.get("/reports/style.css")
def report_style() -> Response:
    """Give the style sheet of a report within a page."""
    from prom_service.reports.forms import page  # pandas takes a second, and few pages need it.

    return Response(page.report_style(), content_type="text/css; charset=utf-8")


guards.declare(report_style, "public")  # As every style sheet: nothing of anybody stands in it, nor is it on record.


def _in_hand(session: Session) -> dict[str, Any]:
    """Return what the person gets every month, and has asked for in the background."""
    mine = report_subscriptions.list_subscriptions(session, user_id=person.user_id)
    return {
        "monthly": [(subscription, clinic) for subscription, _email, clinic in mine],
        "tasks": report_tasks.list_tasks(session, requested_by=person.actor, limit=TASKS_LISTED),
    }


def _note(session: Session, query: ReportQuery, *, shown: int) -> None:
    """Say whose care the report is about: the entry goes to each of the clinics."""
    clinics = query.clinic_ids or clinics_of(session, query.organisation_id)
    audit.about(shown=shown, detail=query.in_words(), clinics=clinics)


def _page(question: Asked, *, errors: Errors | None = None, **view: Any) -> str:
    read_in(zone_of(question))
    return render_template(
        "dashboard/reports.html",
        question=question,
        form=question.form,
        errors=errors or {},
        address=question.address(),
        files={name: FILE_WORDS.get(name, name) for name in FORMATS},
        **view,
        **common(),
    )
