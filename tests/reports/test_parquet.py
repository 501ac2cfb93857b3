"""The report as Parquet: typed tables that say themselves what they mean."""

import datetime as dt
import io
import json
import sys
import zipfile
from typing import Any

import pytest
from arro3.core import DataType
from arro3.io import read_parquet

from prom_service.errors import InvalidInputError
from prom_service.reports import make_report
from prom_service.reports.forms import export
from prom_service.reports.rounding import HIDDEN, WITHHELD
from prom_service.reports.utilization.layouts import LAYOUTS
from tests.reports.cohort import a_cohort

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # A form is the same from either.


def tables_of(archive: bytes) -> dict[str, Any]:
    """Read every table of an archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        return {name: read_parquet(io.BytesIO(files.read(name))).read_all() for name in files.namelist()}


def test_each_table_is_a_file_with_typed_columns(session, record):
    report = make_report(session, "utilization", a_cohort(record).query())

    tables = tables_of(export.render(report, "parquet"))

    assert list(tables) == [f"{layout.name}.parquet" for layout in LAYOUTS]
    one = tables["visits_per_episode.parquet"]
    types = {"group": DataType.string(), "closed": DataType.int64(), "visit_limit": DataType.int64()}
    types |= {"median": DataType.float64(), "share_over": DataType.float64()}
    assert {name: one.schema.field(name).type for name in types} == types
    assert [one[name].to_pylist() for name in ("group", "closed", "median", "percentile_75")] == [
        ["All"],
        [6],
        [12.0],
        [14.75],
    ]


def test_a_report_as_of_long_ago_is_an_archive_too(session, record):
    query = a_cohort(record).query(as_of=dt.datetime(1979, 12, 31, tzinfo=dt.UTC))

    tables = tables_of(export.render(make_report(session, "utilization", query), "parquet"))

    assert len(tables) == len(LAYOUTS)


def test_a_missing_figure_is_null(session, record):
    report = make_report(session, "utilization", a_cohort(record).query())

    shares = tables_of(export.render(report, "parquet"))["visits_by_outcome.parquet"]["share"].to_pylist()

    assert shares[-1] is None  # Nobody is over the limit and not yet due.


def test_a_hidden_figure_is_null_and_the_column_beside_it_says_why(session, record):
    query = a_cohort(record).query(audience="quality")
    report = make_report(session, "utilization", query)

    one = tables_of(export.render(report, "parquet"))["visits_per_episode.parquet"]

    assert (one["episodes"].to_pylist(), one["episodes_note"].to_pylist()) == ([10], [None])
    assert (one["closed"].to_pylist(), one["closed_note"].to_pylist()) == ([None], [HIDDEN])
    assert (one["median"].to_pylist(), one["median_note"].to_pylist()) == ([None], [WITHHELD])


def test_a_file_says_what_it_is_about_and_what_its_columns_mean(session, record):
    report = make_report(session, "utilization", a_cohort(record).query())

    schema = tables_of(export.render(report, "parquet"))["visits_per_episode.parquet"].schema

    about = json.loads(schema.metadata[b"prom"])
    assert about["checksum"] == report.checksum
    assert about["parameters"] == dict(report.parameters)
    assert about["table"] == "visits_per_episode"
    assert schema.field("closed").metadata[b"meaning"] == b"Episodes that had ended."


def test_without_the_extra_it_says_what_to_install(session, record, monkeypatch):
    report = make_report(session, "utilization", a_cohort(record).query())
    monkeypatch.setitem(sys.modules, "arro3", None)

    with pytest.raises(InvalidInputError, match=r"install prom-service\[parquet\]"):
        export.render(report, "parquet")
