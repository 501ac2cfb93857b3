"""Tasks: reports that are made in the background, for the key that asked and for no other."""

import uuid
from collections.abc import Mapping
from typing import Any

from flask import Response, url_for
from sqlalchemy.orm import Session

from prom_service.models import ReportTask
from prom_service.services import report_tasks
from prom_service.web import audit
from prom_service.web.api import paging
from prom_service.web.api.blueprint import ApiBlueprint
from prom_service.web.api.report_file import FILES, file_answer
from prom_service.web.api.schemas.problem import OF_FILES
from prom_service.web.api.schemas.report import TaskSchema
from prom_service.web.context import principal, prom

SCOPE = "reports:read"
TASK = TaskSchema()

tasks = ApiBlueprint("tasks", "Reports made in the background. Another key finds none of them.")


@tasks.get("/tasks", scope=SCOPE, query=paging.PageQuery(), answer=paging.page_of(TaskSchema))
def list_tasks(session: Session, query: Mapping[str, Any]) -> Any:
    """List the reports this key has asked for in the background, newest first."""
    wanted = paging.requested(query)
    found = report_tasks.list_tasks(session, requested_by=principal.actor, after=wanted.after, limit=wanted.probe)
    audit.about(shown=len(found[: wanted.limit]))
    return paging.page(wanted, [shown(task) for task in found])


@tasks.get("/tasks/<uuid:task_id>", scope=SCOPE, answer=TASK)
def show_task(session: Session, task_id: uuid.UUID) -> dict[str, Any]:
    """Show how far a report is, and where it is once it is made."""
    return shown(report_tasks.find_task(session, task_id, requested_by=principal.actor))


@tasks.delete("/tasks/<uuid:task_id>", scope=SCOPE)
def cancel(session: Session, task_id: uuid.UUID) -> None:
    """Stop making a report; delete the file of one that is made. Repeating it changes nothing."""
    report_tasks.cancel(session, task_id, requested_by=principal.actor, now=prom.now())


@tasks.get(
    "/tasks/<uuid:task_id>/result",
    scope=SCOPE,
    answer={"type": "object", "description": "The report, in the form that was asked for."},
    files=FILES,
    problems=OF_FILES,
)
def show_result(session: Session, task_id: uuid.UUID) -> Response:
    """Give the file: 409 while none is made, or where none will be, 410 when it is kept no longer (after 7 days).

    The `reason` of a 409 says which: `not_done`, `failed` or `cancelled`.
    """
    task, content = report_tasks.fetch(session, task_id, requested_by=principal.actor, now=prom.now())
    audit.about(detail=f"{task.report} {task.form}")
    return file_answer(task.report, task.form, content, task.parameters)


def shown(task: ReportTask) -> dict[str, Any]:
    """Return a task as the API shows it."""
    there = task.status == "done" and task.expires_at > prom.now()
    return {
        **{name: getattr(task, name) for name in ("id", "status", "report", "parameters", "created_at")},
        "format": task.form,
        "progress": task.progress / 100,
        "finished_at": task.finished_at,
        "expires_at": task.expires_at,
        "result": url_for("tasks.show_result", task_id=task.id) if there else None,
        "error": task.reason if task.status == "failed" else None,
    }
