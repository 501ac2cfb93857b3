"""The plot of who was asked, who answered and who can be judged."""

from collections.abc import Iterator, Mapping

import pandas as pd

from prom_service.reports.drawing import bar, count_drawn, svg, text

STEPS = ("due", "eligible", "invited", "delivered", "started", "scorable", "with_baseline")


def funnel_chart(tables: Mapping[str, pd.DataFrame]) -> str:
    """Draw for each checkpoint how many of the due episodes reached each step."""
    denominators = tables["denominators"]
    rows = denominators[(denominators["group"] == "All") & (denominators["timepoint"] != "baseline")]
    most = max([count_drawn(due) for due in rows["due"]], default=0) or 1

    def drawn() -> Iterator[str]:
        y = 14
        for row in rows.to_dict("records"):
            yield text(4, y, f"{row['timepoint'].replace('-', ' ')}", "start", "label")
            for step in STEPS:
                length = count_drawn(row[step]) / most * 240
                yield text(98, y + 18, step.replace("_", " "), "end") + bar(104, y + 8, length, 12, "#1b5e9e")
                yield text(110 + length, y + 18, f"{row[step]}", "start")
                y += 17
            y += 28

    parts = [
        f"{row['timepoint']}: " + ", ".join(f"{step.replace('_', ' ')} {row[step]}" for step in STEPS)
        for row in rows.to_dict("records")
    ]
    height = max(len(rows) * (17 * len(STEPS) + 28), 20)
    return svg("funnel", "From due to judged", "; ".join(parts) or "No checkpoint yet.", height, drawn())
