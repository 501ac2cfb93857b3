"""The answers that did not come: of whom, why, what to do next, and what to say on the phone."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from prom_service.models import Administration, Clinic, Episode, Flag, Message, Patient, PatientChange
from prom_service.pathway.facts import LIVE_STATUSES
from prom_service.pathway.plan import phone_from
from prom_service.queries.facts import missed_cause, planned_as
from prom_service.queries.locks import locked_until
from prom_service.queries.pathways import find_pathway


@dataclass(frozen=True)
class NextStep:
    """What to do about a cause, and what to say when calling; no script where nobody should call."""

    action: str
    script: str | None = None


ASK_ADDRESS = NextStep(
    "Ask for the address, correct it, and the email goes out again. Or take the answers by phone.",
    "We tried to email you a short questionnaire about how you are doing, and it did not reach you. "
    "Which address should we use? If you have a few minutes, we can also go through the questions now.",
)
NO_MAIL = NextStep(
    "No more emails, by the patient's own wish. Offer the questionnaire on paper, at the desk or by phone.",
    "You asked us not to email you, and we do not. We would still like to know how you are doing. "
    "Would you rather answer a few questions now, or on paper at your next visit? You are free to say no.",
)
OPERATOR = NextStep("Nothing to ask the patient: tell whoever runs this service that mail does not go out.")
NEXT_STEPS = {
    "not_sent": NextStep(
        "Send it now, hand over a link at the desk, or take the answers by phone.",
        "We have a short questionnaire about how you are doing that has not reached you yet. "
        "May I send it to you, or do you have a few minutes to go through it now?",
    ),
    "bounced": ASK_ADDRESS,
    "delivered_never_started": NextStep(
        "Call: ask whether the email was found, send it once more, or take the answers by phone.",
        "We emailed you a short questionnaire about how you are doing. Did you find it, perhaps among unwanted mail? "
        "I can send it again, or we can go through it now.",
    ),
    "started": NextStep(
        "Call: the same link goes on where the patient stopped. Or take the remaining answers by phone.",
        "You began our questionnaire, thank you. What you answered is kept. Was something unclear, or shall we go "
        "through the rest together? The link in the email goes on where you stopped.",
    ),
    "partial": NextStep(
        "Call for the missing answers: what is there is too little for a score.",
        "Thank you for your answers. A few are missing, and without them we cannot tell how you are doing. "
        "May I ask you these few now?",
    ),
    "declined": NextStep("Do not ask again about this one. Ask how the patient is at the next visit."),
    "not_me": NextStep(
        "Ask for the address and correct it: the emails go out again, and no link sent so far works any more. Or take "
        "the answers by phone.",
        "We emailed a short questionnaire about how you are doing, and whoever opened it told us that it was not for "
        "them. Which address should we use? If you have a few minutes, we can also go through the questions now.",
    ),
    "identity_locked": NextStep(
        "Call, and make sure that it is the patient. Then unlock it on the page of the course of care, or let the "
        "patient try again once it has unlocked by itself. Or take the remaining answers by phone.",
        "You went on with our questionnaire, and the year or date of birth did not match ours several times. What you "
        "answered is safe. I can open it for you again, or we can go through the rest together.",
    ),
}
SETTLED = ("missed", "partial")
"""States of what was not answered in time, whatever the phone day."""
AT_ONCE = ("not_me", "identity_locked")
"""Causes that do not wait for the phone day: without the clinic nothing goes on."""
OF_REASON = {
    "no_address": ASK_ADDRESS,
    "not_me": ASK_ADDRESS,
    "address_refused": ASK_ADDRESS,
    "unsubscribed": NO_MAIL,
    "email_not_allowed": NO_MAIL,
    "paused": NextStep("Wait: the follow-up is paused. Resume it when the patient is ready."),
    "clinic_not_active": NextStep("Activate the clinic: until then no patient is mailed."),
    "not_written": OPERATOR,
    "relay_unreachable": OPERATOR,
    "relay_without_tls": OPERATOR,
}
"""Of emails that were not sent, by the reason that is kept with them; any other is the general ``not_sent``."""


ASKED = (
    Administration.id,
    Administration.timepoint,
    Administration.sequence,
    Administration.state,
    Administration.opens_at,
    Administration.target_at,
    Administration.late_after,
    Administration.closes_at,
    Administration.started_at,
    Administration.declined_at,
)
SENT = select(Message.administration_id, Message.ordinal, Message.phase, Message.reason, Message.bounced_at)


@dataclass(frozen=True)
class MissingAnswers:
    """One administration whose answers are missing and may still be had."""

    administration_id: uuid.UUID
    episode_id: uuid.UUID
    timepoint: str
    state: str
    phone_from: dt.datetime
    late_after: dt.datetime
    closes_at: dt.datetime
    """Until then answers are taken."""
    cause: str
    """As ``missed_cause`` says it, without the reason of ``not_sent``; or ``not_me``, or ``identity_locked``."""
    reason: str | None
    """Why nothing was sent; a code."""
    next_step: NextStep
    locked_until: dt.datetime | None
    """Until then the patient's earlier answers are not shown again, unless the clinic unlocks them."""
    patient_name: str
    patient_external_id: str
    clinician: str
    side: str
    zone: ZoneInfo
    """By whose clock the patient's days begin and end."""


def missing_answers(
    session: Session, clinic_id: uuid.UUID, *, episode_id: uuid.UUID | None = None, now: dt.datetime
) -> list[MissingAnswers]:
    """Return what a clinic should follow up: past the phone day, missed or stuck, and still open to answers.

    Stuck is what somebody said was not for them, and what is locked after too many wrong tries. The one that closes
    first comes first. Left out are closed courses of care, patients who have withdrawn or died, what is answered well
    enough for a score, and what staff have dealt with: its flag is resolved.
    """
    candidates = _candidates(clinic_id, now)
    if episode_id is not None:
        candidates = candidates.where(Administration.episode_id == episode_id)
    rows = session.execute(candidates).all()
    locks = locked_until(session, [row.id for row in rows], now=now)
    by_phone = {row.id: _phone_from(session, row) for row in rows}
    due = [row for row in rows if row.state in SETTLED or row.not_me or row.id in locks or by_phone[row.id] <= now]
    messages = _messages(session, [row.id for row in due])
    found = [_missing(row, by_phone[row.id], messages[row.id], locks.get(row.id)) for row in due]
    return [one for one in found if one.state in SETTLED or one.cause in AT_ONCE or one.phone_from <= now]


def next_step(cause: str, reason: str | None) -> NextStep:
    """Return what to do about a cause; about emails that were not sent, by their reason."""
    return OF_REASON.get(reason or "", NEXT_STEPS[cause]) if cause == "not_sent" else NEXT_STEPS[cause]


def _candidates(clinic_id: uuid.UUID, now: dt.datetime) -> Select[*tuple[Any, ...]]:
    """Return what may be missing, by its columns: whole rows of the tables cost ten times as much to load."""
    flagged = select(Flag.id).where(
        Flag.clinic_id == clinic_id,
        Flag.episode_id == Episode.id,
        Flag.kind == "survey_missed",
        Flag.checkpoint == Administration.timepoint,
    )
    missing = or_(
        Administration.state.in_(("open", "started")),
        and_(Administration.state == "missed", ~flagged.where(Flag.status == "resolved").exists()),
        and_(Administration.state == "partial", flagged.where(Flag.status.in_(LIVE_STATUSES)).exists()),
    )
    not_me = select(PatientChange.id).where(
        PatientChange.clinic_id == Patient.clinic_id,
        PatientChange.patient_id == Patient.id,
        PatientChange.kind == "not_me",
        PatientChange.recorded_at == Patient.bounced_at,  # None once the address was corrected.
    )
    return (
        select(
            *ASKED,
            Episode.id.label("episode_id"),
            Episode.pathway,
            Episode.enrolled_at,
            Episode.clinician,
            Episode.side,
            Patient.name.label("patient_name"),
            Patient.external_id.label("patient_external_id"),
            Patient.time_zone.label("own_zone"),
            Clinic.time_zone,
            not_me.exists().label("not_me"),
        )
        .join(Episode, Episode.id == Administration.episode_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .join(Clinic, Clinic.id == Administration.clinic_id)
        .where(
            Administration.clinic_id == clinic_id,
            missing,
            Administration.opens_at <= now,
            Administration.closes_at > now,
            Episode.closed_on.is_(None),
            Patient.status.in_(("active", "paused")),
        )
        .order_by(Administration.closes_at, Administration.id)
    )


def _phone_from(session: Session, row: Any) -> dt.datetime:
    pathway = find_pathway(session, row.pathway)
    return phone_from(pathway, planned_as(row), enrolled_at=row.enrolled_at, zone=_zone(row))


def _zone(row: Any) -> ZoneInfo:
    return ZoneInfo(row.own_zone or row.time_zone)


def _messages(session: Session, administration_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Any]]:
    """Return by administration what tells why nothing came of its emails."""
    messages: dict[uuid.UUID, list[Any]] = defaultdict(list)
    for message in session.execute(SENT.where(Message.administration_id.in_(administration_ids))):
        messages[message.administration_id].append(message)
    return messages


def _missing(row: Any, by_phone: dt.datetime, messages: list[Any], locked: dt.datetime | None) -> MissingAnswers:
    cause, reason = _cause(row, messages, locked=locked is not None)
    return MissingAnswers(
        administration_id=row.id,
        episode_id=row.episode_id,
        timepoint=row.timepoint,
        state=row.state,
        phone_from=by_phone,
        late_after=row.late_after,
        closes_at=row.closes_at,
        cause=cause,
        reason=reason,
        next_step=next_step(cause, reason),
        locked_until=locked,
        patient_name=row.patient_name,
        patient_external_id=row.patient_external_id,
        clinician=row.clinician,
        side=row.side,
        zone=_zone(row),
    )


def _cause(row: Any, messages: list[Any], *, locked: bool) -> tuple[str, str | None]:
    """Return why nothing came, and for emails that were not sent the reason; what stops everything comes first."""
    cause, _, reason = missed_cause(row, messages).partition(":")
    if cause == "declined" or not (row.not_me or locked):
        return cause, reason or None
    return ("not_me" if row.not_me else "identity_locked"), None
