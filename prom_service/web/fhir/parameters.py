"""The parameters of a FHIR search, read strictly: one that nobody knows would otherwise widen the search in silence."""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
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
ID, IDENTIFIER, PATIENT, DATE, UPDATED = "_id", "identifier", "patient", "date", "_lastUpdated"
AND: Final = " "
"""Joins the values of a parameter that was given more than once: all of them hold."""
_MOMENT: Final = re.compile(r"([a-z]{2})?(\d{4}(?:-\d\d(?:-\d\d(?:T[0-9:.]+(?:Z|[+-]\d\d:\d\d)?)?)?)?)", re.ASCII)
EARLIEST, LATEST = "1900", "2999"
_SINGLE: Final = {"subject": PATIENT}
"""Another name for the same parameter."""
Reader = Callable[[str], Any]
"""Returns what a value means; raises ``ValueError`` saying why it cannot be read."""


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


def wanted(filters: Mapping[str, str], *, numbers: str, after: uuid.UUID | None, limit: int) -> Wanted:
    """Return the rows that the filters want; raise with every value that cannot be read.

    ``numbers`` is the system of the identifiers of these rows.
    """
    errors: dict[str, list[str]] = {}
    readers: Mapping[str, Reader] = {**_READERS, IDENTIFIER: partial(_identifier, numbers=numbers)}
    read = {name: _value(readers[name], name, value, errors) for name, value in filters.items()}
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


def _value(reader: Reader, name: str, value: str, errors: dict[str, list[str]]) -> Any:
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
        return uuid.UUID(value.rpartition("/")[2])
    except ValueError:
        raise ValueError("Must be the id of one, such as it is shown in a resource.") from None


def _patient(value: str) -> uuid.UUID:
    if "/" in value and not value.startswith("Patient/"):
        raise ValueError("Must be an id, or Patient/[id].")
    return _uuid(value)


def _administration(value: str) -> uuid.UUID:
    if "|" in value and not value.startswith(f"{ADMINISTRATION}|"):
        raise ValueError(f"Must be the id of an administration, alone or behind {ADMINISTRATION}|.")
    return _uuid(value.removeprefix(f"{ADMINISTRATION}|"))


def _identifier(value: str, *, numbers: str) -> str | None:
    """Return a number of the system ``numbers``, which may be left out; None for one of any other system, or of none.

    So FHIR has it: ``value`` is of whichever system, ``system|value`` of that one, ``|value`` of none.
    """
    system, bar, number = _plain(value).partition("|")
    if not bar:
        return system
    return number if system == numbers else None


def _plain(value: str) -> str:
    if "\0" in value:
        raise ValueError("Holds a NUL character.")
    return value


def _questionnaire(value: str) -> str:
    """Return the reference that a canonical name means; without a version, that of the newest."""
    versions = [one.ref for one in all_instruments() if names.url(one) == value]
    return versions[-1] if versions else _plain(names.reference_of(value))


def _scale(value: str) -> str | None:
    """Return our code of the scale that a code means, ours or LOINC's, alone or behind its system; None if none."""
    said = _plain(value)
    for instrument in all_instruments():
        for scale in instrument.scales:
            codings = names.scale_codings(instrument, scale)
            if any(said in (one["code"], f"{one['system']}|{one['code']}") for one in codings):
                return f"{instrument.ref}.{scale.key}"
    return None


_READERS: Final[Mapping[str, Reader]] = {
    ID: _uuid,
    PATIENT: _patient,
    "based-on": _administration,
    DATE: _moments,
    UPDATED: _moments,
    "questionnaire": _questionnaire,
    "code": _scale,
}
