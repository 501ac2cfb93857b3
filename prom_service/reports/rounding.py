"""How counts are shown outside the clinic: as a multiple of 5, and not at all when they are small.

Rounding to the nearest multiple tells the bounds between which a count lies, and where the bounds of a year and of its
months touch, it tells the counts themselves. So the point at which a count goes up instead of down is drawn anew for
each multiple, period, basis, set of clinics and group, with a key of the organisation that no report shows. Equal
counts of one group go the same way, whatever table or day they are shown for: asking again tells nothing more. A point
that groups had in common could be worked out from all that a total and its many parts say about it.
"""

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass

import pandas as pd
from sqlalchemy.orm import Session

from prom_service.models import Organisation
from prom_service.reports.query import ReportQuery

EVERYTHING = "All"
"""The group of every episode of a report."""
SMALLEST_SHOWN = 8
"""Fewer are never shown; 8 and 9 are when they are rounded up."""
ROUNDED_TO = 5
FARTHEST = ROUNDED_TO - 1
"""How far a count may lie from the multiple that stands for it."""
HIDDEN = f"<{2 * ROUNDED_TO}"
"""Stands where a count is not shown, none at all included."""
WITHHELD = "hidden"
"""Stands for every figure that rests on such a count: it may itself be of any size."""
EXACT_DECIMALS = 9
"""Decimals of a figure in the clinic's own report: what stands behind them is the noise of floating point."""
TOO_FEW = f"Fewer than {2 * ROUNDED_TO} episodes match this question, perhaps none: there is no figure to show."


@dataclass(frozen=True)
class Rounding:
    """The points at which the counts of one question go up. Without a key it is rounding to the nearest multiple.

    A row for one month (in the column ``months``) is the same as the report of that month, and goes the same way.
    """

    key: bytes = b""
    whose: str = ""
    """The basis, and the clinics where they are not all of the organisation."""
    period: str = ""
    months: str = ""
    group_by: str = ""

    def questions(self, table: pd.DataFrame) -> pd.Series:
        """Return the question that each row of a table answers."""
        periods = pd.Series(self.period, index=table.index)
        if self.months in table:
            month = table[self.months].astype(str)
            periods = month.where(month.str.fullmatch(r"\d{4}-\d{2}"), periods)
        asked = self.whose + " " + periods
        if self.months == "group" or "group" not in table:
            return asked
        group = table["group"].astype(str)
        return asked.where(group == EVERYTHING, asked + " " + self.group_by + " " + group)

    def shown(self, counts: pd.Series, questions: pd.Series) -> pd.Series:
        """Return the multiples that stand for the counts; a hidden one is 0."""
        below = counts // ROUNDED_TO * ROUNDED_TO
        asked = list(zip(questions, below, strict=True))
        points = {each: self._up_from(*each) for each in set(asked)}
        up = counts - below >= pd.Series([points[each] for each in asked], index=counts.index, dtype="int64")
        multiples = below + ROUNDED_TO * up
        return multiples.where((counts >= SMALLEST_SHOWN) & (multiples >= 2 * ROUNDED_TO), 0)

    def _up_from(self, question: str, multiple: int) -> int:
        """Return how far above the multiple a count must be to go up: 1 to 5 with equal chance; 5 is never."""
        if not self.key:
            return ROUNDED_TO // 2 + 1
        drawn = hmac.digest(self.key, f"{question} {multiple}".encode(), hashlib.sha256)
        return 1 + int.from_bytes(drawn[:8]) % ROUNDED_TO


def rounding_of(session: Session, query: ReportQuery) -> Rounding:
    """Return how the counts of this question are rounded, the same on every day that it is asked."""
    organisation = session.get(Organisation, query.organisation_id) if query.organisation_id else None
    if query.audience != "quality" or organisation is None:
        return Rounding()
    last = query.to_on - dt.timedelta(days=1)
    period = " ".join(sorted({f"{query.from_on:%Y-%m}", f"{last:%Y-%m}"}))
    started = query.group_by == "period" and query.basis == "episodes"
    months = "group" if started else "month" if query.basis == "activity" else ""
    whose = " ".join([query.basis, *sorted(map(str, query.clinic_ids))])
    return Rounding(bytes.fromhex(organisation.rounding_key), whose, period, months, query.group_by or "")
