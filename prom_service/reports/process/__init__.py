"""The process report: what was done in the course of care, as far as it is documented."""

from collections.abc import Iterator

from prom_service.reports.kind import ReportKind, Tables
from prom_service.reports.process.charts import process_chart
from prom_service.reports.process.extract import Extract, extract
from prom_service.reports.process.layouts import LAYOUTS
from prom_service.reports.process.tables import definitions, process, short_programmes
from prom_service.reports.query import ReportQuery
from prom_service.reports.rounding import TOO_FEW


def make_tables(facts: Extract, query: ReportQuery) -> Tables:
    """Return every table of the report, its exact counts."""
    return {
        "process": process(facts.measures),
        "short_programmes": short_programmes(facts.short),
        "measures": definitions(),
    }


def notes(facts: Extract, tables: Tables, query: ReportQuery) -> Iterator[str]:
    """Say what a reader must know before the figures."""
    if (tables["process"]["applies"] == 0).all():
        yield "No episode matches this question." if query.audience == "clinic" else TOO_FEW
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
    statements=5,
    drawings={"process": process_chart},
)
