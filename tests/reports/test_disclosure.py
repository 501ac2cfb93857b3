"""What a table for readers outside the clinic shows: no small count, nothing exact, no figure that gives one away."""

import pandas as pd
import pytest

from prom_service.reports.continued.layouts import VISITS_AFTER_IMPROVEMENT
from prom_service.reports.denominators.layouts import RESPONSE_BY_CHANNEL
from prom_service.reports.layout import finish
from prom_service.reports.rounding import Rounding
from prom_service.reports.utilization.layouts import ACTIVITY_BY_MONTH, VISITS_PER_EPISODE


def counts(**changes):
    values = {"group": "All", "episodes": 20, "closed": 20, "median": 9.0, "percentile_75": 12.0, "visit_limit": 14}
    values |= {"percentile_75_low": 10.0, "percentile_75_high": 15.0}
    return pd.DataFrame([{**values, "over": 10, "open": 0, "open_over": 0, **changes}])


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "<10"), (1, "<10"), (7, "<10"), (8, 10), (12, 10), (13, 15), (17, 15), (18, 20)]
)
def test_without_a_key_counts_below_8_are_hidden_and_others_rounded_to_the_nearest_5(count, shown):
    table = finish(counts(over=count), VISITS_PER_EPISODE, audience="quality")

    assert table["over"].tolist() == [shown]


def ways(count: int, **question: str) -> set[object]:
    """All that may stand for a count, under forty keys."""
    tables = [
        finish(counts(over=count), VISITS_PER_EPISODE, audience="quality", rounding=Rounding(bytes([key]), **question))
        for key in range(1, 41)
    ]
    return {table["over"][0] for table in tables}


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, {"<10"}),
        (7, {"<10"}),
        (8, {"<10", 10}),
        (9, {"<10", 10}),
        (10, {10}),
        (11, {10, 15}),
        (14, {10, 15}),
        (15, {15}),
    ],
)
def test_with_a_key_nobody_knows_which_way_a_count_goes_but_below_8_it_is_hidden(count, shown):
    assert ways(count) == shown


def test_equal_counts_of_one_question_go_the_same_way_and_a_larger_one_never_lower():
    rounding, numbers = Rounding(b"key", "episodes", "2026-01"), pd.Series([*range(200), *range(200)])

    shown = rounding.shown(numbers, pd.Series("episodes 2026-01", index=numbers.index)).tolist()

    assert shown[:200] == shown[200:] == sorted(shown[:200])


def test_a_month_among_the_groups_goes_the_way_of_the_report_of_that_month():
    months = pd.DataFrame({"group": ["All", "2026-01", "(small groups)"]})

    questions = Rounding(b"key", "episodes", "2026-01 2026-12", months="group").questions(months)

    assert questions.tolist() == ["episodes 2026-01 2026-12", "episodes 2026-01", "episodes 2026-01 2026-12"]


def test_a_group_that_has_all_there_is_goes_the_way_of_the_total():
    rounding = Rounding(b"key", "episodes", "2026", group_by="clinic")
    rows = pd.concat([counts(), counts(group="north")], ignore_index=True)

    tables = [
        finish(rows.assign(episodes=number), VISITS_PER_EPISODE, audience="quality", rounding=rounding)
        for number in range(20, 80)
    ]

    assert all(len(set(table["episodes"])) == 1 for table in tables)
    assert rounding.questions(rows).nunique() == 2


def test_a_share_is_computed_from_what_is_shown():
    table = finish(counts(over=8, closed=23), VISITS_PER_EPISODE, audience="quality")

    assert table["share_over"].tolist() == [10 / 25]
    # 6 of 29 and 14 of 21 may stand behind the 10 of 25.
    for end, counted in (("share_over_low", (6, 29)), ("share_over_high", (14, 21))):
        exact = finish(counts(over=counted[0], closed=counted[1]), VISITS_PER_EPISODE, audience="clinic")
        assert table[end].tolist() == exact[end].tolist()


@pytest.mark.parametrize("hidden", [{"over": 7}, {"closed": 7, "over": 7}])
def test_a_share_resting_on_a_hidden_count_is_hidden(hidden):
    table = finish(counts(**hidden), VISITS_PER_EPISODE, audience="quality")

    shares = ["share_over", "share_over_low", "share_over_high"]
    assert table[shares].to_numpy().tolist() == [["hidden", "hidden", "hidden"]]


def test_a_median_of_fewer_than_8_is_hidden():
    table = finish(counts(closed=7), VISITS_PER_EPISODE, audience="quality")

    resting = ["median", "percentile_75", "percentile_75_low", "percentile_75_high"]
    assert table[resting].to_numpy().tolist() == [["hidden"] * 4]


def test_a_percentile_has_no_fraction_that_tells_how_many_it_rests_on():
    table = finish(counts(percentile_75=14.75), VISITS_PER_EPISODE, audience="quality")

    assert table["percentile_75"].tolist() == [15.0]


def test_a_row_without_a_count_that_may_be_shown_is_not_there():
    rows = pd.concat([counts(), counts(group="Rare", episodes=7, closed=7, over=0)])

    table = finish(rows, VISITS_PER_EPISODE, audience="quality")

    assert table["group"].tolist() == ["All"]


def test_the_visits_of_a_few_are_hidden_however_many_there_are():
    rows = pd.DataFrame({"month": ["2026-01", "2026-02"], "visits": [28, 30], "shared": 0, "served": [1, 12]})

    table = finish(rows, ACTIVITY_BY_MONTH, audience="quality")

    assert table[["month", "visits", "served"]].to_numpy().tolist() == [["2026-02", 30, 10]]


def test_only_of_a_small_count_it_is_said_that_it_is_small():
    few = pd.DataFrame(
        {
            "group": "All",
            "wording": "official",
            "episodes": 30,
            "demonstrated": 20,
            "closed": 6,
            "visits_closed": 84,
            "median": 14.0,
            "percentile_75": 15.0,
            "open": 14,
            "visits_open": 3,
        },
        index=[0],
    )

    shown = finish(few, VISITS_AFTER_IMPROVEMENT, audience="quality").loc[0]

    figures = ["closed", "visits_closed", "median", "open", "visits_open"]
    assert shown[figures].tolist() == ["<10", "hidden", "hidden", 15, "<10"]


def test_a_count_repeated_from_other_rows_does_not_keep_a_row():
    rows = pd.DataFrame({"timepoint": "3-months", "channel": ["web", "phone"], "answered": [30, 1], "eligible": 40})

    table = finish(rows, RESPONSE_BY_CHANNEL, audience="quality")

    assert table["channel"].tolist() == ["web"]


def test_no_number_shows_the_noise_of_floating_point():
    table = finish(counts(median=7 / 3 - 1 / 3 + 1e-15, closed=9), VISITS_PER_EPISODE, audience="clinic")

    assert table["median"].tolist() == [2.0]


def test_the_clinic_itself_sees_exact_numbers():
    table = finish(counts(over=1, closed=7), VISITS_PER_EPISODE, audience="clinic")

    assert table[["closed", "over", "share_over"]].to_numpy().tolist() == [[7, 1, 1 / 7]]


def test_each_group_has_points_of_its_own_and_the_same_in_every_table():
    rounding = Rounding(b"key", "episodes", "2026-01", group_by="clinic")
    counts = pd.Series(range(500))

    def shown(**column: str) -> list[int]:
        questions = rounding.questions(pd.DataFrame(column, index=counts.index))
        return rounding.shown(counts, questions).tolist()

    assert shown(group="north") == shown(group="north", timepoint="baseline")
    assert shown(group="All") == shown(timepoint="baseline")
    assert len({tuple(shown(group=name)) for name in ("All", "north", "south")}) == 3
