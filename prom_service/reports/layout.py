"""The tables of a report: their columns, what each means, and what a reader outside the clinic may see."""

from dataclasses import dataclass

import pandas as pd

SMALLEST_SHOWN = 8
ROUNDED_TO = 5
HIDDEN = f"<{SMALLEST_SHOWN}"
"""Stands where a count of 1 to 7 is not shown, and for every figure that rests on one."""

TEXT, KEY, COUNT, SHARE, NUMBER = "text", "key", "count", "share", "number"


@dataclass(frozen=True)
class Column:
    """One column. A share is ``part`` / ``whole``; a number rests on as many cases as ``rests_on`` says.

    Kinds: ``text`` and ``key`` name the row, ``count`` counts people or visits, ``share`` lies in 0 … 1.
    """

    key: str
    title: str
    meaning: str
    kind: str = COUNT
    part: str = ""
    whole: str = ""
    rests_on: str = ""


@dataclass(frozen=True)
class Layout:
    """One table."""

    name: str
    title: str
    meaning: str
    columns: tuple[Column, ...]

    def named(self, *kinds: str) -> list[str]:
        """Return the keys of its columns, of these kinds or of all."""
        return [column.key for column in self.columns if not kinds or column.kind in kinds]


def finish(counts: pd.DataFrame, layout: Layout, *, audience: str) -> pd.DataFrame:
    """Return the table as its readers may see it: for ``quality`` small counts hidden, the rest rounded to 5.

    Shares are computed last, from what is shown, so they give nothing away. A share of nothing is missing.
    """
    frame = counts.copy()
    hidden = pd.DataFrame(False, index=frame.index, columns=layout.named())
    if audience == "quality":
        for key in layout.named(COUNT):
            hidden[key] = frame[key].between(1, SMALLEST_SHOWN - 1)
            frame[key] = (frame[key] + ROUNDED_TO // 2) // ROUNDED_TO * ROUNDED_TO
    for column in layout.columns:
        if column.kind == SHARE:
            frame[column.key] = (frame[column.part] / frame[column.whole].where(frame[column.whole] > 0)).clip(upper=1)
            hidden[column.key] = hidden[column.part] | hidden[column.whole]
        elif column.kind == NUMBER:
            hidden[column.key] = hidden[column.rests_on]
    frame = frame[layout.named()]
    for key in layout.named():
        if hidden[key].any():
            frame[key] = frame[key].astype(object).mask(hidden[key], HIDDEN)
    return frame


GROUP = Column("group", "Group", "The group by which the report is divided; All is every episode of the report.", TEXT)
TIMEPOINT = Column("timepoint", "Timepoint", "Planned moment of the questionnaire.", TEXT)
