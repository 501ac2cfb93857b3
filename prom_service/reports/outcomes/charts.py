"""Plots of the outcomes report: scores over time, and the change since the start beside its measurement error.

A figure that is hidden from its readers is not drawn.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from prom_service.reports.drawing import LEFT, RIGHT, Part, legend, stacked, text
from prom_service.reports.kind import Tables
from prom_service.reports.outcomes.layouts import MOMENTS
from prom_service.reports.rounding import EVERYTHING, WITHHELD

HIGH, BELOW = 120, 58
"""Height of one plot of scores, and what its title and axis take."""
GROUPS_DRAWN = 12
"""With more groups than these only all together are drawn; the table has every group."""
ROW = 17
NAME_DRAWN = 18
"""Letters of a group's name for which there is room."""
BLUE, LIGHT, GREY = "#1b5e9e", "#9cc9e8", "#dcdcdc"


def scores_chart(tables: Tables) -> str:
    """Draw for each scale the median and quartiles over time, single courses thin, and the measurement error.

    With a few groups their medians are dashed.
    """
    panels = [panel for panel in _panels(tables["scores"]) if len(panel) > 1]
    errors = _errors(tables)

    def drawn(panel: pd.DataFrame) -> Iterator[str]:
        scale, wording = panel["scale"].iloc[0], panel["wording"].iloc[0]
        yield text(4, 14, f"{scale}, {wording}", "start", "label")
        courses = tables["courses"].query("scale == @scale and wording == @wording")
        groups = tables["scores"].query("scale == @scale and wording == @wording and group != @EVERYTHING")
        yield from _panel(panel, courses, groups, errors.get(scale), 24)

    head = legend([("Median", BLUE), ("Quartiles", LIGHT), ("Error of one person", GREY)], x=LEFT, y=14)
    told = [_panel_in_words(panel, errors.get(panel["scale"].iloc[0])) for panel in panels]
    parts = [Part(HIGH + BELOW, drawn(panel)) for panel in panels]
    description = " ".join(told) or "No scale has a later score."
    return stacked("trajectory", "Scores over time", description, parts, Part(24, [head]))


def changes_chart(tables: Tables) -> str:
    """Draw the mean change of each scale with its interval, all and by group, over the measurement error."""
    changes, errors = tables["changes"], _errors(tables)
    spans = {row.scale: abs(row.best - row.worst) for row in tables["scores"].itertuples()}
    blocks = [rows for _, rows in changes.groupby(["scale", "wording"], sort=False)]
    shown = [_rows_of(block) for block in blocks]
    head = legend([("Mean with CI", BLUE), ("Error of one person", GREY)], x=LEFT, y=14)
    parts = [Part(40 + ROW * len(list(_lines(rows))), _block(rows, spans, errors, top=6)) for rows in shown]
    description = " ".join(_changes_in_words(rows) for rows in shown) or "No change is known."
    return stacked("change", "Mean change since the start", description, parts, Part(24, [head]))


def _panels(scores: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the rows of all episodes together, a scale and a wording at a time."""
    rows = scores[scores["group"] == EVERYTHING]
    for _, panel in rows.groupby(["scale", "wording"], sort=False):
        yield panel


def _errors(tables: Tables) -> dict[str, float]:
    """Return the measurement error of each scale for which one is shown."""
    rows = tables["reliable_change"]
    return {row.scale: float(row.error) for row in rows.itertuples() if _is_shown(row.error)}


def _panel(
    panel: pd.DataFrame, courses: pd.DataFrame, groups: pd.DataFrame, error: float | None, top: float
) -> Iterator[str]:
    worst, best = (float(panel[name].iloc[0]) for name in ("worst", "best"))
    across = {key: LEFT + 30 + n * (RIGHT - LEFT - 60) / (len(panel) - 1) for n, key in enumerate(panel["timepoint"])}

    def up(value: float) -> float:
        return top + HIGH - min(max((value - worst) / (best - worst), 0), 1) * HIGH

    yield from _error_band(panel, error, up)
    for end in (worst, (worst + best) / 2, best):
        yield f'<path d="M{LEFT} {up(end):.1f}H{RIGHT}" stroke="#bbb"/>'
        yield text(LEFT - 5, up(end) + 4, f"{end:g}", "end")
    shown = [row for row in panel.itertuples() if _is_shown(row.median)]
    band = [(across[row.timepoint], up(row.quartile_1)) for row in shown]
    band += [(across[row.timepoint], up(row.quartile_3)) for row in reversed(shown)]
    yield f'<path d="{_path(band)}Z" fill="{LIGHT}" fill-opacity="0.6"/>' if band else ""
    for course in courses[list(MOMENTS)].itertuples(index=False):
        points = [(across[key], up(value)) for key, value in zip(MOMENTS, course, strict=True) if pd.notna(value)]
        yield f'<path d="{_path(points)}" fill="none" stroke="#555" stroke-width="0.5" stroke-opacity="0.7"/>'
    for _, group in groups.groupby("group") if groups["group"].nunique() <= GROUPS_DRAWN else ():
        yield _median(group, across, up, 'stroke-width="1" stroke-dasharray="3 3"')
    yield _median(panel, across, up, 'stroke-width="2.5"')
    yield from _moments(panel, across, top + HIGH + 16)


def _moments(panel: pd.DataFrame, across: dict[str, float], y: float) -> Iterator[str]:
    """Name the timepoints; the last ends where the plot does, however many digits its number of scores has."""
    for row in panel.itertuples():
        label = f"{row.timepoint.replace('-', ' ')} (n {row.scores})"
        is_last = row.timepoint == panel["timepoint"].iloc[-1]
        yield text(RIGHT if is_last else across[row.timepoint], y, label, "end" if is_last else "middle")


def _median(rows: pd.DataFrame, across: dict[str, float], up: Any, how: str) -> str:
    points = [(across[row.timepoint], up(row.median)) for row in rows.itertuples() if _is_shown(row.median)]
    return f'<path d="{_path(points)}" fill="none" stroke="{BLUE}" {how}/>' if points else ""


def _error_band(panel: pd.DataFrame, error: float | None, up: Any) -> Iterator[str]:
    """Draw what one person's score may differ by chance alone, about the median of the start."""
    start = panel[panel["timepoint"] == "baseline"]
    if error is None or start.empty or not _is_shown(start["median"].iloc[0]):
        return
    middle = float(start["median"].iloc[0])
    ends = sorted((up(middle - error), up(middle + error)))
    yield f'<rect x="{LEFT}" y="{ends[0]:.1f}" width="{RIGHT - LEFT}" height="{ends[1] - ends[0]:.1f}" fill="{GREY}"/>'


def _rows_of(block: pd.DataFrame) -> pd.DataFrame:
    """Return what is drawn of one scale: all at every timepoint, then the groups at the last."""
    total, groups = block[block["group"] == EVERYTHING], block[block["group"] != EVERYTHING]
    groups = groups[groups["timepoint"] == total["timepoint"].iloc[-1]]
    return pd.concat([total, groups]) if len(groups) <= GROUPS_DRAWN else total


def _block(rows: pd.DataFrame, spans: dict[str, float], errors: dict[str, float], *, top: float) -> Iterator[str]:
    span, error = spans[rows["scale"].iloc[0]], errors.get(rows["scale"].iloc[0])
    lines = list(_lines(rows))
    left, right, bottom = 150.0, float(RIGHT - 8), top + 14 + ROW * len(lines)

    def along(change: float) -> float:
        return left + (min(max(change / span, -0.5), 0.5) + 0.5) * (right - left)

    yield text(4, top + 8, f"{rows['scale'].iloc[0]}, {rows['wording'].iloc[0]}", "start", "label")
    if error is not None:
        x, width = along(-error), along(error) - along(-error)
        yield f'<rect x="{x:.1f}" y="{top + 14:.1f}" width="{width:.1f}" height="{ROW * len(lines)}" fill="{GREY}"/>'
    yield f'<path d="M{along(0):.1f} {top + 14:.1f}V{bottom:.1f}" stroke="#555"/>'
    for number, (name, row) in enumerate(lines):
        y = top + 14 + ROW * (number + 0.5)
        yield text(left - 6, y + 4, name, "end")
        yield from _mean(row, along, y) if row else ()
    for change in (-span / 2, 0, span / 2):
        yield text(along(change), bottom + 12, _signed(change), "middle")


def _lines(rows: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the row of each line; one without a row says at which timepoint the groups below it are."""
    below = False
    for row in rows.to_dict("records"):
        moment = row["timepoint"].replace("-", " ")
        if row["group"] != EVERYTHING and not below:
            below = True
            yield f"by group, {moment}:", {}
        name = f"All, {moment}" if row["group"] == EVERYTHING else row["group"]
        yield f"{name[:NAME_DRAWN]} (n {row['pairs']})", row


def _mean(row: dict[str, Any], along: Any, y: float) -> Iterator[str]:
    if not _is_shown(row["mean_change"]):
        return
    if _is_shown(row["change_low"]):
        low, high = along(row["change_low"]), along(row["change_high"])
        yield f'<path d="M{low:.1f} {y:.1f}H{high:.1f}" stroke="{BLUE}" stroke-width="2"/>'
    yield f'<circle cx="{along(row["mean_change"]):.1f}" cy="{y:.1f}" r="4" fill="{BLUE}"/>'


def _panel_in_words(panel: pd.DataFrame, error: float | None) -> str:
    moments = [
        f"{row['timepoint'].replace('-', ' ')} median {_figure(row['median'])}, quartiles"
        f" {_figure(row['quartile_1'])} to {_figure(row['quartile_3'])}, {row['scores']} scores"
        for row in panel.to_dict("records")
    ]
    known = f"; measurement error of one person {error:g} about the median of the start" if error is not None else ""
    return f"{panel['scale'].iloc[0]}, {panel['wording'].iloc[0]}: {'; '.join(moments)}{known}."


def _changes_in_words(rows: pd.DataFrame) -> str:
    parts = [
        f"{row['group']} {row['timepoint'].replace('-', ' ')} {_figure(row['mean_change'])}"
        f" ({_figure(row['change_low'])} to {_figure(row['change_high'])}, n {row['pairs']})"
        for row in rows.to_dict("records")
    ]
    return f"{rows['scale'].iloc[0]}, {rows['wording'].iloc[0]}: {'; '.join(parts)}."


def _signed(change: float) -> str:
    return f"{change:+g}".replace("-", "\N{MINUS SIGN}") if change else "0"


def _figure(value: Any) -> str:
    return f"{value:.1f}" if _is_shown(value) else WITHHELD if value == WITHHELD else "unknown"


def _is_shown(value: Any) -> bool:
    return not isinstance(value, str) and bool(pd.notna(value))


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
