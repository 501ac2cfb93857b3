"""A finished report, and how one is made of a kind and a question."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from prom_service import __version__
from prom_service.reports import layout
from prom_service.reports.kind import Facts, ReportKind, Tables
from prom_service.reports.layout import finish
from prom_service.reports.query import ReportQuery


@dataclass(frozen=True)
class Definition:
    """What one column of one table means."""

    table: str
    column: str
    meaning: str


@dataclass(frozen=True)
class Report:
    """A finished report. The same question of the same facts by the same version is the same report, to the byte."""

    kind: ReportKind
    parameters: Mapping[str, Any]
    definitions: tuple[Definition, ...]
    tables: Tables
    notes: tuple[str, ...]
    versions: Mapping[str, Any]
    as_of: dt.datetime
    checksum: str
    """SHA-256 of the counted facts that it rests on, before anything is hidden or rounded."""


def make_report(session: Session, kind: ReportKind, query: ReportQuery) -> Report:
    """Return the report of that kind that answers ``query``, from the facts recorded by ``query.as_of``."""
    query = replace(query, group_by=query.group_by or kind.group_by)
    facts = kind.extract(session, query)
    return report_of(kind, facts, query)


def report_of(kind: ReportKind, facts: Facts, query: ReportQuery) -> Report:
    """Return the report that these facts make, as its audience may see it."""
    counts = kind.make_tables(facts, query)
    tables = {one.name: finish(counts[one.name], one, audience=query.audience) for one in kind.layouts}
    return Report(
        kind=kind,
        parameters={**query.parameters(), "clinics": _clinics(facts)},
        definitions=tuple(_definitions(kind)),
        tables=tables,
        notes=tuple(_notes(kind, facts, tables, query)),
        versions=_versions(facts),
        as_of=query.as_of.astimezone(dt.UTC),
        checksum=_checksum(facts),
    )


def _notes(kind: ReportKind, facts: Facts, tables: Tables, query: ReportQuery) -> Iterator[str]:
    yield from kind.notes(facts, tables, query)
    if query.audience == "quality":
        yield (
            f"Counts of 1 to 7, and figures that rest on them, read {layout.HIDDEN}; other counts are rounded to"
            f" {layout.ROUNDED_TO}, and shares are computed from rounded counts."
        )


def _definitions(kind: ReportKind) -> Iterator[Definition]:
    for one in kind.layouts:
        yield Definition(one.name, "", one.meaning)
        for column in one.columns:
            yield Definition(one.name, column.key, column.meaning)


def _clinics(facts: Facts) -> Any:
    """Name the clinics, or say how many there are where the list would be longer than the report."""
    names = [f"{clinic.code} ({clinic.name})" for clinic in facts.clinics.itertuples()]
    return names if len(names) <= 10 else f"{len(names)} clinics"


def _versions(facts: Facts) -> dict[str, Any]:
    return {
        "program": __version__,
        "judgement_rules": [f"{row.pathway}, rules {row.rule_version}" for row in facts.rules.itertuples()],
    }


def _checksum(facts: Facts) -> str:
    content = {name: frame.to_dict("split", index=False) for name, frame in facts.frames().items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
