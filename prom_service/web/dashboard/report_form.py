"""What a member of staff asks a report for: whose care, which period, how divided; read from the address."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError
from prom_service.models.user import READING_ROLES
from prom_service.queries.registry import clinics_of
from prom_service.reports.query import BASES, GROUPINGS, REPORTS, ReportQuery, default_period, end_of
from prom_service.web.context import prom
from prom_service.web.dashboard.blueprint import clinics_shown
from prom_service.web.dashboard.staff_session import person

TEAM = "team"
"""All clinics at which the person is a quality analyst, together, with small counts hidden."""
MONTHS_BACK = 24
REPORT_WORDS = {
    "utilization": "Visits and outcomes",
    "outcomes": "Outcomes",
    "comparison": "Units side by side",
    "process": "Process of care",
}
"""Their titles, without waiting for what makes them."""
GROUPING_WORDS = {"period": "month of the start"}
BASIS_WORDS = {"episodes": "Courses of care started in the period", "activity": "Courses of care with a visit in it"}
Options = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Asked:
    """What the address asks for, as it was typed, and what can be chosen."""

    form: Mapping[str, str]
    whose: Options
    reports: Options
    periods: Mapping[str, Options]
    """By heading, as in a list of lists."""
    groupings: Options
    bases: Options
    whole: bool
    """Whether the person is a quality analyst at every clinic of the organisation."""
    zones: Mapping[str, str]
    """The time zone of each clinic of the person."""

    @property
    def is_question(self) -> bool:
        """Whether anything is asked; else only the form is shown."""
        return "report" in request.args

    def address(self) -> dict[str, Any]:
        """Return what the address says of the question."""
        return {name: value for name, value in self.form.items() if value}


def asked(session: Session) -> Asked:
    """Return what the address asks, and what the person may choose."""
    clinics = clinics_shown(session)
    own = [(str(clinic.id), clinic.name) for clinic in clinics if person.roles.get(clinic.id) in READING_ROLES]
    team = team_clinics()
    names = "1 clinic" if len(team) == 1 else f"{len(team)} clinics"
    return Asked(
        form={name: request.args.get(name, "").strip() for name in FIELDS},
        whose=[*([(TEAM, f"{names} together, small counts hidden")] if team else []), *own],
        reports=[(name, REPORT_WORDS[name]) for name in REPORTS],
        periods=_periods(prom.now().date(), running=bool(own)),
        groupings=[("", "nothing"), *((name, GROUPING_WORDS.get(name, name)) for name in GROUPINGS)],
        bases=[(name, BASIS_WORDS[name]) for name in BASES],
        whole=set(team) >= set(clinics_of(session, person.organisation_id)),
        zones={str(clinic.id): clinic.time_zone for clinic in clinics},
    )


def query_of(question: Asked) -> ReportQuery:
    """Return what the record is asked; raise ``InvalidInputError`` naming every field that is wrong."""
    form, whose = question.form, question.whose
    errors: dict[str, list[str]] = {}
    if form["report"] not in REPORTS:
        errors["report"] = [f"Choose one of {', '.join(REPORTS)}."]
    chosen = chosen_whose(question)
    if chosen not in dict(whose):
        errors["whose"] = ["Choose one of the list."]
    try:
        from_on, to_on = _period(form)
    except InvalidInputError as error:
        errors |= error.errors
    if errors:
        raise InvalidInputError(errors)
    now = prom.now()
    return ReportQuery(
        **_clinics(chosen, whole=question.whole),
        from_on=from_on,
        to_on=to_on,
        as_of=end_of(_day(form["as_of"], "as_of"), now) if form["as_of"] else now,
        basis=form["basis"] or BASES[0],
        group_by=form["group_by"] or None,
        now=now,
    )


def chosen_whose(question: Asked) -> str:
    """Return whose care is meant, the first of the list unless another is named."""
    return question.form["whose"] or (question.whose[0][0] if question.whose else "")


def zone_of(question: Asked) -> str:
    """Return in which time zone the page is read: that of the one clinic, or UTC, as a report across clinics is."""
    return question.zones.get(chosen_whose(question), "UTC")


def team_clinics() -> list[uuid.UUID]:
    """Return the clinics at which the person is a quality analyst."""
    return sorted(clinic for clinic, role in person.roles.items() if role == "quality_analyst")


def _clinics(chosen: str, *, whole: bool) -> dict[str, Any]:
    """Return whose care is meant; a team that is the ``whole`` organisation asks what a key of it asks."""
    if chosen == TEAM:
        chosen_clinics = () if whole else tuple(team_clinics())
        return {"clinic_ids": chosen_clinics, "organisation_id": person.organisation_id, "audience": "quality"}
    return {"clinic_ids": (uuid.UUID(chosen),), "organisation_id": person.organisation_id, "audience": "clinic"}


def _period(form: Mapping[str, str]) -> tuple[dt.date, dt.date]:
    """Return the days typed in, else the period chosen, else the last 12 whole months."""
    if not (form["from"] or form["to"] or form["period"]):
        return default_period(prom.now().date())
    if not (form["from"] or form["to"]):
        first, _, after = form["period"].partition("/")
        return _day(first, "period"), _day(after, "period")
    errors: dict[str, list[str]] = {}
    days = {}
    for name in ("from", "to"):
        try:
            days[name] = _day(form[name], name)
        except InvalidInputError as error:
            errors |= error.errors
    if errors:
        raise InvalidInputError(errors)
    return days["from"], days["to"]


def _day(text: str, name: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError({name: ["Give a day such as 2026-03-01."]}) from None


def _periods(today: dt.date, *, running: bool) -> dict[str, Options]:
    """Return the calendar periods there are to choose from, the newest first; those ``running`` only for a clinic."""
    month = today.year * 12 + today.month - 1
    years = range(month - month % 12, month - 4 * 12, -12)
    halves = range(month - month % 6, month - MONTHS_BACK, -6)
    quarters = range(month - month % 3, month - MONTHS_BACK, -3)
    periods = {
        "Years": [(f"{start // 12}", start, 12) for start in years],
        "Half-years": [(f"{'second' if start % 12 else 'first'} half of {start // 12}", start, 6) for start in halves],
        "Quarters": [(f"quarter {start % 12 // 3 + 1} of {start // 12}", start, 3) for start in quarters],
        "Months": [(f"{_first(start):%B %Y}", start, 1) for start in range(month, month - MONTHS_BACK, -1)],
    }
    return {
        heading: [
            _option(label if start + months <= month else f"{label}, so far", start, months)
            for label, start, months in listed
            if running or start + months <= month
        ]
        for heading, listed in periods.items()
    }


def _option(label: str, start: int, months: int) -> tuple[str, str]:
    """Return a period as the address writes it, and its label; ``start`` counts months from year 0."""
    return f"{_first(start)}/{_first(start + months)}", label


def _first(month: int) -> dt.date:
    return dt.date(month // 12, month % 12 + 1, 1)


FIELDS = ("report", "whose", "period", "from", "to", "as_of", "basis", "group_by")
