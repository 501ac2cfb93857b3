"""Plots as SVG text: drawn from the finished tables, so a plot shows what its table shows and nothing more.

400 units wide, so that on a phone a unit is about a pixel. Each has a title and a description for those who do not see
it. A hidden count is not drawn.
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import pandas as pd

from prom_service.reports.layout import HIDDEN

WIDTH = 400
LEFT, RIGHT = 34, 392
BINS = 31
OUTCOMES = {
    "improved": ("Improved", "#1b5e9e", "light"),
    "uncertain": ("Uncertain", "#9cc9e8", "dark"),
    "not_improved": ("Not improved", "#f2b36b", "dark"),
    "worse": ("Worse", "#a63a1e", "light"),
    "not_assessable": ("Not assessable", "#c9c9c9", "dark"),
}
STEPS = ("due", "eligible", "invited", "delivered", "started", "scorable", "with_baseline")
PATTERNS = (
    '<defs><pattern id="{id}-open" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="5" height="5" fill="#fff"/><rect width="2" height="5" fill="#1b5e9e"/></pattern>'
    '<pattern id="{id}-own" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="1.5" height="6" fill="#fff"/></pattern></defs>'
)


def visits_chart(distribution: pd.DataFrame, limit: int | None) -> str:
    """Draw how many episodes took how many visits, open ones hatched, with a line where the limit is passed."""
    counts = distribution[["closed", "open"]].map(_drawn)
    width = -(-len(counts) // BINS)
    bins = counts.groupby(counts.index // width).sum()
    top = max(int(bins.sum(axis="columns").max()), 1)
    step = _tick_step(top)
    height, bottom = 240, 200
    scale = (bottom - 48) / (-(-top // step) * step)
    across = (RIGHT - LEFT) / len(bins)

    def drawn() -> Iterator[str]:
        yield _legend([("Closed", "fill:#1b5e9e"), ("Open, so far", "fill:url(#visits-open)")], x=LEFT, y=14)
        for tick in range(0, -(-top // step) * step + 1, step):
            y = bottom - tick * scale
            yield f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="#ddd"/>' + _text(LEFT - 5, y + 4, f"{tick}", "end")
        for place, closed, still_open in bins.itertuples():
            x, bar = LEFT + place * across, across * 0.8
            yield _bar(x, bottom - closed * scale, bar, closed * scale, "#1b5e9e")
            yield _bar(x, bottom - (closed + still_open) * scale, bar, still_open * scale, "url(#visits-open)")
            if place * width % 5 == 0 or (width > 1 and place % 5 == 0):
                yield _text(x + bar / 2, bottom + 14, f"{place * width}", "middle")
        if limit is not None and limit + 1 <= len(counts):
            x = LEFT + (limit + 1) / width * across - across * 0.1
            yield f'<path d="M{x:.1f} 28V{bottom}" stroke="#a63a1e" stroke-width="1.5" stroke-dasharray="4 3"/>'
            near_edge = x > WIDTH * 0.7
            yield _text(x - 4 if near_edge else x + 4, 36, f"limit {limit}", "end" if near_edge else "start")
        yield _text((LEFT + RIGHT) / 2, bottom + 32, "Visits of one episode", "middle")

    description = (
        f"Bars for 0 to {len(counts) - 1} visits; height is the number of episodes."
        f" Closed {int(counts['closed'].sum())}, open {int(counts['open'].sum())} drawn."
    )
    return _svg("visits", "Visits per episode", description, height, drawn())


def outcome_chart(table: pd.DataFrame) -> str:
    """Draw the shares of the outcomes within and over the limit; provisional wording is hatched along the foot."""
    rows = table[table["group"] == "All"]
    bands = {"within": "Within the limit", "over": "Over the limit"}
    legend = [(label, f"fill:{colour}") for label, colour, _ in OUTCOMES.values()]

    def drawn() -> Iterator[str]:
        for number, (band, label) in enumerate(bands.items()):
            due = rows[(rows["visits"] == band) & (rows["outcome"] != "not_yet_due")]
            waiting = rows[(rows["visits"] == band) & (rows["outcome"] == "not_yet_due")]["episodes"]
            top = 16 + number * 58
            counted = due["due"].iloc[0] if len(due) else 0
            yield _text(4, top, f"{label}: {counted} due, {waiting.iloc[0]} not yet due", "start", "label")
            yield f'<rect x="4" y="{top + 6}" width="388" height="28" fill="#fff" stroke="#767676"/>'
            yield from _segments(due, top + 6)
        yield _legend(legend[:3], x=4, y=132)
        yield _legend([*legend[3:], ("provisional wording", "fill:#767676")], x=4, y=152)
        yield '<rect x="218" y="143" width="11" height="11" fill="url(#outcome-own)"/>'

    parts = [
        f"{bands[row.visits]}: {OUTCOMES[row.outcome][0].lower()} {row.wording} {_share(row.share)} of {row.due} due"
        for row in rows[rows["outcome"] != "not_yet_due"].itertuples()
        if row.episodes != 0
    ]
    description = "; ".join(" ".join(part.split()) for part in parts) or "No episode is due."
    return _svg("outcome", "Outcome at 3 months within and over the visit limit", description, 164, drawn())


def funnel_chart(denominators: pd.DataFrame) -> str:
    """Draw for each checkpoint how many of the due episodes reached each step."""
    rows = denominators[(denominators["group"] == "All") & (denominators["timepoint"] != "baseline")]
    most = max([_drawn(due) for due in rows["due"]], default=0) or 1

    def drawn() -> Iterator[str]:
        y = 14
        for row in rows.to_dict("records"):
            yield _text(4, y, f"{row['timepoint'].replace('-', ' ')}", "start", "label")
            for step in STEPS:
                length = _drawn(row[step]) / most * 240
                yield _text(98, y + 18, step.replace("_", " "), "end") + _bar(104, y + 8, length, 12, "#1b5e9e")
                yield _text(110 + length, y + 18, f"{row[step]}", "start")
                y += 17
            y += 28

    parts = [
        f"{row['timepoint']}: " + ", ".join(f"{step.replace('_', ' ')} {row[step]}" for step in STEPS)
        for row in rows.to_dict("records")
    ]
    height = max(len(rows) * (17 * len(STEPS) + 28), 20)
    return _svg("funnel", "From due to judged", "; ".join(parts) or "No checkpoint yet.", height, drawn())


def _segments(due: pd.DataFrame, top: int) -> Iterator[str]:
    x = 4.0
    for row in due.itertuples():
        width = (0 if row.share == HIDDEN or pd.isna(row.share) else float(row.share)) * 388
        if width <= 0:
            continue
        _label, colour, ink = OUTCOMES[row.outcome]
        yield _bar(x, top, width, 28, colour)
        if row.wording == "provisional wording":
            yield _bar(x, top + 21, width, 7, "url(#outcome-own)")  # Below the figure, which stays legible.
        if width > 36:
            yield _text(x + width / 2, top + 16, _share(row.share), "middle", ink)
        x += width


def _svg(name: str, title: str, description: str, height: int, drawn: Iterator[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}-title {name}-desc"'
        f' xmlns="http://www.w3.org/2000/svg"><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{PATTERNS.format(id=name)}{"".join(drawn)}</svg>'
    )


def _bar(x: float, y: float, width: float, height: float, fill: str) -> str:
    if width <= 0 or height <= 0:
        return ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>'


def _legend(entries: Sequence[tuple[str, str]], *, x: float, y: float) -> str:
    pieces = []
    for label, paint in entries:
        fill = paint.removeprefix("fill:")
        pieces.append(f'<rect x="{x:.1f}" y="{y - 9}" width="11" height="11" fill="{fill}" stroke="#767676"/>')
        pieces.append(_text(x + 16, y, label, "start"))
        x += 107
    return "".join(pieces)


def _tick_step(top: int) -> int:
    """Return the smallest round step with which at most five ticks reach ``top``."""
    step = 1
    while top > 5 * step:
        step = step * 5 // 2 if f"{step}"[0] == "2" else step * 2
    return step


def _drawn(count: Any) -> int:
    return 0 if count == HIDDEN else int(count)


def _share(share: Any) -> str:
    return str(share) if isinstance(share, str) else f"{share:.0%}".replace("%", "\N{NO-BREAK SPACE}%")
