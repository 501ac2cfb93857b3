"""Reports made in the background: asked for, claimed by a scheduler, made in steps, kept for a week.

A task belongs to whoever asked: for everybody else, of the same clinic too, it does not exist.
"""

import datetime as dt
import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from prom_service.db import has_come
from prom_service.errors import ConflictError, GoneError, NotFoundError
from prom_service.models import ReportTask
from prom_service.models.report_task import UNFINISHED
from prom_service.models.user import READING_ROLES
from prom_service.queries.registry import clinics_of
from prom_service.services import report_letters
from prom_service.services.staff import StaffPrincipal

KEPT = dt.timedelta(days=7)
"""How long a file is kept."""
ROW_KEPT = dt.timedelta(days=90)
"""How long it stays known, after its file is gone, that there was one."""
CLAIM = dt.timedelta(minutes=10)
"""Longer than any step takes; each step begins another."""
PAUSE = dt.timedelta(minutes=1)
MOST_ATTEMPTS = 3
"""A report that ends every process that makes it is not tried for ever."""
REST = dt.timedelta(days=1)
"""Until a monthly report that could not be made is tried again."""
MOST_AT_ONCE = 20
"""Unfinished tasks of one key or person."""


def ask(
    session: Session,
    *,
    report: str,
    form: str,
    parameters: Mapping[str, Any],
    organisation_id: uuid.UUID,
    clinic_ids: Sequence[uuid.UUID],
    requested_by: str,
    now: dt.datetime,
    subscription_id: uuid.UUID | None = None,
    month: dt.date | None = None,
) -> ReportTask:
    """Queue a report; raise ``ConflictError`` when whoever asks has too many in hand, monthly ones aside.

    ``parameters`` are the question in plain words and dates; with no clinic named it is about all of the organisation.
    """
    waiting = select(func.count()).where(ReportTask.requested_by == requested_by, ReportTask.due_at.is_not(None))
    if subscription_id is None and session.scalars(waiting).one() >= MOST_AT_ONCE:
        raise ConflictError(f"{MOST_AT_ONCE} reports are being made for you. Wait for one, or cancel it.", "too_many")
    task = ReportTask(
        organisation_id=organisation_id,
        clinic_id=clinic_ids[0] if len(clinic_ids) == 1 else None,
        clinic_ids=[str(one) for one in clinic_ids],
        requested_by=requested_by,
        subscription_id=subscription_id,
        month=month,
        report=report,
        form=form,
        parameters=dict(parameters),
        status="queued",
        progress=0,
        attempts=0,
        due_at=now,
        created_at=now,
        expires_at=now + KEPT,
    )
    session.add(task)
    session.flush()
    return task


def find_task(session: Session, task_id: uuid.UUID, *, requested_by: str) -> ReportTask:
    """Return a task of whoever asks; raise ``NotFoundError`` for one that is not there or is another's."""
    mine = select(ReportTask).where(ReportTask.id == task_id, ReportTask.requested_by == requested_by)
    task = session.scalars(mine).first()
    if task is None:
        raise NotFoundError("There is no such task.")
    return task


def find_task_of_person(session: Session, task_id: uuid.UUID, person: StaffPrincipal) -> ReportTask:
    """Return a task of a member of the staff who still has the roles it needs; else raise ``NotFoundError``."""
    task = find_task(session, task_id, requested_by=person.actor)
    quality = task.parameters["audience"] == "quality"
    roles = ("quality_analyst",) if quality else READING_ROLES
    clinics = [uuid.UUID(one) for one in task.clinic_ids] or clinics_of(session, task.organisation_id)
    if not all(person.roles.get(clinic) in roles for clinic in clinics):
        raise NotFoundError("There is no such task.")
    return task


def list_tasks(
    session: Session, *, requested_by: str, after: uuid.UUID | None = None, limit: int
) -> Sequence[ReportTask]:
    """Return the tasks of whoever asks, the newest first; ``after`` is the last one of the page before."""
    mine = select(ReportTask).where(ReportTask.requested_by == requested_by)
    if after is not None:
        mine = mine.where(ReportTask.id < after)
    return session.scalars(mine.order_by(ReportTask.id.desc()).limit(limit)).all()


def fetch(session: Session, task_id: uuid.UUID, *, requested_by: str, now: dt.datetime) -> tuple[ReportTask, bytes]:
    """Return a task with its file; raise ``ConflictError`` where none is made, ``GoneError`` once it is gone."""
    task = find_task(session, task_id, requested_by=requested_by)
    if task.status in UNFINISHED:
        raise ConflictError("The report is not made yet.", "not_done")
    if task.status == "failed":
        raise ConflictError("The report could not be made.", "failed")
    if task.status == "cancelled":
        raise ConflictError("The report was cancelled before it was made.", "cancelled")
    content = session.scalar(select(ReportTask.content).where(ReportTask.id == task.id))
    if content is None or task.expires_at <= now:
        raise GoneError("The file is kept no longer. Ask for the report again.")
    return task, content


def cancel(session: Session, task_id: uuid.UUID, *, requested_by: str, now: dt.datetime) -> ReportTask:
    """Stop a task before its next step; delete the file of one that is done. Repeating it changes nothing."""
    task = find_task(session, task_id, requested_by=requested_by)
    stopped = {"status": "cancelled", "due_at": None, "claimed_by": None, "finished_at": now}
    of_task = ReportTask.id == task.id
    if _changed(session, of_task, ReportTask.due_at.is_not(None), **stopped) == 0:
        _changed(session, of_task, ReportTask.status == "done", content=None, expires_at=now)
    session.refresh(task)
    return task


def claim_due(session: Session, *, worker: str, now: dt.datetime) -> ReportTask | None:
    """Reserve the task that has waited longest and return it; None when none is due. A claim lapses in time."""
    due = (
        select(ReportTask)
        .where(has_come(ReportTask.due_at, now, now + 2 * REST))
        .order_by(ReportTask.due_at, ReportTask.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    while (task := session.scalars(due).first()) is not None:
        if task.attempts >= MOST_ATTEMPTS:
            _give_up(session, task, "gave_up", now)
            continue
        task.attempts += 1
        task.status, task.progress, task.due_at = "running", 0, now + CLAIM
        task.claimed_by = f"{worker[:60]}#{secrets.token_hex(4)}"
        session.flush()
        return task
    return None


def advance(session: Session, task: ReportTask, progress: int, *, now: dt.datetime) -> bool:
    """Note how far a claimed task has come, in per cent; return False when it was cancelled or is another's by now."""
    return _changed(session, _is_under(task), progress=progress, due_at=now + CLAIM) == 1


def finish(session: Session, task: ReportTask, content: bytes, *, now: dt.datetime) -> bool:
    """Keep the file of a claimed task, and have whoever gets it every month told where it is.

    Return False when it was cancelled or is another's by now.
    """
    ended = {"status": "done", "progress": 100, "due_at": None, "claimed_by": None, "finished_at": now, "reason": None}
    if not _changed(session, _is_under(task), content=content, expires_at=now + KEPT, **ended):
        return False
    report_letters.plan(session, task, now=now)
    return True


def fail(session: Session, task: ReportTask, reason: str, *, now: dt.datetime) -> None:
    """Note that a claimed task cannot be done, and why, in words that may be shown."""
    held = session.scalars(select(ReportTask).where(_is_under(task)).with_for_update()).first()
    if held is not None:
        _give_up(session, held, reason[:200], now)


def try_later(session: Session, task: ReportTask, *, now: dt.datetime) -> None:
    """Note that making a claimed task went wrong; it is taken up again, so often and no more."""
    _changed(session, _is_under(task), status="queued", due_at=now + PAUSE, claimed_by=None)


def release(session: Session, task: ReportTask, *, now: dt.datetime) -> None:
    """Give a claimed task back as it was: nothing was wrong with it."""
    _changed(session, _is_under(task), status="queued", due_at=now, claimed_by=None, attempts=task.attempts - 1)


def forget_files(session: Session, *, now: dt.datetime, limit: int) -> int:
    """Delete at most ``limit`` files that have had their time; return how many."""
    over = select(ReportTask.id).where(ReportTask.expires_at <= now, ReportTask.content.is_not(None)).limit(limit)
    return _changed(session, ReportTask.id.in_(over), content=None)


def _is_under(task: ReportTask) -> ColumnElement[bool]:
    """Say whether the task is still held by the claim under which it was read."""
    return (ReportTask.id == task.id) & (ReportTask.claimed_by == task.claimed_by)


def _give_up(session: Session, task: ReportTask, reason: str, now: dt.datetime) -> None:
    """End a task as failed. A monthly one is tried again every day for a week; whoever gets it is told so once."""
    task.reason, task.claimed_by = reason, None
    if task.subscription_id is None or now >= report_letters.tried_until(task):
        task.status, task.finished_at, task.due_at = "failed", now, None
    else:
        task.status, task.attempts, task.due_at = "queued", 0, now + REST
    session.flush()
    report_letters.plan_apology(session, task, now=now)


def _changed(session: Session, *which: ColumnElement[bool], **values: Any) -> int:
    statement = update(ReportTask).where(*which).values(**values).returning(ReportTask.id)
    return len(session.execute(statement, execution_options={"synchronize_session": False}).all())
