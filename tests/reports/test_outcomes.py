"""The outcomes report of ten episodes, counted by hand. Who they are stands in ``outcome_cohort.py``."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from prom_service.reports import make_report
from prom_service.reports.cohort import Cohort
from prom_service.reports.forms import export
from prom_service.reports.forms.page import report_style
from prom_service.reports.layout import finish
from prom_service.reports.outcomes import make_tables
from prom_service.reports.outcomes.charts import GROUPS_DRAWN, changes_chart, scores_chart
from prom_service.reports.outcomes.extract import drawn_courses, extract
from prom_service.reports.outcomes.layouts import RELIABLE
from prom_service.reports.outcomes.scales import measures_of
from tests.reports.builders import instant
from tests.reports.cohort import a_cohort
from tests.reports.outcome_cohort import HIP, START, TARGET, also_scored, ten_episodes
from tests.reports.test_as_of import (
    a_late_answer,
    a_start_moved_within_the_period,
    another_judgement,
    files,
    other_names,
)
from tests.support.browser import accessibility_faults, texts_cut_off, too_wide

OFFICIAL, OWN = "official", "provisional wording"


def rows(table: pd.DataFrame, *columns: str, **where: object) -> list[tuple]:
    for column, value in where.items():
        table = table[table[column] == value]
    return [tuple(values) for values in table[list(columns)].astype(object).itertuples(index=False)]


def test_change_is_counted_where_there_are_a_score_and_a_timely_baseline(session, record):
    cohort = ten_episodes(record)

    table = make_report(session, "outcomes", cohort.query()).tables["changes"]

    # iHOT-12, official: 1 to 6. Starts 50 30.3 30 80 100 20, sum 310.3; scores 64 44.3 60 60 100 0, sum 328.3; changes
    # 14 14 30 −20 0 −20, sum 18, mean 3. Their squares about the mean: 121 121 729 529 9 529, sum 2038; the error of
    # the mean is √(2038 / 5 / 6) = 8.24217, and t for 5 degrees of freedom 2.570582 (Fisher and Yates): 3 ± 21.18717.
    # In order −20 −20 0 14 14 30: median 7; first quartile at rank 1.25 from 0: −15; third at 3.75: 14.
    # Episode 7 stands apart. Pain falls by 2, 0 and 1, which is for the better.
    assert rows(table, "scale", "wording", "pairs") == [
        ("iHOT-12", OFFICIAL, 6),
        ("iHOT-12", OWN, 1),
        ("Pain (0 to 10)", OFFICIAL, 3),
    ]
    hip, own, pain = (row for _, row in table.iterrows())
    assert (hip.mean_baseline, hip.mean_score, hip.mean_change) == pytest.approx((310.3 / 6, 328.3 / 6, 3))
    assert (hip.change_low, hip.change_high) == pytest.approx((3 - 21.18717, 3 + 21.18717), abs=1e-5)
    assert (hip["median"], hip.quartile_1, hip.quartile_3) == pytest.approx((7, -15, 14))
    assert own.mean_change == 10
    assert pd.isna(own.change_low)
    assert (pain.mean_baseline, pain.mean_score, pain.mean_change) == (3, 2, 1)


def test_each_threshold_is_compared_with_and_named_with_its_source(session, record):
    cohort = ten_episodes(record)

    tables = make_report(session, "outcomes", cohort.query()).tables

    # iHOT-12 at 3 months, official: 14 is reached by 1 2 3 (2 although its change is held as a little less), 18 by 3,
    # the working 7 by 1 2 3. 63 is a place: reached by 64, 100 and the 70 of episode 8, which needs no baseline; 7 was
    # answered in the official wording here, so 8 stand there. At the start 63 is reached by 80 and 100.
    table = tables["responders"]
    hip = table[(table["scale"] == "iHOT-12") & (table["wording"] == OFFICIAL)]
    assert rows(hip, "timepoint", "threshold", "value", "assessable", "reached") == [
        ("baseline", "PASS", 63.0, 8, 2),
        ("3-months", "MCII", 14.0, 6, 3),
        ("3-months", "SCB", 18.0, 6, 1),
        ("3-months", "PASS", 63.0, 8, 3),
        ("3-months", "working (ours)", 7.0, 6, 3),
    ]
    mcii = hip[hip["threshold"] == "MCII"].iloc[0]
    assert (mcii.verified, mcii.unit, mcii.share) == ("yes", "points", 0.5)
    origin = tables["thresholds"].set_index("row").loc[mcii.row]
    assert (origin.scale, origin.threshold, origin.value) == ("iHOT-12", "MCII", "14")
    assert origin.source.startswith("Cheng AL et al. Am J Sports Med 2025")
    assert origin.source.endswith("doi:10.1177/03635465251325466")
    assert "15-40 years" in origin.population
    assert "extrapolation" in origin.note


def test_a_share_of_the_baseline_is_reached_as_the_judgement_reaches_it(session, record):
    cohort = ten_episodes(record)

    table = make_report(session, "outcomes", cohort.query()).tables["responders"]

    # Falls of 2 of 6, 0 of 0 and 1 of 3, a third each: nobody loses a share of nothing.
    pain = table[(table["scale"] == "Pain (0 to 10)") & (table["unit"] == "% of the baseline")]
    assert rows(pain, "threshold", "value", "reached", "verified") == [
        ("MIC", 15.0, 2, "yes"),
        ("MCII", 33.0, 2, "yes"),
        ("MCII", 30.0, 2, "no"),
    ]


def test_no_threshold_found_after_surgery_is_compared_with(session, record):
    cohort = ten_episodes(record)

    table = make_report(session, "outcomes", cohort.query()).tables["thresholds"]

    assert not table["population"].str.contains("hip replacement|arthroscopy|surgical").any()


def test_a_working_threshold_is_compared_only_where_a_pathway_names_it(session, record):
    cohort = ten_episodes(record)

    table = make_report(session, "outcomes", cohort.query()).tables["responders"]

    # Pain is no criterion of this pathway, so of its working rows there is none.
    assert rows(table, "scale", "timepoint", "value", threshold="working (ours)", wording=OFFICIAL) == [
        ("iHOT-12", "3-months", 7.0)
    ]


def test_changes_within_measurement_error_are_told_from_those_beyond(session, record):
    cohort = ten_episodes(record)

    table = make_report(session, "outcomes", cohort.query()).tables["reliable_change"]

    # 17.22 points: 30 is beyond, −20 twice, the others within. For the pain rating none is published.
    counts = ("scale", "pairs", "assessable", "better", "within", "worse")
    assert rows(table, *counts, wording=OFFICIAL) == [("iHOT-12", 6, 6, 1, 3, 2), ("Pain (0 to 10)", 3, 0, 0, 0, 0)]
    hip, pain = (row for _, row in table[table["wording"] == OFFICIAL].iterrows())
    assert (hip.error, hip.share_worse) == (17.22, 2 / 6)
    assert "Spanish iHOT-12" in hip.source
    assert pain.source == "none published"
    assert pd.isna(pain.share_better)


def test_scores_at_either_end_of_a_scale_are_counted_at_every_timepoint(session, record):
    cohort = ten_episodes(record)

    table = make_report(session, "outcomes", cohort.query()).tables["scores"]

    # At the start, official and in time: 20 30 30.3 40 40 50 80 100 (9 and 10 with 40). At 3 months, due and official:
    # 0 44.3 60 60 60 64 70 100. Pain is best at 0 and worst at 10.
    counts = ("scores", "median", "worst", "at_worst", "best", "at_best")
    assert rows(table, "scale", "timepoint", *counts, wording=OFFICIAL) == [
        ("iHOT-12", "baseline", 8, 40.0, 0, 0, 100, 1),
        ("iHOT-12", "3-months", 8, 60.0, 0, 1, 100, 1),
        ("Pain (0 to 10)", "baseline", 3, 3.0, 10, 0, 0, 1),
        ("Pain (0 to 10)", "3-months", 3, 2.0, 10, 0, 0, 1),
    ]


def test_the_acceptable_state_question_is_counted_where_it_was_asked(session, record):
    cohort = ten_episodes(record)

    table = make_report(session, "outcomes", cohort.query()).tables["acceptable_state"]

    assert rows(table, "timepoint", "wording", "answered", "yes", "share") == [("3-months", OFFICIAL, 5, 3, 0.6)]


def test_groups_stand_below_all_and_share_its_rows(session, record):
    cohort = ten_episodes(record)

    table = make_report(session, "outcomes", cohort.query(group_by="clinician")).tables["changes"]

    # A: 1 3 5 with 14 30 0; B: 2 4 6 with 14 −20 −20.
    hip = table[(table["scale"] == "iHOT-12") & (table["wording"] == OFFICIAL)]
    assert rows(hip, "group", "pairs") == [("All", 6), ("A", 3), ("B", 3)]
    assert hip["mean_change"].tolist() == pytest.approx([3, 44 / 3, -26 / 3])


def test_as_many_have_a_score_and_a_baseline_as_the_denominators_say(session, record):
    cohort = ten_episodes(record)

    tables = make_report(session, "outcomes", cohort.query()).tables

    steps = tables["denominators"]
    judged = steps.loc[steps["timepoint"] == "3-months", "with_baseline"].iloc[0]
    assert tables["changes"].loc[tables["changes"]["scale"] == "iHOT-12", "pairs"].sum() == judged == 7


def test_a_score_recorded_later_is_not_in_the_report(session, record):
    cohort = ten_episodes(record)
    before = make_report(session, "outcomes", cohort.query())

    later = record.answers(
        cohort.episodes[9], "3-months", cohort.query().as_of.replace(microsecond=1), value=99.0, number=2
    )
    also_scored(record, later, "nprs-1.0", 0.0)

    assert make_report(session, "outcomes", cohort.query()).checksum == before.checksum
    afterwards = cohort.query(as_of=later.recorded_at)
    assert make_report(session, "outcomes", afterwards).checksum != before.checksum


def test_the_order_in_which_rows_were_written_does_not_show(session, record):
    first, second = ten_episodes(record), ten_episodes(record, "south", numbers=range(10, 0, -1))

    found = [make_report(session, "outcomes", one.query()) for one in (first, second)]

    assert found[0].tables["changes"].equals(found[1].tables["changes"])


def test_the_head_says_what_the_figures_cannot(session, record):
    cohort = ten_episodes(record)

    notes = " ".join(make_report(session, "outcomes", cohort.query()).notes)

    # Nobody answered at 6 weeks. Of 9 due at 3 months 7 have a score and a baseline.
    assert "adjusted for case mix" in notes
    assert "provisional wording" in notes
    assert "extrapolated" in notes
    assert "Fewer than 60 % of those eligible have a score and a baseline at 6 weeks" in notes
    assert "at 3 months" not in notes


def test_a_report_about_nobody_has_every_table_and_says_so(session, record):
    clinic = record.clinic(record.organisation())
    cohort = ten_episodes(record, "south")

    report = make_report(session, "outcomes", cohort.query(clinic_ids=(clinic.id,)))

    assert "No episode matches this question." in report.notes
    assert all(table.empty for table in report.tables.values())


def test_single_courses_are_drawn_for_the_clinic_and_for_nobody_else(session, record):
    cohort = ten_episodes(record)
    national = cohort.query(clinic_ids=(), organisation_id=cohort.organisation.id, audience="quality")

    ours, theirs = (make_report(session, "outcomes", query) for query in (cohort.query(), national))

    # Those with a timely baseline and a later score that is due: 1 to 7. The pathway judges by iHOT-12 alone.
    courses = ours.tables["courses"]
    found = sorted(rows(courses, "scale", "wording", "baseline", "3-months"))
    assert found == sorted(("iHOT-12", OWN if number == 7 else OFFICIAL, *HIP[number]) for number in range(1, 8))
    assert courses["6-weeks"].isna().all()
    assert theirs.tables["courses"].empty
    assert scores_chart(ours.tables).count('stroke="#555"') == 6  # Of 7 each wording has one timepoint only.
    assert 'stroke="#555"' not in scores_chart(theirs.tables)


def test_no_more_courses_are_drawn_than_can_be_told_apart(session, record):
    cohort = Cohort(session, ten_episodes(record).query())

    first, second = (drawn_courses(cohort, measures_of(cohort.pathways), most=3) for _ in range(2))

    # Of seven every third: the first, the fourth and the last.
    assert set(first["course"]) == {1, 2, 3}
    assert first.equals(second)


def test_outside_the_clinic_figures_of_few_are_not_shown_nor_drawn(session, record):
    cohort = ten_episodes(record)
    for _ in range(8):
        episode = record.episode(cohort.clinic, START)
        record.answers(episode, "baseline", instant(START), value=40.25)
        record.answers(episode, "3-months", instant(TARGET), value=60.5)
    query = cohort.query(clinic_ids=(), organisation_id=cohort.organisation.id, audience="quality")

    tables = make_report(session, "outcomes", query).tables

    # 14 have a change: 6 of ten, with sum 18, and 8 of 20.25 each; (18 + 162) / 14 = 12.857. The three with a pain
    # rating, and the one in our own wording, are too few to have a row.
    assert rows(tables["changes"], "scale", "wording", "mean_change") == [("iHOT-12", OFFICIAL, 12.9)]
    assert set(tables["scores"]["scale"]) == {"iHOT-12"}
    assert tables["acceptable_state"].empty
    assert "Pain" not in changes_chart(tables) + scores_chart(tables)


def test_outside_the_clinic_a_measurement_error_that_nobody_published_is_missing_and_not_hidden():
    named = {"group": "All", "timepoint": "3-months", "wording": OFFICIAL, "pairs": 20}
    known = {**named, "scale": "iHOT-12", "assessable": 20, "better": 12, "within": 7, "worse": 1, "error": 17.22}
    unknown = {**named, "scale": "Pain", "assessable": 0, "better": 0, "within": 0, "worse": 0, "error": None}
    few = {**unknown, "timepoint": "6-weeks", "pairs": 7}
    counted = pd.DataFrame(
        [{**known, "source": "J Clin Med 2022"}, *({**row, "source": "none published"} for row in (unknown, few))]
    )

    hip, pain = finish(counted, RELIABLE, audience="quality").astype(object).to_dict("records")

    assert (hip["better"], hip["within"], hip["share_within"], hip["error"]) == (10, "<10", "hidden", 17.22)
    figures = ("assessable", "better", "within", "worse", "share_better", "share_within", "share_worse", "error")
    assert [pain[key] for key in figures if not pd.isna(pain[key])] == []
    assert (pain["pairs"], pain["source"]) == (20, "none published")


def test_a_threshold_of_a_clinics_own_is_for_the_clinic_alone(session, record):
    cohort = ten_episodes(record)
    facts = extract(session, cohort.query())
    shipped = facts.comparisons[0]
    own = replace(shipped, row=replace(shipped.row, id="ours-1", note="Dr. X thinks so"), registered=False)
    facts = replace(facts, comparisons=(*facts.comparisons, own))
    national = cohort.query(clinic_ids=(), organisation_id=cohort.organisation.id, audience="quality")

    ours, theirs = (make_tables(facts, query)["responders"]["row"] for query in (cohort.query(), national))

    assert (ours == "ours-1").any()
    assert not (theirs == "ours-1").any()


def test_each_plot_has_a_title_a_description_and_its_table(session, record):
    cohort = ten_episodes(record)

    page = export.render(make_report(session, "outcomes", cohort.query(group_by="clinician")), "html").decode()

    assert len(re.findall(r'role="img" aria-labelledby="(\w+)-title \1-desc"', page)) == 3
    assert len(re.findall(r"</figure><div class=scroll role=region", page)) == 3
    assert "All 3 months 3.0 (-18.2 to 24.2, n 6); A 3 months 14.7" in page
    assert re.search(r">All, 3 months \(n 6\)<.*?>by group, 3 months:<.*?>A \(n \d\)<", page)
    assert "3 months median 60.0, quartiles 56.1 to 65.5, 8 scores; measurement error of one person 17.22" in page


@pytest.mark.parametrize(("groups", "drawn"), [(GROUPS_DRAWN, GROUPS_DRAWN + 1), (GROUPS_DRAWN + 1, 1)])
def test_with_many_groups_only_all_together_are_drawn(groups, drawn):
    names = ["All", *(f"clinic-{number:03}" for number in range(groups))]
    shared = {"group": names, "scale": "iHOT-12", "timepoint": "3-months", "wording": OFFICIAL}
    changes = pd.DataFrame({**shared, "pairs": 9, "mean_change": 3.0, "change_low": 1.0, "change_high": 5.0})
    tables = {
        "changes": changes,
        "scores": pd.DataFrame({**shared, "best": 100, "worst": 0}),
        "reliable_change": pd.DataFrame({**shared, "error": 17.22}),
    }

    assert changes_chart(tables).count("<circle") == drawn


def test_no_word_of_the_plots_is_cut_off(browser, tmp_path):
    moments = ["baseline", "6-weeks", "3-months"]
    shared = {"group": "All", "scale": "iHOT-12", "timepoint": moments, "wording": OWN}
    scores = {"scores": 600_000, "quartile_1": 30.0, "median": 40.0, "quartile_3": 50.0, "best": 100, "worst": 0}
    changes = {"pairs": 600_000, "mean_change": 3.0, "change_low": 1.0, "change_high": 5.0}
    tables = {
        "changes": pd.DataFrame({**shared, **changes}),
        "scores": pd.DataFrame({**shared, **scores}),
        "reliable_change": pd.DataFrame({**shared, "error": 17.22}),
        "courses": pd.DataFrame(columns=["scale", "wording", *moments]),
    }
    path = tmp_path / "plots.html"
    path.write_text(
        f"<style>{report_style()}</style><div class=report>{scores_chart(tables)}{changes_chart(tables)}</div>"
    )

    page = browser.new_page(viewport={"width": 640, "height": 900})
    page.goto(path.as_uri())

    assert "3 months (n 600000)" in page.content()
    assert texts_cut_off(page) == []
    page.close()


@pytest.mark.parametrize("change", [a_late_answer, another_judgement, other_names, a_start_moved_within_the_period])
def test_what_is_recorded_later_changes_no_byte_of_a_past_report(session, record, change):
    cohort = a_cohort(record)
    query = cohort.query(group_by="clinician")
    before = files(make_report(session, "outcomes", query))

    change(record, cohort)
    session.flush()

    assert files(make_report(session, "outcomes", query)) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # A page looks the same from either.
def test_the_page_is_accessible_and_fits_the_screen(browser, tmp_path, session, record):
    cohort = ten_episodes(record)
    path = tmp_path / "report.html"
    path.write_bytes(export.render(make_report(session, "outcomes", cohort.query(group_by="clinician")), "html"))

    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(path.as_uri())

    assert accessibility_faults(page) == []
    assert not too_wide(page)
    assert texts_cut_off(page) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    assert not too_wide(page)
    page.close()
