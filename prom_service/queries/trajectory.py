"""An episode's course: every score at every timepoint with its change, the judgements, and the visits beside them."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import instruments
from instruments.definition import Scale
from prom_service.errors import NotFoundError
from prom_service.models import Judgement
from prom_service.pathway.evidence import demonstrated
from prom_service.pathway.facts import EpisodeFacts, ResponseFacts
from prom_service.queries.facts import load_episodes


def trajectory(session: Session, episode_id: uuid.UUID) -> dict[str, Any]:
    """Return the course of an episode.

    Changes count from the baseline timepoint, positive for better; there is none when the baseline is missing or
    was late. The numbers come from the functions that raise the flags, so the two cannot disagree.
    """
    loaded = load_episodes(session, [episode_id])
    if not loaded:
        raise NotFoundError("There is no such episode.")
    facts = loaded[0].facts
    return {
        "scales": _scales(facts),
        "judgements": _judgements(session, episode_id),
        "improvement_demonstrated": _demonstration(facts),
        "visits": {
            "counted": sum(visit.format in facts.pathway.counted_formats for visit in facts.visits),
            "limit": facts.pathway.visit_limit,
            "notice": facts.pathway.visit_notice,
        },
    }


def _demonstration(facts: EpisodeFacts) -> dict[str, Any]:
    found = demonstrated(facts)
    return {
        "demonstrated": found.shown,
        "why": found.why,
        "timepoint": found.timepoint,
        "answered_at": found.answered_at.isoformat() if found.answered_at else None,
        "evidence": dict(found.evidence),
    }


def _scales(facts: EpisodeFacts) -> list[dict[str, Any]]:
    refs = dict.fromkeys(ref for timepoint in facts.pathway.timepoints for ref in timepoint.instruments)
    courses = [_course(facts, ref, scale) for ref in refs for scale in instruments.find(ref).scales]
    return [course for course in courses if course["points"]]


def _course(facts: EpisodeFacts, ref: str, scale: Scale) -> dict[str, Any]:
    baseline = facts.baseline
    start = baseline.scores.get((ref, scale.key)) if baseline and not baseline.late else None
    return {
        "instrument": ref,
        "scale": scale.key,
        "title": scale.title,
        "best": scale.best,
        "worst": scale.minimum if scale.best == scale.maximum else scale.maximum,
        "points": [
            _point(one.timepoint, one.response, ref, scale, start)
            for one in facts.timepoints
            if one.response and (ref, scale.key) in one.response.scores
        ],
    }


def _point(timepoint: str, response: ResponseFacts, ref: str, scale: Scale, start: float | None) -> dict[str, Any]:
    value = response.scores[ref, scale.key]
    sign = 1 if scale.best == scale.maximum else -1
    return {
        "timepoint": timepoint,
        "value": value,
        "answered_at": response.answered_at.isoformat(),
        "change": None if value is None or start is None else sign * (value - start),
        "late": response.late,
        "partial": response.partial,
        "wording": response.wording(ref),
    }


def _judgements(session: Session, episode_id: uuid.UUID) -> list[dict[str, Any]]:
    in_force: dict[str, Judgement] = {}
    for row in session.scalars(select(Judgement).where(Judgement.episode_id == episode_id).order_by(Judgement.number)):
        in_force[row.checkpoint] = row
    return [
        {
            "checkpoint": row.checkpoint,
            "outcome": row.outcome,
            "reason": row.reason,
            "evidence": row.evidence,
            "rule_version": row.rule_version,
            "judged_at": row.recorded_at.isoformat(),
        }
        for row in in_force.values()
    ]
