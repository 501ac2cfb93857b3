"""The report of nine episodes, counted by hand. Who they are stands in ``cohort.py``."""

import datetime as dt
from collections.abc import Mapping

import pandas as pd
import pytest
import sqlalchemy as sa

from prom_service.models import Visit
from prom_service.reports import ReportQuery, make_report
from prom_service.reports.known import NOT_RECORDED
from prom_service.reports.layout import POOLED, finish
from prom_service.reports.query import REPORTS
from prom_service.reports.rounding import EVERYTHING
from prom_service.reports.utilization.layouts import VISITS_BY_OUTCOME
from prom_service.reports.utilization.tables import visits_per_episode
from tests.reports.builders import instant
from tests.reports.cohort import AS_OF, START, a_cohort


def rows(table: pd.DataFrame, *columns: str) -> list[tuple]:
    return [tuple(values) for values in table[list(columns)].astype(object).itertuples(index=False)]


def test_visits_per_episode_are_those_of_closed_episodes_and_open_ones_stand_apart(session, record):
    cohort = a_cohort(record)

    table = make_report(session, "utilization", cohort.query()).tables["visits_per_episode"]

    # Closed: 1 2 3 4 5 8 with 10 14 15 20 6 2 visits, in order 2 6 10 14 15 20. Median (10 + 14) / 2. The 75th
    # percentile lies at rank 0.75 × 5 = 3.75 from 0: 14 + 0.75 × (15 − 14). Over 14: 15 and 20. Open: 6 7 9 with
    # 16 3 12 visits, so one over. Interval of the percentile: of six, P(B <= 1) = 0.0046 and P(B <= 2) = 0.0376, so
    # from the 2nd; P(B = 6) = 0.178 is more than 0.025, so without an upper end. Wilson, 2 of 6 with z = 1.959964:
    # (1/3 + z²/12 ∓ z √(1/3 × 2/3 / 6 + z²/144)) / (1 + z²/6) = (0.653455 ∓ 0.494726) / 1.640243.
    one = table.iloc[0]
    assert (one.group, one.episodes, one.closed, one.open) == ("All", 9, 6, 3)
    assert (one["median"], one.percentile_75, one.visit_limit) == (12.0, 14.75, 14)
    assert (one.over, one.share_over, one.open_over) == (2, 2 / 6, 1)
    assert one.percentile_75_low == 6
    assert pd.isna(one.percentile_75_high)
    assert (one.share_over_low, one.share_over_high) == pytest.approx((0.0967714, 0.7000067), abs=1e-6)


def test_the_distribution_counts_every_number_of_visits_closed_and_open(session, record):
    cohort = a_cohort(record)

    table = make_report(session, "utilization", cohort.query()).tables["visit_distribution"]

    assert list(table["visits"]) == list(range(21))
    assert list(table.loc[table["closed"] == 1, "visits"]) == [2, 6, 10, 14, 15, 20]
    assert list(table.loc[table["open"] == 1, "visits"]) == [3, 12, 16]
    assert table[["closed", "open"]].sum().tolist() == [6, 3]


def test_visits_stand_beside_outcomes_and_provisional_wording_is_not_pooled(session, record):
    cohort = a_cohort(record)

    table = make_report(session, "utilization", cohort.query()).tables["visits_by_outcome"]

    # Within 14 and due: 1 (10), 2 (14), 5 (6, own wording), 8 (2), 9 (12); not yet due: 7. Over: 3 (15), 4 (20),
    # 6 (16). 6 never answered, 8 withdrew, 9 has a late baseline: not assessable.
    counted = table[table["episodes"] > 0]
    assert rows(counted, "visits", "outcome", "wording", "episodes", "due") == [
        ("within", "improved", "official", 1, 5),
        ("within", "not_improved", "official", 1, 5),
        ("within", "uncertain", "provisional wording", 1, 5),
        ("within", "not_assessable", "", 2, 5),
        ("within", "not_yet_due", "", 1, 0),
        ("over", "improved", "official", 1, 3),
        ("over", "worse", "official", 1, 3),
        ("over", "not_assessable", "", 1, 3),
    ]
    assert table.loc[counted.index, "share"].dropna().tolist() == [0.2, 0.2, 0.2, 0.4, 1 / 3, 1 / 3, 1 / 3]
    assert rows(counted[counted["open"] > 0], "visits", "outcome", "open") == [
        ("within", "not_assessable", 1),
        ("within", "not_yet_due", 1),
        ("over", "not_assessable", 1),
    ]


def test_the_15th_visit_is_the_first_over_a_limit_of_14(session, record):
    cohort = a_cohort(record)
    record.visit(dt.date(2026, 5, 1), cohort.episodes[2])

    table = make_report(session, "utilization", cohort.query()).tables["visits_per_episode"]

    assert table.iloc[0].over == 3


def test_an_answer_judged_before_its_window_has_passed_is_not_yet_due(session, record):
    cohort = a_cohort(record)
    early = cohort.query(as_of=instant(dt.date(2026, 4, 20)))

    table = make_report(session, "utilization", early).tables["visits_by_outcome"]

    # By 20 April 1, 3, 4 and 5 are judged, and the windows close on 9 May. All eight that had started are not yet due.
    waiting = table[table["outcome"] == "not_yet_due"]
    assert waiting["episodes"].tolist() == [5, 3]
    assert table["early"].sum() == 4
    assert table.loc[table["outcome"] != "not_yet_due", "episodes"].sum() == 0


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        # A: 1 2 3 closed with 10 14 15, 7 and 9 open. B: 4 5 8 closed with 20 6 2, 6 open.
        ("clinician", [("All", 9, 6, 12.0), ("A", 5, 3, 14.0), ("B", 4, 3, 6.0)]),
        ("clinic", [("All", 9, 6, 12.0), ("north", 9, 6, 12.0)]),
        ("pathway", [("All", 9, 6, 12.0), ("hip-related-pain-1", 9, 6, 12.0)]),
        ("diagnosis", [("All", 9, 6, 12.0), ("(not recorded)", 9, 6, 12.0)]),
        # Left: 1 3 closed with 10 15. Right: 2 closed with 14. The others without a side: 4 5 8 closed with 20 6 2.
        ("side", [("All", 9, 6, 12.0), ("left", 2, 2, 12.5), ("none", 6, 3, 6.0), ("right", 1, 1, 14.0)]),
        # All but 7 started in January.
        ("period", [("All", 9, 6, 12.0), ("2026-01", 8, 6, 12.0), ("2026-06", 1, 0, None)]),
    ],
)
def test_a_group_has_its_own_row_beside_the_total(session, record, group_by, expected):
    cohort = a_cohort(record)
    for number, side in ((1, "left"), (2, "right"), (3, "left")):
        cohort.episodes[number].side = side

    table = make_report(session, "utilization", cohort.query(group_by=group_by)).tables["visits_per_episode"]

    table["median"] = table["median"].astype(object).where(table["median"].notna(), None)
    assert rows(table, "group", "episodes", "closed", "median") == expected


def test_the_period_of_an_episode_is_the_month_of_its_start_whenever_its_visits_were(session, record):
    cohort = a_cohort(record)
    query = cohort.query(basis="activity", group_by="period", from_on=dt.date(2026, 2, 1), to_on=dt.date(2026, 7, 1))

    tables = make_report(session, "utilization", query).tables

    # One shared visit of 1 and 9, who started in January, on 20 February; three of 7, who started in June.
    assert rows(tables["activity"], "group", "visits", "shared", "served") == [
        ("All", 4, 1, 3),
        ("2026-01", 1, 1, 2),
        ("2026-06", 3, 0, 1),
    ]
    assert rows(tables["activity_by_month"], "month", "visits") == [("2026-02", 1), ("2026-06", 3)]


def test_clinicians_of_several_clinics_are_named_with_their_clinic(session, record):
    cohort = a_cohort(record)
    query = cohort.query(clinic_ids=(), organisation_id=cohort.organisation.id, group_by="clinician")

    table = make_report(session, "utilization", query).tables["visits_per_episode"]

    assert rows(table, "group", "episodes") == [("All", 10), ("north / A", 5), ("north / B", 4), ("south / A", 1)]


@pytest.mark.parametrize("name", REPORTS)
def test_nobody_is_taken_for_a_row_of_the_report_by_name(session, record, name):
    cohort = a_cohort(record)
    cohort.clinic.code = EVERYTHING
    words = {"A": EVERYTHING, "B": POOLED}
    for one in (*cohort.episodes.values(), *session.scalars(sa.select(Visit))):
        one.clinician = words[one.clinician]
    for number, word in enumerate((EVERYTHING, POOLED, NOT_RECORDED), start=1):
        cohort.episodes[number].diagnosis = word
    session.flush()

    total = totals(make_report(session, name, cohort.query(group_by="side")).tables)
    for group_by, groups in {
        "clinic": {"“All”"},
        "clinician": {"“All”", "“(small groups)”"},
        "diagnosis": {"“All”", "“(small groups)”", "“(not recorded)”", "(not recorded)"},
    }.items():
        tables = make_report(session, name, cohort.query(group_by=group_by)).tables

        pd.testing.assert_frame_equal(totals(tables), total)
        there = {group for table in tables.values() if "group" in table for group in table["group"]}
        assert there - {"All"} == groups


def totals(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Everything that the tables say of all groups together."""
    rows = (table[table["group"] == "All"] for table in tables.values() if "group" in table)
    return pd.concat([row.astype(str).melt(value_name="said") for row in rows if not row.empty], ignore_index=True)


def test_a_visit_serving_two_episodes_is_one_visit(session, record):
    cohort = a_cohort(record)

    tables = make_report(session, "utilization", cohort.query()).tables

    # 10 + 14 + 15 + 20 + 6 + 16 + 3 + 2 + 12 = 98 times an episode was served, once two at a time.
    assert rows(tables["activity"], "group", "visits", "shared", "served") == [("All", 97, 1, 9)]
    assert rows(tables["activity_by_month"], "month", "visits", "shared", "served") == [
        ("2026-01", 93, 0, 8),
        ("2026-02", 1, 1, 2),
        ("2026-06", 3, 0, 1),
    ]


def test_activity_takes_the_episodes_with_a_visit_in_the_period_and_all_their_visits(session, record):
    cohort = a_cohort(record)
    query = cohort.query(basis="activity", from_on=dt.date(2026, 2, 20), to_on=dt.date(2026, 2, 21))

    tables = make_report(session, "utilization", query).tables

    assert rows(tables["activity"], "visits", "served") == [(1, 2)]
    assert rows(tables["visits_per_episode"], "episodes", "median") == [(2, 10.0)]


def test_the_period_is_half_open(session, record):
    clinic = record.clinic(record.organisation())
    for started_on in (START - dt.timedelta(days=1), START, START + dt.timedelta(days=1)):
        record.episode(clinic, started_on)
    query = ReportQuery((clinic.id,), None, START, START + dt.timedelta(days=1), AS_OF)

    table = make_report(session, "utilization", query).tables["visits_per_episode"]

    assert table.iloc[0].episodes == 1


def test_a_report_about_nobody_has_every_table_and_says_so(session, record):
    clinic = record.clinic(record.organisation())
    query = ReportQuery((clinic.id,), None, START, START + dt.timedelta(days=1), AS_OF)

    report = make_report(session, "utilization", query)

    assert "No episode matches this question." in report.notes
    assert report.tables["visit_distribution"]["closed"].sum() == 0
    assert report.tables["visits_by_outcome"]["episodes"].sum() == 0


def test_a_limit_that_differs_between_pathways_is_left_empty():
    cells = {
        "group": "All",
        "pathway": ["x", "y"],
        "visit_limit": [14, 10],
        "closed": True,
        "visits": 12,
        "episodes": 1,
    }

    table = visits_per_episode(pd.DataFrame(cells))

    assert table["visit_limit"].isna().all()
    assert table["over"].tolist() == [1]


def test_outside_the_clinic_those_not_yet_due_have_no_share_of_the_due_that_could_be_hidden():
    shared = {"group": "All", "visits": "within", "wording": "", "open": 0, "early": 0}
    rows = pd.DataFrame(
        [
            {**shared, "outcome": "not_assessable", "episodes": 10, "due": 10},
            {**shared, "outcome": "not_yet_due", "episodes": 20, "due": 0},
            {**shared, "visits": "over", "outcome": "not_yet_due", "episodes": 15, "due": 0},
        ]
    )

    table = finish(rows, VISITS_BY_OUTCOME, audience="quality")

    assert table["due"].fillna("").tolist() == [10, "", ""]
    for share in ("share", "share_low", "share_high"):
        assert table[share].isna().tolist() == [False, True, True]
    assert table["open"].tolist() == ["<10"] * 3
