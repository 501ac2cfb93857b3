"""Is it still the same person? A light check before answers of an earlier day are shown again."""

import datetime as dt
from collections.abc import Collection, Iterable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from prom_service.db import insert_if_absent
from prom_service.errors import PromError
from prom_service.models import Administration, Episode, Patient, SavedAnswer, Throttle
from prom_service.queries.locks import bucket_of, locked_until
from prom_service.services import history, submission
from prom_service.services.access import LinkTarget

FREE_FOR = dt.timedelta(hours=24)
"""How long after the last save the answers so far are shown without a check."""

Item = tuple[str, str]
"""Instrument reference and item code."""


class IdentityLockedError(PromError):
    """Too many wrong tries lately; earlier answers are not shown, right year or not."""


def guarded_items(session: Session, target: LinkTarget, *, now: dt.datetime) -> frozenset[Item]:
    """Return the items whose answers are shown only after a check; none is most often the case.

    A sitting lasts as long as no two saves lie 24 hours apart; answers of an earlier sitting are guarded. One right
    check opens them to its link for the present sitting: saving something new does not.
    """
    started_at = target.administration.started_at
    if target.clinic.identity_check == "none" or started_at is None or now - started_at < FREE_FOR:
        return frozenset()
    rows = session.execute(
        select(SavedAnswer.instrument, SavedAnswer.item, SavedAnswer.recorded_at)
        .where(SavedAnswer.administration_id == target.administration.id)
        .order_by(SavedAnswer.id)
    ).all()
    confirmed_at = target.link.confirmed_at
    moments = [row.recorded_at for row in rows] + ([confirmed_at] if confirmed_at else [])
    since = _sitting_began(moments, now)
    if confirmed_at and confirmed_at >= since:
        return frozenset()
    newest = {(row.instrument, row.item): row.recorded_at for row in rows}
    return frozenset(item for item, at in newest.items() if at < since)


def _sitting_began(moments: Collection[dt.datetime], now: dt.datetime) -> dt.datetime:
    """Return the first moment from which no gap of 24 hours leads to ``now``; ``now`` itself when there is none."""
    began = now
    for moment in sorted(moments, reverse=True):
        if began - moment >= FREE_FOR:
            break
        began = moment
    return began


def is_locked(session: Session, administration: Administration, *, now: dt.datetime) -> bool:
    """Say whether five wrong tries were made within the last 24 hours."""
    return administration.id in locked_until(session, [administration.id], now=now)


def confirm(session: Session, target: LinkTarget, numbers: Iterable[int], *, now: dt.datetime) -> bool:
    """Open earlier answers to the link and return True when ``numbers`` are the patient's; else count the try.

    They are the year of birth, or year, month and day, as the clinic chose. The clinic sees a lock in the patient's
    record. Raise ``IdentityLockedError`` while it lasts.
    """
    submission.hold(session, target.administration)
    if is_locked(session, target.administration, now=now):
        raise IdentityLockedError("Too many wrong tries.")
    if tuple(numbers) == _expected(target):
        target.link.confirmed_at = now
        session.flush()
        return True
    key = {"bucket": bucket_of(target.administration.id), "window_start": now}
    if not insert_if_absent(session, Throttle, {**key, "tries": 1}, unique=list(key)):
        session.get_one(Throttle, key, populate_existing=True).tries += 1
        session.flush()
    if is_locked(session, target.administration, now=now):
        locked = target.administration.timepoint
        history.note_patient(session, target.patient, "identity_locked", note=locked, actor="patient", now=now)
    return False


def unlock(session: Session, administration: Administration, *, actor: str, now: dt.datetime) -> None:
    """Let the check be taken again at once: the wrong tries are forgotten, and who said so is on record.

    Where nothing is locked nothing changes.
    """
    administration = submission.hold(session, administration)
    if is_locked(session, administration, now=now):
        session.execute(delete(Throttle).where(Throttle.bucket == bucket_of(administration.id)))
        episode = session.get_one(Episode, administration.episode_id)
        patient = session.get_one(Patient, episode.patient_id)
        unlocked = administration.timepoint
        history.note_patient(session, patient, "identity_unlocked", note=unlocked, actor=actor, now=now)


def _expected(target: LinkTarget) -> tuple[int, ...]:
    born = target.patient.date_of_birth
    return (born.year, born.month, born.day) if target.clinic.identity_check == "date" else (born.year,)
