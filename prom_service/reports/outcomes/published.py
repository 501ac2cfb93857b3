"""Scales without a published measurement error: there nothing is hidden, there is nothing."""

import pandas as pd

from prom_service.reports.rounding import HIDDEN, WITHHELD

NO_ERROR_KNOWN = "none published"


def nothing_where_none_is_published(shown: pd.DataFrame) -> pd.DataFrame:
    """Return the table with figures missing, not hidden, where no error is published to compare a change with."""
    unknown = shown["source"] == NO_ERROR_KNOWN
    resting = shown.columns.difference(["pairs"])
    return shown.assign(**{key: shown[key].mask(unknown & shown[key].isin([HIDDEN, WITHHELD])) for key in resting})
