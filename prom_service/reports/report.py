"""The utilization report: visits per episode, visits beside outcomes, and the denominators of both."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from sqlalchemy.orm import Session

from prom_service import __version__
from prom_service.reports import denominators, layout, utilization
from prom_service.reports.cells import by_group
from prom_service.reports.extract import Extract, extract
from prom_service.reports.layout import LAYOUTS, Layout, finish
from prom_service.reports.query import ReportQuery

POOLED = f"(groups below {layout.SMALLEST_SHOWN})"
RESPONSE_TO_RELY_ON = 0.6
"""Below this response rate outcomes say little about those who did not answer; our own working limit, unverified."""


@dataclass(frozen=True)
class Definition:
    """What one column of one table means."""

    table: str
    column: str
    meaning: str


@dataclass(frozen=True)
class Report:
    """A finished report. The same question of the same facts by the same version is the same report, to the byte."""

    title: str
    parameters: Mapping[str, Any]
    definitions: tuple[Definition, ...]
    tables: Mapping[str, pd.DataFrame]
    layouts: tuple[Layout, ...]
    notes: tuple[str, ...]
    versions: Mapping[str, Any]
    as_of: dt.datetime
    checksum: str
    """SHA-256 of the counted facts that it rests on, before anything is hidden or rounded."""


def utilization_report(session: Session, query: ReportQuery) -> Report:
    """Return the report that answers ``query``, from the facts recorded by ``query.as_of``."""
    facts = extract(session, query)
    tables = make_tables(facts, query)
    return Report(
        title="Visits and outcomes",
        parameters={**query.parameters(), "clinics": _clinics(facts)},
        definitions=tuple(_definitions()),
        tables=tables,
        layouts=LAYOUTS,
        notes=tuple(_notes(facts, tables, query)),
        versions=_versions(facts),
        as_of=query.as_of.astimezone(dt.UTC),
        checksum=_checksum(facts),
    )


def make_tables(facts: Extract, query: ReportQuery) -> dict[str, pd.DataFrame]:
    """Return every table of the report as its audience may see it."""
    if query.audience == "quality" and query.group_by in ("clinician", "diagnosis"):
        facts = pool_small_groups(facts)
    counts = {
        "visits_per_episode": utilization.visits_per_episode(facts.episodes),
        "visit_distribution": utilization.visit_distribution(facts.episodes),
        "visits_by_outcome": utilization.visits_by_outcome(facts.episodes),
        "denominators": denominators.denominators(facts.timepoints),
        "left_out": denominators.left_out(facts.timepoints),
        "response_by_attempt": denominators.response_by_attempt(facts.attempts),
        "response_by_channel": denominators.response_by_channel(facts.timepoints),
        "activity": facts.activity,
        "activity_by_month": facts.months,
    }
    return {one.name: finish(counts[one.name], one, audience=query.audience) for one in LAYOUTS}


def pool_small_groups(facts: Extract) -> Extract:
    """Return the facts with all groups of fewer than 8 episodes as one: their names are free text and could tell.

    A visit shared by two pooled clinicians then counts once for each.
    """
    sizes = facts.episodes.groupby("group")["episodes"].sum()
    activity = facts.activity.assign(
        group=_pooled(facts.activity["group"], facts.activity.set_index("group")["served"])
    )
    return replace(
        facts,
        episodes=facts.episodes.assign(group=_pooled(facts.episodes["group"], sizes)),
        timepoints=facts.timepoints.assign(group=_pooled(facts.timepoints["group"], sizes)),
        activity=by_group(activity, ["group"]),
    )


def _pooled(groups: pd.Series, sizes: pd.Series) -> pd.Series:
    return groups.mask(groups.map(sizes) < layout.SMALLEST_SHOWN, POOLED)


def _definitions() -> Iterator[Definition]:
    for one in LAYOUTS:
        yield Definition(one.name, "", one.meaning)
        for column in one.columns:
            yield Definition(one.name, column.key, column.meaning)


def _clinics(facts: Extract) -> Any:
    """Name the clinics, or say how many there are where the list would be longer than the report."""
    names = [f"{clinic.code} ({clinic.name})" for clinic in facts.clinics.itertuples()]
    return names if len(names) <= 10 else f"{len(names)} clinics"


def _notes(facts: Extract, tables: Mapping[str, pd.DataFrame], query: ReportQuery) -> Iterator[str]:
    if facts.episodes.empty:
        yield "No episode matches this question."
    yield "The visit limit is an administrative threshold, not a clinical limit. Nothing here is adjusted for case mix."
    if (facts.episodes["wording"] == "own").any():
        yield (
            "Some outcomes rest on provisional wording, not on the official questionnaire; published thresholds belong"
            " to the official wording. The two are never added up."
        )
    if not facts.episodes["closed"].all():
        yield "Open episodes are counted apart: their number of visits is not final."
    rates = tables["denominators"].query("group == 'All' and timepoint == '3-months'")["response_rate"]
    if (pd.to_numeric(rates, errors="coerce") < RESPONSE_TO_RELY_ON).any():
        yield "Fewer than 60 % of those eligible can be judged at 3 months; the outcomes may not stand for the others."
    if query.audience == "quality":
        yield (
            f"Counts of 1 to 7, and figures that rest on them, read {layout.HIDDEN}; other counts are rounded to"
            f" {layout.ROUNDED_TO}, and shares are computed from rounded counts."
        )


def _versions(facts: Extract) -> dict[str, Any]:
    return {
        "program": __version__,
        "judgement_rules": [f"{row.pathway}, rules {row.rule_version}" for row in facts.rules.itertuples()],
    }


def _checksum(facts: Extract) -> str:
    content = {name: frame.to_dict("split", index=False) for name, frame in facts.frames().items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
