"""Claims: messages in the hands of one process, sent at most once, and what became of them.

planned → claimed → committing (just before the final dot) → sent. A process that dies before ``committing`` loses its
claim and the message is sent later; one that dies after it leaves a message that may have gone out: it becomes
``assumed_sent``, is shown as such and is never sent again.
"""

import datetime as dt
import logging
import secrets
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Select, bindparam, or_, select, tuple_, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from prom_service.db import has_come
from prom_service.mail.addresses import UnwritableError
from prom_service.mail.letters import Letter
from prom_service.mail.transport import Outcome
from prom_service.models import Administration, Episode, Message, Patient
from prom_service.models.message import PENDING_PHASES
from prom_service.queries.pace import Paces, measured_paces
from prom_service.services import audit
from prom_service.services.contact import Addressee, Permission, addressees, may_contact
from prom_service.services.letter_writing import write_letter
from prom_service.services.messages import hold_patient, note, note_refused_address, of_patients
from prom_service.settings import Settings

log = logging.getLogger(__name__)

CLAIM_LASTS = dt.timedelta(minutes=10)
"""Longer than a batch takes; what is not sent by then somebody else may take."""
COMMITTING_LASTS = dt.timedelta(minutes=5)
"""Longer than a mail server is waited for; what has no outcome by then never gets one."""
BACK_OFF = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
"""Waits after the first, second … refusal that may pass; the last one is repeated until the window is over."""
WRITTEN_AGAIN_AFTER = dt.timedelta(hours=1)
"""When a patient is tried again of whom it could not be decided or written what is due to them."""


@dataclass(frozen=True)
class Batch:
    """What one claim took: the letters to send, and how many messages were looked at for them."""

    letters: list[Letter]
    claimed: int


def _due_to_patients() -> Select[uuid.UUID]:
    """Select all messages due to the patients who have waited longest and whom nobody else is writing to."""
    is_due = Message.phase.in_(PENDING_PHASES) & (Message.due_at <= bindparam("now"))
    waiting = of_patients(select(Episode.patient_id)).where(is_due).order_by(Message.due_at).limit(bindparam("most"))
    # Held until the commit: two processes never decide about the same patient, nor does a withdrawal in between.
    patients = (
        select(Patient.clinic_id, Patient.id)
        .where(Patient.id.in_(waiting))
        .with_for_update(skip_locked=True, key_share=True)
        .cte("patients")
        .prefix_with("MATERIALIZED")
    )
    of_them = tuple_(Episode.clinic_id, Episode.patient_id).in_(select(patients.c.clinic_id, patients.c.id))
    return (
        of_patients(select(Message.id))
        .where(is_due, of_them)
        .with_for_update(of=[Message, Administration], skip_locked=True, key_share=True)
    )


def _lapsed(phase: str) -> Select[uuid.UUID]:
    return (
        select(Message.id)
        .where(Message.phase == phase, has_come(Message.claimed_until, bindparam("now"), bindparam("latest")))
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )


def _put_off_too_long() -> Select[uuid.UUID]:
    """Select what was refused for now and put off longer than it ever is: by a clock that was ahead (``has_come``)."""
    return (
        select(Message.id)
        .where(Message.phase == "deferred", Message.due_at > bindparam("longest"))
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )


def _maybe_gone_out() -> Select[Message]:
    is_due = Message.phase.in_(PENDING_PHASES) & (Message.due_at <= bindparam("now"))
    in_hand = Message.phase.in_(("claimed", "committing"))
    held = select(Message).where(or_(is_due, in_hand)).limit(bindparam("most")).with_for_update()
    return held.execution_options(populate_existing=True)


def _take(ids: Select[uuid.UUID], **values: object) -> ReturningUpdate[Message]:
    """Set ``values`` on the messages selected by ``ids`` in one statement that no two processes share; return them.

    The selection is materialised: some plans of PostgreSQL would else run it more than once and take more than asked.
    """
    picked = ids.cte("picked").prefix_with("MATERIALIZED")
    return update(Message).where(Message.id.in_(select(picked.c.id))).values(**values).returning(Message)


# Written once and kept: building a statement costs more than running it on one patient.
CLAIM_DUE = _take(_due_to_patients(), phase="claimed", claimed_by=bindparam("claim"), claimed_until=bindparam("until"))
PLAN_LAPSED = _take(_lapsed("claimed"), phase="planned", claimed_until=None)
ASSUME_LAPSED = _take(_lapsed("committing"), phase="assumed_sent", reason="no_reply_to_final_dot", claimed_until=None)
BRING_FORWARD = _take(_put_off_too_long(), due_at=bindparam("now"))
MAYBE_GONE = _maybe_gone_out()
AS_WRITTEN = {"synchronize_session": False, "populate_existing": True}
UNDER_CLAIM = (
    select(Message)
    .where(
        Message.id == bindparam("message"),
        Message.claimed_by == bindparam("claim"),
        Message.phase.in_(bindparam("phases", expanding=True)),
    )
    .with_for_update()
    .execution_options(populate_existing=True)
)


def claim_due(session: Session, *, settings: Settings, worker: str, now: dt.datetime, limit: int) -> Batch:
    """Reserve what is due to at most ``limit`` patients and return the letters that may go out.

    A claim takes patients, each with all that is due to them: of one administration only the newest message goes, of
    one patient only that of the administration closing first. What may not go is postponed or cancelled at once.
    The number of queries does not depend on the number of messages, unless something goes wrong: then each patient is
    written to alone, and whoever cannot be waits an hour.
    """
    claim = f"{worker[:60]}#{secrets.token_hex(4)}"
    terms = {"now": now, "most": limit, "claim": claim, "until": now + CLAIM_LASTS}
    due = session.scalars(CLAIM_DUE, terms, execution_options=AS_WRITTEN).all()
    if not due:
        return Batch([], 0)
    paces = measured_paces(session)
    try:
        with session.begin_nested():
            letters = _write_all(session, due, paces, settings, now)
    except Exception:  # noqa: BLE001 (one patient must not stop the others)
        letters = [
            letter
            for patient_id, theirs in _by_patient(session, due).items()
            for letter in _write_alone(session, patient_id, theirs, paces, settings, now)
        ]
    return Batch(letters, len(due))


def _write_all(
    session: Session, due: Sequence[Message], paces: Paces, settings: Settings, now: dt.datetime
) -> list[Letter]:
    """Decide about claimed messages, all that are due to each of their patients; return the letters that may go out."""
    known = addressees(
        session,
        {message.administration_id for message in due},
        but_for={message.id for message in due},
        production=settings.in_production,
        now=now,
    )
    going = _choose(session, due, known, now)
    written = [_write(session, message, known[message.administration_id], paces, settings, now) for message in going]
    return [letter for letter in written if letter is not None]


def _write_alone(
    session: Session, patient_id: uuid.UUID, due: Sequence[Message], paces: Paces, settings: Settings, now: dt.datetime
) -> list[Letter]:
    """Decide about the messages to one patient; when that goes wrong, the patient is named in the log and they wait."""
    try:
        with session.begin_nested():
            return _write_all(session, due, paces, settings, now)
    except Exception as error:  # noqa: BLE001 (one patient must not stop the others)
        log.error("patient %s was not written to: %s", patient_id, type(error).__name__)
    for message in due:
        _hold_back(session, message, Permission(False, "not_written", now + WRITTEN_AGAIN_AFTER), now)
    return []


def _by_patient(session: Session, due: Sequence[Message]) -> Mapping[uuid.UUID, Sequence[Message]]:
    """Return the messages due to each patient."""
    administrations = {message.administration_id for message in due}
    whose = dict(
        session.execute(
            select(Administration.id, Episode.patient_id)
            .join(Episode, Episode.id == Administration.episode_id)
            .where(Administration.id.in_(administrations))
        ).all()
    )
    found: dict[uuid.UUID, list[Message]] = defaultdict(list)
    for message in due:
        found[whose[message.administration_id]].append(message)
    return found


def _write(
    session: Session, message: Message, addressee: Addressee, paces: Paces, settings: Settings, now: dt.datetime
) -> Letter | None:
    """Return the letter of a claimed message; None when it cannot be written: it has failed, and the others go out."""
    try:
        return write_letter(session, message, addressee, paces, settings, now)
    except UnwritableError as error:
        log.error("message %s could not be written: %s", message.id, error)
    message.phase, message.reason, message.claimed_until = "failed", "not_written", None
    note(session, message, "failed", now, message.reason)
    _audit(session, message, "failed", now)
    return None


def mark_committing(session: Session, letter: Letter, *, settings: Settings, now: dt.datetime) -> bool:
    """Put on record that the final dot is about to be written, and return True; False when the letter must not go.

    It must not when the claim was lost or the message cancelled, when the address has changed, or when the patient
    may not be contacted any more. Patient and administration are held for the length of the transaction, so whatever
    was committed before is seen.
    """
    addressee = addressees(
        session,
        [letter.administration_id],
        but_for=[letter.message_id],
        production=settings.in_production,
        now=now,
        lock=True,
    )[letter.administration_id]
    message = _claimed(session, letter, "claimed")
    if message is None:
        return False
    permission = may_contact(addressee.facts, now=now)
    if permission.allowed and addressee.patient.email != letter.to:
        permission = Permission(False, "address_changed", now)
    if not permission.allowed:
        _hold_back(session, message, permission, now)
        return False
    message.phase, message.sent_at, message.claimed_until = "committing", now, now + COMMITTING_LASTS
    note(session, message, "committing", now)
    return True


def record(session: Session, letter: Letter, outcome: Outcome, *, now: dt.datetime) -> None:
    """Put on record what became of a letter. Nothing is changed when its message is no longer ours."""
    patient = hold_patient(session, letter.message_id) if outcome.address_suspect else None
    message = _claimed(session, letter, "claimed", "committing", "assumed_sent")
    if message is not None:
        _settle(session, message, outcome, now)
    if patient is not None and patient.email == letter.to:
        note_refused_address(session, patient, now=now)


def _settle(session: Session, message: Message, outcome: Outcome, now: dt.datetime) -> None:
    message.claimed_until = None
    message.reason = outcome.reason
    match outcome.result:
        case "accepted":
            message.phase, message.sent_at = "sent", now
        case "unknown":
            message.phase = "assumed_sent"
        case "refused":
            message.phase, message.sent_at = "failed", None
            if outcome.address_suspect:
                message.bounced_at = now
        case "deferred" if not outcome.relay_at_fault:
            message.phase, message.sent_at = "deferred", None
            message.due_at = now + BACK_OFF[min(message.attempts, len(BACK_OFF) - 1)]
        case "deferred" | "withheld":
            message.phase, message.sent_at = "planned", None
            message.due_at = now + BACK_OFF[0]
    if outcome.result != "withheld" and not outcome.relay_at_fault:
        message.attempts += 1
    kind = "deferred" if message.phase == "planned" else message.phase
    note(session, message, kind, now, outcome.reason)
    _audit(session, message, kind, now)


def release(session: Session, unsent: Collection[Letter], *, now: dt.datetime) -> None:
    """Give back the messages of letters that were claimed and not tried."""
    for letter in unsent:
        message = _claimed(session, letter, "claimed")
        if message is not None:
            message.phase, message.claimed_until = "planned", None
            note(session, message, "released", now)


def settle_committing(session: Session, *, now: dt.datetime, limit: int = 500) -> int:
    """Settle what dead processes left behind; return how many messages it was.

    Claimed and not sent: planned again. Found ``committing``: assumed sent, because the mail server may have it. What a
    clock that was ahead has put off for too long is due at once.
    """
    terms = {"now": now, "latest": now + 2 * CLAIM_LASTS, "longest": now + 2 * BACK_OFF[-1], "most": limit}
    unsent = session.scalars(PLAN_LAPSED, terms, execution_options=AS_WRITTEN).all()
    unknown = session.scalars(ASSUME_LAPSED, terms, execution_options=AS_WRITTEN).all()
    put_off = session.scalars(BRING_FORWARD, terms, execution_options=AS_WRITTEN).all()
    for message in unsent:
        note(session, message, "released", now, "lease_lapsed")
    for message in unknown:
        note(session, message, "assumed_sent", now, message.reason)
        _audit(session, message, "assumed_sent", now)
    return len(unsent) + len(unknown) + len(put_off)


def assume_sent(session: Session, *, actor: str, now: dt.datetime, limit: int = 500) -> Sequence[Message]:
    """Take what is due or in hand as sent when it was due, and return these messages.

    In a database that was put back from a backup: what went out since then is not on record, and is not sent again.
    What was never to go to the patient, as to one without an address, did not: it is cancelled, as a claim would do.
    """
    held = session.scalars(MAYBE_GONE, {"now": now, "most": limit}).all()
    ids = {message.id for message in held}
    known = addressees(session, {message.administration_id for message in held}, but_for=ids, now=now)
    for message in held:
        permission = may_contact(known[message.administration_id].facts, now=message.due_at)
        if message.phase != "committing" and not permission.allowed and permission.again_at is None:
            _hold_back(session, message, permission, now)
            continue
        message.phase, message.reason, message.claimed_until = "assumed_sent", "restored", None
        message.sent_at = message.sent_at or message.due_at
        note(session, message, "assumed_sent", now, message.reason, actor=actor)
        _audit(session, message, "assumed_sent", now, actor=actor)
    session.flush()
    return held


def _choose(
    session: Session, due: Sequence[Message], known: Mapping[uuid.UUID, Addressee], now: dt.datetime
) -> list[Message]:
    """Return the messages that go out, at most one for each patient; postpone or cancel the others."""
    going: list[Message] = []
    mailed: set[uuid.UUID] = set()
    decided: set[uuid.UUID] = set()
    for message in sorted(due, key=lambda one: _precedence(one, known[one.administration_id].administration)):
        addressee = known[message.administration_id]
        facts = replace(addressee.facts, covered=addressee.facts.covered or addressee.patient.id in mailed)
        permission = may_contact(facts, now=now)
        if message.administration_id in decided:
            permission = Permission(False, "missed")
        decided.add(message.administration_id)
        if permission.allowed:
            mailed.add(addressee.patient.id)
            going.append(message)
            note(session, message, "claimed", now)
        else:
            _hold_back(session, message, permission, now)
    return going


def _precedence(message: Message, administration: Administration) -> tuple[dt.datetime, uuid.UUID, int]:
    """Order messages of a patient: the administration closing first, of equals the older; in it the newest message."""
    return administration.closes_at, administration.id, -message.ordinal


def _hold_back(session: Session, message: Message, permission: Permission, now: dt.datetime) -> None:
    message.claimed_until = None
    message.reason = permission.reason
    if permission.again_at is None:
        message.phase = "cancelled"
        note(session, message, "cancelled", now, permission.reason)
    else:
        message.phase, message.due_at = "planned", permission.again_at
        note(session, message, "postponed", now, permission.reason)


def _claimed(session: Session, letter: Letter, *phases: str) -> Message | None:
    """Return the letter's message if it is in one of ``phases`` and still under the letter's claim."""
    named = {"message": letter.message_id, "claim": letter.claim, "phases": phases}
    return session.scalars(UNDER_CLAIM, named).first()


def _audit(session: Session, message: Message, kind: str, now: dt.datetime, *, actor: str = "sweep") -> None:
    named = {"message": [message.id]}
    audit.note_about(session, message.clinic_id, named, actor=actor, act=f"message.{kind}", now=now)
