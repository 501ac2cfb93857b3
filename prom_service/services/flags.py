"""What staff do with a flag: acknowledge, assign, put aside, resolve. Every step is a numbered event."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Episode, Flag, Patient
from prom_service.models.flag import RESOLUTIONS
from prom_service.pathway.facts import LIVE_STATUSES
from prom_service.queries.colleagues import may_read
from prom_service.queries.flags import Whose
from prom_service.services import assessment, flag_ledger


def acknowledge(
    session: Session,
    flag: Flag,
    *,
    actor: str,
    on_behalf_of: Mapping[str, str] | None = None,
    note: str = "",
    now: dt.datetime,
) -> Flag:
    """Record that somebody has seen the flag. It stays live: seeing is not reviewing."""
    _must_be_live(flag)
    flag.status = "acknowledged"
    flag.snoozed_until = None
    return _step(session, flag, "acknowledged", actor, _detail(on_behalf_of, note), now)


def assign(
    session: Session,
    flag: Flag,
    user_id: uuid.UUID,
    *,
    actor: str,
    on_behalf_of: Mapping[str, str] | None = None,
    note: str = "",
    now: dt.datetime,
) -> Flag:
    """Give the flag to one of the clinic's users who may read it."""
    _must_be_live(flag)
    if not may_read(session, flag.clinic_id, user_id):
        raise InvalidInputError({"user_id": ["No user of this clinic who may read its flags."]})
    flag.status = "assigned"
    flag.assignee_id = user_id
    flag.snoozed_until = None
    return _step(session, flag, "assigned", actor, _detail(on_behalf_of, note, user_id=str(user_id)), now)


def snooze(
    session: Session,
    flag: Flag,
    until: dt.datetime,
    *,
    actor: str,
    on_behalf_of: Mapping[str, str] | None = None,
    note: str = "",
    now: dt.datetime,
) -> Flag:
    """Put the flag aside until a moment; it wakes as open."""
    _must_be_live(flag)
    if until <= now:
        raise InvalidInputError({"until": ["Must lie in the future."]})
    if flag.severity == "urgent":
        raise ConflictError("An urgent flag cannot be put aside.")
    flag.status = "snoozed"
    flag.snoozed_until = until
    return _step(session, flag, "snoozed", actor, _detail(on_behalf_of, note, until=until.isoformat()), now)


def resolve(
    session: Session,
    flag: Flag,
    reason: str,
    *,
    note: str = "",
    actor: str,
    on_behalf_of: Mapping[str, str] | None = None,
    now: dt.datetime,
) -> Flag:
    """Close the flag with a reason. Resolving is what counts as a review of its finding."""
    if reason not in RESOLUTIONS:
        raise InvalidInputError({"reason": [f"Allowed are {', '.join(RESOLUTIONS)}."]})
    _must_be_live(flag)
    flag.status = "resolved"
    flag.resolution = reason
    flag.resolution_note = note or None
    flag.resolved_at = now
    flag.snoozed_until = None
    _step(session, flag, "resolved", actor, _detail(on_behalf_of, note, reason=reason), now)
    assessment.assess_episodes(session, [flag.episode_id], now=now)  # A review ends what follows from its absence.
    return flag


def wake_snoozed(session: Session, *, now: dt.datetime, limit: int) -> int:
    """Reopen the flags whose snooze has run out, those that nobody else has in hand; return how many."""
    due = (
        select(Flag, Episode, Patient)
        .join(Episode, Episode.id == Flag.episode_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(Flag.status == "snoozed", Flag.snoozed_until <= now)
        .order_by(Flag.snoozed_until)
        .limit(limit)
        .with_for_update(of=Episode, skip_locked=True, key_share=True)
    )
    steps = []
    for flag, episode, patient in session.execute(due):
        flag.status = "open"
        flag.snoozed_until = None
        steps.append(flag_ledger.take(flag, Whose.of(episode, patient), "reopened", flag_ledger.RULES, {}, now))
    flag_ledger.write(session, steps, now=now)
    return len(steps)


def find_for_update(session: Session, clinic_id: uuid.UUID, flag_id: uuid.UUID) -> Flag | None:
    """Return the clinic's flag, its episode held until the transaction ends, or None."""
    return next(iter(find_all_for_update(session, clinic_id, [flag_id])), None)


def find_all_for_update(session: Session, clinic_id: uuid.UUID, flag_ids: Collection[uuid.UUID]) -> Sequence[Flag]:
    """Return those of the flags that are the clinic's, their episodes held until the transaction ends.

    Whoever writes flags holds the episodes first, in the order of their ids; so no two writers wait for each other.
    """
    wanted = (Flag.clinic_id == clinic_id, Flag.id.in_(flag_ids))
    episodes = select(Flag.episode_id).where(*wanted)
    held = select(Episode.id).where(Episode.clinic_id == clinic_id, Episode.id.in_(episodes)).order_by(Episode.id)
    session.execute(held.with_for_update(of=Episode, key_share=True)).all()
    found = select(Flag).where(*wanted).order_by(Flag.id).execution_options(populate_existing=True)
    return session.scalars(found).all()


def _must_be_live(flag: Flag) -> None:
    if flag.status not in LIVE_STATUSES:
        raise ConflictError(f"The flag is {flag.status}; only a live flag can be changed.")


def _detail(on_behalf_of: Mapping[str, str] | None, note: str, **more: str) -> dict[str, Any]:
    detail: dict[str, Any] = dict(more)
    if on_behalf_of:
        detail["on_behalf_of"] = dict(on_behalf_of)
    if note:
        detail["note"] = note
    return detail


def _step(session: Session, flag: Flag, type_: str, actor: str, detail: dict[str, Any], now: dt.datetime) -> Flag:
    episode = session.get_one(Episode, flag.episode_id)
    patient = session.get_one(Patient, episode.patient_id)
    flag_ledger.note(session, flag, episode, patient, type_, actor, detail, now)
    return flag
