"""Answered checkpoints of many episodes as the frames that the rules judge, so many episodes at a time."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from prom_service.db import id_text
from prom_service.models import Administration, Episode, Judgement, Response, Score
from prom_service.pathway.judgement import Bools, ResponseFrame, ScaleKey
from prom_service.pathway.shape import GROC, PASS, Pathway, Timepoint
from prom_service.pathway.trajectory import Floats
from prom_service.queries.activities import Named, activities_of, rated
from prom_service.queries.pathways import find_pathway

EPISODES_AT_ONCE = 5_000
Standing = dict[str, tuple[str, bool, dt.datetime]]
"""By timepoint: the response that stands, whether it came late, and when it was recorded.

Ids are text here: they are only compared.
"""
NOTHING = ("", False)


@dataclass(frozen=True, eq=False)
class CheckpointFrame:
    """One checkpoint of the episodes on one pathway that answered it; a row for each in every part."""

    pathway: Pathway
    timepoint: Timepoint
    episodes: Sequence[str]
    responses: Sequence[str]
    frame: ResponseFrame


@dataclass(frozen=True)
class Range:
    """Episodes of one clinic whose ids follow each other."""

    clinic_id: uuid.UUID
    first: uuid.UUID
    last: uuid.UUID

    def holds(self, clinic_id: Any, episode_id: Any) -> ColumnElement[bool]:
        """Return whether a row belongs to one of them."""
        return and_(clinic_id == self.clinic_id, episode_id >= self.first, episode_id <= self.last)


def ranges(session: Session, clinic_id: uuid.UUID) -> Iterator[Range]:
    """Yield the clinic's episodes, a bounded number at a time."""
    query = select(Episode.id).where(Episode.clinic_id == clinic_id).order_by(Episode.id).limit(EPISODES_AT_ONCE)
    ids = session.scalars(query).all()
    while ids:
        yield Range(clinic_id, ids[0], ids[-1])
        ids = session.scalars(query.where(Episode.id > ids[-1])).all()


def checkpoint_frames(session: Session, some: Range) -> Iterator[CheckpointFrame]:
    """Yield every checkpoint that these episodes answered, with the baselines that stand beside the answers."""
    on_pathway, standing = _standing(session, some)
    values = _values(session, some)
    for ref, episodes in on_pathway.items():
        pathway = find_pathway(session, ref)
        for timepoint in pathway.checkpoints:
            answered = [one for one in episodes if timepoint.key in standing[one]]
            if answered:
                responses = [standing[one][timepoint.key][0] for one in answered]
                baselines = [standing[one].get(pathway.baseline.key, NOTHING)[:2] for one in answered]
                named = _activities(session, timepoint, [standing[one] for one in answered], pathway.baseline.key)
                frame = _frame(values, named, timepoint, responses, baselines)
                yield CheckpointFrame(pathway, timepoint, answered, responses, frame)


def judgements_in_force(session: Session, some: Range) -> dict[tuple[str, str], tuple[str | None, str, str]]:
    """Return response, outcome and rule version of the judgement in force, by episode and checkpoint."""
    rows = session.execute(
        select(
            id_text(Judgement.episode_id),
            Judgement.checkpoint,
            id_text(Judgement.response_id),
            Judgement.outcome,
            Judgement.rule_version,
        )
        .where(some.holds(Judgement.clinic_id, Judgement.episode_id))
        .order_by(Judgement.number)
    )
    return {(row[0], row[1]): (row[2], row[3], row[4]) for row in rows}


def _standing(session: Session, some: Range) -> tuple[Mapping[str, list[str]], Mapping[str, Standing]]:
    """Return the episodes that answered anything by pathway, and what stands of each, as ``queries.facts`` has it."""
    rows = session.execute(
        select(
            id_text(Response.episode_id),
            Episode.pathway,
            Administration.timepoint,
            Administration.sequence,
            id_text(Response.id),
            Response.late,
            Response.recorded_at,
        )
        .join(Administration, Administration.id == Response.administration_id)
        .join(Episode, Episode.id == Response.episode_id)
        .where(some.holds(Response.clinic_id, Response.episode_id), Response.amendment.is_(False))
        .order_by(Response.number)
    )
    on_pathway: defaultdict[str, list[str]] = defaultdict(list)
    standing: defaultdict[str, Standing] = defaultdict(dict)
    for episode, ref, timepoint, sequence, response, late, recorded_at in rows:
        if episode not in standing:
            on_pathway[ref].append(episode)
        stands = standing[episode]
        if sequence or not late or timepoint not in stands or stands[timepoint][1]:
            stands[timepoint] = (response, late, recorded_at)
    return on_pathway, standing


def _values(session: Session, some: Range) -> Mapping[ScaleKey, Mapping[str, float]]:
    rows = session.execute(
        select(id_text(Score.response_id), Score.instrument, Score.scale, Score.value).where(
            some.holds(Score.clinic_id, Score.episode_id)
        )
    )
    values: defaultdict[ScaleKey, dict[str, float]] = defaultdict(dict)
    for response, instrument, scale, value in rows:
        values[instrument, scale][response] = np.nan if value is None else value
    return values


def _activities(session: Session, timepoint: Timepoint, answered: Sequence[Standing], baseline: str) -> Named:
    """Return what was rated, of the answers that may rate others than their baseline and of these baselines."""
    if rated().isdisjoint(criterion.measure.instrument for criterion in timepoint.criteria):
        return {}
    pairs = ((one[timepoint.key], one[baseline]) for one in answered if baseline in one)
    before = (pair for pair in pairs if pair[0][2] <= pair[1][2])
    asked = {response: str(uuid.UUID(response)) for pair in before for response, *_ in pair}
    found = activities_of(session, asked.values())
    return {response: found.get(id_, {}) for response, id_ in asked.items()}


def _frame(
    values: Mapping[ScaleKey, Mapping[str, float]],
    named: Named,
    timepoint: Timepoint,
    responses: Sequence[str],
    baselines: Sequence[tuple[str, bool]],
) -> ResponseFrame:
    def column(key: ScaleKey, wanted: Sequence[str]) -> Floats:
        known = values.get(key, {})
        return np.array([known.get(one, np.nan) for one in wanted], dtype=np.float64)

    def others(instrument: str) -> Bools:
        pairs = ((named.get(one, {}), named.get(first, {})) for one, first in zip(responses, before, strict=True))
        return np.array([bool(now) and now.get(instrument) != first.get(instrument) for now, first in pairs])

    keys = [criterion.measure.key for criterion in timepoint.criteria]
    before = [response for response, _ in baselines]
    late: Bools = np.array([late for _, late in baselines])
    return ResponseFrame(
        baseline={key: column(key, before) for key in keys},
        current={key: column(key, responses) for key in keys},
        baseline_late=late,
        groc=column(GROC, responses),
        pass_answer=column(PASS, responses),
        other_activities={key: others(key[0]) for key in keys} if named else {},
    )
