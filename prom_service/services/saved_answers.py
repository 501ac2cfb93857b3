"""Answers as they are given: every one is kept beside all earlier ones, and the newest of an item is its answer."""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import BindParameter, bindparam, func, insert, select
from sqlalchemy.orm import Session

from instruments.activities import TEXT
from instruments.answer import NotApplicable
from prom_service.models import Administration, SavedAnswer
from prom_service.services.questions import Answers

# Written once and kept: building a statement costs more than running it.
_OF_ADMINISTRATION: BindParameter[uuid.UUID] = bindparam("administration")
SAVED = (
    select(SavedAnswer.instrument, SavedAnswer.item, SavedAnswer.value)
    .where(SavedAnswer.administration_id == _OF_ADMINISTRATION)
    .order_by(SavedAnswer.id)
)
SAVED_BEFORE = SAVED.where(SavedAnswer.recorded_at < bindparam("before"))
LAST_SAVED = select(func.max(SavedAnswer.recorded_at)).where(
    SavedAnswer.administration_id == _OF_ADMINISTRATION, SavedAnswer.recorded_at < bindparam("before")
)


def current_answers(session: Session, administration: Administration) -> dict[str, dict[str, Any]]:
    """Return the answers saved so far, by instrument and item; a cleared one is absent."""
    return _read(session.execute(SAVED, {"administration": administration.id}))


def answers_before(session: Session, administration: Administration, before: dt.datetime) -> dict[str, dict[str, Any]]:
    """Return the answers as they were saved ``before`` a moment."""
    return _read(session.execute(SAVED_BEFORE, {"administration": administration.id, "before": before}))


def _read(rows: Iterable[Any]) -> dict[str, dict[str, Any]]:
    answers: dict[str, dict[str, Any]] = {}
    for instrument, item, value in rows:
        answers.setdefault(instrument, {})[item] = _read_value(item, value)
    return {
        instrument: {item: value for item, value in given.items() if value is not None}
        for instrument, given in answers.items()
    }


def keep(
    session: Session,
    administration: Administration,
    answers: Answers,
    entered_with: Mapping[tuple[str, str], str],
    now: dt.datetime,
) -> None:
    """Append what differs from the answers on record."""
    before = current_answers(session, administration)
    fresh = [
        {
            "clinic_id": administration.clinic_id,
            "administration_id": administration.id,
            "instrument": ref,
            "item": item,
            "value": None if value in (None, "") else str(value),
            "entered_with": entered_with.get((ref, item)),
            "recorded_at": now,
        }
        for ref, given in answers.items()
        for item, value in given.items()
        if (None if value == "" else value) != before.get(ref, {}).get(item)
    ]
    if fresh:
        session.execute(insert(SavedAnswer), fresh)


def _read_value(item: str, value: str | None) -> int | str | None:
    if value is None or item.endswith(TEXT) or value == NotApplicable.NA:
        return value
    return int(value)


def last_saved_at(session: Session, administration: Administration, before: dt.datetime) -> dt.datetime:
    """Return when the last answer ``before`` a moment was given; there must be one."""
    return session.scalars(LAST_SAVED, {"administration": administration.id, "before": before}).one()
