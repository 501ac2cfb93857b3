"""The chart of one scale over a course of care, as SVG text without script and without inline style.

Better is always up, whichever end of the scale is best. What a chart shows by shape or place is also said in its
description and in the table beside it. Colours come from the style sheet, and carry no meaning alone.
"""

import datetime as dt
from collections.abc import Iterator
from html import escape
from itertools import groupby

from prom_service.pathway.reason import moved
from prom_service.web.dashboard.ages import day
from prom_service.web.dashboard.trajectory_view import Course, Place, Scale, ShownBand

WIDTH, HEIGHT = 360, 292
LEFT, RIGHT, TOP, BOTTOM = 34, 276, 20, 174
VISITS = 240
"""Where the line of the visits lies."""
DAY = dt.timedelta(days=1)
LINE = 15
"""Units of height that a line of text takes, on a phone, where it is largest."""
NARROW = 30
"""Units of width below which a label does not fit between two others."""
ASIDE = 4
"""Units by which two numbers lean apart that would run together."""


def draw(scale: Scale, course: Course) -> str:
    """Return the chart."""
    name = f"chart-{scale.key}"
    title = f"{scale.title} over the course of care"
    drawn = "".join(_Drawing(scale, course).parts())
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(_described(scale, course))}'
        f"</desc>{drawn}</svg>"
    )


class _Drawing:
    """The parts of one chart, and the two axes they share."""

    def __init__(self, scale: Scale, course: Course) -> None:
        self.scale, self.course = scale, course
        self.first = min([course.started_on, *course.visits.days, *(place.on for place in scale.places)])
        self.last = course.last_on

    def parts(self) -> Iterator[str]:
        """Yield what is drawn, from the back to the front."""
        for shown in self.scale.bands:
            yield from self._band(shown)
        yield from self._axes()
        if self.scale.acceptable is not None:
            yield self._line_at(self.scale.acceptable, "acceptable")
        if self.first <= self.course.today <= self.last:
            x = self._x(self.course.today)
            yield f'<path class="today" d="M{x:.1f} {TOP - 6}V{BOTTOM}"/>' + _text(x, TOP - 8, "today", self._anchor(x))
        yield from self._scores()
        yield from self._names()
        yield from self._visits()

    def _x(self, on: dt.date) -> float:
        span = max((self.last - self.first).days, 1)
        return LEFT + (on - self.first).days / span * (RIGHT - LEFT)

    def _y(self, value: float) -> float:
        worst, best = self.scale.worst, self.scale.best
        return BOTTOM - (value - worst) / (best - worst) * (BOTTOM - TOP)

    def _line_at(self, value: float, kind: str) -> str:
        return f'<path class="{kind}" d="M{LEFT} {self._y(value):.1f}H{RIGHT}"/>'

    def _axes(self) -> Iterator[str]:
        yield f'<path class="axis" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>'
        middle = (self.scale.best + self.scale.worst) / 2
        for value in (self.scale.best, middle, self.scale.worst):
            yield _text(LEFT - 4, self._y(value) + 4, f"{value:g}", "end")
        for title, on in self.course.targets:
            x = self._x(on)
            anchor = self._anchor(x)
            yield f'<path class="axis" d="M{x:.1f} {BOTTOM}v5"/>'
            yield _text(x, BOTTOM + 18, title, anchor)
            yield _text(x, BOTTOM + 18 + LINE, f"{on:%-d %b}", anchor, "soft")

    def _band(self, shown: ShownBand) -> Iterator[str]:
        left, right = self._x(max(shown.from_on, self.first)), self._x(shown.until_on)
        for kind, _label, low, high in self._zones(shown):
            yield f'<rect class="band {kind}" x="{left:.1f}" y="{high:.1f}" width="{right - left:.1f}"'
            yield f' height="{max(low - high, 0):.1f}"/>'

    def _names(self) -> Iterator[str]:
        """Yield what the zones of the last band and the acceptable state are called, beside the chart and apart."""
        zones = self._zones(self.scale.bands[-1]) if self.scale.bands else []
        names = [((low + high) / 2 + 4, label) for _kind, label, low, high in zones if low > high]
        if self.scale.acceptable is not None:
            names.append((self._y(self.scale.acceptable) + 4, f"PASS {self.scale.acceptable:g}"))
        last = float("-inf")
        for y, label in sorted(names):
            last = max(y, last + LINE)
            yield _text(RIGHT + 4, last, label, kind="zone")

    def _zones(self, shown: ShownBand) -> list[tuple[str, str, float, float]]:
        """Return the zones of a band with their names, and between which heights each lies."""
        improved, borderline, worse = shown.band.improved_from, shown.band.borderline_from, shown.band.worse_from
        zones: list[tuple[str, str, float, float]] = []
        if improved is not None:
            zones.append(("improved", "on track" if shown.early else "improved", self._y(improved), TOP))
        if borderline is not None:
            upper = self._y(improved) if improved is not None else TOP
            zones.append(("borderline", "borderline", self._y(borderline), upper))
        if worse is not None:
            zones.append(("worse", "worse", BOTTOM, self._y(worse)))
        return zones

    def _scores(self) -> Iterator[str]:
        """Yield the scores joined where nothing is missing between them and they compare; a gap stays a gap."""
        for (missing, _others), run in groupby(self.scale.places, key=_drawn_as):
            places = list(run)
            if missing:
                yield from (self._gap(place) for place in places)
                continue
            path = "L".join(f"{self._x(place.on):.1f} {self._y(place.value or 0):.1f}" for place in places)
            yield f'<path class="course" d="M{path}"/>' if len(places) > 1 else ""
            yield from (self._score(place) for place in places)

    def _score(self, place: Place) -> str:
        value = place.value or 0
        x, y = self._x(place.on), self._y(value)
        mark = (
            f'<rect class="score late" x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10"/>'
            if place.late
            else f'<circle class="score" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
        )
        above = y - 9 if y > TOP + 14 else y + 19
        return mark + _text(x, above, f"{value:.1f}{' late' if place.late else ''}", self._anchor(x), "value")

    def _gap(self, place: Place) -> str:
        """Draw a cross on the axis, where it cannot be read as a score, and say so below the day."""
        x = self._x(place.target_on)
        cross = f'<path class="gap" d="M{x - 5:.1f} {BOTTOM - 5}l10 10m0 -10l-10 10"/>'
        return cross + _text(x, BOTTOM + 18 + 2 * LINE, "no score", self._anchor(x), "value")

    def _anchor(self, x: float) -> str:
        """Return how a label is set so that it stays on the chart."""
        return "start" if x < LEFT + NARROW else "end" if x > RIGHT - NARROW else "middle"

    def _visits(self) -> Iterator[str]:
        visits = self.course.visits
        yield f'<path class="axis" d="M{LEFT} {VISITS}H{RIGHT}"/>'
        for place, on in enumerate(visits.days, start=1):
            tall = place >= visits.limit or place == visits.notice
            kind = "visit over" if place > visits.limit else "visit"
            yield f'<path class="{kind}" d="M{self._x(on):.1f} {VISITS}v{-12 if tall else -7}"/>'
        yield from self._numbers()
        yield _text(LEFT, VISITS + 16 + LINE, f"Visits: {_against_limit(self.course)}")
        yield _text(LEFT, VISITS + 16 + 2 * LINE, f"Notice at {visits.notice}; over the limit drawn thick", kind="soft")

    def _numbers(self) -> Iterator[str]:
        """Yield the numbers of the visits at the notice level and the limit, which lean apart when they are close."""
        visits = self.course.visits
        reached = [place for place in sorted({visits.notice, visits.limit}) if place <= len(visits.days)]
        places = [self._x(visits.days[place - 1]) for place in reached]
        close = len(places) > 1 and places[1] - places[0] < NARROW
        leaning = ((-ASIDE, "end"), (ASIDE, "start")) if close else ((0, "middle"), (0, "middle"))
        for place, x, (aside, anchor) in zip(reached, places, leaning, strict=False):
            yield _text(x + aside, VISITS + 14, f"{place}", anchor, "value")


def _drawn_as(place: Place) -> tuple[bool, bool]:
    """Return whether a score is missing, and whether it compares with no baseline."""
    return place.value is None, place.other_activities


def _described(scale: Scale, course: Course) -> str:
    """Return what the chart shows, for those who do not see it."""
    said = [f"Better is up: {scale.best:g} is best, {scale.worst:g} worst."]
    for place in scale.places:
        if place.value is None:
            said.append(f"{place.title}: no score. {place.missing}")
        else:
            change = "" if place.change is None else f", {moved(place.change)}"
            late = ", late" if place.late else ""
            others = ", of other activities than at the start, not compared" if place.other_activities else ""
            said.append(f"{place.title}: {place.value:.1f} on {day(place.on)}{late}{change}{others}.")
    said += [_band_said(shown) for shown in scale.bands]
    if scale.no_band:
        said.append(scale.no_band)
    return " ".join([*said, f"Visits: {_against_limit(course)}."])


def _band_said(shown: ShownBand) -> str:
    labels = {
        "on track" if shown.early else "improved": shown.band.improved_from,
        "borderline": shown.band.borderline_from,
        "worse": shown.band.worse_from,
    }
    places = [f"{label} from {value:.1f}" for label, value in labels.items() if value is not None]
    return f"{shown.title}: {', '.join(places) or 'no room on the scale for the change that counts'}."


def _against_limit(course: Course) -> str:
    counted, limit = len(course.visits.days), course.visits.limit
    over = f", {counted - limit} over it" if counted > limit else ""
    return f"{counted} counted, limit {limit}{over}"


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "tick") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
