"""The report on paper: what the page says, on sheets that name themselves."""

import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
import typst

from prom_service.reports import make_report
from prom_service.reports.forms import export
from prom_service.reports.forms.printed import MOST_ROWS, UNDRAWN
from prom_service.reports.forms.reading import read_table
from prom_service.reports.report import Report
from tests.reports.cohort import a_cohort
from tests.reports.outcome_cohort import ten_episodes
from tests.reports.test_page import with_clinics
from tests.support.paper import Sheets

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # It is drawn alike from either.
IN_NO_FONT = "\U0010fffd"
MARKUP = '#panic() #include "/etc/passwd" *b* $x$ <l> @r'


def test_the_pdf_says_what_the_report_says_and_can_be_read_aloud(session, record):
    report = make_report(session, "utilization", a_cohort(record).query())

    sheets = Sheets(export.render(report, "pdf"))

    assert sheets.is_tagged
    assert sheets.claims_to_be_accessible
    said = [*report.notes, *(layout.title for layout in report.kind.layouts), report.checksum, "Page 1 of"]
    said += [" ".join(definition.meaning.split()) for definition in report.definitions]
    assert [words for words in said if words not in sheets.text] == []
    assert "All" not in sheets.pages[0].split()  # One group is no group.
    [row] = read_table(report.kind.layouts[0], report.tables["visits_per_episode"], "").rows
    assert " ".join(" ".join(row.cells).split()) in sheets.pages[0].replace("\N{NO-BREAK SPACE}", " ")


def test_every_sheet_names_the_period_the_instant_and_its_number(session, record):
    sheets = Sheets(export.render(make_report(session, "utilization", a_cohort(record).query()), "pdf"))

    head = "2026-01-01 to 2026-07-01, as of 2026-07-01 00:00 UTC"
    numbers = [f"Page {number} of {len(sheets.pages)}" for number in range(1, len(sheets.pages) + 1)]
    assert [
        page for page, number in zip(sheets.pages, numbers, strict=True) if not (head in page and number in page)
    ] == []
    assert len(sheets.pages) > 1


def test_the_pictures_are_drawn_and_described(session, record):
    pdf = export.render(make_report(session, "utilization", a_cohort(record).query()), "pdf")

    sheets = Sheets(pdf)

    words = ("limit 14", "Visits of one episode", "Within the limit: 5 due, 1 not yet due")
    assert [one for one in words if one not in sheets.text] == []
    assert sum(shape.height > 20 for number in range(2) for shape in sheets.shapes(number)) > 3


@pytest.mark.parametrize("number", [0, 12])
def test_it_can_be_read_with_nobody_and_with_many_clinics(session, record, number):
    report = with_clinics(session, a_cohort(record), number)

    sheets = Sheets(export.render(report, "pdf"))

    assert ("clinic-011" in sheets.text) == (number > 0)
    assert ("No row to show." in sheets.text) == (number == 0)
    assert sheets.claims_to_be_accessible


def test_a_table_that_nobody_reads_on_paper_is_printed_as_its_total_and_says_where_the_rest_is(session, record):
    report = with_clinics(session, a_cohort(record), 110)  # Two timepoints are due, so 220 and more rows.
    rows = {name: len(table) for name, table in report.tables.items() if "group" in table}

    sheets = Sheets(export.render(report, "pdf"))

    long = {name for name, number in rows.items() if number > MOST_ROWS}
    assert long == {"denominators", "visits_by_outcome", "left_out"}
    said = [f"The {rows[name] - len(total(report, name)):,} rows by clinic are not printed." for name in long]
    assert [words for words in said if words not in sheets.text] == []
    assert "clinic-099" in sheets.text
    assert len(sheets.pages) < 40


def total(report: Report, name: str) -> pd.DataFrame:
    table = report.tables[name]
    return table[table["group"] == "All"]


def test_a_picture_of_outcomes_is_as_wide_on_paper_as_any(session, record):
    report = make_report(session, "outcomes", ten_episodes(record).query())
    scores = report.tables["scores"]
    many = pd.concat([scores, *(scores.assign(scale=scores["scale"] + f" {number}") for number in range(4))])

    sheets = Sheets(export.render(replace(report, tables={**report.tables, "scores": many}), "pdf"))

    assert sheets.text.count("Quartiles") > 2  # Under the head of each column.
    assert sheets.claims_to_be_accessible


def named(session: Any, record: Any, name: str) -> Report:
    """A report by clinician, one of them called so."""
    cohort = a_cohort(record)
    cohort.episodes[1].clinician = name
    session.flush()
    return make_report(session, "utilization", cohort.query(group_by="clinician"))


def test_no_name_is_markup(session, record):
    sheets = Sheets(export.render(named(session, record, MARKUP), "pdf"))

    assert MARKUP in sheets.text
    assert UNDRAWN not in sheets.text
    assert sheets.claims_to_be_accessible


def test_a_name_that_no_font_can_draw_is_a_box_and_the_sheet_says_where_it_can_be_read(session, record):
    sheets = Sheets(export.render(named(session, record, f"Dr {IN_NO_FONT}"), "pdf"))

    assert UNDRAWN in sheets.pages[0]
    assert not sheets.claims_to_be_accessible


def test_a_name_is_drawn_with_a_font_of_the_machine_where_that_is_what_it_takes(session, record, monkeypatch):
    report = named(session, record, f"Dr {IN_NO_FONT}")
    own = typst.compile

    def with_such_a_font(template: bytes, *, sys_inputs: dict[str, str], **how: Any) -> bytes:
        said = sys_inputs["said"]
        if not how["ignore_system_fonts"]:
            said = said.replace(json.dumps(IN_NO_FONT).strip('"'), "Drawable")
        return own(template, sys_inputs={"said": said}, **how)

    monkeypatch.setattr(typst, "compile", with_such_a_font)
    sheets = Sheets(export.render(report, "pdf"))

    assert "Dr Drawable" in sheets.text
    assert UNDRAWN not in sheets.text
    assert sheets.claims_to_be_accessible
