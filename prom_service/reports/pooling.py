"""Groups too small to be named outside the clinic, as one."""

import pandas as pd

from prom_service.reports.cohort import EVERYTHING
from prom_service.reports.layout import POOLED
from prom_service.reports.query import ReportQuery
from prom_service.reports.rounding import SMALLEST_SHOWN

FREE_TEXT = ("clinician", "diagnosis")
"""Groups whose names a clinic types in: a rare one could tell who it is."""


def pooled_groups(sizes: pd.Series, query: ReportQuery) -> dict[str, str]:
    """Return the label that each group goes by outside the clinic; ``sizes`` are episodes by group."""
    tells = query.audience == "quality" and query.group_by in FREE_TEXT
    small = {group for group, size in sizes.items() if tells and size < SMALLEST_SHOWN and group != EVERYTHING}
    return {group: POOLED if group in small else group for group in sizes.index}
