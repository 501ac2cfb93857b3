"""The page of a report: whole in itself, readable by everybody, with nobody, one clinic or two hundred in it."""

import re
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from prom_service.reports import make_report, utilization
from prom_service.reports.forms import export
from prom_service.reports.forms.page import ROWS_AT_ONCE, ROWS_OF_SCALES
from prom_service.reports.report import Report, report_of
from prom_service.reports.utilization.charts import OUTCOMES, outcome_chart, visits_chart
from prom_service.reports.utilization.extract import extract
from tests.reports.cohort import Cohort, a_cohort
from tests.reports.outcome_cohort import ten_episodes
from tests.support.browser import accessibility_faults, texts_cut_off, too_wide
from tests.support.paper import Sheets

MEANINGS = "What the columns mean"


@pytest.fixture
def cohort(record) -> Cohort:
    return a_cohort(record)


def with_clinics(session: Any, cohort: Cohort, number: int) -> Report:
    """The cohort's report as if there were that many clinics like it."""
    query = cohort.query(group_by="clinic")
    facts = extract(session, query)
    many = {
        name: pd.concat([frame.assign(group=f"clinic-{n:03}") for n in range(number)] or [frame[:0]])
        for name, frame in facts.frames().items()
        if name in ("episodes", "timepoints")
    }
    return report_of(utilization.KIND, replace(facts, **many), query)


def with_thresholds(session: Any, record: Any, rows: int) -> Report:
    """The report of ten episodes, with that many rows of those who reached a threshold, on two scales."""
    report = make_report(session, "outcomes", ten_episodes(record).query())
    many = pd.concat([report.tables["responders"]] * 3)
    return replace(report, tables={**report.tables, "responders": many[:rows]})


def section_of(report: Report, name: str) -> str:
    """Return what the page says of one table."""
    return export.render(report, "html").decode().split(f'<h2 id="{name}">')[1].split("</section>")[0]


def test_the_page_loads_nothing_and_runs_nothing(session, cohort):
    page = export.render(make_report(session, "utilization", cohort.query()), "html").decode()

    assert not re.search(r"<script|<link|<img|@import|\ssrc=|javascript:|\son\w+=", page)
    assert re.findall(r"https?://[^\"]+", page.replace("http://www.w3.org/2000/svg", "")) == []


def test_each_plot_has_a_title_a_description_and_its_table(session, cohort):
    page = export.render(make_report(session, "utilization", cohort.query()), "html").decode()

    assert len(re.findall(r"</figure><div class=scroll role=region", page)) == 3
    assert len(re.findall(r'role="img" aria-labelledby="(\w+)-title \1-desc"', page)) == 3
    assert "Within the limit: improved official 20 % of 5 due" in page
    assert set(re.findall(">(3.months)</t[dh]>", page)) == {"3 months"}


def test_below_each_table_stands_what_its_columns_mean(session, cohort):
    report = make_report(session, "utilization", cohort.query())

    for layout in report.kind.layouts:
        said = section_of(report, layout.name).split(f"<summary>{MEANINGS}</summary>")[1]
        assert re.findall("<dt>(.*?)</dt>", said) == [escape(column.title) for column in layout.columns]


def test_a_name_cannot_put_markup_into_the_page(session, cohort):
    cohort.episodes[1].clinician = "<script>alert(1)</script>"
    session.flush()

    page = export.render(make_report(session, "utilization", cohort.query(group_by="clinician")), "html").decode()

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_hidden_counts_are_not_drawn():
    distribution = pd.DataFrame({"visits": range(16), "closed": ["<10"] * 15 + [10], "open": [0] * 16})

    drawing = visits_chart(
        {"visit_distribution": distribution, "visits_per_episode": pd.DataFrame({"visit_limit": [14]})}
    )

    assert "Closed 10, open 0 drawn." in drawing
    assert drawing.count('<rect x="') == 3


def test_a_share_that_is_hidden_has_no_segment():
    values = {"group": "All", "visits": ["within", "over"], "outcome": "improved", "wording": "official"}
    hidden = pd.DataFrame({**values, "episodes": "<10", "due": 10, "share": "hidden"})
    shown = hidden.assign(episodes=10, share=1.0)
    waiting = hidden.assign(outcome="not_yet_due", episodes=0)

    drawings = [
        outcome_chart({"visits_by_outcome": pd.concat([table, waiting])}).count('height="28.0" fill="#1b5e9e"')
        for table in (hidden, shown)
    ]

    assert drawings == [0, 2]


@pytest.mark.parametrize(
    ("shares", "drawn", "said"),
    [
        ((0.5, 0.5), [194.0, 194.0], ""),
        ((0.5, "hidden"), [194.0, 194.0], "Within the limit: 50 % not shown"),
        (("hidden", "hidden"), [388.0], "Within the limit: 100 % not shown"),
        ((), [388.0], "Within the limit: 100 % not shown"),
        ((0.75, 0.5), [232.8, 155.2], ""),
        ((float("nan"), float("nan")), [], ""),
    ],
)
def test_what_is_not_shown_of_the_due_is_drawn_and_named(shares, drawn, said):
    outcomes = list(OUTCOMES)[: len(shares)]
    columns = {"group": "All", "wording": "official", "episodes": 10, "due": 20}
    within = pd.DataFrame({**columns, "visits": "within", "outcome": outcomes, "share": list(shares)})
    over = pd.DataFrame({**columns, "visits": "over", "outcome": ["improved"], "share": [1.0]})

    picture = outcome_chart({"visits_by_outcome": pd.concat([within, over])})

    bars = re.findall(r'y="22.0" width="([\d.]+)" height="28.0"', picture)
    assert sorted(map(float, bars)) == sorted(drawn)
    assert ("not shown: what is hidden" in picture) == bool(said)
    assert said in picture


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("rows", "folds"),
    [(ROWS_OF_SCALES, []), (ROWS_OF_SCALES + 1, ["iHOT-12, 13 rows", "Pain (0 to 10), 8 rows"])],
)
def test_a_long_table_is_folded_by_scale(session, record, rows, folds):
    section = section_of(with_thresholds(session, record, rows), "responders")

    assert re.findall("<summary>(.*?)</summary>", section) == [*folds, MEANINGS]
    assert ('scope="col" class=text>Scale<' in section) == (folds == [])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_groups_of_a_long_table_are_folded_together_and_by_scale(session, record):
    report = make_report(session, "outcomes", ten_episodes(record).query(group_by="clinician"))

    section = section_of(report, "responders")

    assert re.findall("<summary>(.*?)</summary>", section) == [
        "By group, 2 groups",
        "iHOT-12, 14 rows",
        "Pain (0 to 10), 16 rows",
        MEANINGS,
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_long_table_of_one_group_has_no_fold_of_groups(session, record):
    section = section_of(with_thresholds(session, record, ROWS_AT_ONCE + 1), "responders")

    assert "By group" not in section
    assert "Who reached which threshold: all" not in section


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_folded_on_the_screen_is_printed(browser, tmp_path: Path, session, record):
    path = tmp_path / "report.html"
    report = make_report(session, "outcomes", ten_episodes(record).query(group_by="clinician"))
    path.write_bytes(export.render(report, "html"))
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(path.as_uri())

    shown = page.get_by_role("cell", name="ihot-12-total-mcii-cheng-2025").count()
    meant = page.get_by_text("Half scored at most this.").is_visible()
    printed = Sheets(page.pdf()).text
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    unfolded = page.get_by_role("cell", name="ihot-12-total-mcii-cheng-2025").count()
    faults, content = accessibility_faults(page), page.content()
    page.close()

    assert (shown, unfolded, meant) == (2, 5, False)
    assert printed.count("cheng") == content.count("-cheng-") > unfolded  # On paper these names are broken.
    assert "Half scored at most this." in printed
    assert faults == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # A page looks the same from either.
@pytest.mark.parametrize(("number", "width"), [(0, 390), (0, 1280), (1, 390), (1, 1280), (200, 390)])
def test_the_page_is_accessible_and_fits_the_screen(browser, tmp_path: Path, session, cohort, number, width, full):
    number = number if full else min(number, 60)  # Folded away alike; each takes its time to be looked at.
    path = tmp_path / "report.html"
    path.write_bytes(export.render(with_clinics(session, cohort, number), "html"))

    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(path.as_uri())

    assert accessibility_faults(page) == []
    assert not too_wide(page)
    assert texts_cut_off(page) == []
    page.close()
