"""Scales without a published measurement error: nothing can be said of their changes, so nothing of it is hidden."""

import pandas as pd

from prom_service.reports.layout import nothing_hidden

NO_ERROR_KNOWN = "none published"


def where_published(shown: pd.DataFrame, _off: int) -> pd.DataFrame:
    """Return the table with figures missing where no error is published to compare a change with."""
    return nothing_hidden(shown, shown["source"] == NO_ERROR_KNOWN, shown.columns.difference(["pairs"]))
