"""What a reader outside the clinic may see: no count of 1 to 7, nothing exact, and no figure that gives one away."""

import datetime as dt
import json

import pandas as pd
import pytest

from prom_service.errors import InvalidInputError
from prom_service.reports import ReportQuery, default_period, make_report
from prom_service.reports.forms import export
from prom_service.reports.layout import COUNT, finish
from prom_service.reports.pooling import POOLED
from prom_service.reports.utilization.layouts import LAYOUTS, VISITS_PER_EPISODE
from tests.reports.cohort import START, a_cohort


def counts(**changes):
    values = {"group": "All", "episodes": 20, "closed": 20, "median": 9.0, "percentile_75": 12.0, "visit_limit": 14}
    values |= {"percentile_75_low": 10.0, "percentile_75_high": 15.0}
    return pd.DataFrame([{**values, "over": 10, "open": 0, "open_over": 0, **changes}])


@pytest.mark.parametrize(
    ("count", "shown"), [(0, 0), (1, "<8"), (7, "<8"), (8, 10), (12, 10), (13, 15), (17, 15), (18, 20)]
)
def test_counts_of_1_to_7_are_hidden_and_others_rounded_to_5(count, shown):
    table = finish(counts(over=count), VISITS_PER_EPISODE, audience="quality")

    assert table["over"].tolist() == [shown]


def test_a_share_is_computed_from_what_is_shown():
    table = finish(counts(over=8, closed=23), VISITS_PER_EPISODE, audience="quality")

    assert table["share_over"].tolist() == [10 / 25]
    exact = finish(counts(over=10, closed=25), VISITS_PER_EPISODE, audience="clinic")
    for end in ("share_over_low", "share_over_high"):
        assert table[end].tolist() == exact[end].tolist()


@pytest.mark.parametrize("hidden", [{"over": 7}, {"closed": 7, "over": 0}])
def test_a_share_resting_on_a_hidden_count_is_hidden(hidden):
    table = finish(counts(**hidden), VISITS_PER_EPISODE, audience="quality")

    shares = ["share_over", "share_over_low", "share_over_high"]
    assert table[shares].to_numpy().tolist() == [["<8", "<8", "<8"]]


def test_a_median_of_fewer_than_8_is_hidden():
    table = finish(counts(closed=7), VISITS_PER_EPISODE, audience="quality")

    resting = ["median", "percentile_75", "percentile_75_low", "percentile_75_high"]
    assert table[resting].to_numpy().tolist() == [["<8"] * 4]


def test_the_clinic_itself_sees_exact_numbers():
    table = finish(counts(over=1, closed=7), VISITS_PER_EPISODE, audience="clinic")

    assert table[["closed", "over", "share_over"]].to_numpy().tolist() == [[7, 1, 1 / 7]]


def test_no_table_of_a_quality_report_shows_a_small_or_an_exact_count(session, record):
    cohort = a_cohort(record)
    for _ in range(13):
        record.episode(cohort.clinic, START, visits=3, clinician="A")
    query = cohort.query(clinic_ids=(), organisation_id=cohort.organisation.id, audience="quality", group_by="clinic")

    report = make_report(session, "utilization", query)

    shown = {
        value
        for layout in LAYOUTS
        for column in layout.columns
        if column.kind == COUNT
        for value in report.tables[layout.name][column.key]
    }
    assert "<8" in shown
    assert all(value == "<8" or value % 5 == 0 for value in shown)
    assert json.loads(export.render(report, "json"))["tables"]["visits_per_episode"]["rows"][2]["episodes"] == "<8"


def test_names_of_groups_below_8_are_not_told(session, record):
    cohort = a_cohort(record)
    for _ in range(8):
        record.episode(cohort.clinic, START, visits=1, clinician="Common", diagnosis="Common")
    record.episode(cohort.clinic, START, clinician="Rare", diagnosis="Rare")

    for group_by in ("clinician", "diagnosis"):
        report = make_report(session, "utilization", cohort.query(audience="quality", group_by=group_by))

        for form in ("csv", "json", "html"):
            assert b"Rare" not in export.render(report, form)
        groups = set(report.tables["visits_per_episode"]["group"])
        assert "Common" in groups
        assert POOLED in groups


@pytest.mark.parametrize(
    ("first", "after"), [(dt.date(2026, 1, 2), dt.date(2026, 2, 1)), (dt.date(2026, 1, 1), dt.date(2026, 1, 31))]
)
def test_outside_the_clinic_a_period_is_whole_calendar_months(session, record, first, after):
    cohort = a_cohort(record)

    with pytest.raises(InvalidInputError, match="whole calendar months"):
        cohort.query(audience="quality", from_on=first, to_on=after)

    assert cohort.query(audience="clinic", from_on=first, to_on=after)


def test_a_question_that_makes_no_sense_is_refused_with_every_fault_named():
    with pytest.raises(InvalidInputError) as raised:
        ReportQuery(
            clinic_ids=(),
            organisation_id=None,
            from_on=dt.date(2026, 2, 1),
            to_on=dt.date(2026, 2, 1),
            as_of=dt.datetime(2026, 7, 1),  # noqa: DTZ001 (that is the fault)
            basis="visits",
            group_by="patient",
            audience="all",
        )

    assert set(raised.value.errors) == {"to", "as_of", "basis", "group_by", "audience", "clinic"}


@pytest.mark.parametrize(
    ("today", "period"),
    [
        (dt.date(2026, 11, 23), (dt.date(2025, 11, 1), dt.date(2026, 11, 1))),
        (dt.date(2028, 2, 29), (dt.date(2027, 2, 1), dt.date(2028, 2, 1))),
        (dt.date(2026, 1, 1), (dt.date(2025, 1, 1), dt.date(2026, 1, 1))),
    ],
)
def test_the_default_period_is_the_last_12_whole_months(today, period):
    assert default_period(today) == period
