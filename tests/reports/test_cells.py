"""Quantiles from counts are the quantiles of the single values."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prom_service.reports.cells import quantile

VALUES = st.lists(st.integers(0, 60), min_size=1, max_size=60)


@given(values=VALUES, others=VALUES, share=st.sampled_from([0.25, 0.5, 0.75]))
def test_a_quantile_from_counts_is_numpys_of_the_single_values(values, others, share):
    single = pd.DataFrame({"group": ["a"] * len(values) + ["b"] * len(others), "visits": values + others})
    cells = single.groupby(["group", "visits"]).size().rename("closed").reset_index()

    found = quantile(cells, share, value="visits", count="closed")

    assert found["a"] == pytest.approx(np.quantile(values, share), abs=1e-12)
    assert found["b"] == pytest.approx(np.quantile(others, share), abs=1e-12)


def test_a_group_without_cases_has_no_quantile():
    cells = pd.DataFrame({"group": ["a"], "visits": [3], "closed": [0]})

    assert quantile(cells, 0.5, value="visits", count="closed").empty
