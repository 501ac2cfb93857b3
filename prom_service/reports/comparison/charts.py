"""Funnel plots: the share of each unit by its size, and how far chance alone would scatter them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from prom_service.reports.comparison.labels import labels
from prom_service.reports.comparison.limits import INSIDE, NOT_COMPARED, UNCLEAR
from prom_service.reports.drawing import RIGHT, Part, share_text, stacked, text, tick_step
from prom_service.reports.rounding import EVERYTHING
from prom_service.reports.statistics import LIMITS, funnel_limits

LEFT, TOP, BOTTOM, HEIGHT = 44, 66, 286, 344
LINES = 60
"""Sizes at which the limits are computed to draw a line through them."""
BLUE, RED = "#1b5e9e", "#a63a1e"
GREY, THICK = "#4a4a4a", ' stroke-width="2"'
DASHES = dict(zip(LIMITS, (' stroke-dasharray="5 3"', ""), strict=True))
OF_WORDING = {"official": "Official wording", "provisional wording": "Provisional wording"}
NAMED, DESCRIBED = 12, 10
"""At most so many of the units outside the limits are named on the plot and in its description."""


@dataclass(frozen=True)
class Plane:
    """Where on the picture a size and a share lie; sizes reach up to ``most``, with a tick at each ``step``."""

    most: int
    step: int

    def x(self, size: float) -> float:
        """Return how far to the right."""
        return LEFT + size / self.most * (RIGHT - LEFT)

    def y(self, share: float) -> float:
        """Return how far down."""
        return BOTTOM - share * (BOTTOM - TOP)


def improved_funnels(tables: Mapping[str, pd.DataFrame]) -> str:
    """Draw the share improved of each unit by the number judged, a plot for each wording."""
    table = tables["share_improved"].rename(columns={"judged": "size", "share_improved": "share"})
    plots = [(OF_WORDING[wording], rows) for wording, rows in table.groupby("wording")]
    return _picture("improved", "Share improved at 3 months by number judged", plots, axis="Episodes judged")


def over_limit_funnel(tables: Mapping[str, pd.DataFrame]) -> str:
    """Draw the share over the visit limit of each unit by its number of closed episodes."""
    table = tables["share_over_limit"].rename(columns={"closed": "size", "share_over": "share"})
    plots = [("", table)] if len(table) else []
    return _picture("over", "Share over the visit limit by number of closed episodes", plots, axis="Closed episodes")


def _picture(name: str, title: str, plots: list[tuple[str, pd.DataFrame]], *, axis: str) -> str:
    """Return the plots one below the other, without those on which no unit would stand; nothing when none is left."""
    plots = [(heading, table) for heading, table in plots if len(_units_drawn(_shown(table)))]
    if not plots:
        return ""
    parts, told = [], []
    for heading, table in plots:
        pieces, description = _funnel(table, axis)
        label = text(4, 14, heading, "start", "label")
        parts.append(Part(HEIGHT, [label, *pieces]))
        told.append(f"{heading}: {description}" if heading else description)
    return stacked(name, title, " ".join(told), parts)


def _funnel(table: pd.DataFrame, axis: str) -> tuple[list[str], str]:
    """Draw the columns group, size, share, target and position, and tell of them; a hidden figure is not drawn."""
    shown = _shown(table)
    total = shown["group"] == EVERYTHING
    points = _units_drawn(shown)
    target = shown.loc[total, "target"].dropna()
    largest = max([5, *points["size"].astype("int64")])
    step = tick_step(largest)
    plane = Plane(-(-largest // step) * step, step)
    drawn = [*_key(), *_axes(plane, axis)]
    if len(target):
        drawn += _limits(plane, target.iloc[0])
    drawn += [*_names(plane, points), *_points(plane, points)]
    return drawn, _description(points, int((~total).sum()), target)


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its hidden figures missing."""
    figures = table[["size", "share", "target"]].apply(pd.to_numeric, errors="coerce")
    return pd.concat([table[["group", "position"]], figures], axis="columns")


def _units_drawn(shown: pd.DataFrame) -> pd.DataFrame:
    return shown[(shown["group"] != EVERYTHING) & shown["share"].notna()]


def _key() -> Iterator[str]:
    outside = ((134, "above 95 %", "outside 95 %"), (218, "above 99.8 %", "outside 99.8 %"))
    for x, position, told in ((8, INSIDE, INSIDE), (56, UNCLEAR, UNCLEAR), *outside, (311, NOT_COMPARED, NOT_COMPARED)):
        yield _mark(x, 28, position) + text(x + 9, 32, told, "start")
    lines = [(4, f"{level * 100:g} % limits", DASHES[level]) for level in LIMITS] + [(4, "overall share", THICK)]
    for place, (x, told, look) in enumerate(lines):
        x += place * 118
        yield f'<path d="M{x} 46h22" stroke="{GREY}"{look}/>' + text(x + 27, 50, told, "start")


def _axes(plane: Plane, axis: str) -> Iterator[str]:
    for tick in range(0, 101, 20):
        y = plane.y(tick / 100)
        yield f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="#ddd"/>' + text(LEFT - 4, y + 4, f"{tick} %", "end")
    for size in range(0, plane.most + 1, plane.step):
        anchor = "end" if size == plane.most else "middle"
        yield text(plane.x(size), BOTTOM + 15, f"{size}", anchor)
    yield text((LEFT + RIGHT) / 2, BOTTOM + 32, axis, "middle")


def _limits(plane: Plane, target: float) -> Iterator[str]:
    """Draw the overall share, and the limits through sizes that lie closer together where the lines bend."""
    y = plane.y(target)
    yield f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="{GREY}"{THICK}/>'
    sizes = sorted({max(1, round(plane.most * (place / LINES) ** 2)) for place in range(1, LINES + 1)})
    for level in LIMITS:
        ends = [funnel_limits(size, target, level) for size in sizes]
        for side in zip(*ends, strict=True):
            line = "L".join(f"{plane.x(n):.1f} {plane.y(share):.1f}" for n, share in zip(sizes, side, strict=True))
            yield f'<path d="M{line}" fill="none" stroke="{GREY}"{DASHES[level]}/>'


def _points(plane: Plane, points: pd.DataFrame) -> Iterator[str]:
    for row in points.itertuples():
        yield _mark(plane.x(row.size), plane.y(row.share), row.position)


def _mark(x: float, y: float, position: str) -> str:
    """Return a unit's mark: its shape tells the position as well as its colour does."""
    if position.endswith("99.8 %"):
        return f'<path d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z" fill="{RED}"/>'
    if position.endswith("95 %"):
        return f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" fill="{RED}"/>'
    if position == UNCLEAR:
        return f'<path d="M{x - 3:.1f} {y - 3:.1f}h6v6h-6z" fill="none" stroke="{RED}"/>'
    paint = f'fill="#fff" fill-opacity="0" stroke="{BLUE}"' if position == NOT_COMPARED else f'fill="{BLUE}"'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" {paint}/>'


def _outside(points: pd.DataFrame) -> pd.DataFrame:
    """Return the units outside a limit, the farthest limit and the largest first."""
    outside = points[~points["position"].isin([INSIDE, UNCLEAR, NOT_COMPARED])]
    far = outside["position"].str.endswith("99.8 %")
    return outside.assign(far=far).sort_values(["far", "size", "group"], ascending=[False, False, True])


def _names(plane: Plane, points: pd.DataFrame) -> Iterator[str]:
    """Write the names of the units outside the limits, away from the middle; say how many found no room."""
    outside = _outside(points)
    marks = [
        (plane.x(row.size), plane.y(row.share), row.group, -1 if row.position.startswith("above") else 1)
        for row in outside.itertuples()
    ]
    others = [(plane.x(row.size), plane.y(row.share)) for row in points.itertuples()]
    written = labels(marks[:NAMED], others, frame=(LEFT, TOP - 8, RIGHT, BOTTOM))
    for mark, label in written:
        yield f'<path d="M{mark[0]:.1f} {mark[1]:.1f}L{label.x:.1f} {label.foot:.1f}" stroke="{GREY}"/>'
        yield text(label.x, label.y, label.name, label.anchor, "tick name")
    if len(written) < len(marks):
        yield text(LEFT, BOTTOM + 50, f"{len(marks) - len(written)} more outside the limits are in the table", "start")


def _description(points: pd.DataFrame, units: int, target: pd.Series) -> str:
    overall = f"Overall {share_text(target.iloc[0])}. " if len(target) else ""
    counts = points["position"].value_counts()
    compared = len(points) - int(counts.get(NOT_COMPARED, 0))
    outside = _outside(points)
    names = [f"{row.group}: {share_text(row.share)} of {row.size:.0f}, {row.position}" for row in outside.itertuples()]
    unclear = f" Unclear: {counts[UNCLEAR]}." if UNCLEAR in counts else ""
    more = [f"and {len(names) - DESCRIBED} more"] if len(names) > DESCRIBED else []
    told = "; ".join(names[:DESCRIBED] + more) or "none"
    return f"{overall}{units} units, {len(points)} drawn, {compared} compared. Outside the limits: {told}.{unclear}"
