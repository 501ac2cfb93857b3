"""A finished report, and how one is made of a kind and a question."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from prom_service import __version__
from prom_service.reports.abreast import reading_abreast
from prom_service.reports.kind import Facts, ReportKind, Tables
from prom_service.reports.layout import NEAREST, finish
from prom_service.reports.planners import joining_many
from prom_service.reports.progress import Told, counting, nobody, tabulating
from prom_service.reports.query import FINAL, ReportQuery, looks
from prom_service.reports.rounding import HIDDEN, ROUNDED_TO, SMALLEST_SHOWN, WITHHELD, Rounding, rounding_of

GUARDED = (
    f"Counts are rounded up or down to a multiple of {ROUNDED_TO}, each by less than {ROUNDED_TO}; shares are computed"
    " from rounded counts, and their intervals are as wide as any counts that may stand behind them make them."
    f" Counts below {SMALLEST_SHOWN}, and some of 8 and 9, read {HIDDEN}: fewer than"
    f" {2 * ROUNDED_TO}, perhaps none. Figures that rest on such a count read “{WITHHELD}”. Rows without a count that"
    " may be shown are left out. Figures that are no counts have fewer digits than the clinic sees."
)
"""What a reader outside the clinic must know before the first figure."""


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
    """SHA-256 of the counted facts that it rests on. Outside the clinic, of its tables: a hash of few and small counts
    could be found by trying them, and one that changes overnight would tell that a single patient did."""


def make_report(session: Session, kind: ReportKind, query: ReportQuery, told: Told = nobody) -> Report:
    """Return the report of that kind that answers ``query``, from the facts recorded by ``query.as_of``."""
    query = replace(query, group_by=query.group_by or kind.group_by)
    facts = count_facts(session, kind, query, told)
    return report_of(kind, facts, query, rounding_of(session, query), told)


def count_facts(session: Session, kind: ReportKind, query: ReportQuery, told: Told = nobody) -> Facts:
    """Return the counted facts on which the report rests."""
    several = joining_many(session) if len(query.clinic_ids) != 1 else nullcontext()
    with several, reading_abreast(session), counting(session, kind.statements, told):
        return kind.extract(session, query)


def report_of(
    kind: ReportKind, facts: Facts, query: ReportQuery, rounding: Rounding = NEAREST, told: Told = nobody
) -> Report:
    """Return the report that these facts make, as its audience may see it."""
    counts = kind.make_tables(facts, query)
    tables = {
        one.name: finish(counts[one.name], one, audience=query.audience, rounding=rounding)
        for one in tabulating(kind.layouts, told)
    }
    return Report(
        kind=kind,
        parameters={**query.parameters(), "clinics": _clinics(facts)},
        definitions=tuple(_definitions(kind)),
        tables=tables,
        notes=tuple(_notes(kind, facts, tables, query)),
        versions=_versions(facts),
        as_of=query.as_of.astimezone(dt.UTC),
        checksum=_checksum(facts.frames() if query.audience == "clinic" else tables),
    )


def _notes(kind: ReportKind, facts: Facts, tables: Tables, query: ReportQuery) -> Iterator[str]:
    yield from kind.notes(facts, tables, query)
    if query.audience == "quality":
        yield GUARDED
        yield _seen(query)


def _seen(query: ReportQuery) -> str:
    """Say as of when a reader outside the clinic sees the period, and whether that will change."""
    final = looks(query.to_on)[1]
    if query.as_of >= final:
        return f"The period is shown as it stood {FINAL} months after its end, for good."
    return (
        f"The period is shown as it stood at its end, when part of it was not yet due. Asked for from {final:%Y-%m-%d}"
        " on, it is shown as it stood on that day, for good."
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


def _checksum(frames: Tables) -> str:
    content = {name: frame.to_json(orient="split", index=False, double_precision=15) for name, frame in frames.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
