"""The jobs of reports: making those that were asked for, asking for the monthly ones, and saying where they are."""

import datetime as dt
import logging
from collections.abc import Callable

from sqlalchemy.orm import Session

from prom_service.errors import PromError
from prom_service.models import ReportTask
from prom_service.queries.registry import clinics_of
from prom_service.reports import ReportQuery, default_period, make_report
from prom_service.runtime import Runtime
from prom_service.services import audit, report_letters, report_subscriptions, report_tasks
from prom_service.services.report_letters import Claimed
from prom_service.services.report_subscriptions import Due
from scheduler.jobs import KeepGoing, always, this_process

log = logging.getLogger(__name__)

SUBSCRIPTIONS_AT_ONCE = 20
WORTH_NOTING = 5
"""Per cent: less is not written down."""


class StoppedError(Exception):
    """The task was cancelled, or is another process's by now."""


def make_reports(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Make the reports that were asked for, the oldest first; return how many were made.

    Safe on any number of replicas. Between two steps, each statement one, it is noted how far the task is and seen
    whether it was cancelled; no transaction is open while a report is made, but for the snapshot in which its facts are
    counted.
    """
    made = 0
    while keep_going():
        with prom.transaction() as session:
            task = report_tasks.claim_due(session, worker=this_process(), now=prom.now())
        if task is None:
            break
        made += _make(prom, task, keep_going)
    return made


def plan_monthly_reports(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Ask for the monthly reports whose month has begun; return for how many subscriptions that was seen to."""
    done = 0
    while keep_going():
        with prom.transaction() as session:
            taken = report_subscriptions.take_due(session, now=prom.now(), limit=SUBSCRIPTIONS_AT_ONCE)
            for due in filter(None, taken):
                _ask(session, due, now=prom.now())
        done += len(taken)
        if not taken:
            break
    return done


def send_report_letters(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Email who subscribed where their monthly report is; return how many emails a mail server took."""
    taken = 0
    while keep_going():
        with prom.transaction() as session:
            claimed = report_letters.claim_due(session, settings=prom.settings, worker=this_process(), now=prom.now())
        if claimed is None:
            break
        taken += _send(prom, claimed)
    prom.mail.close()
    return taken


def _ask(session: Session, due: Due, *, now: dt.datetime) -> None:
    """Queue a monthly report: the twelve whole months before, as they were on record when the month began."""
    wanted = due.subscription
    from_on, to_on = default_period(due.month)
    query = ReportQuery(
        clinic_ids=due.clinic_ids,
        organisation_id=wanted.organisation_id,
        from_on=from_on,
        to_on=to_on,
        as_of=due.instant,
        group_by=wanted.group_by or None,
        audience="clinic" if wanted.clinic_id else "quality",
        now=now,
    )
    report_tasks.ask(
        session,
        report=wanted.report,
        form=wanted.form,
        parameters=query.parameters(),
        organisation_id=wanted.organisation_id,
        clinic_ids=query.clinic_ids,
        requested_by=f"user:{wanted.user_id}",
        subscription_id=wanted.id,
        month=due.month,
        now=now,
    )


def _send(prom: Runtime, claimed: Claimed) -> bool:
    """Hand one email over and record what became of it; say whether a mail server took it."""
    try:
        outcome = prom.mail.deliver(claimed.letter, before_final_dot=lambda: None)
        with prom.transaction() as session:
            report_letters.record(session, claimed, outcome, now=prom.now())
    except Exception as error:  # noqa: BLE001 (one item of a sweep must not stop the others)
        log.error("report letter %s: %s; its claim will lapse", claimed.letter_id, type(error).__name__)
        return False
    return outcome.accepted


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

    query, told = _query(task), _noting(prom, task, keep_going)
    told(0)
    with prom.reading() as session:
        report = make_report(session, task.report, query, told)
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


def _noting(prom: Runtime, task: ReportTask, keep_going: KeepGoing) -> Callable[[int], None]:
    """Return what is told how far the task is, and notes it when it is worth it."""
    noted = -WORTH_NOTING

    def told(progress: int) -> None:
        nonlocal noted
        if progress >= noted + WORTH_NOTING:
            _step(prom, task, progress, keep_going)
            noted = progress

    return told


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
