"""One function per job: what is due and not done is done, in bounded batches, one transaction each.

A job asks the database what is due, so a missed tick, a clock change or a restart loses nothing and repeats nothing.
It returns how much it did, and stops early, between two batches or two letters, once ``keep_going`` says so.
"""

import datetime as dt
import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from prom_service import db
from prom_service.db import insert_if_absent, writers_abreast
from prom_service.mail.bounce_mailbox import BROKEN, BounceMailbox, OpenMailbox
from prom_service.mail.letters import Letter
from prom_service.mail.reports import read_report
from prom_service.mail.transport import Outcome, WithheldError
from prom_service.models import Assessment, Heartbeat
from prom_service.queries.audit import chains, clinics_with_unsealed
from prom_service.runtime import Runtime
from prom_service.services import (
    administrations,
    alerts,
    assessment,
    audit,
    audit_heads,
    brake,
    claims,
    delivery,
    flags,
    pace,
    retention,
    webhook_deliveries,
)
from prom_service.services.alerts import Claimed
from prom_service.services.assessment import Share
from prom_service.services.webhook_deliveries import Batch, Receiver

log = logging.getLogger(__name__)

PATIENTS_AT_ONCE = 50
ROWS_AT_ONCE = 500
SCORED_AT_ONCE = 50
ASSESSED_AT_ONCE = 200
TIMED_AT_ONCE = 3
SEALED_AT_ONCE = 500
EMAILS_AT_ONCE = 100
EVENTS_AT_ONCE = 100
NOTICES_AT_ONCE = 20
RECEIVERS_AT_ONCE = 16
TURN_SECONDS = 10.0
"""How long one receiver is told what is due to it before the tick is over for it, the attempt in hand aside."""
HEARTBEATS_KEPT = dt.timedelta(days=1)
TRIED_AGAIN_AFTER = dt.timedelta(hours=1)

KeepGoing = Callable[[], bool]


def always() -> bool:
    """Never ask a job to stop early."""
    return True


def this_process() -> str:
    """Return the name under which this process claims, leases and gives signs of life."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}"


def beat(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Leave a sign of life of this process, and clear away those of processes long gone; return 1."""
    now = prom.now()
    row = {"process": f"scheduler:{this_process()}", "kind": "scheduler", "beat_at": now}
    with prom.transaction() as session:
        session.execute(delete(Heartbeat).where(Heartbeat.beat_at < now - HEARTBEATS_KEPT))
        if not insert_if_absent(session, Heartbeat, row, unique=["process"]):
            session.execute(update(Heartbeat).where(Heartbeat.process == row["process"]).values(beat_at=now))
    return 1


def open_due_administrations(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Open the administrations whose window has begun; return how many."""
    return _in_batches(prom, administrations.open_due, ROWS_AT_ONCE, keep_going)


def send_due_messages(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Email the messages that are due; return how many a mail server took.

    Safe on any number of replicas, and at most once each: a message is claimed, then marked ``committing`` just before
    the final dot. Killed before the mark, the claim lapses and it is sent later; killed after it, the outcome is
    unknown and it is never sent again. No transaction is open while a mail server keeps us waiting. Nothing is claimed
    while the brake is on.
    """
    taken = 0
    relay_works = True
    while keep_going() and relay_works:
        with prom.transaction() as session:
            if _is_braked(prom, session):
                break
            batch = claims.claim_due(
                session, settings=prom.settings, worker=this_process(), now=prom.now(), limit=PATIENTS_AT_ONCE
            )
        if not batch.claimed:
            break
        unsent = list(batch.letters)
        while unsent and keep_going() and relay_works:
            outcome = _deliver(prom, unsent.pop(0))
            taken += outcome is not None and outcome.accepted
            relay_works = outcome is None or not outcome.relay_at_fault
        if unsent:
            with prom.transaction() as session:
                claims.release(session, unsent, now=prom.now())
    prom.mail.close()
    return taken


def fetch_delivery_reports(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Put on record what the mailbox for delivery reports holds unread; return how many emails were read.

    An email is marked as seen once its report is committed: read again after a failure, it has no second effect.
    One that cannot be dealt with is left for the next time, and the others are read.
    """
    read = 0
    if not prom.settings.bounce_imap_url:
        return read
    with BounceMailbox.from_url(prom.settings.bounce_imap_url).opened() as mailbox:
        for number in mailbox.unseen()[:EMAILS_AT_ONCE]:
            if not keep_going():
                break
            if _take_report(prom, mailbox, number):
                mailbox.mark_seen(number)
                read += 1
    return read


def settle_committing(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Settle the messages that dead processes left behind; return how many."""
    return _in_batches(prom, claims.settle_committing, ROWS_AT_ONCE, keep_going)


def close_late_administrations(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Settle the administrations whose time has passed, as partial or missed; return how many."""
    late = _in_batches(prom, administrations.close_late, SCORED_AT_ONCE, keep_going)
    return late + _in_batches(prom, administrations.close_for_good, SCORED_AT_ONCE, keep_going)


def wake_snoozed_flags(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Reopen the flags that were put aside until now; return how many."""
    return _in_batches(prom, flags.wake_snoozed, ROWS_AT_ONCE, keep_going)


def assess_due_episodes(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Assess the episodes in which time alone may have changed a finding; return how many were due.

    One that cannot be assessed does not hold up the others: its batch is done one by one, and it waits an hour. Where
    several sessions can write, each has clinics of its own: one computes while another waits for the disk.
    """
    shares = shares_to_assess(prom)
    with ThreadPoolExecutor(max(len(shares), 1), thread_name_prefix="sweep") as sweepers:
        return sum(sweepers.map(lambda share: _assess_share(prom, share, keep_going), shares))


def shares_to_assess(prom: Runtime) -> Sequence[Share | None]:
    """Return the share of the clinics that each session assesses; None is all of them."""
    writers = writers_abreast(prom.engine)
    if writers == 1:
        return [None]
    with prom.reading() as session:
        return assessment.shares_of_due(session, now=prom.now(), at_most=writers)


def purge_passing_rows(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Delete what has had its time: remembered requests, ended sessions, counted tries, old deliveries of webhooks.

    Return how many rows went.
    """
    return _in_batches(prom, retention.purge_passing_rows, ROWS_AT_ONCE, keep_going)


def gather_statistics(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Let the database find its shortest ways again as it grows; return 1."""
    with prom.transaction() as session:
        db.gather_statistics(session)
    return 1


def seal_audit(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Chain the entries of the audit that were written since; return how many. No two processes do one clinic's."""
    with prom.reading() as session:
        waiting = clinics_with_unsealed(session)
    return sum(_in_batches(prom, partial(audit.seal, clinic_id=one), SEALED_AT_ONCE, keep_going) for one in waiting)


def publish_audit_heads(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Write where the chains of the audit end into the file outside the database; return how many have moved on."""
    path = prom.settings.audit_heads
    if path is None:
        return 0
    with prom.reading() as session:
        ends = chains(session)
    return audit_heads.append_heads(path, ends, secret=prom.settings.secret, now=prom.now())


def measure_pace(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Measure how long the questions take, wherever that was not done for a day; return at how many timepoints."""
    return _in_batches(prom, pace.measure_due, TIMED_AT_ONCE, keep_going)


def escalate_flags(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Plan emails to staff: of flags that nobody has acknowledged, and where nobody looks; return how many.

    Each clinic is done for itself: what goes wrong at one does not hold up the others.
    """
    with prom.reading() as session:
        waiting = alerts.clinics_to_escalate(session, now=prom.now())
    told = sum(_escalate(prom, one, keep_going) for one in waiting)
    with prom.reading() as session:
        unwatched = alerts.unwatched_clinics(session, now=prom.now())
    return told + sum(_watch(prom, one) for one in unwatched if keep_going())


def send_alerts(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Email staff what is planned for them; return how many emails a mail server took.

    Never stopped by the brake, and at least once: an alert that may not have arrived is sent again.
    """
    taken = 0
    while keep_going():
        with prom.transaction() as session:
            claimed = alerts.claim_due(session, settings=prom.settings, worker=this_process(), now=prom.now())
        if claimed is None:
            break
        taken += _tell_staff(prom, claimed)
    prom.mail.close()
    return taken


def deliver_webhooks(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Tell receivers what happened to flags; return how many notices were taken.

    Safe on any number of replicas, and at least once each. Every receiver has a turn of its own beside the others, so a
    slow one holds up nobody, and no transaction is open while one of them keeps us waiting.
    """
    _in_batches(prom, webhook_deliveries.queue_events, EVENTS_AT_ONCE, keep_going)
    with prom.reading() as session:
        due = webhook_deliveries.receivers_due(session, now=prom.now())
    if not due:
        return 0
    with ThreadPoolExecutor(min(RECEIVERS_AT_ONCE, len(due)), thread_name_prefix="webhook") as receivers:
        return sum(receivers.map(lambda receiver: _tell(prom, receiver, keep_going), due))


def _in_batches(prom: Runtime, step: Callable[..., int], limit: int, keep_going: KeepGoing) -> int:
    done = 0
    while keep_going():
        with prom.transaction() as session:
            count = step(session, now=prom.now(), limit=limit)
        done += count
        if not count:
            break
    return done


def _assess_share(prom: Runtime, share: Share | None, keep_going: KeepGoing) -> int:
    done = 0
    while keep_going() and (count := _assess_batch(prom, share)):
        done += count
    return done


def _assess_batch(prom: Runtime, share: Share | None) -> int:
    due: Sequence[uuid.UUID] = ()
    try:
        with prom.transaction() as session:
            due = assessment.claim_due_episodes(session, now=prom.now(), limit=ASSESSED_AT_ONCE, share=share)
            assessment.assess_episodes(session, due, now=prom.now())
    except Exception:
        if not due:
            raise
        for episode_id in due:
            assess_alone(prom, episode_id)
    return len(due)


def assess_alone(prom: Runtime, episode_id: uuid.UUID) -> None:
    """Assess one episode; when that goes wrong, it is named in the log and due again in an hour."""
    try:
        with prom.transaction() as session:
            assessment.assess_episodes(session, [episode_id], now=prom.now())
    except Exception as error:  # noqa: BLE001 (one item of a sweep must not stop the others)
        log.error("episode %s was not assessed: %s", episode_id, type(error).__name__)
        later = update(Assessment).where(Assessment.id == episode_id).values(due_at=prom.now() + TRIED_AGAIN_AFTER)
        with prom.transaction() as session:
            session.execute(later)


def _is_braked(prom: Runtime, session: Session) -> bool:
    """Say whether sending is stopped, stopping it when there is cause. Where no clock is watched it never is."""
    if prom.watch is None:
        return False
    now = prom.now()
    if brake.in_force(session) is not None:
        prom.watch.restart(now)  # What was seen is on record; once released, it counts no more.
        return True
    return brake.pull_if_due(session, jump=prom.watch.jump(now), now=now) is not None


def _deliver(prom: Runtime, letter: Letter) -> Outcome | None:
    """Hand one letter over and record what became of it; None when even that went wrong."""
    try:
        outcome = prom.mail.deliver(letter, before_final_dot=lambda: _commit_to(prom, letter))
        with prom.transaction() as session:
            claims.record(session, letter, outcome, now=prom.now())
    except Exception as error:  # noqa: BLE001 (one item of a sweep must not stop the others)
        log.error("message %s: %s; its claim will lapse", letter.message_id, type(error).__name__)
        return None
    if outcome.result in ("refused", "unknown"):
        log.warning("message %s: %s, %s", letter.message_id, outcome.result, outcome.reason)
    return outcome


def _take_report(prom: Runtime, mailbox: OpenMailbox, number: str) -> bool:
    """Put on record what one email reports, if anything; say whether that went well."""
    try:
        report = read_report(mailbox.read(number))
        if report is not None:
            with prom.transaction() as session:
                delivery.record_report(session, report, now=prom.now())
    except BROKEN:
        raise
    except Exception as error:  # noqa: BLE001 (one email must not stop the others)
        log.error("email %s of the bounce mailbox: %s; it is read again", number, type(error).__name__)
        return False
    return True


def _tell_staff(prom: Runtime, claimed: Claimed) -> bool:
    """Hand one email to staff over and record what became of it; say whether a mail server took it."""
    alert_id = claimed.letter.message_id
    try:
        outcome = prom.mail.deliver(claimed.letter, before_final_dot=lambda: None)
        with prom.transaction() as session:
            alerts.record(session, claimed, outcome, now=prom.now())
    except Exception as error:  # noqa: BLE001 (one item of a sweep must not stop the others)
        log.error("alert %s: %s; its claim will lapse", alert_id, type(error).__name__)
        return False
    if not outcome.accepted:
        log.warning("alert %s: %s, %s", alert_id, outcome.result, outcome.reason)
    return outcome.accepted


def _escalate(prom: Runtime, clinic_id: uuid.UUID, keep_going: KeepGoing) -> int:
    try:
        return _in_batches(prom, partial(alerts.escalate_due, clinic_id=clinic_id), ROWS_AT_ONCE, keep_going)
    except Exception as error:  # noqa: BLE001 (one clinic must not stop the others)
        log.error("clinic %s: flags were not escalated: %s", clinic_id, type(error).__name__)
        return 0


def _watch(prom: Runtime, clinic_id: uuid.UUID) -> bool:
    try:
        with prom.transaction() as session:
            return alerts.watch_for_silence(session, clinic_id=clinic_id, now=prom.now())
    except Exception as error:  # noqa: BLE001 (one clinic must not stop the others)
        log.error("clinic %s: silence was not looked for: %s", clinic_id, type(error).__name__)
        return False


def _commit_to(prom: Runtime, letter: Letter) -> None:
    """Mark the message ``committing``; raise ``WithheldError`` when its letter must not go, or it cannot be marked."""
    try:
        with prom.transaction() as session:
            may_go = claims.mark_committing(session, letter, settings=prom.settings, now=prom.now())
    except Exception as error:  # noqa: BLE001 (unmarked, for whatever reason, it must not go)
        raise WithheldError(type(error).__name__) from None
    if not may_go:
        raise WithheldError("not ours to send")


def _tell(prom: Runtime, receiver: Receiver, keep_going: KeepGoing) -> int:
    """Give one receiver its turn; return how many notices it took. It never raises: claims it leaves behind lapse."""
    taken, may_go_on = 0, keep_going()
    ends = time.monotonic() + TURN_SECONDS
    try:
        while may_go_on:
            batch = _claim_notices(prom, receiver)
            for notice in batch.notices:
                outcome = prom.hooks.post(notice, now=prom.now())
                taken += outcome.result == "delivered"
                if outcome.result == "gone":
                    log.warning("webhook %s is disabled: its receiver says that it is gone", receiver.webhook_id)
                with prom.transaction() as session:
                    listens = webhook_deliveries.record(session, batch, notice, outcome, now=prom.now())
                may_go_on = listens and keep_going() and time.monotonic() < ends
                if not may_go_on:
                    break
            may_go_on = may_go_on and bool(batch.notices)
            with prom.transaction() as session:
                webhook_deliveries.release(session, batch, now=prom.now())
    except Exception as error:  # noqa: BLE001 (one receiver must not stop the others)
        log.error("webhook %s: %s; its claims will lapse", receiver.webhook_id, type(error).__name__)
    return taken


def _claim_notices(prom: Runtime, receiver: Receiver) -> Batch:
    with prom.transaction() as session:
        return webhook_deliveries.claim_due(
            session,
            receiver,
            secret=prom.settings.secret,
            worker=this_process(),
            now=prom.now(),
            limit=NOTICES_AT_ONCE,
        )
