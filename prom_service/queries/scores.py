"""One response as the API shows it: its scores, and in which words each instrument was answered."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import AnswerSet, Score


def scores_of(session: Session, response_id: uuid.UUID) -> dict[str, dict[str, Any]]:
    """Return the scores of a response by instrument and scale; a missing score has the value None."""
    rows = session.execute(
        select(Score.instrument, Score.scale, Score.value, Score.answered, Score.items, Score.derived)
        .where(Score.response_id == response_id)
        .order_by(Score.id)
    )
    scores: dict[str, dict[str, Any]] = {}
    for instrument, scale, value, answered, items, derived in rows:
        score = {"value": value, "answered": answered, "items": items, "derived": derived}
        scores.setdefault(instrument, {})[scale] = score
    return scores


def wordings_of(session: Session, response_id: uuid.UUID) -> dict[str, str]:
    """Return for each instrument of a response whether its words were ``own`` or ``official``."""
    kept = session.scalars(select(AnswerSet).where(AnswerSet.response_id == response_id).order_by(AnswerSet.id))
    return {one.instrument: one.wording for one in kept}
