"""Where the criteria of a checkpoint lie on the scale for one patient: the band behind the scores of a chart."""

from dataclasses import dataclass

from instruments.thresholds import Threshold
from prom_service.pathway.shape import Criterion


@dataclass(frozen=True, slots=True)
class Band:
    """Scores of one scale at one checkpoint, counted from a baseline score.

    From ``improved_from`` towards the best end a score is improved, from ``borderline_from`` on borderline, from
    ``worse_from`` towards the worst end worse. None where the scale has no such place: without a borderline row, or
    where the baseline leaves no room for the change (then the patient's own rating decides, not the score).
    """

    improved_from: float | None
    borderline_from: float | None
    worse_from: float | None


def band(criterion: Criterion, baseline: float) -> Band:
    """The band that belongs to a baseline score. Nothing is rounded. Source: the threshold rows of the criterion."""
    measure = criterion.measure
    towards_best = 1.0 if measure.best > measure.worst else -1.0
    headroom, room_to_worsen = abs(measure.best - baseline), abs(baseline - measure.worst)
    improved = _all_of(criterion.improved, baseline)
    borderline = _any_of(criterion.borderline, baseline)
    if headroom < criterion.improved_points.value:
        improved = borderline = None
    worse = criterion.primary.worse.value
    return Band(
        improved_from=None if improved is None or improved > headroom else baseline + towards_best * improved,
        borderline_from=None if borderline is None or borderline > headroom else baseline + towards_best * borderline,
        worse_from=baseline - towards_best * worse if worse <= room_to_worsen else None,
    )


def _points(row: Threshold, baseline: float) -> float | None:
    """The change in points that a row asks for; None for per cent of nothing, which nothing can reach."""
    if row.unit == "points":
        return row.value
    return baseline * row.value / 100 if baseline > 0 else None


def _all_of(rows: tuple[Threshold, ...], baseline: float) -> float | None:
    needed = [_points(row, baseline) for row in rows]
    return None if None in needed else max(points for points in needed if points is not None)


def _any_of(rows: tuple[Threshold, ...], baseline: float) -> float | None:
    return min((points for row in rows if (points := _points(row, baseline)) is not None), default=None)
