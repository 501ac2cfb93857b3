"""The reports of the nine episodes, figure by figure, as they stand in ``golden`` with how each is derived by hand."""

import io
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from prom_service.reports import make_report
from prom_service.reports.layout import COUNT
from prom_service.reports.query import REPORTS
from tests.reports.cohort import a_cohort

GOLDEN = Path(__file__).parent / "golden"


def sections(name: str) -> dict[str, str]:
    """The tables in the file of a report, without what is said about them."""
    parts = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").split("\n## ")[1:]
    return {
        title: "\n".join(line for line in body.splitlines() if line and not line.startswith("#"))
        for title, _, body in (part.partition("\n") for part in parts)
    }


def written(table: pd.DataFrame, columns: list[str]) -> str:
    """The columns as text, six digits of a number, a dash for none."""
    page = io.StringIO()
    shown = table[columns].map(_figure)
    shown.to_csv(page, index=False, sep="|", lineterminator="\n")
    return page.getvalue().strip()


def _figure(value: object) -> str:
    if isinstance(value, str):
        return value
    return "–" if pd.isna(value) else f"{value:.6g}"


@pytest.mark.parametrize("name", REPORTS)
def test_every_figure_of_the_nine_is_the_one_derived_by_hand(session, record, name):
    cohort = a_cohort(record)

    report = make_report(session, name, cohort.query())

    golden = sections(name)
    assert set(golden) == set(_counting(report))
    for title, text in golden.items():
        columns = text.splitlines()[0].split("|")
        assert written(report.tables[title], columns) == text, title
        assert set(columns) >= set(report.tables[title].columns) - set(WORDS), title


WORDS = ("source", "verified", "population", "note", "row", "unit", "measure", "title", "reason")
"""Columns that repeat the registry of thresholds or of measures."""


def _counting(report: object) -> Iterator[str]:
    return (layout.name for layout in report.kind.layouts if layout.named(COUNT))
