"""An episode's course: every score at every timepoint with its change, the judgements, and the visits beside them."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import NotFoundError
from prom_service.models import Judgement
from prom_service.pathway.evidence import demonstrated
from prom_service.pathway.facts import EpisodeFacts
from prom_service.pathway.trajectory import ScaleTrajectory, trajectories
from prom_service.queries.facts import load_episodes


def trajectory(session: Session, episode_id: uuid.UUID) -> dict[str, Any]:
    """Return the course of an episode.

    Changes count from the baseline timepoint, positive for better; there is none when the baseline is missing, was
    late, or rates other activities. The numbers come from the functions that raise the flags, so the two cannot
    disagree.
    """
    loaded = load_episodes(session, [episode_id])
    if not loaded:
        raise NotFoundError("There is no such episode.")
    facts = loaded[0].facts
    asked = {ref for timepoint in facts.pathway.timepoints for ref in timepoint.instruments}
    return {
        "scales": [_scale(course, derived=course.instrument not in asked) for course in trajectories(facts)],
        "judgements": _judgements(session, episode_id),
        "improvement_demonstrated": _demonstration(facts),
        "visits": {
            "counted": sum(visit.format in facts.pathway.counted_formats for visit in facts.visits),
            "limit": facts.pathway.visit_limit,
            "notice": facts.pathway.visit_notice,
        },
    }


def _scale(course: ScaleTrajectory, *, derived: bool) -> dict[str, Any]:
    return {
        "instrument": course.instrument,
        "scale": course.scale,
        "title": course.title,
        "best": course.best,
        "worst": course.worst,
        "derived": derived,
        "points": [
            {
                "timepoint": point.timepoint,
                "value": point.value,
                "answered_at": point.answered_at.isoformat(),
                "change": point.change,
                "late": point.late,
                "wording": point.wording,
                "other_activities": point.other_activities,
            }
            for point in course.points
        ],
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


def _judgements(session: Session, episode_id: uuid.UUID) -> list[dict[str, Any]]:
    rows = session.scalars(select(Judgement).where(Judgement.episode_id == episode_id).order_by(Judgement.number))
    in_force = {row.checkpoint: row for row in rows}
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
