"""The forms of a report: strict, typed, harmless in a spreadsheet, and the same each time."""

import csv
import io
import json
import re

import openpyxl
import pytest
from hypothesis import given, strategies

from prom_service.errors import InvalidInputError
from prom_service.reports import make_report
from prom_service.reports.forms import export
from prom_service.reports.forms.spreadsheet import safe_cell
from prom_service.reports.query import FORMATS, REPORTS
from prom_service.reports.utilization.layouts import LAYOUTS
from tests.reports.cohort import a_cohort

NASTY = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "\0=1", "＝1"]


@pytest.mark.parametrize("text", NASTY)
def test_text_that_looks_like_a_formula_is_quoted(text):
    assert safe_cell(text) == "'" + text.replace("\0", "")


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("A;=1+1;B", "A;'=1+1;B"), ('A; "=1+1"', 'A; "\'=1+1"'), ("A\t@x", "A\t'@x"), ("A\n-1", "A\n'-1")],
)
def test_nor_does_it_become_one_where_the_semicolon_separates(text, quoted):
    assert safe_cell(text) == quoted


@given(text=strategies.text(alphabet="=+-@;\t\r\n\0 '\"aＡ＝1", max_size=8))
def test_no_cell_begins_with_what_a_spreadsheet_computes(text):
    cells = re.split(r"[;\t\r\n]", safe_cell(text))

    assert not [cell for cell in cells if cell.strip(' "').startswith(("=", "+", "-", "@", "＝"))]


@pytest.mark.parametrize("value", ["A", "a=b", "a; b", "hip; 3-months", "", "hip-related-pain-1", -1, -0.5, 0, None])
def test_other_text_and_numbers_stay_what_they_are(value):
    assert safe_cell(value) == value


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # A form is the same from either.
def test_a_csv_row_says_which_table_it_belongs_to_and_carries_its_figures(session, record):
    report = make_report(session, "utilization", a_cohort(record).query())

    rows = list(csv.DictReader(io.StringIO(export.render(report, "csv").decode())))

    one = next(row for row in rows if row["table"] == "visits_per_episode")
    assert (one["group"], one["closed"], one["median"], one["percentile_75"]) == ("All", "6", "12.0", "14.75")
    assert {layout.name for layout in LAYOUTS} <= {row["table"] for row in rows}
    assert {"parameters", "versions", "checksum", "definitions"} <= {row["table"] for row in rows}


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # A form is the same from either.
def test_no_two_columns_of_a_csv_have_one_name(session, record, name):
    report = make_report(session, name, a_cohort(record).query())

    header, *_ = csv.reader(io.StringIO(export.render(report, "csv").decode()))

    assert sorted(header) == sorted(set(header))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # A form is the same from either.
def test_no_clinic_can_put_a_formula_into_a_file(session, record):
    cohort = a_cohort(record)
    cohort.episodes[1].clinician = '=HYPERLINK("http://x.invalid","click")'
    session.flush()
    report = make_report(session, "utilization", cohort.query(group_by="clinician"))

    rows = csv.reader(io.StringIO(export.render(report, "csv").decode()))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]

    book = openpyxl.load_workbook(io.BytesIO(export.render(report, "xlsx")))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    assert cohort.episodes[1].clinician in {cell.value for cell in cells}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # A form is the same from either.
def test_a_workbook_has_typed_cells_and_a_sheet_of_definitions(session, record):
    report = make_report(session, "utilization", a_cohort(record).query())

    book = openpyxl.load_workbook(io.BytesIO(export.render(report, "xlsx")))

    assert book.sheetnames == ["about", "definitions", *(layout.name for layout in LAYOUTS)]
    head, first = list(book["visits_per_episode"].iter_rows(max_row=2))
    one = {name.value: cell for name, cell in zip(head, first, strict=True)}
    assert (one["Median visits"].value, one["75th percentile"].value, one["Closed"].value) == (12, 14.75, 6)
    assert one["Share over limit"].number_format == "0.0%"
    assert {cell.value for cell in book["definitions"]["B"]} >= {"visits_per_episode.median", "denominators.eligible"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # A form is the same from either.
def test_json_is_strict_and_complete(session, record):
    report = make_report(session, "utilization", a_cohort(record).query())

    document = json.loads(export.render(report, "json"), parse_constant=pytest.fail)

    assert document["tables"]["visits_per_episode"]["rows"][0]["median"] == 12.0
    assert document["tables"]["visits_by_outcome"]["rows"][-1]["share"] is None
    assert document["checksum"] == report.checksum
    assert document["versions"]["judgement_rules"] == ["hip-related-pain-1, rules 1"]


@pytest.mark.parametrize("form", ["csv", "json", "html", "pdf", "parquet"])
def test_the_same_question_gives_the_same_bytes(session, record, form):
    cohort = a_cohort(record)

    first, second = (export.render(make_report(session, "utilization", cohort.query()), form) for _ in range(2))

    assert first == second


@pytest.mark.parametrize("form", ["", "docx", "PDF"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # A form is the same from either.
def test_another_form_is_refused_with_the_allowed_ones_named(session, record, form):
    report = make_report(session, "utilization", a_cohort(record).query())

    with pytest.raises(InvalidInputError, match="json, csv, xlsx, html, pdf, parquet"):
        export.render(report, form)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # A form is the same from either.
def test_every_column_of_every_table_is_defined(session, record):
    report = make_report(session, "utilization", a_cohort(record).query())

    defined = {(definition.table, definition.column) for definition in report.definitions}
    assert defined >= {(name, column) for name, table in report.tables.items() for column in table.columns}


def test_every_form_that_may_be_asked_for_is_made():
    assert tuple(export.FORMATS) == FORMATS
