"""A response and the scores computed from it, written together."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

import instruments
from instruments.activities import all_rated, ratings
from instruments.definition import Instrument
from instruments.scoring import Score as Scored
from prom_service.models import AnswerSet, Response, Score
from prom_service.pathway.shape import Pathway
from prom_service.queries.wording import Worded

SCORING_ENGINE = "1"
"""Version of the scoring rules; kept with every score, so that a later change is never mixed up with an earlier."""

Checked = Mapping[Instrument, Mapping[str, Any]]
"""Instrument → item code → whole number or ``NA``, and the names of activities under ``<item>.text``."""


def store(
    session: Session, response: Response, checked: Checked, worded: Mapping[str, Worded], *, now: dt.datetime
) -> None:
    """Write the response with its answers and every score they give, those of short forms within them included.

    ``worded`` says of each instrument in which words it was answered.
    """
    session.add(response)
    session.flush()
    for instrument, given in checked.items():
        session.add(
            AnswerSet(
                clinic_id=response.clinic_id,
                response_id=response.id,
                instrument=instrument.ref,
                wording=worded[instrument.ref].wording,
                pack_id=worded[instrument.ref].pack_id,
                answers=dict(given),
                codes=instruments.encode(instrument, [ratings(given)]).tobytes(),
            )
        )
        for scored, scores, derived in _scores(instrument, given):
            _keep(session, response, scored, scores, derived=derived, now=now)
    session.flush()


def _scores(
    instrument: Instrument, given: Mapping[str, Any]
) -> Iterator[tuple[Instrument, Mapping[str, Scored], bool]]:
    """Yield the scores of the instrument, and those of each short form within it, which are derived."""
    yield instrument, score(instrument, given), False
    codes = ratings(given)
    for short in instruments.derived_from(instrument):
        wanted = {item.code for item in short.items}
        yield short, instruments.score(short, {item: code for item, code in codes.items() if item in wanted}), True


def score(instrument: Instrument, given: Mapping[str, Any]) -> Mapping[str, Scored]:
    """Return every scale's score; all are missing when an activity was named and not rated."""
    scores = instruments.score(instrument, ratings(given))
    return scores if all_rated(given) else {key: replace(one, value=None) for key, one in scores.items()}


def any_scorable(checked: Checked) -> bool:
    """Say whether any scale of any instrument has enough answers for a score."""
    return any(
        one.value is not None for instrument, given in checked.items() for one in score(instrument, given).values()
    )


def any_primary(checked: Checked, pathway: Pathway) -> bool:
    """Say whether any primary scale of the pathway has enough answers for a score, that of a short form included."""
    primary = {one.measure.key for one in pathway.primary}
    return any(
        one.value is not None and (scored.ref, scale) in primary
        for instrument, given in checked.items()
        for scored, scores, _ in _scores(instrument, given)
        for scale, one in scores.items()
    )


def digest_of(checked: Checked) -> str:
    """Return the SHA-256 of the answers: the same answers again have the same."""
    plain = {instrument.ref: dict(given) for instrument, given in checked.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _keep(
    session: Session,
    response: Response,
    instrument: Instrument,
    scores: Mapping[str, Scored],
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
            value=one.value,
            answered=one.answered,
            items=one.items,
            derived=derived,
            engine=SCORING_ENGINE,
            recorded_at=now,
        )
        for scale, one in scores.items()
    )
