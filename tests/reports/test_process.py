"""What was done in the course of care, counted by hand: each test says who documents what."""

import datetime as dt
import re
from pathlib import Path

import pandas as pd
import pytest

from prom_service.models import Episode
from prom_service.reports import ReportQuery, make_report
from prom_service.reports.forms import export
from prom_service.reports.forms.page import report_style
from prom_service.reports.process.charts import process_chart
from prom_service.reports.process.measures import MEASURES
from tests.reports.builders import Record, instant
from tests.reports.cohort import AS_OF, START, a_cohort
from tests.support.browser import PHONE, accessibility_faults, texts_cut_off, too_wide

DOSE = {
    "exercise_load": "12 kg",
    "repetitions": "10",
    "sets": "3",
    "time_under_tension": "4 s",
    "rest": "2 min",
    "sessions_per_week": "3",
    "progression": "weekly",
}


@pytest.fixture
def clinic(record):
    return record.clinic(record.organisation())


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def documents(record: Record, episode: Episode, on: dt.date, **documentation: str) -> None:
    record.visit(on, episode, documentation=documentation)


def question(clinic, **changes: object) -> ReportQuery:
    values = {"from_on": dt.date(2026, 1, 1), "to_on": dt.date(2026, 7, 1), "as_of": AS_OF, **changes}
    return ReportQuery((clinic.id,), None, **values)


def figures(session, query: ReportQuery, *measures: str) -> list[tuple[int, int, int, int]]:
    """Return applies, not documented, documented and met of these measures, for all episodes together."""
    table = make_report(session, "process", query).tables["process"]
    rows = table[table["group"] == "All"].set_index("measure")
    return [tuple(rows.loc[key, ["applies", "not_documented", "documented", "met"]].tolist()) for key in measures]


def test_a_prescription_is_complete_when_one_visit_documents_every_part(session, record, clinic):
    whole, divided, silent, unseen = (record.episode(clinic, START) for _ in range(4))
    documents(record, whole, day(1), **DOSE)
    documents(record, divided, day(1), **{name: said for name, said in DOSE.items() if name != "rest"})
    documents(record, divided, day(2), rest="2 min", sets="  ")
    documents(record, silent, day(1), interventions="strengthening")
    record.visit(day(1), unseen, status="no_show", documentation=DOSE)

    found = figures(session, question(clinic), "exercise_complete", "exercise_load", "rest")

    # Visited: whole, divided, silent. Any part: whole and divided. All in one visit: whole. Load and rest: both.
    assert found == [(3, 1, 2, 1), (3, 1, 2, 2), (3, 1, 2, 2)]


@pytest.mark.parametrize(
    ("said", "strengthening", "movement", "only_stretching"),
    [
        (("strengthening, movement reeducation",), 1, 1, 0),
        (("Strengthening and Movement Re-Education",), 1, 1, 0),
        (("stretching", "hamstring strengthening; movement_retraining"), 0, 1, 0),
        (("Stretching", "stretches + stretching 3 x 30 s"), 0, 0, 1),
        (("stretching", "manual therapy"), 0, 0, 0),
        (("no strengthening",), 0, 0, 0),
    ],
)
def test_an_intervention_is_known_by_the_word_it_begins_with(
    session, record, clinic, said, strengthening, movement, only_stretching
):
    episode = record.episode(clinic, START)
    for number, text in enumerate(said):
        documents(record, episode, day(number), interventions=text)

    found = figures(session, question(clinic), "strengthening", "movement_reeducation", "stretching_only")

    assert [met for *_, met in found] == [strengthening, movement, only_stretching]


def test_education_is_complete_when_the_four_topics_were_given_over_the_episode(session, record, clinic):
    all_four, three = record.episode(clinic, START), record.episode(clinic, START)
    record.episode(clinic, START, visits=1)
    documents(record, all_four, day(1), education="condition, pain")
    documents(record, all_four, day(9), education="Activity / recovery")
    documents(record, three, day(1), education="condition\npain\nactivity")

    found = figures(session, question(clinic), "education_complete", "education_pain", "education_recovery")

    assert found == [(3, 1, 2, 1), (3, 1, 2, 2), (3, 1, 2, 1)]


@pytest.mark.parametrize(
    ("said", "met"),
    [
        ({1: "tramadol 50 mg"}, 1),
        ({1: "no drugs", 2: "Codeine"}, 1),
        ({1: "paracetamol", 2: "tramadol"}, 0),
        ({1: "nortriptyline", 2: "tramadol"}, 0),
        ({1: "paracetamol, opioids"}, 1),
        ({1: "none"}, 0),
    ],
)
def test_an_opioid_is_first_line_when_it_is_among_the_first_drugs_that_are_documented(
    session, record, clinic, said, met
):
    episode = record.episode(clinic, START, visits=1)
    for number, text in said.items():
        documents(record, episode, day(number), medication=text)

    assert figures(session, question(clinic), "opioid_first") == [(1, 0, 1, met)]


@pytest.mark.parametrize(
    ("on", "said", "red_flag_on", "expected"),
    [
        (dt.date(2026, 4, 9), "MRI hip", None, (1, 0, 1, 1)),
        (dt.date(2026, 4, 10), "MRI hip", None, (1, 1, 0, 0)),  # Three calendar months have passed.
        (dt.date(2026, 4, 9), "MRI hip", dt.date(2026, 4, 9), (1, 0, 1, 0)),
        (dt.date(2026, 4, 9), "MRI hip", dt.date(2026, 4, 10), (1, 0, 1, 1)),
        (dt.date(2026, 4, 9), "no MRI", None, (1, 0, 1, 0)),
        (dt.date(2026, 4, 9), "radiograph, mri", None, (1, 0, 1, 1)),
    ],
)
def test_an_early_mri_counts_unless_a_red_flag_was_on_record_by_its_day(
    session, record, clinic, on, said, red_flag_on, expected
):
    episode = record.episode(clinic, START, visits=1)
    documents(record, episode, on, imaging=said)
    if red_flag_on:
        record.flag(episode, "red_flag_symptom", "", instant(red_flag_on))

    assert figures(session, question(clinic), "early_mri") == [expected]


def test_a_programme_is_short_that_ended_before_three_calendar_months(session, record, clinic):
    for started_on, closed_on in (
        (dt.date(2026, 1, 10), dt.date(2026, 4, 9)),
        (dt.date(2026, 1, 10), dt.date(2026, 4, 10)),
        (dt.date(2026, 1, 31), dt.date(2026, 4, 29)),
        (dt.date(2026, 1, 31), dt.date(2026, 4, 30)),  # 31 April is the 30th.
    ):
        record.episode(clinic, started_on, closed_on=closed_on)
    record.episode(clinic, START)

    assert figures(session, question(clinic), "short_programme") == [(5, 0, 5, 2)]


@pytest.mark.parametrize(
    ("as_of", "expected"), [(dt.date(2026, 4, 9), (0, 0, 0, 0)), (dt.date(2026, 4, 10), (2, 0, 2, 1))]
)
def test_whether_a_programme_was_short_is_asked_once_three_months_have_passed(session, record, clinic, as_of, expected):
    record.episode(clinic, dt.date(2026, 1, 10), closed_on=dt.date(2026, 2, 1))
    record.episode(clinic, dt.date(2026, 1, 10))
    asked = question(clinic, as_of=instant(as_of))

    assert figures(session, asked, "short_programme") == [expected]
    assert bool(len(make_report(session, "process", asked).tables["short_programmes"])) == bool(expected[0])


def test_the_outcome_of_a_short_programme_stands_beside_it(session, record, clinic):
    short = [record.episode(clinic, START, closed_on=dt.date(2026, 4, 1)) for _ in range(3)]
    long = record.episode(clinic, START, closed_on=dt.date(2026, 6, 1))
    for episode, outcome, wording in (
        (short[0], "on_track", "official"),
        (short[1], "on_track", "own"),
        (long, "worse", "official"),
    ):
        response = record.answers(episode, "6-weeks", instant(day(43)), wording=wording)
        record.judged(episode, response, outcome, wording=wording, checkpoint="6-weeks")

    table = make_report(session, "process", question(clinic)).tables["short_programmes"]

    assert table[["checkpoint", "outcome", "wording", "episodes", "short"]].to_numpy().tolist() == [
        ["6-weeks", "not_assessable", "", 1, 3],
        ["6-weeks", "on_track", "official", 1, 3],
        ["6-weeks", "on_track", "provisional wording", 1, 3],
        ["3-months", "not_assessable", "", 3, 3],
    ]


def test_pathology_is_excluded_in_time_on_the_day_of_the_first_visit_at_the_latest(session, record, clinic):
    for excluded_on in (day(0), day(3), day(4), None):
        episode = record.episode(clinic, START, pathology_excluded_on=excluded_on)
        record.visit(day(3), episode)
    record.episode(clinic, START, pathology_excluded_on=day(0))

    # Four were visited, first on day 3; the last of them has no record of it.
    assert figures(session, question(clinic), "pathology_excluded") == [(4, 1, 3, 2)]


def test_a_non_response_at_6_weeks_is_followed_by_a_reassessment_or_not(session, record, clinic):
    raised = instant(day(44))
    reassessed, resolved, elsewise, early, silent, superseded = (record.episode(clinic, START) for _ in range(6))
    flags = {}
    for episode in (reassessed, resolved, elsewise, early, silent, superseded):
        flags[episode.id] = record.flag(episode, "non_responder", "6-weeks", raised)
    record.visit(day(45), reassessed, reassessed=True, format="group")
    record.step(flags[resolved.id], "resolved", instant(day(50)), reason="reassessed")
    record.step(flags[elsewise.id], "resolved", instant(day(50)), reason="contacted")
    record.visit(day(44), early, reassessed=True)  # On the day itself is not after it.
    record.step(flags[superseded.id], "superseded", instant(day(50)), reason="no_longer_applies")

    found = figures(session, question(clinic), "reassessed_after_6_weeks", "reviewed_after_6_weeks")

    assert found == [(5, 0, 5, 2), (5, 0, 5, 3)]


def test_findings_of_provisional_wording_have_rows_of_their_own(session, record, clinic):
    for wording in ("official", "own", "own"):
        record.flag(record.episode(clinic, START), "non_responder", "6-weeks", instant(day(44)), wording=wording)

    report = make_report(session, "process", question(clinic))

    rows = report.tables["process"].query("measure == 'reviewed_after_6_weeks'")
    assert rows[["wording", "applies"]].to_numpy().tolist() == [["official", 1], ["provisional wording", 2]]
    assert any("provisional wording" in note for note in report.notes)


def test_each_group_has_every_measure_beside_the_total(session, record, clinic):
    for side, said in (("left", "strengthening"), ("right", "stretching"), ("right", "strengthening")):
        documents(record, record.episode(clinic, START, side=side), day(1), interventions=said)

    table = make_report(session, "process", question(clinic, group_by="side")).tables["process"]

    rows = table[table["measure"] == "strengthening"]
    assert rows[["group", "documented", "met", "share"]].to_numpy().tolist() == [
        ["All", 3, 2, 2 / 3],
        ["left", 1, 1, 1.0],
        ["right", 2, 1, 0.5],
    ]
    assert len(set(table.groupby("group").size())) == 1


def drawn(documented: object, met: object, share: object) -> str:
    """The plot of a report in which every measure has these figures."""
    names = {"measure": [one.key for one in MEASURES], "title": [one.title for one in MEASURES]}
    figures = {"documented": documented, "met": met, "share": share}
    rows = pd.DataFrame({**names, "group": "All", "wording": "", **figures})
    measures = pd.DataFrame({"measure": names["measure"], "better": [one.better for one in MEASURES]})
    return process_chart({"process": rows, "measures": measures})


@pytest.mark.parametrize(
    ("documented", "met", "share", "told"),
    [
        (25, 15, 0.6, "60 % (15 of 25)"),
        (125, "<10", "hidden", "&lt;10 of 125"),
        ("<10", "<10", "hidden", "&lt;10 documented"),
        (0, 0, None, "not documented"),
    ],
)
def test_beside_a_bar_stands_no_more_than_can_be_told(documented, met, share, told):
    written = re.findall(r">([^<]+)</text>", drawn(documented, met, share).replace("\N{NO-BREAK SPACE}", " "))

    assert written.count(told) == len(MEASURES)


def test_no_word_of_the_plot_is_cut_off(browser, tmp_path: Path):
    path = tmp_path / "plot.html"
    path.write_text(f"<style>{report_style()}</style><div class=report>{drawn(600_000, 234_567, 0.39)}</div>")

    page = browser.new_page(viewport={"width": 640, "height": 900})
    page.goto(path.as_uri())

    assert "(234567 of 600000)" in page.content()
    assert texts_cut_off(page) == []
    page.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # A page looks the same from either.
def test_the_page_is_accessible_and_on_a_phone_a_long_name_leaves_room_for_its_figures(
    browser, tmp_path: Path, session, record
):
    path = tmp_path / "report.html"
    path.write_bytes(export.render(make_report(session, "process", a_cohort(record).query()), "html"))

    page = browser.new_page(viewport=PHONE)
    page.goto(path.as_uri())
    faults = accessibility_faults(page)
    row = page.locator("#process ~ .scroll tbody tr", has_text="with rest between repetitions and sessions")
    figure = row.locator("td:not(.text)").first.bounding_box()
    wide = too_wide(page)
    page.close()

    assert faults == []
    assert not wide
    assert figure["x"] + figure["width"] < PHONE["width"]
