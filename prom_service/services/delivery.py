"""What became of a message after a mail server had taken it: delivered, delayed, bounced, complained about.

The list of events only grows, and *delivered* may later become *bounced*: the last word is the bounce's.
"""

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.mail.reports import DeliveryReport
from prom_service.models import Administration, Message, MessageEvent, Patient, PatientChange
from prom_service.models.message import LEFT_PHASES
from prom_service.services import assessment, audit, messages, standing

ACTOR = "mail"
"""How whoever carries our mail is named in the record."""


def record_report(session: Session, report: DeliveryReport, *, now: dt.datetime) -> bool:
    """Put on record what is reported of a message, and return True; False when it is known, or the message is not.

    A bounce takes back that the letter arrived. A hard one stops all mail to the address, unless it was corrected
    since; a complaint stops all mail to the patient, as the stop link does.
    """
    if session.get(Message, report.message_id) is None:
        return False
    patient = messages.hold_patient(session, report.message_id)
    message = session.get_one(Message, report.message_id, populate_existing=True, with_for_update=True)
    if message.phase not in LEFT_PHASES or _is_known(session, message, report):
        return False
    _note(session, message, report, now)
    if report.kind == "bounced":
        message.bounced_at = message.bounced_at or now
        if report.address_at_fault and not _address_changed(session, patient, message):
            messages.note_refused_address(session, patient, actor=ACTOR, now=now)
        _tell_rules(session, message, now)
    elif report.kind == "complained":
        standing.unsubscribe(session, patient, actor=ACTOR, now=now)
    session.flush()
    return True


def _is_known(session: Session, message: Message, report: DeliveryReport) -> bool:
    same = select(MessageEvent.id).where(
        MessageEvent.clinic_id == message.clinic_id,
        MessageEvent.message_id == message.id,
        MessageEvent.kind == report.kind,
        MessageEvent.reason.is_not_distinct_from(report.reason),
    )
    return session.scalar(same.limit(1)) is not None


def _note(session: Session, message: Message, report: DeliveryReport, now: dt.datetime) -> None:
    session.add(
        MessageEvent(
            clinic_id=message.clinic_id,
            message_id=message.id,
            kind=report.kind,
            actor=ACTOR,
            reason=report.reason,
            at=now,
            recorded_at=now,
        )
    )
    named = {"message": [message.id]}
    audit.note_about(session, message.clinic_id, named, actor=ACTOR, act=f"message.{report.kind}", now=now)


def _address_changed(session: Session, patient: Patient, message: Message) -> bool:
    """Say whether the patient has another address than the one the message went to."""
    changed = select(PatientChange.id).where(
        PatientChange.clinic_id == patient.clinic_id,
        PatientChange.patient_id == patient.id,
        PatientChange.kind == "address_changed",
        PatientChange.recorded_at >= message.sent_at,
    )
    return session.scalar(changed.limit(1)) is not None


def _tell_rules(session: Session, message: Message, now: dt.datetime) -> None:
    """Let a flag that was raised already say the cause as it is known now."""
    administration = session.get_one(Administration, message.administration_id)
    if administration.missed_at is not None:
        assessment.assess_or_leave_due(session, [administration.episode_id], now=now)
