"""A course of care as its charts show it: every score by its day, what is missing, and the band it is judged by."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prom_service.models import Episode
from prom_service.pathway.band import Band, band
from prom_service.pathway.shape import GROC, PASS, Criterion, Measure, Pathway
from prom_service.queries.visits import ShownVisit
from prom_service.web.dashboard.ages import local_day
from prom_service.web.dashboard.words import STATES, explained

NOT_YET = ("planned", "open", "started")
RATINGS = (GROC, PASS)
"""They are a change or a state themselves: said in words, not drawn."""


@dataclass(frozen=True)
class Place:
    """One timepoint of the course, answered on this scale or not."""

    timepoint: str
    title: str
    target_on: dt.date
    on: dt.date
    """The day of the answer; without one the day it was planned for."""
    value: float | None
    change: float | None
    late: bool
    wording: str | None
    other_activities: bool
    """Whether it rates other activities than at the start: its score is shown, not compared."""
    missing: str | None
    """Why there is no score though the time has come; None with a score, or when the time has not come."""


@dataclass(frozen=True)
class ShownBand:
    """The criteria of a checkpoint, over the days on which answers to it are on time."""

    title: str
    early: bool
    from_on: dt.date
    until_on: dt.date
    band: Band


@dataclass(frozen=True)
class Scale:
    """One scale over a course of care."""

    key: str
    title: str
    instrument: str
    best: float
    worst: float
    primary: bool
    derived: bool
    provisional: bool
    places: tuple[Place, ...]
    bands: tuple[ShownBand, ...]
    no_band: str | None
    """Why a scale by which response is judged has no band."""
    acceptable: float | None
    """The published score of an acceptable state; shown, it never decides."""

    @property
    def newest(self) -> Place | None:
        """The last place with a score."""
        return next((place for place in reversed(self.places) if place.value is not None), None)

    @property
    def outdated(self) -> bool:
        """Whether something was due after the newest score and brought none: then that score is not the present."""
        return bool(self.places and self.places[-1].missing)


@dataclass(frozen=True)
class Visits:
    """The days of the visits that count, in order, against the limit."""

    days: tuple[dt.date, ...]
    limit: int
    notice: int


@dataclass(frozen=True)
class Course:
    """What all charts of one course of care share."""

    started_on: dt.date
    today: dt.date
    last_on: dt.date
    """The last day that has to be in sight."""
    targets: tuple[tuple[str, dt.date], ...]
    visits: Visits


def course_of(
    episode: Episode,
    pathway: Pathway,
    administrations: Sequence[Mapping[str, Any]],
    visits: Sequence[ShownVisit],
    now: dt.datetime,
) -> Course:
    """Return what the charts of a course share; ``administrations`` are those of its timeline."""
    targets = [(one["timepoint"], local_day(one["target_at"])) for one in administrations]
    titles = {one.key: one.title for one in pathway.timepoints}
    days = tuple(one.visit.visited_on for one in visits if one.place is not None)
    answered = [local_day(response["answered_at"]) for one in administrations for response in one["responses"]]
    in_time = [local_day(one["late_after"]) for one in administrations]
    return Course(
        started_on=episode.started_on,
        today=local_day(now),
        last_on=max([episode.started_on, *in_time, *days, *answered]),
        targets=tuple((titles[key], on) for key, on in targets),
        visits=Visits(days, pathway.visit_limit, pathway.visit_notice),
    )


def scales_of(
    course: Mapping[str, Any],
    pathway: Pathway,
    administrations: Sequence[Mapping[str, Any]],
    now: dt.datetime,
) -> list[Scale]:
    """Return the scales that are drawn, those by which response is judged first; ``course`` as ``trajectory`` says."""
    scales = [
        _scale(scale, pathway, administrations, now)
        for scale in course["scales"]
        if (scale["instrument"], scale["scale"]) not in RATINGS
    ]
    return sorted(scales, key=lambda scale: (not scale.primary, scale.derived))


def _scale(
    scale: Mapping[str, Any], pathway: Pathway, administrations: Sequence[Mapping[str, Any]], now: dt.datetime
) -> Scale:
    key = scale["instrument"], scale["scale"]
    measure = _measures(pathway).get(key)
    points = {point["timepoint"]: point for point in scale["points"]}
    asked = {one.key for one in pathway.timepoints if key[0] in one.instruments} or set(points)
    rows = [one for one in administrations if one["timepoint"] in asked]
    bands, no_band = _bands(key, pathway, administrations, points.get(pathway.baseline.key))
    return Scale(
        key=f"{key[0]}-{key[1]}",
        title=measure.title if measure else scale["title"],
        instrument=key[0],
        best=scale["best"],
        worst=scale["worst"],
        primary=any(one.measure.key == key for one in pathway.primary),
        derived=scale["derived"],
        provisional=any(point["wording"] != "official" for point in scale["points"]),
        places=tuple(_places(rows, points, pathway, now)),
        bands=tuple(bands),
        no_band=no_band,
        acceptable=measure.acceptable_state.value if measure and measure.acceptable_state else None,
    )


def _measures(pathway: Pathway) -> dict[tuple[str, str], Measure]:
    function = {one.measure.key: one.measure for one in pathway.function}
    return function | {one.measure.key: one.measure for one in pathway.primary}


def _places(
    administrations: Sequence[Mapping[str, Any]],
    points: Mapping[str, Mapping[str, Any]],
    pathway: Pathway,
    now: dt.datetime,
) -> Iterator[Place]:
    for one in administrations:
        point = points.get(one["timepoint"])
        target_on = local_day(one["target_at"])
        missing = None if point and point["value"] is not None else _why_missing(one, point, now)
        if point is None and missing is None:
            continue
        yield Place(
            timepoint=one["timepoint"],
            title=pathway.timepoint(one["timepoint"]).title,
            target_on=target_on,
            on=local_day(point["answered_at"]) if point else target_on,
            value=point["value"] if point else None,
            change=point["change"] if point else None,
            late=bool(point and point["late"]),
            wording=point["wording"] if point else None,
            other_activities=bool(point and point["other_activities"]),
            missing=missing,
        )


def _why_missing(administration: Mapping[str, Any], point: Mapping[str, Any] | None, now: dt.datetime) -> str | None:
    """Return in words why there is no score; None when its time has not come."""
    if point is not None:
        return "Answered, but too little for a score."
    state = administration["state"]
    if state in (*NOT_YET, "cancelled") and dt.datetime.fromisoformat(administration["target_at"]) > now:
        return None
    if administration["reason"] or state == "not_asked":
        return explained(administration["reason"] or state)
    if administration["cause"]:
        return explained(administration["cause"])
    if state == "completed":
        return "Answered, but not this scale."
    return f"{STATES['open' if state == 'planned' else state]}."


def _bands(
    key: tuple[str, str],
    pathway: Pathway,
    administrations: Sequence[Mapping[str, Any]],
    start: Mapping[str, Any] | None,
) -> tuple[list[ShownBand], str | None]:
    """Return the bands of a scale by which response is judged, or why there is none."""
    criteria: dict[str, Criterion] = {
        timepoint.key: criterion
        for timepoint in pathway.checkpoints
        for criterion in timepoint.criteria
        if criterion.measure.key == key
    }
    if not criteria:
        return [], None
    if start is None or start["value"] is None:
        return [], "There is no score at the start to count a change from, so no band can be drawn."
    if start["late"]:
        return [], "The answers of the start came late: no change is counted from them, so no band is drawn."
    shown = [
        ShownBand(
            title=pathway.timepoint(one["timepoint"]).title,
            early=pathway.timepoint(one["timepoint"]).early,
            from_on=local_day(one["opens_at"]),
            until_on=local_day(one["late_after"]),
            band=band(criteria[one["timepoint"]], start["value"]),
        )
        for one in administrations
        if one["timepoint"] in criteria
    ]
    return shown, None
