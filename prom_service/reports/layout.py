"""The tables of a report: their columns, what each means, and what a reader outside the clinic may see."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import pandas as pd

from prom_service.reports.rounding import EVERYTHING, EXACT_DECIMALS, FARTHEST, HIDDEN, WITHHELD, Rounding
from prom_service.reports.statistics import wilson_interval

POOLED = "(small groups)"
"""Groups too small to be named outside the clinic, as one."""
TEXT, KEY, COUNT, SHARE, NUMBER = "text", "key", "count", "share", "number"


@dataclass(frozen=True)
class Column:
    """One column. A share is ``part`` / ``whole``; a number rests on as many cases as ``rests_on`` says, and so does a
    count of visits, which may be many visits of few.

    Kinds: ``text`` and ``key`` name the row, ``count`` counts people or visits, ``share`` lies in 0 … 1.
    With an ``end`` it is an end of the share's 95 % interval (``low`` or ``high``), or the ``least`` or the ``most``
    that the share can be: where counts are rounded, from those that may stand behind them. A ``derived`` column follows
    from the others as they are shown; the ``derive`` of the layout adds it, told how far a count may lie from what is
    shown.
    A ``repeated`` count stands beside several rows, so it does not say that there is anybody in this one. Outside the
    clinic a number has that many ``decimals``: all of them could tell how many it rests on.
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
    repeated: bool = False
    decimals: int = 0


@dataclass(frozen=True)
class Layout:
    """One table."""

    name: str
    title: str
    meaning: str
    columns: tuple[Column, ...]
    derive: Callable[[pd.DataFrame, int], pd.DataFrame] | None = None

    def named(self, *kinds: str) -> list[str]:
        """Return the keys of its columns, of these kinds or of all."""
        return [column.key for column in self.columns if not kinds or column.kind in kinds]


NEAREST = Rounding()


def finish(counts: pd.DataFrame, layout: Layout, *, audience: str, rounding: Rounding = NEAREST) -> pd.DataFrame:
    """Return the table as its readers may see it: for ``quality`` small counts hidden, the rest rounded to 5.

    Shares and their intervals are computed last, from what is shown, so they give nothing away; so is what is derived.
    A share of nothing is missing. For ``quality`` a row that shows no count of its own is left out: that it is there
    could tell of a single patient.
    """
    frame, off = counts.copy(), FARTHEST if audience == "quality" else 0
    hidden = pd.DataFrame(False, index=frame.index, columns=layout.named())
    if audience == "quality":
        _guard(frame, hidden, layout, rounding)
    for column in layout.columns:
        if column.derived:
            frame[column.key] = None
        elif column.kind == SHARE:
            frame[column.key] = _share(frame, column, off)
            hidden[column.key] = hidden[column.part] | hidden[column.whole]
        elif column.kind == NUMBER:
            frame[column.key] = frame[column.key].astype("float64").round(EXACT_DECIMALS)
            hidden[column.key] = hidden[column.rests_on]
    frame = frame[layout.named()]
    for column in layout.columns:
        if hidden[column.key].any():
            stand_ins = _stand_ins(column, hidden)
            frame[column.key] = frame[column.key].astype(object).mask(hidden[column.key], stand_ins)
    if audience == "quality":
        frame = _telling(frame, hidden, layout)
    return layout.derive(frame, off) if layout.derive else frame


def _guard(frame: pd.DataFrame, hidden: pd.DataFrame, layout: Layout, rounding: Rounding) -> None:
    """Round the counts and the numbers of ``frame``, and mark as ``hidden`` the counts that may not be shown."""
    questions = rounding.questions(frame)
    total, questions_of_all = frame, questions
    if "group" in frame and rounding.months != "group":
        total, questions_of_all = _of_all(frame, layout, questions)
    for column in layout.columns:
        if column.kind == COUNT and not column.derived:
            own = frame[column.key] != total[column.key]
            frame[column.key] = rounding.shown(frame[column.key], questions.where(own, questions_of_all))
            hidden[column.key] = frame[column.key] == 0
        elif column.kind == NUMBER and not column.derived:
            frame[column.key] = frame[column.key].astype("float64").round(column.decimals)
    for column in layout.columns:
        if column.kind == COUNT and column.rests_on:
            hidden[column.key] |= hidden[column.rests_on]


def _of_all(frame: pd.DataFrame, layout: Layout, questions: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    """Return beside each row that of all groups, and the question that it answers.

    A group that has all there is in a row is rounded as the total is: the same count, rounded twice, would tell more
    than once.
    """
    names = ["table", *(key for key in layout.named(TEXT) if key in frame and key != "group")]
    rows = frame.assign(table=layout.name, question=questions)
    total = rows[names].merge(rows[rows["group"] == EVERYTHING].drop(columns="group"), on=names, how="left")
    total.index = frame.index
    return total, total["question"].where(total["question"].notna(), questions)


def _stand_ins(column: Column, hidden: pd.DataFrame) -> pd.Series:
    """Return what stands in each row of the column where its figure is hidden: a bound only where it holds."""
    if column.kind != COUNT:
        return pd.Series(WITHHELD, index=hidden.index)
    bound = pd.Series(HIDDEN, index=hidden.index)
    return bound.mask(hidden[column.rests_on], WITHHELD) if column.rests_on else bound


def _telling(frame: pd.DataFrame, hidden: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """Return the rows that show a count of their own."""
    own = [
        column.key for column in layout.columns if column.kind == COUNT and not column.repeated and not column.derived
    ]
    return frame[~hidden[own].all(axis="columns")].reset_index(drop=True) if own else frame


def nothing_hidden(shown: pd.DataFrame, where: pd.Series, keys: Iterable[str]) -> pd.DataFrame:
    """Return the table with the figures of these columns missing, not hidden, ``where`` there is none to hide."""
    return shown.assign(**{key: shown[key].mask(where & shown[key].isin([HIDDEN, WITHHELD])) for key in keys})


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


def _share(frame: pd.DataFrame, column: Column, off: int) -> pd.Series:
    """Return the share of the counts as shown, or an end: of all counts that are ``off`` by so many, the farthest.

    A rounded part may exceed its rounded whole, a share not 1.
    """
    part, whole = frame[column.part], frame[column.whole]
    if column.end in ("low", "least"):
        part, whole = (part - off).clip(lower=0), whole + off
    elif column.end in ("high", "most"):
        part, whole = part + off, (whole - off).clip(lower=0)
    part = part.clip(upper=whole)
    if column.end in ("low", "high"):
        return dict(zip(("low", "high"), wilson_interval(part, whole), strict=True))[column.end]
    return part / whole.where(whole > 0)


GROUP = Column("group", "Group", "The group by which the report is divided; All is every episode of the report.", TEXT)
TIMEPOINT = Column("timepoint", "Timepoint", "Planned moment of the questionnaire.", TEXT)
