"""The answers of one administration as they were given, and those of the start beside them."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import Administration, AnswerSet, Episode, Response


@dataclass(frozen=True)
class GivenAnswers:
    """One response with its answers by instrument, and in which words each was asked."""

    response: Response
    answers: Mapping[str, Mapping[str, Any]]
    wording: Mapping[str, str]


def responses_of(session: Session, administration: Administration) -> Sequence[GivenAnswers]:
    """Return what came in for an administration, in order; the newest that is no amendment stands."""
    query = select(Response).where(
        Response.clinic_id == administration.clinic_id, Response.administration_id == administration.id
    )
    responses = session.scalars(query.order_by(Response.number)).all()
    kept = session.scalars(
        select(AnswerSet)
        .where(AnswerSet.response_id.in_([response.id for response in responses]))
        .order_by(AnswerSet.id)
    ).all()
    return [_given(response, [one for one in kept if one.response_id == response.id]) for response in responses]


def standing_of(given: Sequence[GivenAnswers]) -> GivenAnswers | None:
    """Return the one that stands; None when nothing came in."""
    return next((one for one in reversed(given) if not one.response.amendment), None)


def baseline_of(given: Sequence[GivenAnswers]) -> GivenAnswers | None:
    """Return the one of the start from which change counts: the newest in time, else the newest; None without any."""
    return standing_of([one for one in given if not one.response.late]) or standing_of(given)


def standing_answers(session: Session, episode: Episode) -> list[tuple[str, dt.datetime]]:
    """Return the timepoints of the episode that have an answer, each with when the one that stands was given."""
    query = (
        select(Administration.timepoint, Response.answered_at)
        .join(Response, Response.administration_id == Administration.id)
        .where(
            Administration.clinic_id == episode.clinic_id,
            Administration.episode_id == episode.id,
            Response.amendment.is_(False),
        )
        .order_by(Administration.sequence, Response.number)
    )
    return list({row.timepoint: row.answered_at for row in session.execute(query)}.items())


def start_of(session: Session, clinic_id: uuid.UUID, episode_id: uuid.UUID) -> Administration:
    """Return the administration every change counts from."""
    return session.scalars(
        select(Administration).where(
            Administration.clinic_id == clinic_id, Administration.episode_id == episode_id, Administration.sequence == 0
        )
    ).one()


def _given(response: Response, kept: Sequence[AnswerSet]) -> GivenAnswers:
    return GivenAnswers(
        response, {one.instrument: one.answers for one in kept}, {one.instrument: one.wording for one in kept}
    )
