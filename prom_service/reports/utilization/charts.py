"""Plots of the utilization report: visits per episode, and outcomes beside visits."""

from collections.abc import Iterator, Mapping

import pandas as pd

from prom_service.reports.drawing import LEFT, RIGHT, WIDTH, bar, count_drawn, legend, share_text, svg, text, tick_step
from prom_service.reports.rounding import HIDDEN
from prom_service.reports.utilization.tables import SHOWN_AT_LEAST

BINS = 31
OUTCOMES = {
    "improved": ("Improved", "#1b5e9e", "light"),
    "uncertain": ("Uncertain", "#9cc9e8", "dark"),
    "not_improved": ("Not improved", "#f2b36b", "dark"),
    "worse": ("Worse", "#a63a1e", "light"),
    "not_assessable": ("Not assessable", "#c9c9c9", "dark"),
}


def visits_chart(tables: Mapping[str, pd.DataFrame]) -> str:
    """Draw how many episodes took how many visits, open ones hatched, with a line where the limit is passed."""
    distribution = tables["visit_distribution"]
    limits = tables["visits_per_episode"]["visit_limit"].head(1).dropna()
    limit = int(limits.iloc[0]) if len(limits) else None
    counts = distribution.set_index("visits")[["closed", "open"]].map(count_drawn)
    counts = counts.reindex(range(max([SHOWN_AT_LEAST, *counts.index]) + 1), fill_value=0)
    width = -(-len(counts) // BINS)
    bins = counts.groupby(counts.index // width).sum()
    top = max(int(bins.sum(axis="columns").max()), 1)
    step = tick_step(top)
    height, bottom = 240, 200
    scale = (bottom - 48) / (-(-top // step) * step)
    across = (RIGHT - LEFT) / len(bins)

    def drawn() -> Iterator[str]:
        yield legend([("Closed", "fill:#1b5e9e"), ("Open, so far", "fill:url(#visits-open)")], x=LEFT, y=14)
        for tick in range(0, -(-top // step) * step + 1, step):
            y = bottom - tick * scale
            yield f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="#ddd"/>' + text(LEFT - 5, y + 4, f"{tick}", "end")
        for place, closed, still_open in bins.itertuples():
            x, wide = LEFT + place * across, across * 0.8
            yield bar(x, bottom - closed * scale, wide, closed * scale, "#1b5e9e")
            yield bar(x, bottom - (closed + still_open) * scale, wide, still_open * scale, "url(#visits-open)")
            if place * width % 5 == 0 or (width > 1 and place % 5 == 0):
                yield text(x + wide / 2, bottom + 14, f"{place * width}", "middle")
        if limit is not None and limit + 1 <= len(counts):
            x = LEFT + (limit + 1) / width * across - across * 0.1
            yield f'<path d="M{x:.1f} 28V{bottom}" stroke="#a63a1e" stroke-width="1.5" stroke-dasharray="4 3"/>'
            near_edge = x > WIDTH * 0.7
            yield text(x - 4 if near_edge else x + 4, 36, f"limit {limit}", "end" if near_edge else "start")
        yield text((LEFT + RIGHT) / 2, bottom + 32, "Visits of one episode", "middle")

    description = (
        f"Bars for 0 to {len(counts) - 1} visits; height is the number of episodes."
        f" Closed {int(counts['closed'].sum())}, open {int(counts['open'].sum())} drawn."
    )
    return svg("visits", "Visits per episode", description, height, drawn())


def outcome_chart(tables: Mapping[str, pd.DataFrame]) -> str:
    """Draw the shares of the outcomes within and over the limit; provisional wording is hatched along the foot.

    What is missing to all of the due, where counts are hidden or rounded down, is dotted.
    """
    table = tables["visits_by_outcome"]
    rows = table[table["group"] == "All"]
    bands = {"within": "Within the limit", "over": "Over the limit"}
    assessed = rows[rows["outcome"] != "not_yet_due"]
    rests = {band: _rest(assessed[assessed["visits"] == band]["share"]) for band in bands}
    height = 184 if any(rests.values()) else 164
    named = [(label, f"fill:{colour}") for label, colour, _ in OUTCOMES.values()]

    def drawn() -> Iterator[str]:
        for number, (band, label) in enumerate(bands.items()):
            due = assessed[assessed["visits"] == band]
            waiting = rows[(rows["visits"] == band) & (rows["outcome"] == "not_yet_due")]["episodes"]
            top = 16 + number * 58
            counted = f"{due['due'].iloc[0]} due" if len(due) else "no outcome shown"
            still_open = waiting.iloc[0] if len(waiting) else HIDDEN
            yield text(4, top, f"{label}: {counted}, {still_open} not yet due", "start", "label")
            yield from _segments(due, rests[band], top + 6)
            yield f'<rect x="4" y="{top + 6}" width="388" height="28" fill="none" stroke="#767676"/>'
        yield legend(named[:3], x=4, y=132)
        yield legend([*named[3:], ("provisional wording", "fill:#767676")], x=4, y=152)
        yield '<rect x="218" y="143" width="11" height="11" fill="url(#outcome-own)"/>'
        if any(rests.values()):
            yield legend([("not shown: what is hidden, or lost by rounding", "fill:url(#outcome-rest)")], x=4, y=172)

    parts = [
        f"{bands[row.visits]}: {OUTCOMES[row.outcome][0].lower()} {row.wording} {share_text(row.share)}"
        f" of {row.due} due"
        for row in assessed.itertuples()
        if row.episodes != 0
    ]
    parts += [f"{bands[band]}: {share_text(rest)} not shown" for band, rest in rests.items() if rest]
    description = "; ".join(" ".join(part.split()) for part in parts) or "No episode is due."
    return svg("outcome", "Outcome at 3 months within and over the visit limit", description, height, drawn())


def _rest(shares: pd.Series) -> float:
    """Return the share of the due that those shown leave over; none where nobody is due."""
    if len(shares) and shares.isna().all():
        return 0.0
    return max(0.0, round(1 - float(_shown(shares).sum()), 9))


def _shown(shares: pd.Series) -> pd.Series:
    return pd.to_numeric(shares, errors="coerce").fillna(0.0)


def _segments(due: pd.DataFrame, rest: float, top: int) -> Iterator[str]:
    """Draw the shares and the rest side by side; rounded ones that are more than all share the width."""
    shown = _shown(due["share"])
    x, full = 4.0, 388 / max(1.0, shown.sum())
    yield bar(x + (1 - rest) * 388, top, rest * 388, 28, "url(#outcome-rest)")
    for row in due.assign(share=shown).itertuples():
        width = row.share * full
        if width <= 0:
            continue
        _label, colour, ink = OUTCOMES[row.outcome]
        yield bar(x, top, width, 28, colour)
        if row.wording == "provisional wording":
            yield bar(x, top + 21, width, 7, "url(#outcome-own)")  # Below the figure, which stays legible.
        if width > 36:
            yield text(x + width / 2, top + 16, share_text(row.share), "middle", ink)
        x += width
