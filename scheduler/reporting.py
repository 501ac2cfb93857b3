"""The jobs of reports: making those that were asked for, asking for the monthly ones, and saying where they are."""

import logging

from prom_service.errors import PromError
from prom_service.models import ReportTask
from prom_service.queries.registry import clinics_of
from prom_service.reports import ReportQuery, make_report
from prom_service.runtime import Runtime
from prom_service.services import audit, report_tasks
from scheduler.jobs import KeepGoing, always, this_process

log = logging.getLogger(__name__)

BEGUN, COUNTED = 10, 75
"""How far a report is, in per cent, when it is begun, and once its tables are made."""


class StoppedError(Exception):
    """The task was cancelled, or is another process's by now."""


def make_reports(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Make the reports that were asked for, the oldest first; return how many were made.

    Safe on any number of replicas. Between two steps it is seen whether the task was cancelled; no transaction is open
    while a report is made, but for the snapshot in which its facts are counted.
    """
    made = 0
    while keep_going():
        with prom.transaction() as session:
            task = report_tasks.claim_due(session, worker=this_process(), now=prom.now())
        if task is None:
            break
        made += _make(prom, task, keep_going)
    return made


def _make(prom: Runtime, task: ReportTask, keep_going: KeepGoing) -> bool:
    """Make one report; say whether it is there now. Whatever goes wrong is noted, and never raised."""
    try:
        return _make_in_steps(prom, task, keep_going)
    except StoppedError:
        return False
    except PromError as error:  # The question itself cannot be answered.
        reason = str(error)
    except Exception as error:  # noqa: BLE001 (one item of a sweep must not stop the others)
        log.error("report task %s: %s; it is tried again", task.id, type(error).__name__)
        reason = ""
    with prom.transaction() as session:
        if reason:
            report_tasks.fail(session, task, reason, now=prom.now())
        else:
            report_tasks.try_later(session, task, now=prom.now())
    return False


def _make_in_steps(prom: Runtime, task: ReportTask, keep_going: KeepGoing) -> bool:
    from prom_service.reports.forms import export  # pandas takes a second, and few ticks need it.

    query = _query(task)
    _step(prom, task, BEGUN, keep_going)
    with prom.reading() as session:
        report = make_report(session, task.report, query)
    _step(prom, task, COUNTED, keep_going)
    content = export.render(report, task.form)
    with prom.transaction() as session:
        if not report_tasks.finish(session, task, content, now=prom.now()):
            return False
        for clinic_id in query.clinic_ids or clinics_of(session, query.organisation_id):
            audit.note(
                session,
                clinic_id,
                actor=task.requested_by,
                act=f"report {task.report}",
                subjects={"task": [str(task.id)]},
                shown=sum(map(len, report.tables.values())),
                detail=query.in_words(),
                now=prom.now(),
            )
    return True


def _query(task: ReportTask) -> ReportQuery:
    return ReportQuery.from_parameters(
        task.parameters, clinic_ids=task.clinic_ids, organisation_id=task.organisation_id
    )


def _step(prom: Runtime, task: ReportTask, progress: int, keep_going: KeepGoing) -> None:
    """Note how far the task is; raise ``StoppedError`` when it is not ours any more, or this process is to stop."""
    with prom.transaction() as session:
        if keep_going():
            ours = report_tasks.advance(session, task, progress, now=prom.now())
        else:
            report_tasks.release(session, task, now=prom.now())
            ours = False
    if not ours:
        raise StoppedError
