"""A response and the scores computed from it, written together."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

import instruments
from instruments.definition import Instrument
from prom_service.models import AnswerSet, Response, Score

SCORING_ENGINE = "1"
"""Version of the scoring rules; kept with every score, so that a later change is never mixed up with an earlier."""
TEXT = ".text"
"""Suffix of the key that holds the name of an activity, such as ``Q1.text``."""

Checked = Mapping[Instrument, Mapping[str, Any]]
"""Instrument → item code → whole number or ``NA``, and the names of activities under ``<item>.text``."""


def store(session: Session, response: Response, checked: Checked, *, now: dt.datetime) -> None:
    """Write the response with its answers and every score they give, those of short forms within them included."""
    session.add(response)
    session.flush()
    for instrument, given in checked.items():
        codes = _codes(given)
        session.add(
            AnswerSet(
                clinic_id=response.clinic_id,
                response_id=response.id,
                instrument=instrument.ref,
                wording=instrument.wording,
                answers=dict(given),
                codes=instruments.encode(instrument, [codes]).tobytes(),
            )
        )
        _score(session, response, instrument, codes, derived=False, now=now)
        for short in instruments.derived_from(instrument):
            wanted = {item.code for item in short.items}
            picked = {item: code for item, code in codes.items() if item in wanted}
            _score(session, response, short, picked, derived=True, now=now)
    session.flush()


def any_scorable(checked: Checked) -> bool:
    """Say whether any scale of any instrument has enough answers for a score."""
    return any(
        score.value is not None
        for instrument, given in checked.items()
        for score in instruments.score(instrument, _codes(given)).values()
    )


def digest_of(checked: Checked) -> str:
    """Return the SHA-256 of the answers: the same answers again have the same."""
    plain = {instrument.ref: dict(given) for instrument, given in checked.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _codes(given: Mapping[str, Any]) -> dict[str, Any]:
    """The answers without the names of activities."""
    return {item: value for item, value in given.items() if not item.endswith(TEXT)}


def _score(
    session: Session,
    response: Response,
    instrument: Instrument,
    codes: Mapping[str, Any],
    *,
    derived: bool,
    now: dt.datetime,
) -> None:
    session.add_all(
        Score(
            clinic_id=response.clinic_id,
            episode_id=response.episode_id,
            response_id=response.id,
            instrument=instrument.ref,
            scale=scale,
            value=score.value,
            answered=score.answered,
            items=score.items,
            derived=derived,
            engine=SCORING_ENGINE,
            recorded_at=now,
        )
        for scale, score in instruments.score(instrument, codes).items()
    )
