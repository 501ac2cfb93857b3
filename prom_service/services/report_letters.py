"""Emails that say where a monthly report is, or that it could not be made so far: planned, claimed, sent at least once.

Nothing of the report is in them: it is read behind the log-in.
"""

import datetime as dt
import logging
import uuid
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from prom_service.db import has_come
from prom_service.mail.addresses import UnwritableError
from prom_service.mail.report_letters import ReportContents, ReportMail, write_report_letter
from prom_service.mail.transport import Outcome
from prom_service.models import Clinic, Organisation, ReportLetter, ReportSubscription, ReportTask, User
from prom_service.settings import Settings

log = logging.getLogger(__name__)

CLAIM = dt.timedelta(minutes=5)
LONGEST_PAUSE = dt.timedelta(minutes=30)
MOST_ATTEMPTS = 12
TRIED_FOR = dt.timedelta(days=7)
"""How long a monthly report is tried again that could not be made."""


@dataclass(frozen=True)
class Claimed:
    """An email that this process may send."""

    letter: ReportMail
    letter_id: uuid.UUID
    claim: str


def plan(session: Session, task: ReportTask, *, now: dt.datetime) -> None:
    """Plan the email for a monthly report that is made; none for any other, or once nobody gets it any more.

    It takes the place of one that says that the report could not be made.
    """
    if task.subscription_id is None:
        return
    session.execute(delete(ReportLetter).where(ReportLetter.task_id == task.id))
    whose = select(User.email).join(ReportSubscription, ReportSubscription.user_id == User.id)
    email = session.scalar(whose.where(ReportSubscription.id == task.subscription_id))
    if email is not None:
        session.add(ReportLetter(task_id=task.id, email=email, due_at=now, attempts=0))
        session.flush()


def plan_apology(session: Session, task: ReportTask, *, now: dt.datetime) -> None:
    """Plan the email for a monthly report that could not be made, unless one is planned or sent."""
    if not session.scalar(select(ReportLetter.id).where(ReportLetter.task_id == task.id)):
        plan(session, task, now=now)


def tried_until(task: ReportTask) -> dt.datetime:
    """Return until when a monthly report is tried again that could not be made."""
    return task.created_at + TRIED_FOR


def claim_due(session: Session, *, settings: Settings, worker: str, now: dt.datetime) -> Claimed | None:
    """Reserve the email that has waited longest and return it; None when none is due."""
    is_due = has_come(ReportLetter.due_at, now, now + 2 * LONGEST_PAUSE)
    due = select(ReportLetter).where(is_due).order_by(ReportLetter.due_at, ReportLetter.id)
    while (letter := session.scalars(due.limit(1).with_for_update(skip_locked=True)).first()) is not None:
        letter.claimed_by = f"{worker[:60]}:{uuid.uuid4().hex[:12]}"
        letter.due_at, letter.attempts = now + CLAIM, letter.attempts + 1
        session.flush()
        try:
            written = _write(session, letter, settings, now)
        except UnwritableError as error:
            log.error("report letter %s could not be written: %s", letter.id, error)
            _give_up(letter, "not_written", now)
            session.flush()
            continue
        return Claimed(written, letter.id, letter.claimed_by)
    return None


def record(session: Session, claimed: Claimed, outcome: Outcome, *, now: dt.datetime) -> None:
    """Note what became of an email."""
    letter = session.get(ReportLetter, claimed.letter_id)
    if letter is None or letter.claimed_by != claimed.claim:
        return
    letter.claimed_by = None
    if outcome.accepted:
        letter.due_at, letter.sent_at, letter.reason = None, now, None
    elif outcome.result == "refused" or (letter.attempts >= MOST_ATTEMPTS and not outcome.relay_at_fault):
        _give_up(letter, outcome.reason or outcome.result, now)
    else:
        letter.reason = outcome.reason or outcome.result
        letter.due_at = now + min(dt.timedelta(minutes=2**letter.attempts), LONGEST_PAUSE)
    session.flush()


def _write(session: Session, letter: ReportLetter, settings: Settings, now: dt.datetime) -> ReportMail:
    task = session.get_one(ReportTask, letter.task_id)
    clinic = session.get(Clinic, task.clinic_id) if task.clinic_id else None
    whose = clinic.name if clinic else session.get_one(Organisation, task.organisation_id).name
    zone = ZoneInfo(clinic.time_zone if clinic else "UTC")
    contents = ReportContents(
        whose=whose,
        report=task.report.replace("_", " "),
        first_day=dt.date.fromisoformat(task.parameters["from"]),
        day_after=dt.date.fromisoformat(task.parameters["to"]),
        url=f"{settings.base_url.rstrip('/')}/reports/tasks/{task.id}",
        until=(task.expires_at if task.status == "done" else tried_until(task)).astimezone(zone).date(),
        template="report" if task.status == "done" else "report_missing",
    )
    return write_report_letter(contents, letter.id, mail_from=settings.mail_from, to=letter.email, at=now)


def _give_up(letter: ReportLetter, reason: str, now: dt.datetime) -> None:
    letter.reason, letter.failed_at, letter.due_at, letter.claimed_by = reason[:80], now, None, None
