"""Change since the start, signed so that better is positive whichever end of the scale is best."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

import instruments
from prom_service.pathway.facts import EpisodeFacts
from prom_service.pathway.shape import GROC, PASS, Measure

Floats = NDArray[np.float64]
Scores = TypeVar("Scores", float, Floats)
"""One score, or those of many episodes; nan where it is missing."""


@dataclass(frozen=True, slots=True)
class TrajectoryPoint:
    """One score of one scale. ``change`` is positive for better, None at the baseline and without a usable one.

    ``other_activities``: it rates others than the baseline does, with which it is therefore not compared.
    """

    timepoint: str
    value: float | None
    answered_at: datetime
    change: float | None
    late: bool
    wording: str
    other_activities: bool = False


@dataclass(frozen=True, slots=True)
class ScaleTrajectory:
    """The scores of one scale over an episode, in the order of the timepoints."""

    instrument: str
    scale: str
    title: str
    best: float
    worst: float
    points: tuple[TrajectoryPoint, ...]


def trajectories(facts: EpisodeFacts) -> tuple[ScaleTrajectory, ...]:
    """Every scale that was ever asked in the episode, with all its points.

    Ratings that are themselves a change or a state (GROC, PASS) have points but no change.
    """
    keys = dict.fromkeys(key for at in facts.timepoints if at.response for key in at.response.scores)
    return tuple(_scale_trajectory(facts, *key) for key in keys)


def _scale_trajectory(facts: EpisodeFacts, instrument: str, scale: str) -> ScaleTrajectory:
    definition = instruments.find(instrument).scale(scale)
    measure = Measure(instrument, scale, definition.title, definition.best, definition.worst, None, None)
    return ScaleTrajectory(
        instrument=instrument,
        scale=scale,
        title=definition.title,
        best=definition.best,
        worst=definition.worst,
        points=tuple(_points(facts, measure)),
    )


def _points(facts: EpisodeFacts, measure: Measure) -> Iterator[TrajectoryPoint]:
    before = facts.baseline
    start = before.scores.get(measure.key) if before and not before.late and measure.key not in (GROC, PASS) else None
    for at in facts.timepoints:
        if at.response and measure.key in at.response.scores:
            value = at.response.scores[measure.key]
            others = before is not None and at.response.rates_others(before, measure.instrument)
            compared = at.timepoint != facts.pathway.baseline.key and not others
            yield TrajectoryPoint(
                timepoint=at.timepoint,
                value=value,
                answered_at=at.response.answered_at,
                change=_change(measure, start if compared else None, value),
                late=at.response.late,
                wording=at.response.wording(measure.instrument),
                other_activities=others,
            )


def change_from_baseline(measure: Measure, baseline: Scores, current: Scores) -> Scores:
    """The change in scale points, positive for better; nan where either score is missing.

    The baseline is the baseline timepoint's score, never the first score there is. Nothing is rounded.
    """
    return (current - baseline) if measure.best > measure.worst else (baseline - current)


def _change(measure: Measure, start: float | None, value: float | None) -> float | None:
    return None if start is None or value is None else change_from_baseline(measure, start, value)


def headroom(measure: Measure, baseline: Scores) -> Scores:
    """How far the baseline lies from the best end, in points: the most a person can still improve."""
    return abs(measure.best - baseline)


def room_to_worsen(measure: Measure, baseline: Scores) -> Scores:
    """How far the baseline lies from the worst end, in points: the most a person can still worsen."""
    return abs(baseline - measure.worst)
