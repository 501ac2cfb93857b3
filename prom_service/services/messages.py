"""Messages: planned, asked for, cancelled, and every step of it on record. How they are sent is a matter of claims."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable

from sqlalchemy import Boolean, Select, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError
from prom_service.models import Administration, Episode, Message, MessageEvent, Patient
from prom_service.models.message import PENDING_PHASES
from prom_service.pathway.plan import PlannedMessage
from prom_service.services import history
from prom_service.services.contact import EXPLANATIONS, addressees, may_contact

CANCELLABLE_PHASES = (*PENDING_PHASES, "claimed")
"""Phases of a message that has not reached its final dot."""

CANCEL_PENDING = (
    update(Message)
    .where(
        Message.administration_id.in_(bindparam("administrations", expanding=True)),
        Message.phase.in_(CANCELLABLE_PHASES),
    )
    .values(
        phase="cancelled",
        reason=func.coalesce(case((bindparam("keep", type_=Boolean()), Message.reason)), bindparam("why")),
        claimed_until=None,
    )
    .returning(Message.clinic_id, Message.id)
    .execution_options(synchronize_session="fetch")
)


def plan_messages(session: Session, administration: Administration, planned: Iterable[PlannedMessage]) -> list[Message]:
    """Write the messages of an administration as planned and return them.

    A cancelled message of the same ordinal is planned anew. An ordinal whose message has gone out already is kept for
    it, and the planned one takes the next that is free: the *n*-th reminder stays the *n*-th.
    """
    known = {
        message.ordinal: message
        for message in session.scalars(select(Message).where(Message.administration_id == administration.id))
    }
    free = (ordinal for ordinal in range(1000) if ordinal not in known or known[ordinal].phase == "cancelled")
    written, last = [], -1
    for step in planned:
        last = next(ordinal for ordinal in free if ordinal >= max(step.ordinal, last + 1))
        message = known.get(last) or Message(
            clinic_id=administration.clinic_id, administration_id=administration.id, ordinal=last
        )
        message.kind, message.planned_for, message.due_at = step.kind, step.planned_for, step.planned_for
        message.phase, message.reason, message.attempts = "planned", None, 0
        written.append(message)
    session.add_all(written)
    session.flush()
    return written


def cancel_pending(
    session: Session,
    administration_ids: Collection[uuid.UUID],
    reason: str,
    *,
    keep_reason: bool = False,
    actor: str,
    now: dt.datetime,
) -> int:
    """Cancel every message of these administrations that has not reached its final dot; return how many.

    With ``keep_reason`` a message that was held back says why it was, rather than that its time is over.
    """
    of_them = {"administrations": list(administration_ids), "why": reason, "keep": keep_reason}
    cancelled = session.execute(CANCEL_PENDING, of_them).all()
    session.add_all(_event(*ids, "cancelled", now, reason, actor=actor) for ids in cancelled)
    return len(cancelled)


def send_now(session: Session, administration: Administration, *, actor: str, now: dt.datetime) -> Message:
    """Make the next message of an administration due at once, or at the next moment at which the patient may be mailed.

    Without a pending message there is one more reminder. Raise ``ConflictError`` when the patient may not be mailed
    about it any more.
    """
    session.flush()
    facts = addressees(session, [administration.id], now=now, lock=True)[administration.id].facts
    permission = may_contact(facts, now=now)
    if not permission.allowed and permission.again_at is None:
        reason = permission.reason or ""
        raise ConflictError(EXPLANATIONS[reason], reason)
    known = session.scalars(
        select(Message).where(Message.administration_id == administration.id).order_by(Message.ordinal)
    ).all()
    message = next((one for one in known if one.phase in PENDING_PHASES), None)
    if message is None:
        ordinal = known[-1].ordinal + 1 if known else 0
        step = PlannedMessage("reminder" if facts.mails else "invitation", ordinal, now)
        [message] = plan_messages(session, administration, [step])
    message.phase, message.due_at, message.reason = "planned", permission.again_at or now, permission.reason
    note(session, message, "requested", now, actor=actor)
    session.flush()
    return message


def of_patients(statement: Select[uuid.UUID]) -> Select[uuid.UUID]:
    """Return ``statement`` over messages, joined with the episodes they belong to."""
    return (
        statement.select_from(Message)
        .join(Administration, Administration.id == Message.administration_id)
        .join(Episode, Episode.id == Administration.episode_id)
    )


def hold_patient(session: Session, message_id: uuid.UUID) -> Patient:
    """Return the patient a message is for, held with all administrations until the transaction ends.

    Everybody who holds several rows takes them in this order: patient, administrations, messages.
    """
    rows = session.execute(
        select(Patient, Administration)
        .join(Episode, (Episode.clinic_id == Patient.clinic_id) & (Episode.patient_id == Patient.id))
        .join(Administration, Administration.episode_id == Episode.id)
        .where(
            Patient.id.in_(of_patients(select(Episode.patient_id)).where(Message.id == message_id)),
        )
        .order_by(Administration.id)
        .with_for_update(of=[Patient, Administration], key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    patient: Patient = rows[0][0]
    return patient


def note_refused_address(session: Session, patient: Patient, *, actor: str = "sweep", now: dt.datetime) -> None:
    """Put on record that the address was refused for good, and cancel all that was still to go to it."""
    if patient.bounced_at is not None:
        return
    patient.bounced_at = now
    history.note_patient(session, patient, "bounced", actor=actor, now=now)
    others = session.scalars(
        select(Administration.id)
        .join(Episode, Episode.id == Administration.episode_id)
        .where(Episode.clinic_id == patient.clinic_id, Episode.patient_id == patient.id)
    ).all()
    cancel_pending(session, others, "address_refused", actor=actor, now=now)


def note(
    session: Session,
    message: Message,
    kind: str,
    now: dt.datetime,
    reason: str | None = None,
    *,
    actor: str = "sweep",
) -> None:
    """Put one step of a message on record."""
    session.add(_event(message.clinic_id, message.id, kind, now, reason, actor=actor))


def _event(
    clinic_id: uuid.UUID,
    message_id: uuid.UUID,
    kind: str,
    now: dt.datetime,
    reason: str | None = None,
    *,
    actor: str = "sweep",
) -> MessageEvent:
    return MessageEvent(
        clinic_id=clinic_id, message_id=message_id, kind=kind, actor=actor, reason=reason, at=now, recorded_at=now
    )
