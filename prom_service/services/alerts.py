"""Emails to staff: planned when a flag waits too long or nobody looks, claimed, sent at least once.

Unlike an email to a patient, one that may or may not have arrived is sent again: read twice it does no harm, and read
never it may. Nothing in it says who the patient is or what was answered.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from prom_service.db import insert_if_absent
from prom_service.mail.alerts import AlertContents, AlertLetter, Waiting, write_alert
from prom_service.mail.transport import Outcome
from prom_service.models import Alert, Clinic, Episode, EscalationPlan, Flag, LastLook, Patient
from prom_service.models.escalation import STEPS
from prom_service.services import flag_ledger
from prom_service.services.escalation import CONFIRM, address_of
from prom_service.services.tokens import digest, new_token
from prom_service.services.working_time import after_working
from prom_service.settings import Settings

WAITS = {"urgent": dt.timedelta(minutes=60), "high": dt.timedelta(hours=8)}
"""Working time after which the next person is told of a flag that nobody has acknowledged."""
SILENCE_URGENT = dt.timedelta(minutes=30)
SILENCE = dt.timedelta(hours=8)
"""Working time without a look at flags that wait, an urgent one among them or none, before somebody is told."""
CLAIM = dt.timedelta(minutes=5)
LONGEST_PAUSE = dt.timedelta(minutes=30)
MOST_ATTEMPTS = 12
FLAGS_IN_ONE = 50


@dataclass(frozen=True)
class Claimed:
    """An email to staff that this process may send."""

    letter: AlertLetter
    claim: str


def escalate_due(session: Session, *, now: dt.datetime, limit: int) -> int:
    """Plan an email to the next person for the flags of one clinic that have waited too long; return how many."""
    due = (
        select(Flag)
        .join(Episode, Episode.id == Flag.episode_id)
        .join(EscalationPlan, EscalationPlan.clinic_id == Flag.clinic_id)
        .where(Flag.escalate_at <= now)
        .order_by(Flag.escalate_at)
    )
    first = session.scalars(_held(due, 1)).first()
    if first is None:
        return 0
    clinic = session.get_one(Clinic, first.clinic_id)
    plan = session.scalars(select(EscalationPlan).where(EscalationPlan.clinic_id == clinic.id)).one()
    flags = session.scalars(_held(due.where(Flag.clinic_id == clinic.id), limit)).all()
    for flag in flags:
        _escalate(session, flag, plan, ZoneInfo(clinic.time_zone), now)
    return len(flags)


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
    flag.escalate_at = None if last else after_working(now, wait, plan.working_hours, plan.closed_on, zone)
    episode = session.get_one(Episode, flag.episode_id)
    patient = session.get_one(Patient, episode.patient_id)
    flag_ledger.note(session, flag, episode, patient, "escalated", flag_ledger.RULES, {"to": step}, now)


def note_look(session: Session, clinic_id: uuid.UUID, *, actor: str, now: dt.datetime) -> None:
    """Note that somebody has read the clinic's flags: whoever was told that nobody does need not be told again."""
    seen = {"looked_at": now, "looked_by": actor, "alarmed_at": None, "alarms": 0}
    if not insert_if_absent(session, LastLook, {"clinic_id": clinic_id, **seen}, unique=["clinic_id"]):
        session.execute(update(LastLook).where(LastLook.clinic_id == clinic_id).values(**seen))


def watch_for_silence(session: Session, *, now: dt.datetime, limit: int) -> int:
    """Plan an email to the next person of clinics whose waiting flags nobody looks at; return how many clinics."""
    urgent = func.min(Flag.raised_at).filter(Flag.severity == "urgent")
    waiting = (
        select(Flag.clinic_id, func.min(Flag.raised_at).label("oldest"), urgent.label("urgent"))
        .where(Flag.status == "open")
        .group_by(Flag.clinic_id)
        .subquery()
    )
    rows = session.execute(
        select(EscalationPlan, Clinic.time_zone, LastLook, waiting.c.oldest, waiting.c.urgent)
        .join(waiting, waiting.c.clinic_id == EscalationPlan.clinic_id)
        .join(Clinic, Clinic.id == EscalationPlan.clinic_id)
        .join(LastLook, LastLook.clinic_id == EscalationPlan.clinic_id)
        .where(LastLook.alarms < len(STEPS))
        .limit(limit)
        .with_for_update(of=LastLook, skip_locked=True)
    )
    return sum(_alarm_if_due(session, *row, now=now) for row in rows)


def _alarm_if_due(
    session: Session,
    plan: EscalationPlan,
    zone: str,
    look: LastLook,
    oldest: dt.datetime,
    urgent: dt.datetime | None,
    *,
    now: dt.datetime,
) -> bool:
    seen = look.alarmed_at or look.looked_at
    waits = [(oldest, SILENCE)] + ([(urgent, SILENCE_URGENT)] if urgent else [])
    due = min(
        after_working(max(seen, raised), wait, plan.working_hours, plan.closed_on, ZoneInfo(zone))
        for raised, wait in waits
    )
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


def claim_due(session: Session, *, settings: Settings, worker: str, now: dt.datetime) -> Claimed | None:
    """Reserve what is due for one person and return it as one email; None when nothing is."""
    due = select(Alert).where(Alert.due_at <= now).order_by(Alert.due_at)
    while (first := session.scalars(due.limit(1).with_for_update(skip_locked=True)).first()) is not None:
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
        if told:
            return Claimed(_write(session, told, claim, settings, now), claim)
    return None


def _still_waits(session: Session, alert: Alert) -> bool:
    flag = session.get(Flag, alert.flag_id) if alert.flag_id else None
    if flag is None or flag.status == "open":
        return True
    alert.due_at, alert.reason = None, "no_longer_waits"
    return False


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
        looked_at=look.looked_at.astimezone(zone) if look else None,
        worklist_url=f"{base}/worklist?clinic={clinic.id}",
        confirm_url=f"{base}/confirm/{_token(first, settings.secret)}" if first.kind == "test" else "",
    )
    return write_alert(contents, first.id, claim, mail_from=settings.mail_from, to=first.email, at=now)


def _waiting(flag: Flag, zone: ZoneInfo, base: str) -> Waiting:
    return Waiting(flag.severity, flag.raised_at.astimezone(zone), f"{base}/flags/{flag.id}")


def _token(alert: Alert, secret: bytes) -> str:
    token = new_token()
    alert.digest = digest(token, purpose=CONFIRM, secret=secret)
    return token


def record(session: Session, claimed: Claimed, outcome: Outcome, *, now: dt.datetime) -> None:
    """Note what became of an email to staff. One that is refused leaves no time: the next person is told at once."""
    alerts = session.scalars(select(Alert).where(Alert.claimed_by == claimed.claim)).all()
    for alert in alerts:
        alert.claimed_by = None
        if outcome.accepted:
            alert.due_at, alert.sent_at, alert.reason = None, now, None
            continue
        alert.reason = outcome.reason or outcome.result
        given_up = outcome.result == "refused" or (alert.attempts >= MOST_ATTEMPTS and not outcome.relay_at_fault)
        alert.due_at = None if given_up else now + min(dt.timedelta(minutes=2**alert.attempts), LONGEST_PAUSE)
        if given_up:
            alert.failed_at = now
            _hurry(session, alert, now)
    session.flush()


def _hurry(session: Session, alert: Alert, now: dt.datetime) -> None:
    waiting = (Flag.id == alert.flag_id, Flag.escalated_to == alert.step, Flag.escalate_at.is_not(None))
    session.execute(update(Flag).where(*waiting).values(escalate_at=now))
