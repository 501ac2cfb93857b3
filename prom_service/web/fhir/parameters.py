"""The parameters of a FHIR search, read strictly: one that nobody knows would otherwise widen the search in silence."""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from instruments import all_instruments
from instruments.interchange import names
from prom_service.errors import InvalidInputError
from prom_service.fhir.element import ADMINISTRATION
from prom_service.queries.search import MOMENTS, Moment, Wanted
from prom_service.web.api.paging import DEFAULT_LIMIT, LARGEST_LIMIT

COMMON: Final = ("_count", "_format", "cursor")
FORMATS: Final = ("json", "application/json", "application/fhir+json")
ID, PATIENT, DATE, UPDATED = "_id", "patient", "date", "_lastUpdated"
AND: Final = " "
"""Joins the values of a parameter that was given more than once: all of them hold."""
_MOMENT: Final = re.compile(r"([a-z]{2})?(\d{4}(?:-\d\d(?:-\d\d(?:T[0-9:.]+(?:Z|[+-]\d\d:\d\d)?)?)?)?)", re.ASCII)
EARLIEST, LATEST = "1900", "2999"
_SINGLE: Final = {"subject": PATIENT}
"""Another name for the same parameter."""


def read(arguments: MultiDict[str, str], known: Iterable[str]) -> dict[str, Any]:
    """Return the parameters as a page of ``paging`` takes them; raise with every one that is unknown or given twice."""
    known = tuple(known)
    errors: dict[str, list[str]] = {}
    query: dict[str, Any] = {"limit": _count(arguments, errors)}
    for name, values in arguments.lists():
        plain = _SINGLE.get(name, name)
        if plain not in (*known, *COMMON):
            errors[name] = [f"Unknown. Known are {', '.join((*known, *COMMON))}."]
        elif len(values) > 1 and plain not in (DATE, UPDATED):
            errors[name] = ["May be given once."]
        elif any("," in value or not value for value in values):
            errors[name] = ["One value is allowed."]
        elif name == "_format" and values[0] not in FORMATS:
            errors[name] = [f"Allowed are {', '.join(FORMATS)}."]
        elif plain not in ("_count", "_format"):
            query[plain] = AND.join(values)
    if errors:
        raise InvalidInputError(errors)
    return query


def wanted(filters: Mapping[str, str], *, after: uuid.UUID | None, limit: int) -> Wanted:
    """Return the rows that the filters want; raise with every value that cannot be read."""
    errors: dict[str, list[str]] = {}
    read = {name: _value(name, value, errors) for name, value in filters.items()}
    if errors:
        raise InvalidInputError(errors)
    own = {ID, PATIENT, DATE, UPDATED}
    return Wanted(
        id=read.get(ID),
        patient=read.get(PATIENT),
        dates=read.get(DATE, ()),
        updated=read.get(UPDATED, ()),
        values={name: value for name, value in read.items() if name not in own},
        after=after,
        limit=limit,
    )


def _count(arguments: MultiDict[str, str], errors: dict[str, list[str]]) -> int:
    said = arguments.get("_count", str(DEFAULT_LIMIT))
    if not re.fullmatch("[0-9]{1,9}", said, re.ASCII) or int(said) < 1:
        errors["_count"] = ["Must be a whole number of at least 1."]
        return DEFAULT_LIMIT
    return min(int(said), LARGEST_LIMIT)


def _value(name: str, value: str, errors: dict[str, list[str]]) -> Any:
    reader: Callable[[str], Any] = _READERS.get(name, _token)
    try:
        return reader(value)
    except ValueError as error:
        errors[name] = [str(error)]
        return None


def _moments(value: str) -> Sequence[Moment]:
    return [_moment(one) for one in value.split(AND)]


def _moment(value: str) -> Moment:
    """Return the condition of a value such as ``ge2026-03-01``; a day without a zone is one of UTC."""
    found = _MOMENT.fullmatch(value)
    relation = found[1] or "eq" if found else ""
    if found is None or relation not in MOMENTS:
        raise ValueError(f"Must be a date or an instant, behind {', '.join(MOMENTS)} or nothing.")
    if not EARLIEST <= found[2][:4] <= LATEST:
        raise ValueError(f"Its year must lie between {EARLIEST} and {LATEST}.")
    try:
        return Moment(relation, *_bounds(found[2]))
    except (ValueError, OverflowError):
        raise ValueError("Is not in the calendar.") from None


def _bounds(text: str) -> tuple[dt.datetime, dt.datetime]:
    """Return the time that a date of some precision means, its end not included."""
    if "T" in text:
        start = dt.datetime.fromisoformat(text)
        start = start.replace(tzinfo=start.tzinfo or dt.UTC)
        return start, start + dt.timedelta(seconds=0 if "." in text else 1, microseconds=1 if "." in text else 0)
    year, month, day = (int(part) for part in (text + "-01-01")[:10].split("-"))
    start = dt.datetime(year, month, day, tzinfo=dt.UTC)
    if text.count("-") == 2:
        return start, start + dt.timedelta(days=1)
    months = 1 if "-" in text else 12
    years, past = divmod(month - 1 + months, 12)
    return start, start.replace(year=year + years, month=past + 1)


def _uuid(value: str) -> uuid.UUID:
    try:
        return uuid.UUID(value.rpartition("/")[2].rpartition("|")[2])
    except ValueError:
        raise ValueError("Must be the id of one, such as it is shown in a resource.") from None


def _patient(value: str) -> uuid.UUID:
    if "/" in value and not value.startswith("Patient/"):
        raise ValueError("Must be an id, or Patient/[id].")
    return _uuid(value)


def _administration(value: str) -> uuid.UUID:
    if "|" in value and not value.startswith(f"{ADMINISTRATION}|"):
        raise ValueError(f"Must be the id of an administration, alone or behind {ADMINISTRATION}|.")
    return _uuid(value)


def _token(value: str) -> str:
    """Return a number or code; the system before it may be left out."""
    return _plain(value.rpartition("|")[2])


def _plain(value: str) -> str:
    if "\0" in value:
        raise ValueError("Holds a NUL character.")
    return value


def _questionnaire(value: str) -> str:
    """Return the reference that a canonical name means; without a version, that of the newest."""
    versions = [one.ref for one in all_instruments() if names.url(one) == value]
    return versions[-1] if versions else _plain(names.reference_of(value))


def _scale(value: str) -> str:
    """Return our code of a scale, also for the LOINC code of one."""
    code = _token(value)
    scales = ((one, scale) for one in all_instruments() for scale in one.scales)
    return next((f"{one.ref}.{scale.key}" for one, scale in scales if scale.loinc == code != ""), code)


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    ID: _uuid,
    PATIENT: _patient,
    "based-on": _administration,
    DATE: _moments,
    UPDATED: _moments,
    "questionnaire": _questionnaire,
    "code": _scale,
}
