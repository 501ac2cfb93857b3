"""Emails to staff: planned when a flag waits too long, nobody looks or a receiver is gone; sent at least once.

Unlike an email to a patient, one that may or may not have arrived is sent again: read twice it does no harm, and read
never it may. Nothing in it says who the patient is or what was answered.
"""

import datetime as dt
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, select, tuple_, update
from sqlalchemy.orm import Session

from prom_service.db import has_come, insert_if_absent
from prom_service.errors import InvalidInputError
from prom_service.mail.addresses import UnwritableError
from prom_service.mail.alerts import AlertContents, AlertLetter, Waiting, write_alert
from prom_service.mail.transport import Outcome
from prom_service.models import Alert, Clinic, Episode, EscalationPlan, Flag, LastLook, Patient, Webhook
from prom_service.models.escalation import STEPS
from prom_service.services import flag_ledger
from prom_service.services.escalation import CONFIRM, WAITS, address_of
from prom_service.services.tokens import digest, token_of
from prom_service.services.working_time import after_working
from prom_service.settings import Settings

log = logging.getLogger(__name__)

SILENCE_URGENT = dt.timedelta(minutes=30)
SILENCE = dt.timedelta(hours=8)
"""Working time without a look at flags that wait, an urgent one among them or none, before somebody is told."""
CLAIM = dt.timedelta(minutes=5)
CLOCKS_DIFFER = dt.timedelta(minutes=5)
"""How far the clocks of two machines may lie apart."""
LONGEST_PAUSE = dt.timedelta(minutes=30)
MOST_ATTEMPTS = 12
FLAGS_IN_ONE = 50


@dataclass(frozen=True)
class Claimed:
    """An email to staff that this process may send."""

    letter: AlertLetter
    claim: str


def clinics_to_escalate(session: Session, *, now: dt.datetime) -> Sequence[uuid.UUID]:
    """Return the clinics with flags that have waited too long for the person told last."""
    due = select(Flag.clinic_id).join(EscalationPlan, EscalationPlan.clinic_id == Flag.clinic_id)
    return session.scalars(due.where(_is_due(now)).distinct().order_by(Flag.clinic_id)).all()


def escalate_due(session: Session, *, clinic_id: uuid.UUID, now: dt.datetime, limit: int) -> int:
    """Plan an email to the next person for the flags of a clinic that have waited too long; return how many."""
    due = (
        select(Flag)
        .join(Episode, Episode.id == Flag.episode_id)
        .where(Flag.clinic_id == clinic_id, _is_due(now))
        .order_by(Flag.escalate_at)
    )
    clinic = session.get_one(Clinic, clinic_id)
    plan = session.scalars(select(EscalationPlan).where(EscalationPlan.clinic_id == clinic_id)).one()
    flags = session.scalars(_held(due, limit)).all()
    for flag in flags:
        _escalate(session, flag, plan, ZoneInfo(clinic.time_zone), now)
    return len(flags)


def _is_due(now: dt.datetime) -> ColumnElement[bool]:
    """Say whether somebody is to be told: the first person at once, also of what a clock raised that was ahead."""
    return (Flag.escalate_at <= now) | (Flag.escalated_to.is_(None) & (Flag.escalate_at > now + CLOCKS_DIFFER))


def _held(due: Select[Flag], limit: int) -> Select[Flag]:
    """Whoever writes flags holds the episode first; so no two writers wait for each other."""
    held = due.limit(limit).with_for_update(of=Episode, skip_locked=True, key_share=True)
    return held.execution_options(populate_existing=True)


def _escalate(session: Session, flag: Flag, plan: EscalationPlan, zone: ZoneInfo, now: dt.datetime) -> None:
    told = STEPS.index(flag.escalated_to) + 1 if flag.escalated_to else 0
    step = STEPS[told]
    session.add(
        Alert(
            clinic_id=flag.clinic_id,
            kind="flag",
            step=step,
            flag_id=flag.id,
            email=address_of(plan, step),
            planned_at=now,
            due_at=now,
        )
    )
    flag.escalated_to = step
    last = step == STEPS[-1]
    wait = WAITS.get(flag.severity, WAITS["high"])
    flag.escalate_at = None if last else _over(now, wait, plan, zone)
    episode = session.get_one(Episode, flag.episode_id)
    patient = session.get_one(Patient, episode.patient_id)
    flag_ledger.note(session, flag, episode, patient, "escalated", flag_ledger.RULES, {"to": step}, now)


def _over(start: dt.datetime, wait: dt.timedelta, plan: EscalationPlan, zone: ZoneInfo) -> dt.datetime:
    """Return when a wait is over: in working time, or by the clock where the plan has too little of it."""
    try:
        return after_working(start, wait, plan.working_hours, plan.closed_on, zone)
    except InvalidInputError:
        return start + wait


def note_look(session: Session, clinic_id: uuid.UUID, *, actor: str, now: dt.datetime) -> None:
    """Note that somebody has read the clinic's flags: whoever was told that nobody does need not be told again."""
    seen = {"looked_at": now, "looked_by": actor, "alarmed_at": None, "alarms": 0}
    if not insert_if_absent(session, LastLook, {"clinic_id": clinic_id, **seen}, unique=["clinic_id"]):
        session.execute(update(LastLook).where(LastLook.clinic_id == clinic_id).values(**seen))


def unwatched_clinics(session: Session, *, now: dt.datetime) -> Sequence[uuid.UUID]:
    """Return the clinics with open flags at which nobody has looked for so long that somebody may have to be told."""
    seen = func.coalesce(LastLook.alarmed_at, LastLook.looked_at)
    waiting = select(Flag.clinic_id).where(Flag.status == "open", Flag.raised_at <= now - SILENCE_URGENT)
    return session.scalars(
        select(LastLook.clinic_id)
        .join(EscalationPlan, EscalationPlan.clinic_id == LastLook.clinic_id)
        .where(LastLook.alarms < len(STEPS), seen <= now - SILENCE_URGENT, LastLook.clinic_id.in_(waiting))
        .order_by(LastLook.clinic_id)
    ).all()


def watch_for_silence(session: Session, *, clinic_id: uuid.UUID, now: dt.datetime) -> bool:
    """Plan an email to the next person of a clinic whose waiting flags nobody looks at; say whether there is one."""
    look = session.scalars(
        select(LastLook)
        .where(LastLook.clinic_id == clinic_id, LastLook.alarms < len(STEPS))
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).first()
    urgent = func.min(Flag.raised_at).filter(Flag.severity == "urgent")
    oldest, oldest_urgent = session.execute(
        select(func.min(Flag.raised_at), urgent).where(Flag.clinic_id == clinic_id, Flag.status == "open")
    ).one()
    if look is None or oldest is None:
        return False
    clinic = session.get_one(Clinic, clinic_id)
    plan = session.scalars(select(EscalationPlan).where(EscalationPlan.clinic_id == clinic_id)).one()
    return _alarm_if_due(session, plan, ZoneInfo(clinic.time_zone), look, oldest, oldest_urgent, now=now)


def _alarm_if_due(
    session: Session,
    plan: EscalationPlan,
    zone: ZoneInfo,
    look: LastLook,
    oldest: dt.datetime,
    urgent: dt.datetime | None,
    *,
    now: dt.datetime,
) -> bool:
    seen = look.alarmed_at or look.looked_at
    waits = [(oldest, SILENCE)] + ([(urgent, SILENCE_URGENT)] if urgent else [])
    due = min(_over(max(seen, raised), wait, plan, zone) for raised, wait in waits)
    if now < due:
        return False
    step = STEPS[look.alarms]
    session.add(
        Alert(
            clinic_id=plan.clinic_id,
            kind="silence",
            step=step,
            email=address_of(plan, step),
            planned_at=now,
            due_at=now,
        )
    )
    look.alarms += 1
    look.alarmed_at = now
    session.flush()
    return True


def tell_of_gone_receiver(session: Session, webhook: Webhook, *, now: dt.datetime) -> None:
    """Plan an email to the clinic's owner that a webhook is disabled; none where no owner is named."""
    plan = session.scalars(select(EscalationPlan).where(EscalationPlan.clinic_id == webhook.clinic_id)).first()
    if plan is not None:
        session.add(
            Alert(
                clinic_id=webhook.clinic_id,
                kind="webhook",
                step="owner",
                webhook_id=webhook.id,
                email=plan.owner_email,
                planned_at=now,
                due_at=now,
            )
        )


def claim_due(session: Session, *, settings: Settings, worker: str, now: dt.datetime) -> Claimed | None:
    """Reserve what is due for one person and return it as one email; None when nothing is."""
    due = select(Alert).where(has_come(Alert.due_at, now, now + 2 * LONGEST_PAUSE)).order_by(Alert.due_at)
    claimed, given_up = None, []
    while not claimed and (first := session.scalars(due.limit(1).with_for_update(skip_locked=True)).first()):
        alike = due.where(
            Alert.clinic_id == first.clinic_id,
            Alert.kind == first.kind,
            Alert.step == first.step,
            Alert.email == first.email,
        )
        alerts = session.scalars(alike.limit(FLAGS_IN_ONE).with_for_update(skip_locked=True)).all()
        claim = f"{worker}:{uuid.uuid4().hex[:12]}"
        told = [alert for alert in alerts if _still_waits(session, alert)]
        for alert in told:
            alert.claimed_by, alert.due_at, alert.attempts = claim, now + CLAIM, alert.attempts + 1
        session.flush()
        letter = _write_or_fail(session, told, claim, settings, now) if told else None
        if letter is not None:
            claimed = Claimed(letter, claim)
        else:
            given_up += told
    _tell_next(session, given_up, now)  # Of all together: episodes are held in one order.
    return claimed


def _write_or_fail(
    session: Session, alerts: Sequence[Alert], claim: str, settings: Settings, now: dt.datetime
) -> AlertLetter | None:
    """Return the email; None when it cannot be written: then it has failed."""
    try:
        return _write(session, alerts, claim, settings, now)
    except UnwritableError as error:
        log.error("alert %s could not be written: %s", alerts[0].id, error)
    for alert in alerts:
        alert.claimed_by = None
        _give_up(alert, "not_written", now)
    session.flush()
    return None


def _still_waits(session: Session, alert: Alert) -> bool:
    """Say whether the email still tells the truth; one that does not is not sent."""
    flag = session.get(Flag, alert.flag_id) if alert.flag_id else None
    if flag is not None and flag.status != "open":
        alert.due_at, alert.reason = None, "no_longer_waits"
    elif alert.kind == "silence" and _looked_since(session, alert):
        alert.due_at, alert.reason = None, "somebody_looked"
    elif alert.webhook_id and session.get_one(Webhook, alert.webhook_id).state != "disabled":
        alert.due_at, alert.reason = None, "no_longer_disabled"
    return alert.due_at is not None


def _looked_since(session: Session, alert: Alert) -> bool:
    looked = select(LastLook.id).where(LastLook.clinic_id == alert.clinic_id, LastLook.looked_at >= alert.planned_at)
    return session.scalar(looked) is not None


def _write(session: Session, alerts: Sequence[Alert], claim: str, settings: Settings, now: dt.datetime) -> AlertLetter:
    first = alerts[0]
    clinic = session.get_one(Clinic, first.clinic_id)
    zone, base = ZoneInfo(clinic.time_zone), settings.base_url.rstrip("/")
    look = session.scalar(select(LastLook).where(LastLook.clinic_id == clinic.id))
    contents = AlertContents(
        clinic_name=clinic.name,
        kind=first.kind,
        step=first.step,
        told_before=tuple(f"the {step}" for step in STEPS[: STEPS.index(first.step)]),
        waiting=tuple(_waiting(session.get_one(Flag, alert.flag_id), zone, base) for alert in alerts if alert.flag_id),
        receivers=tuple(session.get_one(Webhook, alert.webhook_id).host for alert in alerts if alert.webhook_id),
        looked_at=look.looked_at.astimezone(zone) if look else None,
        worklist_url=f"{base}/worklist?clinic={clinic.id}",
        settings_url=f"{base}/settings?clinic={clinic.id}",
        confirm_url=f"{base}/confirm/{_token(first, settings.secret)}" if first.kind == "test" else "",
    )
    return write_alert(contents, first.id, claim, mail_from=settings.mail_from, to=first.email, at=now)


def _waiting(flag: Flag, zone: ZoneInfo, base: str) -> Waiting:
    return Waiting(flag.severity, flag.raised_at.astimezone(zone), f"{base}/flags/{flag.id}?clinic={flag.clinic_id}")


def _token(alert: Alert, secret: bytes) -> str:
    """Return the token of a test email: the same at every attempt, because the first may have arrived after all."""
    token = token_of(str(alert.id), purpose=CONFIRM, secret=secret)
    alert.digest = digest(token, purpose=CONFIRM, secret=secret)
    return token


def record(session: Session, claimed: Claimed, outcome: Outcome, *, now: dt.datetime) -> None:
    """Note what became of an email to staff. One that is refused leaves no time: the next person is told at once."""
    alerts = session.scalars(select(Alert).where(Alert.claimed_by == claimed.claim)).all()
    given_up = []
    for alert in alerts:
        alert.claimed_by = None
        if outcome.accepted:
            alert.due_at, alert.sent_at, alert.reason = None, now, None
            continue
        alert.reason = outcome.reason or outcome.result
        if outcome.result == "refused" or (alert.attempts >= MOST_ATTEMPTS and not outcome.relay_at_fault):
            _give_up(alert, alert.reason, now)
            given_up.append(alert)
        else:
            alert.due_at = now + min(dt.timedelta(minutes=2**alert.attempts), LONGEST_PAUSE)
    session.flush()
    _tell_next(session, given_up, now)


def _give_up(alert: Alert, reason: str, now: dt.datetime) -> None:
    """Note that the email is not tried again."""
    alert.reason, alert.failed_at, alert.due_at = reason, now, None


def _tell_next(session: Session, given_up: Sequence[Alert], now: dt.datetime) -> None:
    """Have the next person told at once of the flags of emails that were given up.

    The episodes are held first, all of them in the order of their ids: see ``flag_ledger``.
    """
    told = [(alert.flag_id, alert.step) for alert in given_up if alert.flag_id]
    if not told:
        return
    waiting = (tuple_(Flag.id, Flag.escalated_to).in_(told), Flag.escalate_at.is_not(None))
    held = select(Episode.id).where(Episode.id.in_(select(Flag.episode_id).where(*waiting))).order_by(Episode.id)
    session.execute(held.with_for_update(of=Episode, key_share=True)).all()
    session.execute(update(Flag).where(*waiting).values(escalate_at=now))
