"""The process report: what was done in the course of care, as far as it is documented."""

from collections.abc import Iterator
from dataclasses import replace

from prom_service.reports.kind import ReportKind, Tables
from prom_service.reports.pooling import pooled_groups
from prom_service.reports.process.charts import process_chart
from prom_service.reports.process.extract import Extract, extract
from prom_service.reports.process.layouts import LAYOUTS
from prom_service.reports.process.tables import definitions, process, short_programmes
from prom_service.reports.query import ReportQuery

OF_ALL = "short_programme"
"""The measure that applies to every episode: it says how many there are."""


def make_tables(facts: Extract, query: ReportQuery) -> Tables:
    """Return every table of the report, its exact counts."""
    facts = pool_small_groups(facts, query)
    return {
        "process": process(facts.measures),
        "short_programmes": short_programmes(facts.short),
        "measures": definitions(),
    }


def pool_small_groups(facts: Extract, query: ReportQuery) -> Extract:
    """Return the facts under the groups that may be named."""
    sizes = facts.measures[facts.measures["measure"] == OF_ALL].groupby("group")["applies"].sum()
    labels = pooled_groups(sizes, query)
    return replace(
        facts,
        measures=facts.measures.assign(group=facts.measures["group"].map(labels)),
        short=facts.short.assign(group=facts.short["group"].map(labels)),
    )


def notes(facts: Extract, tables: Tables, query: ReportQuery) -> Iterator[str]:
    """Say what a reader must know before the figures."""
    if facts.measures.empty:
        yield "No episode matches this question."
    yield "Only what a clinic documents can be counted: what is not documented may have been done."
    yield "All visits of an episode count, attended ones of every format, whatever the period of the report."
    if "provisional wording" in set(tables["process"]["wording"]):
        yield (
            "Some figures rest on provisional wording, not on the official questionnaire; published thresholds belong"
            " to the official wording. The two are never added up."
        )


KIND = ReportKind(
    name="process",
    title="Process of care",
    layouts=LAYOUTS,
    extract=extract,
    make_tables=make_tables,
    notes=notes,
    drawings={"process": process_chart},
)
