"""The comparison report: units beside the limits of chance, and who answered beside who did not."""

from collections.abc import Iterator

import pandas as pd

from prom_service.reports.comparison.charts import improved_funnels, over_limit_funnel
from prom_service.reports.comparison.extract import Extract, extract
from prom_service.reports.comparison.layouts import LAYOUTS
from prom_service.reports.comparison.limits import RESPONSE_TO_RANK, SMALLEST_RANKED
from prom_service.reports.comparison.tables import (
    WORDINGS,
    responders_by_category,
    responders_by_mean,
    share_improved,
    units,
)
from prom_service.reports.kind import ReportKind, Tables
from prom_service.reports.query import ReportQuery
from prom_service.reports.rounding import TOO_FEW

BY_CHANCE = 0.05


def make_tables(facts: Extract, query: ReportQuery) -> Tables:
    """Return every table of the report, its exact counts."""
    counted, improved = units(facts.units), share_improved(facts.units)
    return {
        "units": counted,
        "share_improved": improved,
        "share_over_limit": counted[["group", "closed", "over"]],
        "bounds": improved,
        "responders": responders_by_category(facts.people),
        "responder_means": responders_by_mean(facts.people),
    }


def notes(facts: Extract, tables: Tables, query: ReportQuery) -> Iterator[str]:
    """Say what a reader must know before the figures."""
    if tables["units"].empty:
        yield "No episode matches this question." if query.audience == "clinic" else TOO_FEW
    yield (
        "Unadjusted: no figure takes account of case mix, of how ill or how old the patients of a unit"
        " were. A unit outside the limits is a reason to ask why, not a verdict on its care."
    )
    yield (
        f"Units stand in order of name, not of merit. One with fewer than {SMALLEST_RANKED} episodes, or for outcomes a"
        f" response below {RESPONSE_TO_RANK:.0%}, is not compared and drawn hollow.".replace("%", " %")
    )
    yield from _by_chance(tables["share_improved"], "improved")
    yield from _by_chance(tables["share_over_limit"], "over the limit")
    if (tables["share_improved"]["wording"] == WORDINGS["own"]).any():
        yield (
            "Some outcomes rest on provisional wording, not on the official questionnaire; published thresholds belong"
            " to the official wording. The two are never added up."
        )


def _by_chance(table: pd.DataFrame, told: str) -> Iterator[str]:
    compared = int((table["rankable"] == "yes").sum())
    if compared * BY_CHANCE >= 1:
        yield (
            f"Share {told}: {compared} figures are compared; about {compared * BY_CHANCE:.0f} of them would lie outside"
            " the 95 % limits by chance alone if all units were the same."
        )


KIND = ReportKind(
    name="comparison",
    title="Units side by side",
    layouts=LAYOUTS,
    extract=extract,
    make_tables=make_tables,
    notes=notes,
    statements=7,
    drawings={"share_improved": improved_funnels, "share_over_limit": over_limit_funnel},
    group_by="clinic",
)
