"""Reports that take their time: made in the background, or every month; their pages and their files."""

import uuid
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Clinic, ReportTask, User
from prom_service.models.user import REPORT_ROLES
from prom_service.queries.registry import clinics_of
from prom_service.reports.query import FORMATS
from prom_service.services import report_subscriptions, report_tasks
from prom_service.web import audit, guards
from prom_service.web.api.report_file import attachment
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import blueprint, common
from prom_service.web.dashboard.report_form import TEAM, asked, chosen_whose, query_of
from prom_service.web.dashboard.staff_session import person

STATUS_WORDS = {
    "queued": "It waits to be made.",
    "running": "It is being made.",
    "done": "It is made.",
    "failed": "It could not be made. Ask for it again; if that does not help, tell whoever runs this service.",
    "cancelled": "It was cancelled.",
}
TRIED_AGAIN = "It could not be made so far. It is tried again every day for a week; an email tells you once it is made."


@blueprint.post("/reports/tasks")
@guards.admits(*REPORT_ROLES)
def queue_report() -> AnyResponse:
    """Have the report that the address asks for made in the background."""
    with audit.writing() as session:
        question, form = asked(session), _form()
        try:
            query = query_of(question)
        except InvalidInputError:
            raise BadRequest("The address asks for a report there is none of. Ask again on the page Reports.") from None
        task = report_tasks.ask(
            session,
            report=question.form["report"],
            form=form,
            parameters=query.parameters(),
            organisation_id=person.organisation_id,
            clinic_ids=query.clinic_ids,
            requested_by=person.actor,
            now=prom.now(),
        )
        clinics = query.clinic_ids or clinics_of(session, person.organisation_id)
        audit.about(detail=f"in the background: {query.in_words()}", task=[task.id], clinics=clinics)
    return redirect(url_for(".show_report_task", task_id=task.id), code=303)


@blueprint.get("/reports/tasks/<uuid:task_id>")
@guards.admits(*REPORT_ROLES)
def show_report_task(task_id: uuid.UUID) -> str:
    """Show how far a report of one's own is, and lead to its file."""
    with prom.reading() as session:
        task = report_tasks.find_task_of_person(session, task_id, person)
        clinics = _named(session, task)
    return render_template(
        "dashboard/report_task.html",
        task=task,
        clinics=clinics,
        told=TRIED_AGAIN if task.is_tried_again else STATUS_WORDS[task.status],
        there=task.status == "done" and task.expires_at > prom.now(),
        **common(),
    )


@blueprint.get("/reports/tasks/<uuid:task_id>/file")
@guards.admits(*REPORT_ROLES)
def download_report_task(task_id: uuid.UUID) -> Response:
    """Give the file of a report of one's own."""
    with prom.reading() as session:
        report_tasks.find_task_of_person(session, task_id, person)
        task, content = report_tasks.fetch(session, task_id, requested_by=person.actor, now=prom.now())
        clinics = [uuid.UUID(one) for one in task.clinic_ids] or clinics_of(session, task.organisation_id)
    audit.about(detail=f"{task.report} {task.form}", clinics=clinics)
    return attachment(task.report, task.form, content, task.parameters)


@blueprint.post("/reports/tasks/<uuid:task_id>/cancel")
@guards.admits(*REPORT_ROLES)
def cancel_report_task(task_id: uuid.UUID) -> AnyResponse:
    """Stop making a report of one's own, or delete its file."""
    with audit.writing() as session:
        report_tasks.find_task_of_person(session, task_id, person)
        report_tasks.cancel(session, task_id, requested_by=person.actor, now=prom.now())
    return redirect(url_for(".show_report_task", task_id=task_id), code=303)


@blueprint.post("/reports/monthly")
@guards.admits(*REPORT_ROLES)
def subscribe_to_report() -> AnyResponse:
    """Have the report that the address asks for made on the first of every month, over the 12 months before it."""
    with audit.writing() as session:
        question, form = asked(session), _form()
        whose = chosen_whose(question)
        if whose not in dict(question.whose):
            raise BadRequest("The address asks for care you may not report on. Ask again on the page Reports.")
        try:
            report_subscriptions.subscribe(
                session,
                session.get_one(User, person.user_id),
                clinic=None if whose == TEAM else session.get_one(Clinic, uuid.UUID(whose)),
                report=_known(question.form["report"], question.reports),
                form=form,
                group_by=question.form["group_by"] or None,
                by=person.actor,
                now=prom.now(),
            )
            said = "You will get it on the first of every month: an email says where it is."
        except ConflictError as error:
            said = str(error)
        audit.about(detail=f"monthly {question.form['report']} {form}")
    flash(said)
    return redirect(url_for(".show_reports"), code=303)


@blueprint.post("/reports/monthly/<uuid:subscription_id>/end")
@guards.admits(*REPORT_ROLES)
def end_monthly_report(subscription_id: uuid.UUID) -> AnyResponse:
    """End a monthly report of one's own."""
    with audit.writing() as session:
        report_subscriptions.unsubscribe(session, subscription_id, user_id=person.user_id)
    flash("You will not get it any more.")
    return redirect(url_for(".show_reports"), code=303)


def _known(name: str, known: Any) -> str:
    """Return the name of a report there is; 400 for another."""
    if name not in dict(known):
        raise BadRequest("The address asks for a report there is none of. Ask again on the page Reports.")
    return name


def _form() -> str:
    form = request.form.get("format", "")
    if form not in FORMATS:
        raise BadRequest(f"There is no such form; there are {', '.join(FORMATS)}.")
    return form


def _named(session: Session, task: ReportTask) -> str:
    named = select(Clinic.name).where(Clinic.id.in_(map(uuid.UUID, task.clinic_ids))).order_by(Clinic.name)
    return ", ".join(session.scalars(named)) or "All clinics of the organisation"
