"""Funnel plots: the share of each unit by its size, and how far chance alone would scatter them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from prom_service.reports.cohort import EVERYTHING
from prom_service.reports.comparison.labels import labels
from prom_service.reports.comparison.limits import INSIDE, NOT_COMPARED
from prom_service.reports.drawing import LEFT, RIGHT, share_text, svg, text, tick_step
from prom_service.reports.statistics import LIMITS, funnel_limits

TOP, BOTTOM, HEIGHT = 48, 268, 306
LINES = 60
"""Sizes at which the limits are computed to draw a line through them."""
BLUE, RED = "#1b5e9e", "#a63a1e"
DASHES = dict(zip(LIMITS, (' stroke-dasharray="5 3"', ""), strict=True))
DESCRIBED = 10


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
    table = tables["share_improved"]
    titles = {"official": "official wording", "provisional wording": "provisional wording"}
    return "".join(
        funnel(
            rows.assign(size=rows["judged"], share=rows["share_improved"]),
            name=f"improved-{wording.split()[0]}",
            title=f"Share improved at 3 months, {titles[wording]}",
            axis="Episodes judged",
        )
        for wording, rows in table.groupby("wording", sort=True)
    )


def over_limit_funnel(tables: Mapping[str, pd.DataFrame]) -> str:
    """Draw the share over the visit limit of each unit by its number of closed episodes."""
    table = tables["share_over_limit"]
    return funnel(
        table.assign(size=table["closed"], share=table["share_over"]),
        name="over",
        title="Share of closed episodes over the visit limit",
        axis="Closed episodes",
    )


def funnel(table: pd.DataFrame, *, name: str, title: str, axis: str) -> str:
    """Return the plot of the columns group, size, share, target and position; a hidden figure is not drawn."""
    figures = table[["size", "share", "target"]].apply(pd.to_numeric, errors="coerce")
    shown = pd.concat([table[["group", "position"]], figures], axis="columns")
    total = shown["group"] == EVERYTHING
    points = shown[~total & shown["share"].notna()]
    target = shown.loc[total, "target"].dropna()
    largest = max(5, *points["size"].astype("int64"))
    step = tick_step(largest)
    plane = Plane(-(-largest // step) * step, step)
    drawn = [*_key(), *_axes(plane, axis)]
    if len(target) and len(points):
        drawn += _limits(plane, target.iloc[0])
    drawn += [*_points(plane, points), *_names(plane, points)]
    return svg(name, title, _description(points, int((~total).sum()), target), HEIGHT, iter(drawn))


def _key() -> Iterator[str]:
    yield _mark(8, 12, INSIDE) + text(16, 16, "inside", "start")
    yield _mark(62, 12, "above 95 %") + text(70, 16, "outside 95 %", "start")
    yield _mark(152, 12, "above 99.8 %") + text(160, 16, "outside 99.8 %", "start")
    yield _mark(252, 12, NOT_COMPARED) + text(260, 16, "not compared", "start")
    for x, level in zip((4, 90), LIMITS, strict=True):
        yield f'<path d="M{x} 30h22" stroke="#4a4a4a"{DASHES[level]}/>' + text(
            x + 26, 34, f"{level:.1%} limits", "start"
        )
    yield '<path d="M190 30h22" stroke="#4a4a4a" stroke-width="2"/>' + text(216, 34, "overall share", "start")


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
    yield f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="#4a4a4a" stroke-width="2"/>'
    sizes = sorted({max(1, round(plane.most * (place / LINES) ** 2)) for place in range(1, LINES + 1)})
    for level in LIMITS:
        ends = [funnel_limits(size, target, level) for size in sizes]
        for side in zip(*ends, strict=True):
            line = "L".join(f"{plane.x(n):.1f} {plane.y(share):.1f}" for n, share in zip(sizes, side, strict=True))
            yield f'<path d="M{line}" fill="none" stroke="#4a4a4a"{DASHES[level]}/>'


def _points(plane: Plane, points: pd.DataFrame) -> Iterator[str]:
    for row in points.itertuples():
        yield _mark(plane.x(row.size), plane.y(row.share), row.position)


def _mark(x: float, y: float, position: str) -> str:
    """Return a unit's mark: its shape tells the position as well as its colour does."""
    if position.endswith("99.8 %"):
        return f'<path d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z" fill="{RED}"/>'
    if position.endswith("95 %"):
        return f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" fill="{RED}"/>'
    paint = f'fill="#fff" fill-opacity="0" stroke="{BLUE}"' if position == NOT_COMPARED else f'fill="{BLUE}"'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" {paint}/>'


def _outside(points: pd.DataFrame) -> pd.DataFrame:
    """Return the units outside a limit, the farthest limit and the largest first."""
    outside = points[~points["position"].isin([INSIDE, NOT_COMPARED])]
    far = outside["position"].str.endswith("99.8 %")
    return outside.assign(far=far).sort_values(["far", "size", "group"], ascending=[False, False, True])


def _names(plane: Plane, points: pd.DataFrame) -> Iterator[str]:
    outside = _outside(points)
    marks = [(plane.x(row.size), plane.y(row.share), row.group) for row in outside.itertuples()]
    written = labels(marks, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
    for x, y, name, anchor in written:
        yield f'<g stroke="#fff" stroke-width="3" paint-order="stroke">{text(x, y, name, anchor)}</g>'
    if len(written) < len(marks):
        yield text(RIGHT, BOTTOM + 32, f"{len(marks) - len(written)} more outside: see the table", "end")


def _description(points: pd.DataFrame, units: int, target: pd.Series) -> str:
    overall = f"Overall {share_text(target.iloc[0])}. " if len(target) else ""
    counts = points["position"].value_counts()
    compared = len(points) - int(counts.get(NOT_COMPARED, 0))
    outside = _outside(points)
    names = [f"{row.group}: {share_text(row.share)} of {row.size:.0f}, {row.position}" for row in outside.itertuples()]
    more = [f"and {len(names) - DESCRIBED} more"] if len(names) > DESCRIBED else []
    told = "; ".join(names[:DESCRIBED] + more) or "none"
    return f"{overall}{units} units, {len(points)} drawn, {compared} compared. Outside the limits: {told}."
