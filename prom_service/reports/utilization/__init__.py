"""The utilization report: visits per episode, visits beside outcomes, and the denominators of both."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from prom_service.reports import denominators
from prom_service.reports.cells import by_group
from prom_service.reports.denominators.charts import funnel_chart
from prom_service.reports.kind import ReportKind, Tables
from prom_service.reports.pooling import pooled_groups
from prom_service.reports.query import ReportQuery
from prom_service.reports.utilization.charts import outcome_chart, visits_chart
from prom_service.reports.utilization.extract import Extract, extract
from prom_service.reports.utilization.layouts import LAYOUTS
from prom_service.reports.utilization.tables import visit_distribution, visits_by_outcome, visits_per_episode

RESPONSE_TO_RELY_ON = 0.6
"""Below this response rate outcomes say little about those who did not answer; our own working limit, unverified."""


def make_tables(facts: Extract, query: ReportQuery) -> Tables:
    """Return every table of the report, its exact counts."""
    facts = pool_small_groups(facts, query)
    return {
        "visits_per_episode": visits_per_episode(facts.episodes),
        "visit_distribution": visit_distribution(facts.episodes),
        "visits_by_outcome": visits_by_outcome(facts.episodes),
        **denominators.make_tables(facts.timepoints, facts.attempts),
        "activity": facts.activity,
        "activity_by_month": facts.months,
    }


def pool_small_groups(facts: Extract, query: ReportQuery) -> Extract:
    """Return the facts under the groups that may be named.

    A visit shared by two pooled clinicians then counts once for each.
    """
    names = pooled_groups(facts.episodes.groupby("group")["episodes"].sum(), query)
    of_visits = pooled_groups(facts.activity.set_index("group")["served"], query)
    activity = facts.activity.assign(group=facts.activity["group"].map(of_visits))
    return replace(
        facts,
        episodes=facts.episodes.assign(group=facts.episodes["group"].map(names)),
        timepoints=facts.timepoints.assign(group=facts.timepoints["group"].map(names)),
        activity=by_group(activity, ["group"]) if len(activity) else activity,
    )


def notes(facts: Extract, tables: Tables, query: ReportQuery) -> Iterator[str]:
    """Say what a reader must know before the figures."""
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


KIND = ReportKind(
    name="utilization",
    title="Visits and outcomes",
    layouts=LAYOUTS,
    extract=extract,
    make_tables=make_tables,
    notes=notes,
    drawings={
        "visit_distribution": visits_chart,
        "visits_by_outcome": outcome_chart,
        "denominators": funnel_chart,
    },
)
