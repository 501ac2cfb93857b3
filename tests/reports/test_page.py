"""The page of a report: whole in itself, readable by everybody, with nobody, one clinic or two hundred in it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from prom_service.reports import make_report, utilization
from prom_service.reports.forms import export
from prom_service.reports.report import Report, report_of
from prom_service.reports.utilization.charts import outcome_chart, visits_chart
from prom_service.reports.utilization.extract import extract
from tests.reports.cohort import Cohort, a_cohort
from tests.support.browser import accessibility_faults, texts_cut_off, too_wide


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
        outcome_chart({"visits_by_outcome": pd.concat([table, waiting])}).count('width="388.0"')
        for table in (hidden, shown)
    ]

    assert drawings == [0, 2]


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
