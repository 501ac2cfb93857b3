"""Means with their interval, held to SciPy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from prom_service.reports.outcomes.means import mean_interval, t_quantile


@pytest.mark.parametrize("level", [0.8, 0.95, 0.998])
def test_the_quantile_is_students(level):
    freedoms = [*range(1, 260), 1000, 10_000, 1_000_000]

    found = [t_quantile(freedom, level) for freedom in freedoms]

    assert found == pytest.approx(stats.t.ppf((1 + level) / 2, freedoms), rel=1e-8)


def test_the_quantile_is_as_published():
    # Fisher and Yates, Statistical Tables, table III, P = 0.05.
    published = {1: 12.706, 2: 4.303, 5: 2.571, 10: 2.228, 30: 2.042, 120: 1.980}

    assert {freedom: round(t_quantile(freedom), 3) for freedom in published} == published


@given(values=st.lists(st.integers(-100, 100), min_size=2, max_size=40).filter(lambda them: len(set(them)) > 1))
def test_a_mean_from_counts_has_the_interval_of_the_single_values(values):
    cells = pd.Series(values).value_counts(sort=False)
    stratum = pd.Series(0, index=range(len(cells)))

    found = mean_interval(pd.Series(cells.index, dtype="float64"), pd.Series(cells.to_numpy()), stratum).loc[0]

    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), np.std(values, ddof=1) / len(values) ** 0.5)
    assert found["mean"] == pytest.approx(np.mean(values), abs=1e-9)
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-6)


def test_one_value_has_a_mean_and_no_interval():
    found = mean_interval(pd.Series([7.0]), pd.Series([1]), pd.Series([0])).loc[0]

    assert found["mean"] == 7
    assert found[["low", "high"]].isna().all()
