"""The tables of a report: their columns, what each means, and what a reader outside the clinic may see."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from prom_service.reports.statistics import wilson_interval

SMALLEST_SHOWN = 8
ROUNDED_TO = 5
HIDDEN = f"<{SMALLEST_SHOWN}"
"""Stands where a count of 1 to 7 is not shown, and for every figure that rests on one."""

TEXT, KEY, COUNT, SHARE, NUMBER = "text", "key", "count", "share", "number"


@dataclass(frozen=True)
class Column:
    """One column. A share is ``part`` / ``whole``; a number rests on as many cases as ``rests_on`` says.

    Kinds: ``text`` and ``key`` name the row, ``count`` counts people or visits, ``share`` lies in 0 … 1.
    With an ``end`` (``low`` or ``high``) it is that end of the share's 95 % interval. A ``derived`` column follows from
    the others as they are shown; the ``derive`` of the layout adds it.
    """

    key: str
    title: str
    meaning: str
    kind: str = COUNT
    part: str = ""
    whole: str = ""
    rests_on: str = ""
    end: str = ""
    derived: bool = False


@dataclass(frozen=True)
class Layout:
    """One table."""

    name: str
    title: str
    meaning: str
    columns: tuple[Column, ...]
    derive: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    def named(self, *kinds: str) -> list[str]:
        """Return the keys of its columns, of these kinds or of all."""
        return [column.key for column in self.columns if not kinds or column.kind in kinds]


def finish(counts: pd.DataFrame, layout: Layout, *, audience: str) -> pd.DataFrame:
    """Return the table as its readers may see it: for ``quality`` small counts hidden, the rest rounded to 5.

    Shares and their intervals are computed last, from what is shown, so they give nothing away; so is what is derived.
    A share of nothing is missing.
    """
    frame = counts.copy()
    hidden = pd.DataFrame(False, index=frame.index, columns=layout.named())
    if audience == "quality":
        for key in layout.named(COUNT):
            hidden[key] = frame[key].between(1, SMALLEST_SHOWN - 1)
            frame[key] = (frame[key] + ROUNDED_TO // 2) // ROUNDED_TO * ROUNDED_TO
    for column in layout.columns:
        if column.derived:
            frame[column.key] = None
        elif column.kind == SHARE:
            frame[column.key] = _share(frame, column)
            hidden[column.key] = hidden[column.part] | hidden[column.whole]
        elif column.kind == NUMBER:
            hidden[column.key] = hidden[column.rests_on]
    frame = frame[layout.named()]
    for key in layout.named():
        if hidden[key].any():
            frame[key] = frame[key].astype(object).mask(hidden[key], HIDDEN)
    return layout.derive(frame) if layout.derive else frame


def with_interval(share: Column) -> tuple[Column, Column, Column]:
    """Return a share, and beside it both ends of its interval."""
    low, high = (
        replace(share, key=f"{share.key}_{end}", title=f"{share.title}, {title}", meaning=meaning, end=end)
        for end, title, meaning in (
            ("low", "from", "Lower end of its 95 % interval (Wilson 1927, doi:10.1080/01621459.1927.10502953)."),
            ("high", "to", "Upper end of the same interval."),
        )
    )
    return share, low, high


def _share(frame: pd.DataFrame, column: Column) -> pd.Series:
    """Return the share, or the end of its interval; a rounded part may exceed its rounded whole, a share not 1."""
    whole = frame[column.whole]
    part = frame[column.part].clip(upper=whole)
    if column.end:
        return dict(zip(("low", "high"), wilson_interval(part, whole), strict=True))[column.end]
    return part / whole.where(whole > 0)


GROUP = Column("group", "Group", "The group by which the report is divided; All is every episode of the report.", TEXT)
TIMEPOINT = Column("timepoint", "Timepoint", "Planned moment of the questionnaire.", TEXT)
