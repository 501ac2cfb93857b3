"""Intervals and limits agree with statsmodels and SciPy, which compute them another way."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from prom_service.reports.cells import quantile
from prom_service.reports.statistics import funnel_limits, quantile_interval, quantile_ranks, wilson_interval

SIZES = (1, 2, 7, 8, 29, 30, 100, 1234, 50_000)
CLOSE = 1e-6


def close(value):
    return pytest.approx(value, abs=CLOSE, nan_ok=True)


@pytest.mark.parametrize("level", [0.95, 0.998])
def test_the_interval_of_a_share_is_wilsons(level):
    pairs = [(part, whole) for whole in SIZES for part in {0, 1, whole // 3, whole // 2, whole - 1, whole}]
    parts, wholes = (pd.Series(column) for column in zip(*pairs, strict=True))

    found = wilson_interval(parts, wholes, level=level)

    for end, expected in zip(found, proportion_confint(parts, wholes, alpha=1 - level, method="wilson"), strict=True):
        assert end.tolist() == close(expected.tolist())


def test_the_interval_of_no_share_is_missing():
    low, high = wilson_interval(pd.Series([0]), pd.Series([0]))

    assert low.isna().all()
    assert high.isna().all()


@pytest.mark.parametrize("share", [0.05, 0.5, 0.75])
@pytest.mark.parametrize("size", SIZES)
def test_the_ranks_of_a_quantile_are_those_of_the_exact_binomial(size, share):
    low, high = quantile_ranks(size, share)

    # P(X(low) > q) = P(B < low) and P(X(high) < q) = P(B >= high), B binomial; one rank further in is too far.
    assert stats.binom.cdf(low - 1, size, share) < 0.025 <= stats.binom.cdf(low, size, share)
    assert stats.binom.sf(high - 1, size, share) <= 0.025 < stats.binom.sf(high - 2, size, share)


def test_the_interval_of_a_quantile_is_scipys():
    random = np.random.default_rng(5)
    values = {f"{size}": random.poisson(11, size) for size in SIZES}
    frame = pd.concat([pd.DataFrame({"group": name, "visits": each}) for name, each in values.items()])
    cells = frame.groupby(["group", "visits"], as_index=False).size()

    found = quantile_interval(cells, 0.75, value="visits", count="size")

    for name, each in values.items():
        point = quantile(cells, 0.75, value="visits", count="size")[name]
        expected = stats.quantile_test(each, q=point, p=0.75).confidence_interval(0.95)
        assert found.loc[name].tolist() == close([expected.low, expected.high])


def test_the_interval_of_a_quantile_is_open_where_there_are_too_few():
    cells = pd.DataFrame({"group": ["a", "a", "b"], "visits": [3, 9, 4], "episodes": [10, 1, 0]})

    found = quantile_interval(cells, 0.75, value="visits", count="episodes")

    # 11 values: P(B <= 4) = 0.0076 and P(B <= 5) = 0.0343, so the 5th; P(B = 11) = 0.75^11 = 0.0422 > 0.025, so none.
    assert found.index.tolist() == ["a"]
    assert found.loc["a"].tolist() == close([3.0, np.nan])


@pytest.mark.parametrize("level", [0.95, 0.998])
@pytest.mark.parametrize("target", [0.002, 0.3, 0.62, 0.97])
@pytest.mark.parametrize("size", SIZES)
def test_the_limits_of_a_funnel_plot_are_spiegelhalters(size, target, level):
    expected = []
    for p in ((1 - level) / 2, (1 + level) / 2):
        count = stats.binom.ppf(p, size, target)
        surplus = stats.binom.cdf(count, size, target) - p
        expected.append(max(count - surplus / stats.binom.pmf(count, size, target), 0) / size)

    assert funnel_limits(size, target, level) == close(tuple(expected))


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_a_target_of_none_or_all_leaves_no_room(target):
    assert funnel_limits(30, target, 0.95) == (target, target)


def test_limits_widen_with_their_level_and_narrow_with_size():
    inner, outer = funnel_limits(50, 0.6, 0.95), funnel_limits(50, 0.6, 0.998)
    larger = funnel_limits(500, 0.6, 0.998)

    assert outer[0] < inner[0] < 0.6 < inner[1] < outer[1]
    assert outer[0] < larger[0] < larger[1] < outer[1]
