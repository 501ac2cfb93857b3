"""A patient's answers over time: the scales by which the course is judged, as numbers in words and as a small chart."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.orm import Session

from prom_service.pathway.trajectory import ScaleTrajectory, trajectories
from prom_service.queries.facts import load_episodes
from prom_service.queries.wording import Words, words_of
from prom_service.services import identity
from prom_service.web.survey.opening import Survey

WIDTH, HEIGHT, MARGIN = 320, 120, 14
SHOWN_FOR = dt.timedelta(hours=24)
"""How long after sending; later the link shows no answers."""


@dataclass(frozen=True)
class Point:
    """One score in words, and its place in the chart."""

    day: str
    value: str
    x: int
    y: int


@dataclass(frozen=True)
class Course:
    """The scores of one scale, oldest first. The best end of the scale is at the top of the chart."""

    title: str
    best: str
    worst: str
    points: tuple[Point, ...]


def find_courses(session: Session, survey: Survey, *, now: dt.datetime) -> tuple[Course, ...]:
    """Return the courses to show: none unless the clinic wants it, just after sending, from two scores on.

    Nor where answers of an earlier day were sent without the check they are shown after: the scores are made of them.
    """
    completed_at = survey.target.administration.completed_at
    if not survey.target.clinic.show_trend or completed_at is None or now - completed_at > SHOWN_FOR:
        return ()
    if identity.guarded_items(session, survey.target, now=completed_at):
        return ()
    facts = load_episodes(session, [survey.target.episode.id])[0].facts
    primary = {one.measure.key for one in facts.pathway.primary}
    words = words_of(session, survey.target.administration, survey.texts.code)
    courses = (_course(survey, words, one) for one in trajectories(facts) if (one.instrument, one.scale) in primary)
    return tuple(course for course in courses if len(course.points) > 1)


def _course(survey: Survey, words: Words, scale: ScaleTrajectory) -> Course:
    comparable = (point for point in scale.points if not point.other_activities)
    scored = [(point.answered_at, point.value) for point in comparable if point.value is not None]
    across = (WIDTH - 2 * MARGIN) / max(len(scored) - 1, 1)
    span = (HEIGHT - 2 * MARGIN) / (scale.best - scale.worst)
    points = tuple(
        Point(
            day=survey.texts.day(at.astimezone(survey.zone).date()),
            value=_shown(value),
            x=round(MARGIN + place * across),
            y=round(MARGIN + (scale.best - value) * span),
        )
        for place, (at, value) in enumerate(scored)
    )
    title = words.instrument(scale.instrument).scale(scale.scale).title
    return Course(title, _shown(scale.best), _shown(scale.worst), points)


def _shown(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
