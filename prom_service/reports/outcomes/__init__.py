"""The outcomes report: how scores changed, who reached which threshold, and what lies within measurement error."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pandas as pd

from prom_service.reports import denominators
from prom_service.reports.denominators.charts import funnel_chart
from prom_service.reports.kind import ReportKind, Tables
from prom_service.reports.outcomes.charts import changes_chart, scores_chart
from prom_service.reports.outcomes.extract import Extract, extract
from prom_service.reports.outcomes.layouts import LAYOUTS
from prom_service.reports.outcomes.responders import responders, sources
from prom_service.reports.outcomes.scales import Comparison
from prom_service.reports.outcomes.tables import (
    WORDINGS,
    acceptable_states,
    changes,
    courses,
    named,
    paired,
    reliable_changes,
    score_levels,
    scored,
)
from prom_service.reports.query import ReportQuery
from prom_service.reports.rounding import TOO_FEW
from prom_service.reports.utilization import RESPONSE_TO_RELY_ON


def make_tables(facts: Extract, query: ReportQuery) -> Tables:
    """Return every table of the report, its exact counts."""
    facts = for_readers(facts, query)
    measures = facts.measures
    rows, pairs = scored(facts.scores, measures), paired(facts.scores, measures)
    compared = responders(rows, pairs, measures, facts.comparisons)
    by_scale = {
        "changes": changes(pairs),
        "responders": compared,
        "thresholds": sources(measures, _named(facts.comparisons, compared, query)),
        "reliable_change": reliable_changes(pairs, measures),
        "scores": score_levels(rows, measures),
        "courses": courses(facts.courses),
    }
    return {
        **{name: named(table, measures) for name, table in by_scale.items()},
        "acceptable_state": acceptable_states(facts.scores, len(measures)),
        **denominators.make_tables(facts.timepoints, facts.attempts),
    }


def _named(comparisons: Iterable[Comparison], compared: pd.DataFrame, query: ReportQuery) -> list[Comparison]:
    """Return those compared with; outside the clinic all, for which of them there are could tell of one patient."""
    return [one for one in comparisons if query.audience == "quality" or one.row.id in set(compared["row"])]


def for_readers(facts: Extract, query: ReportQuery) -> Extract:
    """Return what these readers may see: outside the clinic no course of one person, and no clinic's own threshold."""
    if query.audience == "clinic":
        return facts
    registered = tuple(one for one in facts.comparisons if one.registered)
    return replace(facts, comparisons=registered, courses=facts.courses[:0])


def notes(facts: Extract, tables: Tables, query: ReportQuery) -> Iterator[str]:
    """Say what a reader must know before the figures."""
    if tables["denominators"].empty:
        yield "No episode matches this question." if query.audience == "clinic" else TOO_FEW
    yield (
        "Nothing here is adjusted for case mix, and nothing is compared with patients who had no treatment: a change is"
        " not yet an effect."
    )
    if any((tables[name]["wording"] == WORDINGS[1]).any() for name in ("changes", "scores")):
        yield (
            "Some scores rest on provisional wording, not on the official questionnaire; published thresholds belong to"
            " the official wording. The two are never added up."
        )
    yield (
        "Thresholds were found in the patients, treatments and times named beside them; for others, and for the"
        " timepoints here, they are extrapolated. Where Verified says no, the value was not read in its source; where"
        " it says ours, it is a working value of this service."
    )
    steps = tables["denominators"]
    rates = pd.to_numeric(steps["response_rate"], errors="coerce")
    low = steps[(steps["group"] == "All") & (steps["timepoint"] != "baseline") & (rates < RESPONSE_TO_RELY_ON)]
    for timepoint in low["timepoint"]:
        yield (
            f"Fewer than 60 % of those eligible have a score and a baseline at {timepoint.replace('-', ' ')}; the"
            " others may have changed otherwise."
        )


KIND = ReportKind(
    name="outcomes",
    title="Outcomes",
    layouts=LAYOUTS,
    extract=extract,
    make_tables=make_tables,
    notes=notes,
    statements=11,
    drawings={"changes": changes_chart, "scores": scores_chart, "denominators": funnel_chart},
)
