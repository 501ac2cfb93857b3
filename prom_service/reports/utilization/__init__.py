"""The utilization report: visits per episode, visits beside outcomes, and the denominators of both."""

from collections.abc import Iterator

import pandas as pd

from prom_service.reports import continued, denominators
from prom_service.reports.cells import with_total
from prom_service.reports.denominators.charts import funnel_chart
from prom_service.reports.kind import ReportKind, Tables
from prom_service.reports.query import ReportQuery
from prom_service.reports.rounding import HIDDEN, ROUNDED_TO, TOO_FEW
from prom_service.reports.utilization.charts import outcome_chart, visits_chart
from prom_service.reports.utilization.extract import Extract, extract
from prom_service.reports.utilization.layouts import LAYOUTS
from prom_service.reports.utilization.tables import WORDINGS, visit_distribution, visits_by_outcome, visits_per_episode

RESPONSE_TO_RELY_ON = 0.6
"""Below this response rate outcomes say little about those who did not answer; our own working limit, unverified."""


def make_tables(facts: Extract, query: ReportQuery) -> Tables:
    """Return every table of the report, its exact counts."""
    sizes = with_total(facts.episodes).groupby("group")["episodes"].sum()
    return {
        "visits_per_episode": visits_per_episode(
            facts.episodes, least=1 if query.audience == "clinic" else 2 * ROUNDED_TO
        ),
        "visit_distribution": visit_distribution(facts.episodes),
        "visits_by_outcome": visits_by_outcome(facts.episodes),
        **continued.make_tables(facts.improved, facts.flagged, sizes),
        **denominators.make_tables(facts.timepoints, facts.attempts),
        "activity": facts.activity,
        "activity_by_month": facts.months,
    }


def notes(facts: Extract, tables: Tables, query: ReportQuery) -> Iterator[str]:
    """Say what a reader must know before the figures."""
    episodes = tables["visits_per_episode"]
    if episodes.empty:
        yield "No episode matches this question." if query.audience == "clinic" else TOO_FEW
    yield "The visit limit is an administrative threshold, not a clinical limit. Nothing here is adjusted for case mix."
    worded = ("visits_by_outcome", *(one.name for one in continued.LAYOUTS))
    if any((tables[name]["wording"] == WORDINGS["own"]).any() for name in worded):
        yield (
            "Some outcomes rest on provisional wording, not on the official questionnaire; published thresholds belong"
            " to the official wording. The two are never added up."
        )
    if not episodes["open"].isin((0, HIDDEN)).all():
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
    statements=7,
    drawings={
        "visit_distribution": visits_chart,
        "visits_by_outcome": outcome_chart,
        "denominators": funnel_chart,
    },
)
