"""What a reader outside the clinic may see: no small count, nothing exact, and no figure or row that gives one away."""

import ast
import datetime as dt
import json
import uuid
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from prom_service.errors import InvalidInputError
from prom_service.models import Episode, Response
from prom_service.reports import ReportQuery, default_period, known, make_report
from prom_service.reports.continued.layouts import VISITS_AFTER_IMPROVEMENT
from prom_service.reports.denominators.layouts import RESPONSE_BY_CHANNEL
from prom_service.reports.forms import export
from prom_service.reports.layout import COUNT, POOLED, finish
from prom_service.reports.query import GROUPINGS, REPORTS, end_of
from prom_service.reports.rounding import Rounding
from prom_service.reports.utilization.layouts import ACTIVITY_BY_MONTH, LAYOUTS, VISITS_PER_EPISODE
from tests.reports.builders import Record
from tests.reports.cohort import START, a_cohort
from tests.support.paper import Sheets

ROOT = Path(__file__).parents[2]
DOORS = "prom_service/web", "prom_service/cli", "scheduler"


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


@pytest.mark.parametrize(
    ("as_of", "told"),
    [
        (
            dt.datetime(2026, 12, 31, tzinfo=dt.UTC),
            "at its end, when part of it was not yet due. Asked for from 2027-01-01 on",
        ),
        (dt.datetime(2027, 1, 1, tzinfo=dt.UTC), "6 months after its end, for good"),
    ],
)
def test_a_reader_outside_the_clinic_is_told_whether_the_figures_will_change(session, record, as_of, told):
    cohort = a_cohort(record)

    outside, inside = (
        make_report(session, "utilization", cohort.query(audience=audience, as_of=as_of)).notes
        for audience in ("quality", "clinic")
    )

    assert [note for note in outside if f"The period is shown as it stood {told}" in note]
    assert not [note for note in inside if "The period is shown" in note]


def test_no_table_of_a_quality_report_shows_a_small_or_an_exact_count(session, record):
    cohort = a_cohort(record)
    for _ in range(13):
        record.episode(cohort.clinic, START, visits=3, clinician="A")

    report = make_report(session, "utilization", cohort.query(audience="quality", group_by="clinic"))

    shown = {
        value
        for layout in LAYOUTS
        for column in layout.columns
        if column.kind == COUNT
        for value in report.tables[layout.name][column.key]
    }
    assert "<10" in shown
    assert all(value in ("<10", "hidden") or (value >= 10 and value % 5 == 0) for value in shown)
    assert report.tables["visits_per_episode"]["group"].tolist() == ["All", "north"]
    assert json.loads(export.render(report, "json"))["tables"]["visits_per_episode"]["rows"][0]["over"] == "<10"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # Which rows there are is the same on either.
@pytest.mark.parametrize("name", REPORTS)
def test_no_patient_more_adds_a_row_or_a_sentence(session, record, full, name):
    cohort = a_cohort(record)
    for _ in range(20):
        record.judged(*with_answers(record, record.episode(cohort.clinic, START, visits=3, clinician="A")), "improved")
    for group_by in (None, *GROUPINGS) if full else ("clinician",):
        query = cohort.query(audience="quality", group_by=group_by)
        before = make_report(session, name, query)

        one_more = session.begin_nested()  # One for each grouping, or their group would become large enough.
        odd = record.episode(cohort.clinic, dt.date(2026, 3, 3), visits=29, clinician="Z", diagnosis="Z", side="left")
        answered = with_answers(record, odd, mode="phone", wording="own", partial=True, value=0.0)
        record.judged(*answered, "worse", wording="own")
        record.flag(odd, "deterioration", "3-months", answered[1].recorded_at, wording="own")
        after = make_report(session, name, query)

        assert sum(map(len, before.tables.values())) > 10
        assert (after.notes, after.parameters, after.versions) == (before.notes, before.parameters, before.versions)
        for layout in after.kind.layouts:
            names = [one.key for one in layout.columns if one.kind in ("text", "key") and not one.derived]
            assert after.tables[layout.name][names].equals(before.tables[layout.name][names]), layout.name
        one_more.rollback()


def test_a_table_that_shows_no_row_says_why_and_is_not_drawn(session, record):
    few = a_cohort(record).query(audience="quality")
    report = make_report(session, "utilization", few)

    page, sheets = export.render(report, "html").decode(), Sheets(export.render(report, "pdf"))

    for text in (page, sheets.text):
        assert "No row to show. Rows without a count that may be shown are left out." in text
    assert "Visits of one episode</text>" not in page


def with_answers(record: Record, episode: Episode, **how: object) -> tuple[Episode, Response]:
    """The episode with answers at its start and at 3 months."""
    baseline = record.administration(episode, "baseline")
    record.answers(episode, "baseline", baseline.opens_at + dt.timedelta(hours=1))
    target = record.administration(episode, "3-months").target_at
    return episode, record.answers(episode, "3-months", target, **how)


def test_the_checksum_outside_the_clinic_is_that_of_what_is_shown(session, record):
    cohort = a_cohort(record)
    queries = [cohort.query(audience=audience) for audience in ("clinic", "quality")]
    before = [make_report(session, "utilization", query).checksum for query in queries]

    cohort.episodes[1].closed_on = None
    session.flush()
    after = [make_report(session, "utilization", query).checksum for query in queries]

    assert after[0] != before[0]
    assert after[1] == before[1]


def test_groups_are_named_from_10_patients_and_diagnoses_from_2_clinicians_on(session, record):
    cohort = a_cohort(record)
    for number in range(20):
        who = ("First", "Second")[number % 2]
        record.episode(cohort.clinic, START, visits=1, clinician=who, diagnosis="Common")
    for _ in range(10):
        record.episode(cohort.clinic, START, visits=1, clinician="Third", diagnosis="Of one clinician")
    for _ in range(9):
        record.episode(cohort.clinic, START, visits=1, clinician="Rare", diagnosis="Rare")
    named = {"clinician": {"First", "Second", "Third"}, "diagnosis": {"Common", known.NOT_RECORDED}}

    for group_by, expected in named.items():
        report = make_report(session, "utilization", cohort.query(audience="quality", group_by=group_by))

        for form in ("csv", "json", "html"):
            assert b"Rare" not in export.render(report, form)
        groups = {group.rpartition(" / ")[2] for group in report.tables["activity"]["group"]}
        assert groups == {"All", POOLED, *expected}


YEAR = dt.date(2026, 1, 1)


@pytest.mark.parametrize(
    ("first", "after"),
    [
        (dt.date(2026, 2, 1), dt.date(2026, 3, 1)),
        (dt.date(2026, 4, 1), dt.date(2026, 7, 1)),
        (dt.date(2025, 7, 1), YEAR),
        (dt.date(2025, 5, 1), dt.date(2026, 5, 1)),
        (dt.date(2023, 1, 1), YEAR),
    ],
)
def test_outside_the_clinic_a_period_is_a_month_a_quarter_a_half_year_twelve_months_or_whole_years(first, after):
    assert asked(audience="quality", clinic_ids=(), from_on=first, to_on=after)


@pytest.mark.parametrize(
    ("first", "after"),
    [
        (dt.date(2026, 1, 2), dt.date(2026, 2, 1)),
        (YEAR, dt.date(2026, 1, 31)),
        (YEAR, dt.date(2026, 3, 1)),
        (dt.date(2026, 2, 1), dt.date(2026, 5, 1)),
        (dt.date(2026, 4, 1), dt.date(2026, 10, 1)),
        (dt.date(2024, 2, 1), dt.date(2026, 2, 1)),
        (dt.date(2025, 1, 1), dt.date(2026, 2, 1)),
    ],
)
def test_other_periods_are_the_clinics_own(first, after):
    with pytest.raises(InvalidInputError, match="a quarter from January, April, July or October") as raised:
        asked(audience="quality", clinic_ids=(), from_on=first, to_on=after)

    assert set(raised.value.errors) == {"from"}
    assert asked(from_on=first, to_on=after)


def test_outside_the_clinic_a_report_is_about_clinics_of_one_organisation():
    with pytest.raises(InvalidInputError, match="clinics of one organisation"):
        asked(audience="quality", organisation_id=None)


def test_each_group_has_points_of_its_own_and_the_same_in_every_table():
    rounding = Rounding(b"key", "episodes", "2026-01", group_by="clinic")
    counts = pd.Series(range(500))

    def shown(**column: str) -> list[int]:
        questions = rounding.questions(pd.DataFrame(column, index=counts.index))
        return rounding.shown(counts, questions).tolist()

    assert shown(group="north") == shown(group="north", timepoint="baseline")
    assert shown(group="All") == shown(timepoint="baseline")
    assert len({tuple(shown(group=name)) for name in ("All", "north", "south")}) == 3


@pytest.mark.parametrize(
    ("as_of", "seen"),
    [
        ("2026-06-30T21:00:00-03:00", "2026-07-01"),
        ("2026-07-01T00:00:00+00:00", "2026-07-01"),
        ("2026-12-31T23:59:59+00:00", "2026-07-01"),
        ("2027-01-01T00:00:00+00:00", "2027-01-01"),
        ("2036-01-01T00:00:00+00:00", "2027-01-01"),
    ],
)
def test_outside_the_clinic_a_period_is_seen_as_of_its_end_and_once_later(as_of, seen):
    instant = dt.datetime.fromisoformat(as_of)

    query = asked(audience="quality", clinic_ids=(), as_of=instant)

    assert query.parameters()["as_of"] == f"{seen}T00:00:00+00:00"
    assert replace(query) == query
    assert asked(as_of=instant).as_of == instant


def test_outside_the_clinic_no_period_is_seen_before_its_end():
    last_second = dt.datetime(2026, 6, 30, 23, 59, 59, tzinfo=dt.UTC)

    with pytest.raises(InvalidInputError) as raised:
        asked(audience="quality", clinic_ids=(), as_of=last_second)

    assert list(raised.value.errors) == ["as_of"]
    assert asked(as_of=last_second).as_of == last_second


@pytest.mark.parametrize("whose", [{}, {"audience": "quality", "clinic_ids": ()}], ids=["the clinic", "outside"])
def test_nobody_asks_what_will_be_known(whose):
    now = dt.datetime(2026, 7, 1, 9, tzinfo=dt.UTC)

    with pytest.raises(InvalidInputError) as raised:
        asked(**whose, as_of=now + dt.timedelta(microseconds=1), now=now)

    assert raised.value.errors == {"as_of": ["Must not lie in the future."]}
    assert asked(**whose, as_of=now, now=now).as_of <= now


def test_every_door_says_when_it_asks():
    files = [path for room in DOORS for path in (ROOT / room).rglob("*.py")]
    calls = [call for path in files for call in ast.walk(ast.parse(path.read_text())) if isinstance(call, ast.Call)]

    questions = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "ReportQuery"]

    assert len(questions) == 4
    assert all("now" in {named.arg for named in call.keywords} for call in questions)


@pytest.mark.parametrize(
    ("day", "instant"),
    [
        ("2026-06-30", "2026-07-01T00:00:00+00:00"),
        ("2026-07-01", "2026-07-01T09:00:00+00:00"),
        ("2026-07-02", "2026-07-02T00:00:00+00:00"),
        ("9999-12-31", "9999-12-31T00:00:00+00:00"),
    ],
)
def test_a_day_means_its_end_and_today_now(day, instant):
    now = dt.datetime(2026, 7, 1, 9, tzinfo=dt.UTC)

    assert end_of(dt.date.fromisoformat(day), now).isoformat() == instant


def asked(**changes: object) -> ReportQuery:
    """A question of the clinic, unless said otherwise."""
    values = {"clinic_ids": (uuid.uuid4(),), "organisation_id": uuid.uuid4(), "from_on": YEAR}
    values |= {"to_on": dt.date(2026, 7, 1), "as_of": dt.datetime(2026, 7, 1, tzinfo=dt.UTC)}
    return ReportQuery(**{**values, **changes})


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
