"""What a report is asked for: whose care, which period, as it was known when, and for which readers."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass
from typing import Any

from prom_service.errors import InvalidInputError
from prom_service.queries.instants import FAR, is_far

REPORTS = {
    "utilization": "Report visits per episode beside outcomes, with the denominators of both.",
    "outcomes": "Report how scores changed and who reached which threshold, with measurement error and denominators.",
    "comparison": "Report clinics or other units beside the limits of chance, and who answered beside who did not.",
    "process": "Report what was done in the course of care, as far as it is documented.",
}
"""What each report tells, by its name; ``kinds`` makes them."""
BASES = ("episodes", "activity")
GROUPINGS = ("clinic", "clinician", "pathway", "diagnosis", "side", "period")
"""``period`` is the calendar month in which the episode started."""
AUDIENCES = ("clinic", "quality")
PERIODS = {1: range(1, 13), 3: (1, 4, 7, 10), 6: (1, 7), 12: range(1, 13)}
"""Outside the clinic: lengths in months, and the months in which a period of this length may begin."""
FINAL = 6
"""Outside the clinic a period is seen as it stood at its end, and from so many months later on as it stood then."""
WHOLE_DAY = dt.timedelta(days=1)
YEARS_BACK = 20
DAYS_AHEAD = 366
"""How far from today the days of a period may lie: further could only be a slip of the pen."""
FORMATS = ("json", "csv", "xlsx", "html", "pdf", "parquet")
"""The forms in which a report can be had; ``export`` writes them."""


@dataclass(frozen=True)
class ReportQuery:
    """One question to the record.

    ``clinic_ids`` and ``organisation_id`` narrow each other; with an organisation and no clinic ids, all its
    clinics. ``from_on`` … ``to_on`` is half-open. ``as_of``: nothing recorded after this instant is used. Whoever asks
    says when (``now``), and is refused a period far from it, and a later ``as_of``: what has not happened by then would
    count as left undone, and the report would not be the same again. One of long ago, before there was a record, is
    refused as well.
    ``basis``: ``episodes`` takes those that started in the period, ``activity`` those with a visit in it.
    ``audience`` ``quality`` is everybody outside the clinic: small counts are hidden, the rest rounded. Whoever may
    lay any two periods beside each other can subtract them and, with enough of them, get every hidden count back, so
    there are only ``PERIODS``. The clinics are all those of the organisation, or those at which a person is a quality
    analyst; nobody may choose among them. ``as_of`` is then taken back to the end of the
    period, or to ``FINAL`` months after it: the count of a small group is that of all less that of the others, and
    whoever sees these two change from day to day, each rounded anew, works out what does not change between them.

    Raises ``InvalidInputError``, naming every field that is wrong.
    """

    clinic_ids: tuple[uuid.UUID, ...]
    organisation_id: uuid.UUID | None
    from_on: dt.date
    to_on: dt.date
    as_of: dt.datetime
    basis: str = "episodes"
    group_by: str | None = None
    audience: str = "clinic"
    now: InitVar[dt.datetime | None] = None

    def __post_init__(self, now: dt.datetime | None) -> None:
        errors = {field: [text] for field, text in self._faults(now)}
        if errors:
            raise InvalidInputError(errors)
        if self.audience == "quality":
            object.__setattr__(self, "as_of", _look(self.to_on, self.as_of))

    def _faults(self, now: dt.datetime | None) -> list[tuple[str, str]]:
        faults = self._far_days(now) if now is not None else []
        if not faults and self.from_on >= self.to_on:
            faults.append(("to", "Must be later than from; the period ends the day before it."))
        elif not faults and self.audience == "quality" and not _is_apart(self.from_on, self.to_on):
            faults.append(("from", NOT_APART))
        if self.as_of.tzinfo is None:
            faults.append(("as_of", "Needs a time zone."))
        elif now is not None and self.as_of > now:
            faults.append(("as_of", "Must not lie in the future."))
        elif now is not None and is_far(self.as_of, now):
            faults.append(("as_of", FAR))
        elif self.audience == "quality" and not faults and _look(self.to_on, self.as_of) is None:
            faults.append(("as_of", NOT_OVER))
        for field, value, allowed in (
            ("basis", self.basis, BASES),
            ("group_by", self.group_by, (None, *GROUPINGS)),
            ("audience", self.audience, AUDIENCES),
        ):
            if value not in allowed:
                faults.append((field, f"Allowed are {', '.join(filter(None, allowed))}."))
        if not self.clinic_ids and self.organisation_id is None:
            faults.append(("clinic", "Name a clinic or an organisation."))
        elif self.audience == "quality" and self.organisation_id is None:
            faults.append(("clinic", "Outside the clinic a report is about clinics of one organisation: name it."))
        return faults

    def _far_days(self, now: dt.datetime) -> list[tuple[str, str]]:
        earliest = dt.date(now.year - YEARS_BACK, 1, 1)
        latest = now.date() + dt.timedelta(days=DAYS_AHEAD)
        days = ("from", self.from_on), ("to", self.to_on)
        return [
            (field, f"Must lie between {earliest} and {latest}.")
            for field, day in days
            if not earliest <= day <= latest
        ]

    def parameters(self) -> dict[str, Any]:
        """Return the question in plain words and dates, as it is printed on the report."""
        return {
            "from": self.from_on.isoformat(),
            "to": self.to_on.isoformat(),
            "as_of": self.as_of.astimezone(dt.UTC).isoformat(),
            "basis": self.basis,
            "group_by": self.group_by,
            "audience": self.audience,
        }

    @classmethod
    def from_parameters(
        cls, parameters: Mapping[str, Any], *, clinic_ids: Sequence[str], organisation_id: uuid.UUID
    ) -> "ReportQuery":
        """Return the question that was printed so, the same as when it was asked, of the same clinics."""
        rest = {name: value for name, value in parameters.items() if name not in ("from", "to", "as_of")}
        return cls(
            clinic_ids=tuple(uuid.UUID(one) for one in clinic_ids),
            organisation_id=organisation_id,
            from_on=dt.date.fromisoformat(parameters["from"]),
            to_on=dt.date.fromisoformat(parameters["to"]),
            as_of=dt.datetime.fromisoformat(parameters["as_of"]),
            **rest,
        )

    def in_words(self) -> str:
        """Return the question in one line: days and words from fixed lists, nothing of a patient."""
        return " ".join(f"{name}={value}" for name, value in self.parameters().items() if value)


NOT_APART = (
    "Outside the clinic a period is whole calendar months: one month, a quarter from January, April, July or October, a"
    " half-year from January or July, twelve months from the first of any month, or whole years from January."
)

NOT_OVER = (
    f"Outside the clinic a period is seen once it is over, as it stood then, and as it stood {FINAL} months later. Ask"
    " for an earlier period, or as of a later day."
)


def looks(to_on: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Return the instants as of which a period that ends there is seen outside the clinic: first, and for good."""
    final = to_on.year * 12 + to_on.month - 1 + FINAL
    first, last = (
        dt.datetime.combine(day, dt.time.min, dt.UTC) for day in (to_on, dt.date(final // 12, final % 12 + 1, 1))
    )
    return first, last


def _look(to_on: dt.date, as_of: dt.datetime) -> dt.datetime | None:
    """Return the newest instant as of which a period that ends there is seen outside the clinic, or None."""
    return max((instant for instant in looks(to_on) if instant <= as_of), default=None)


def _is_apart(from_on: dt.date, to_on: dt.date) -> bool:
    """Return whether the period is one that may be asked for outside the clinic."""
    months = (to_on.year - from_on.year) * 12 + to_on.month - from_on.month
    if (from_on.day, to_on.day) != (1, 1):
        return False
    return from_on.month in PERIODS.get(months, ()) or (months % 12 == 0 and from_on.month == 1)


def end_of(day: dt.date, now: dt.datetime) -> dt.datetime:
    """Return when a day ends in UTC, or now while it lasts; of a day to come the instant at which it begins."""
    begins = dt.datetime.combine(day, dt.time.min, dt.UTC)
    return begins if begins > now else min(begins + WHOLE_DAY, now)


def default_period(today: dt.date) -> tuple[dt.date, dt.date]:
    """Return the last 12 whole calendar months before the month of ``today``, half-open."""
    this_month = today.replace(day=1)
    return this_month.replace(year=this_month.year - 1), this_month
