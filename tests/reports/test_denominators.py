"""Who was asked and who answered among the nine episodes of ``cohort.py``, counted by hand."""

import datetime as dt

import pytest

from prom_service.reports import make_report
from tests.reports.activity_cohort import of_other_activities
from tests.reports.builders import instant
from tests.reports.cohort import START, TARGET, a_cohort


def at_three_months(table):
    return table[table["timepoint"] == "3-months"].reset_index(drop=True)


def test_each_step_from_all_episodes_to_those_that_can_be_judged_is_counted(session, record):
    cohort = a_cohort(record)

    table = make_report(session, "utilization", cohort.query()).tables["denominators"]

    # 7 is not yet due, 8 withdrew. Of the other seven all were emailed but 5, who answered on paper and so came
    # further; 6 never started. 4 is partial, 2 late; all six have a score; the baseline of 9 was late.
    row = at_three_months(table).iloc[0]
    assert (row.episodes, row.not_yet_due, row.due, row.excluded, row.eligible) == (9, 1, 8, 1, 7)
    assert (row.invited, row.delivered, row.started, row.complete, row.partial, row.late) == (7, 7, 6, 5, 1, 1)
    assert (row.scorable, row.with_baseline, row.response_rate) == (6, 5, 5 / 7)


def test_who_is_left_out_is_counted_once_with_the_reason(session, record):
    cohort = a_cohort(record)

    tables = make_report(session, "utilization", cohort.query()).tables

    table = at_three_months(tables["left_out"])
    assert table[["step", "reason", "episodes"]].to_numpy().tolist() == [
        ["due", "not_yet_due", 1],
        ["eligible", "withdrawn", 1],
        ["started", "not_started", 1],
        ["with_baseline", "baseline_late", 1],
    ]
    assert table["episodes"].sum() + at_three_months(tables["denominators"])["with_baseline"].iloc[0] == 9


@pytest.mark.parametrize("group_by", [None, "clinician"])
def test_left_out_and_judged_add_up_to_all_episodes(session, record, group_by):
    cohort = a_cohort(record)

    tables = make_report(session, "utilization", cohort.query(group_by=group_by)).tables

    keys = ["group", "timepoint"]
    steps = tables["denominators"].set_index(keys)
    missing = tables["left_out"].groupby(keys)["episodes"].sum().reindex(steps.index, fill_value=0)
    assert (steps["with_baseline"] + missing).tolist() == steps["episodes"].tolist()


def test_a_window_is_due_from_the_instant_it_has_passed(session, record):
    cohort = a_cohort(record)
    passed = record.administration(cohort.episodes[1], "3-months").late_after

    before = make_report(session, "utilization", cohort.query(as_of=passed - dt.timedelta(microseconds=1)))
    after = make_report(session, "utilization", cohort.query(as_of=passed))

    assert at_three_months(before.tables["denominators"]).due.iloc[0] == 0
    assert at_three_months(after.tables["denominators"]).due.iloc[0] == 8


def test_a_bounced_invitation_was_tried_and_not_delivered(session, record):
    cohort = a_cohort(record)
    day = instant(dt.date(2026, 2, 21))
    record.email(cohort.episodes[1], "6-weeks", 0, day, "claimed", "committing", "sent", "bounced")
    record.email(cohort.episodes[2], "6-weeks", 0, day, "claimed", "committing", "assumed_sent")
    record.email(cohort.episodes[3], "6-weeks", 0, day, "cancelled")

    table = make_report(session, "utilization", cohort.query()).tables["denominators"]

    row = table[table["timepoint"] == "6-weeks"].iloc[0]
    assert (row.invited, row.delivered, row.started) == (2, 1, 0)


@pytest.mark.parametrize(
    ("reason", "closed_at", "eligible", "step"),
    [
        ("closed", dt.timedelta(days=-1), 6, ("eligible", "closed")),
        ("closed", dt.timedelta(), 7, ("started", "not_started")),
        ("closed", dt.timedelta(days=3), 7, ("started", "not_started")),
        ("withdrawn", dt.timedelta(days=3), 6, ("eligible", "withdrawn")),
    ],
)
def test_whoever_was_silent_when_the_episode_closed_had_been_asked(session, record, reason, closed_at, eligible, step):
    cohort = a_cohort(record)
    silent = record.administration(cohort.episodes[6], "3-months")
    silent.state, silent.cancelled_reason, silent.cancelled_at = "cancelled", reason, silent.target_at + closed_at
    session.flush()

    tables = make_report(session, "utilization", cohort.query()).tables
    units = make_report(session, "comparison", cohort.query(group_by="clinician")).tables["units"]

    row = at_three_months(tables["denominators"]).iloc[0]
    assert (row.eligible, row.with_baseline) == (eligible, 5)
    left_out = at_three_months(tables["left_out"])
    assert step in list(zip(left_out["step"], left_out["reason"], strict=True))
    assert units["eligible"][0] == eligible


def test_too_few_answers_are_complete_and_not_scorable(session, record):
    cohort = a_cohort(record)
    record.answers(cohort.episodes[6], "3-months", instant(TARGET + dt.timedelta(days=4)), value=None)

    tables = make_report(session, "utilization", cohort.query()).tables

    row = at_three_months(tables["denominators"]).iloc[0]
    assert (row.complete, row.scorable, row.with_baseline) == (6, 6, 5)
    assert "too_few_answers" in at_three_months(tables["left_out"])["reason"].tolist()


def test_a_baseline_without_a_score_of_the_same_scale_is_no_baseline(session, record):
    cohort = a_cohort(record)
    record.answers(cohort.episodes[6], "baseline", instant(START), value=None)
    record.answers(cohort.episodes[6], "3-months", instant(TARGET + dt.timedelta(days=4)))

    row = at_three_months(make_report(session, "utilization", cohort.query()).tables["denominators"]).iloc[0]

    assert (row.scorable, row.with_baseline) == (7, 5)


def test_a_baseline_of_other_activities_is_none_to_compare_with_and_says_so(session, record):
    tables = make_report(session, "utilization", of_other_activities(record)).tables

    row = at_three_months(tables["denominators"]).iloc[0]
    assert (row.scorable, row.with_baseline) == (5, 2)
    left_out = at_three_months(tables["left_out"])
    rows = left_out.loc[left_out["group"] == "All", ["step", "reason", "episodes"]].to_numpy().tolist()
    assert rows == [["with_baseline", "not_comparable", 3]]


def test_a_baseline_in_time_stands_though_a_complete_one_came_late(session, record):
    cohort = a_cohort(record)
    days = [START + dt.timedelta(days=7), START + dt.timedelta(days=10)]
    record.answers(cohort.episodes[6], "baseline", instant(days[0]), partial=True)
    record.answers(cohort.episodes[6], "baseline", instant(days[1]), number=2)
    record.answers(cohort.episodes[6], "3-months", instant(TARGET + dt.timedelta(days=4)))

    row = at_three_months(make_report(session, "utilization", cohort.query()).tables["denominators"]).iloc[0]

    assert (row.scorable, row.with_baseline) == (7, 6)


def test_no_baseline_is_its_own_reason(session, record):
    cohort = a_cohort(record)
    record.answers(cohort.episodes[6], "3-months", instant(TARGET + dt.timedelta(days=4)))

    table = make_report(session, "utilization", cohort.query()).tables["left_out"]

    assert "no_baseline" in at_three_months(table)["reason"].tolist()


def test_an_answer_belongs_to_the_last_email_delivered_before_it(session, record):
    cohort = a_cohort(record)

    table = make_report(session, "utilization", cohort.query()).tables["response_by_attempt"]

    # Invited: 1 2 3 4 6 9, of whom 1 3 4 9 answered before a reminder. Reminded: 2 and 6; 2 answered.
    assert table.to_numpy().tolist() == [["3-months", 0, 6, 4, 4 / 6], ["3-months", 1, 2, 1, 0.5]]


def test_answers_are_counted_by_channel(session, record):
    cohort = a_cohort(record)

    table = make_report(session, "utilization", cohort.query()).tables["response_by_channel"]

    assert at_three_months(table).to_numpy().tolist() == [
        ["3-months", "paper", 1, 7, 1 / 7],
        ["3-months", "web", 5, 7, 5 / 7],
    ]


def test_an_amendment_counts_for_nothing(session, record):
    cohort = a_cohort(record)
    report = make_report(session, "utilization", cohort.query())
    record.answers(cohort.episodes[1], "3-months", instant(dt.date(2026, 6, 1)), number=2, amendment=True)

    amended = make_report(session, "utilization", cohort.query())

    assert amended.checksum == report.checksum


def test_a_complete_response_takes_the_place_of_the_partial_one(session, record):
    cohort = a_cohort(record)
    record.answers(cohort.episodes[4], "3-months", instant(dt.date(2026, 5, 20)), number=2)

    row = at_three_months(make_report(session, "utilization", cohort.query()).tables["denominators"]).iloc[0]

    assert (row.complete, row.partial, row.late) == (6, 0, 2)
