"""Units side by side, counted by hand. Who the nine episodes are stands in ``cohort.py``."""

import datetime as dt

import pandas as pd
import pytest

from prom_service.models import Patient
from prom_service.reports import ReportQuery, make_report
from prom_service.reports.comparison.layouts import BOUNDS, RESPONDER_MEANS, RESPONDERS, SHARE_IMPROVED, SHARE_OVER
from prom_service.reports.comparison.tables import mean_and_deviation
from prom_service.reports.forms import export
from prom_service.reports.layout import POOLED, finish
from prom_service.reports.rounding import HIDDEN, WITHHELD, Rounding
from tests.reports.builders import Record, instant
from tests.reports.cohort import AS_OF, START, TARGET, a_cohort


def rows(table: pd.DataFrame, *columns: str) -> list[tuple]:
    return [tuple(values) for values in table[list(columns)].astype(object).itertuples(index=False)]


def over_limit(*units: tuple[str, int, int], audience: str = "clinic") -> pd.DataFrame:
    """The finished table of units with so many closed episodes, so many of them over the limit."""
    return finish(pd.DataFrame(units, columns=["group", "closed", "over"]), SHARE_OVER, audience=audience)


def improved(*units: tuple[str, int, int, int, int], audience: str = "clinic") -> pd.DataFrame:
    """The finished table of units with so many judged, improved, eligible and responded, in official wording."""
    columns = ["group", "judged", "improved", "eligible", "responded"]
    return finish(pd.DataFrame(units, columns=columns).assign(wording="official"), SHARE_IMPROVED, audience=audience)


def test_units_stand_side_by_side_in_order_of_name(session, record):
    cohort = a_cohort(record)

    table = make_report(session, "comparison", cohort.query(group_by="clinician")).tables["units"]

    # Due: all but 7. Eligible: 8 withdrew, so A: 1 2 3 9 and B: 4 5 6. Responded and judged: 1 2 3 and 4 5, since the
    # baseline of 9 came late and 6 never answered.
    assert rows(table, "group", "episodes", "due", "eligible", "responded", "judged", "closed") == [
        ("All", 9, 8, 7, 5, 5, 6),
        ("A", 5, 4, 4, 3, 3, 3),
        ("B", 4, 4, 3, 2, 2, 3),
    ]
    assert table["response_rate"].tolist() == [5 / 7, 3 / 4, 2 / 3]


def test_wordings_are_not_pooled_in_the_share_improved(session, record):
    cohort = a_cohort(record)

    table = make_report(session, "comparison", cohort.query(group_by="clinician")).tables["share_improved"]

    # Official: 1 and 3 improved, 2 and 4 did not. Provisional: 5 is uncertain.
    assert rows(table, "wording", "group", "judged", "improved") == [
        ("official", "All", 4, 2),
        ("official", "A", 3, 2),
        ("official", "B", 1, 0),
        ("provisional wording", "All", 1, 0),
        ("provisional wording", "A", 0, 0),
        ("provisional wording", "B", 1, 0),
    ]
    assert table["target"].tolist() == [0.5] * 3 + [0.0] * 3
    assert rows(table[1:3], "position", "rankable", "reason") == [("not compared", "no", "fewer than 30")] * 2


def test_the_bounds_count_those_not_judged_as_not_improved_and_as_improved(session, record):
    cohort = a_cohort(record)

    table = make_report(session, "comparison", cohort.query(group_by="clinician")).tables["bounds"]

    # Not judged though eligible: 6 and 9. Official, of 4 + 2: at worst 2, at best 4. Provisional, of 1 + 2: 0 and 2.
    assert rows(table[table["group"] == "All"], "wording", "not_judged", "worst", "best") == [
        ("official", 2, 2 / 6, 4 / 6),
        ("provisional wording", 2, 0.0, 2 / 3),
    ]


def test_the_bounds_of_rounded_counts_leave_room_for_all_that_may_stand_behind_them():
    counts = {"judged": 32, "improved": 23, "not_judged": 6, "everyone": 38, "at_best": 29}

    outside = finish(pd.DataFrame({"group": ["All"], "wording": "official", **counts}), BOUNDS, audience="quality")

    # 32, 23, 38 and 29 are shown as 30, 25, 40 and 30. Each may be off by 4: at worst 21 of 44, at best 34 of 36.
    assert rows(outside, "share_improved", "not_judged", "worst", "best") == [(25 / 30, HIDDEN, 21 / 44, 34 / 36)]


def test_closed_episodes_over_the_limit_are_compared(session, record):
    cohort = a_cohort(record)

    table = make_report(session, "comparison", cohort.query(group_by="clinician")).tables["share_over_limit"]

    # Closed: A 1 2 3 with 10 14 15 visits, B 4 5 8 with 20 6 2. 6 is over, but open.
    assert rows(table, "group", "closed", "over", "target") == [
        ("All", 6, 2, 1 / 3),
        ("A", 3, 1, 1 / 3),
        ("B", 3, 1, 1 / 3),
    ]


def test_units_are_clinics_unless_the_question_says_otherwise(session, record):
    cohort = a_cohort(record)
    query = cohort.query(clinic_ids=(), organisation_id=cohort.organisation.id)

    report = make_report(session, "comparison", query)

    assert report.parameters["group_by"] == "clinic"
    assert report.tables["units"]["group"].tolist() == ["All", "north", "south"]


@pytest.mark.parametrize(
    ("over", "position"),
    [
        # Limits for 100 around one half, in episodes: 34.12, 39.68, 59.32, 64.88.
        (34, "below 99.8 %"),
        (35, "below 95 %"),
        (39, "below 95 %"),
        (40, "inside"),
        (59, "inside"),
        (60, "above 95 %"),
        (64, "above 95 %"),
        (65, "above 99.8 %"),
    ],
)
def test_the_position_of_a_unit_follows_from_the_limits_for_its_size(over, position):
    table = over_limit(("All", 1000, 500), ("a", 100, over))

    assert (table["low_95"][1], table["high_998"][1]) == pytest.approx((0.39682404, 0.64878412), abs=1e-6)
    assert rows(table, "position", "rankable", "reason") == [("", "", ""), (position, "yes", "")]


@pytest.mark.parametrize(("closed", "rankable"), [(29, "no"), (30, "yes")])
def test_a_unit_with_fewer_than_30_is_not_rankable(closed, rankable):
    table = over_limit(("All", 1000, 500), ("a", closed, closed))

    assert table["rankable"][1] == rankable
    assert table["position"][1] == ("above 99.8 %" if rankable == "yes" else "not compared")


@pytest.mark.parametrize(
    ("judged", "responded", "reason"),
    [
        (30, 60, ""),
        (30, 59, "response below 60 %"),
        (29, 60, "fewer than 30"),
        (29, 59, "fewer than 30; response below 60 %"),
        (0, 0, "fewer than 30; response below 60 %"),
    ],
)
def test_a_unit_with_a_response_below_60_per_cent_is_not_rankable(judged, responded, reason):
    table = improved(("All", 900, 450, 1000, 900), ("a", judged, judged, 100, responded))

    assert table["reason"][1] == reason
    assert table["rankable"][1] == ("no" if reason else "yes")


def test_a_unit_that_is_all_there_is_has_nothing_to_be_compared_with():
    table = over_limit(("All", 100, 40), ("a", 100, 40), ("b", 0, 0))

    assert table["reason"].tolist() == ["", "nothing to compare with", "fewer than 30"]


def test_outside_the_clinic_the_verdict_rests_on_what_is_shown():
    exact = (("All", 202, 98), ("a", 28, 19), ("b", 102, 7), ("c", 7, 0), (POOLED, 65, 30))

    table = over_limit(*exact, audience="quality")

    # Shown: 100 of 200, 20 of 30; the 7 of b is hidden, c left out. 20 of 30 is above 19.87, the upper 95 % limit, but
    # 16 of 34 may stand behind it.
    assert table["target"].tolist() == [0.5] * 4
    assert rows(table[1:], "group", "position", "reason") == [
        ("a", "unclear", ""),
        ("b", "not compared", "count not shown"),
        (POOLED, "not compared", "several units together"),
    ]


AS_FAR = {"above 99.8 %": 2, "above 95 %": 1, "inside": 0, "below 95 %": -1, "below 99.8 %": -2}


@pytest.mark.parametrize("key", [b"", b"one", b"two", b"three"])
def test_outside_the_clinic_no_position_is_told_that_the_exact_counts_deny(key):
    everybody = ("All", 1003, 307)
    units = [(f"{closed}/{over}", closed, over) for closed in (35, 58, 91, 147) for over in range(8, closed, 3)]
    exact = over_limit(everybody, *units).set_index("group")["position"]

    counts = pd.DataFrame([everybody, *units], columns=["group", "closed", "over"])
    shown = finish(counts, SHARE_OVER, audience="quality", rounding=Rounding(key=key)).set_index("group")["position"]

    told = [(AS_FAR[exact[unit]], AS_FAR[position]) for unit, position in shown[1:].items() if position in AS_FAR]
    assert len(told) > 60
    assert {position for _, position in told} == set(AS_FAR.values())
    for truly, position in told:
        assert truly == position or 0 < position < truly or truly < position < 0


def test_where_nothing_is_closed_there_are_few_and_not_nothing_to_compare_with():
    table = over_limit(("All", 0, 0), ("a", 0, 0), ("b", 0, 0))

    assert table["reason"].tolist() == ["", "fewer than 30", "fewer than 30"]


def test_outside_the_clinic_nothing_is_compared_with_a_hidden_overall_share():
    table = over_limit(("All", 90, 7), ("a", 60, 7), audience="quality")

    assert table["share_over"].tolist() == [WITHHELD, WITHHELD]
    assert table["target"].tolist() == [WITHHELD, WITHHELD]
    assert table["reason"][1] == "count not shown"
    for limit in ("low_998", "low_95", "high_95", "high_998"):
        assert (pd.isna(table[limit][0]), table[limit][1]) == (True, WITHHELD)


def people(record: Record) -> ReportQuery:
    """Three who answered and two who did not, of known age, sex, visits and baseline."""
    clinic = record.clinic(record.organisation())
    # Born, sex, visits, baseline, answered.
    those = [
        (dt.date(1996, 1, 10), "female", 10, 40.0, True),
        (dt.date(1996, 1, 11), "female", 12, 50.0, True),
        (dt.date(1956, 1, 10), "male", 14, 60.0, True),
        (dt.date(1955, 12, 31), "male", 4, 30.0, False),
        (dt.date(1986, 6, 1), "other", 8, None, False),
    ]
    for born, sex, visits, baseline, answered in those:
        episode = record.episode(clinic, START, visits=visits, born=born, sex=sex)
        if baseline is not None:
            record.answers(episode, "baseline", instant(START), value=baseline)
        if answered:
            record.answers(episode, "3-months", instant(TARGET))
    return ReportQuery((clinic.id,), None, START, START + dt.timedelta(days=1), AS_OF)


def test_responders_are_set_beside_non_responders_by_age_and_sex(session, record):
    query = people(record)

    table = make_report(session, "comparison", query).tables["responders"]

    # On 10 January 2026 they are 30 (that day), 29, 70 (that day), 70 and 39.
    counted = table[(table["responders"] > 0) | (table["non_responders"] > 0)]
    assert rows(counted, "category", "responders", "non_responders") == [
        ("under 30", 1, 0),
        ("30 to 39", 1, 1),
        ("70 or older", 1, 1),
        ("female", 2, 0),
        ("male", 1, 1),
        ("other", 0, 1),
    ]
    assert counted["difference"].tolist() == pytest.approx([1 / 3, -1 / 6, -1 / 6, 2 / 3, -1 / 6, -1 / 2])


def test_responders_are_set_beside_non_responders_by_age_visits_and_baseline(session, record):
    query = people(record)

    table = make_report(session, "comparison", query).tables["responder_means"].set_index("characteristic")

    # Ages 30 29 70, mean 43, SD √((169 + 196 + 729) / 2) = 23.388; 70 39, mean 54.5, SD 31 / √2 = 21.920. Visits
    # 10 12 14 and 4 8: 12 and 6, SD 2 and √8. Baselines 40 50 60 and 30: 50 and 30; of the last there is none.
    sides = ["responders", "mean_responders", "deviation_responders", "non_responders", "mean_non_responders"]
    assert table.loc["age", [*sides, "deviation_non_responders"]].tolist() == [3, 43.0, 23.4, 2, 54.5, 21.9]
    assert table.loc["visits", [*sides, "difference"]].tolist() == [3, 12.0, 2.0, 2, 6.0, 6.0]
    assert table.loc["baseline", [*sides, "difference"]].tolist() == [3, 50.0, 10.0, 1, 30.0, 20.0]
    assert table.loc["baseline", "measure"] == "ihot-12-1.0 total / official"
    # −11.5 / √((23.4² + 21.9²) / 2) = −11.5 / 22.66, 6 / √((4 + 2.8²) / 2) = 6 / 2.433; one score has no deviation.
    assert table["standardised"].to_dict() == pytest.approx(
        {"age": -0.51, "baseline": float("nan"), "visits": 2.47}, nan_ok=True
    )


def test_baseline_scores_of_different_wordings_stand_apart(session, record):
    cohort = a_cohort(record)

    table = make_report(session, "comparison", cohort.query()).tables["responder_means"]

    # 1 to 4 answered the official wording, 5 ours; the baseline of 9 came late and is none.
    assert rows(table[table["characteristic"] == "baseline"], "measure", "responders", "non_responders") == [
        ("ihot-12-1.0 total / official", 4, 0),
        ("ihot-12-1.0 total / own", 1, 0),
    ]


def test_a_difference_resting_on_fewer_than_8_is_hidden_outside_the_clinic():
    shares = {"characteristic": "sex", "category": "female", "all_responders": 30, "all_non_responders": 20}
    counts = pd.DataFrame([{**shares, "responders": 10, "non_responders": few} for few in (7, 10)])
    means = {"characteristic": "age", "measure": "", "responders": 30, "mean_responders": 50.0}
    means |= {"deviation_responders": 10.0, "mean_non_responders": 55.0, "deviation_non_responders": 10.0}

    by_share = finish(counts, RESPONDERS, audience="quality")
    by_mean = finish(
        pd.DataFrame([{**means, "non_responders": few} for few in (7, 10)]), RESPONDER_MEANS, audience="quality"
    )

    assert by_share["difference"].tolist() == [WITHHELD, pytest.approx(10 / 30 - 10 / 20)]
    assert by_mean["difference"].tolist() == [WITHHELD, -5.0]
    assert by_mean["standardised"].tolist() == [WITHHELD, -0.5]


def test_a_difference_has_no_more_digits_than_what_it_is_of():
    means = {"characteristic": "age", "measure": "", "mean_responders": 58.3, "mean_non_responders": 49.9}
    means |= {"responders": 30, "non_responders": 20, "deviation_responders": 10.0, "deviation_non_responders": 10.0}
    shares = {"characteristic": "sex", "category": "female", "responders": 6, "non_responders": 5}
    shares |= {"all_responders": 10, "all_non_responders": 10}

    by_mean = finish(pd.DataFrame([means]), RESPONDER_MEANS, audience="clinic")
    by_share = finish(pd.DataFrame([shares]), RESPONDERS, audience="clinic")

    assert by_mean["difference"].tolist() == [8.4]
    assert by_share["difference"].tolist() == [0.1]


def test_the_mean_of_nobody_and_the_deviation_of_one_are_missing():
    one = mean_and_deviation(pd.Series([4.0]), pd.Series([1]))
    nobody = mean_and_deviation(pd.Series([4.0]), pd.Series([0]))

    assert one == pytest.approx((4.0, float("nan")), nan_ok=True)
    assert nobody == pytest.approx((float("nan"), float("nan")), nan_ok=True)


def test_names_of_clinicians_with_few_episodes_are_not_told_outside_the_clinic(session, record):
    cohort = a_cohort(record)
    for _ in range(10):
        record.episode(cohort.clinic, START, visits=1, clinician="Common")
    record.episode(cohort.clinic, START, clinician="Rare")

    report = make_report(session, "comparison", cohort.query(audience="quality", group_by="clinician"))

    assert b"Rare" not in export.render(report, "json")
    assert report.tables["units"]["group"].tolist() == ["All", POOLED, "north / Common"]


def test_a_comparison_of_nobody_has_every_table_and_says_so(session, record):
    clinic = record.clinic(record.organisation())
    query = ReportQuery((clinic.id,), None, START, START + dt.timedelta(days=1), AS_OF)

    report = make_report(session, "comparison", query)

    assert "No episode matches this question." in report.notes
    assert report.tables["units"].empty
    assert report.tables["responders"]["responders"].sum() == 0


def test_a_reader_is_told_what_the_comparison_is_not(session, record):
    cohort = a_cohort(record)

    notes = " ".join(make_report(session, "comparison", cohort.query()).notes)

    assert "Unadjusted" in notes
    assert "order of name, not of merit" in notes
    assert "provisional wording" in notes


def test_a_comparison_of_the_past_is_the_same_again(session, record):
    cohort = a_cohort(record)
    query = cohort.query(group_by="clinician")
    before = export.render(make_report(session, "comparison", query), "json")
    later = AS_OF + dt.timedelta(microseconds=1)

    response = record.answers(cohort.episodes[6], "3-months", later)
    record.judged(cohort.episodes[6], response, "improved")
    record.visit(dt.date(2026, 5, 1), cohort.episodes[2], at=later)
    cohort.episodes[1].clinician = "B"
    record.change(cohort.episodes[1], "changed", {"clinician": "A"}, {"clinician": "B"}, later)

    assert export.render(make_report(session, "comparison", query), "json") == before


def test_a_patient_corrected_later_is_compared_as_was_known_then(session, record):
    cohort = a_cohort(record)
    before = export.render(make_report(session, "comparison", cohort.query()), "json")
    later = AS_OF + dt.timedelta(microseconds=1)

    patient = session.get_one(Patient, cohort.episodes[1].patient_id)
    said = {"date_of_birth": patient.date_of_birth.isoformat(), "sex": patient.sex}
    patient.date_of_birth, patient.sex = dt.date(1930, 1, 1), "female"
    corrected = {"date_of_birth": "1930-01-01", "sex": "female"}
    record.change(cohort.episodes[1], "patient_corrected", said, corrected, later)

    assert export.render(make_report(session, "comparison", cohort.query()), "json") == before
    now = make_report(session, "comparison", cohort.query(as_of=later)).tables["responders"]
    assert rows(now[now["responders"] == 1], "category") == [("70 or older",), ("female",)]
