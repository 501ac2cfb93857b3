"""Every figure of the utilization report equals the one counted again by other means."""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.db import make_engine
from prom_service.models import Organisation
from prom_service.reports import ReportQuery, make_report
from prom_service.reports.layout import KEY, TEXT, Layout
from prom_service.reports.query import BASES, GROUPINGS
from prom_service.reports.utilization.layouts import LAYOUTS
from prom_service.simulation.population import Size, write_population
from tests.reports.activity_cohort import of_other_activities
from tests.reports.builders import Record
from tests.reports.recount.figures import plain_rows
from tests.reports.recount.utilization import READ, Figures, recount
from tests.support import database

FIRST, AFTER = dt.date(2024, 6, 1), dt.date(2025, 10, 1)
AS_OF = dt.datetime(2025, 11, 20, 9, 30, tzinfo=dt.UTC)
SOME = (("episodes", "clinic"), ("activity", "clinician"))
ELSEWHERE = ("visits_after_improvement", "visits_after_improvement_each", "visits_without_review")
"""Tables of care that went on: counted again in test_care_recounted."""


@pytest.fixture(scope="module")
def session(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, full: bool) -> Iterator[Session]:
    """The population is the same on either database."""
    engine = make_engine(database.copy_sqlite(sqlite_template, tmp_path_factory.mktemp("recount")))
    write_population(engine, Size(episodes=5_000 if full else 400, clinics=5))
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture(scope="module")
def rows(session: Session) -> dict[str, list[dict[str, Any]]]:
    return plain_rows(session, READ)


def test_a_population_counted_again_is_the_same(session, rows, full):
    organisation = session.scalars(sa.select(Organisation.id)).one()
    every = [(basis, group_by) for basis in BASES for group_by in (None, *GROUPINGS)]
    for basis, group_by in every if full else SOME:
        query = ReportQuery((), organisation, FIRST, AFTER, AS_OF, basis=basis, group_by=group_by)

        tables = make_report(session, "utilization", query).tables

        again = recount(rows, first=FIRST, after=AFTER, as_of=AS_OF, basis=basis, group_by=group_by)
        assert compared(tables, again, f"{basis} by {group_by}") > 400


def test_scores_of_other_activities_counted_again_have_no_baseline(sqlite_template, tmp_path):
    engine = make_engine(database.copy_sqlite(sqlite_template, tmp_path))
    with Session(engine) as session:
        query = of_other_activities(Record(session))

        tables = make_report(session, "utilization", query).tables

        asked = {"first": query.from_on, "after": query.to_on, "as_of": query.as_of}
        again = recount(plain_rows(session, READ), **asked, basis=query.basis, group_by=query.group_by)
        assert compared(tables, again, "other activities") > 50
    engine.dispose()


def compared(tables: Mapping[str, pd.DataFrame], again: Figures, asked: str) -> int:
    """How many figures there are, each the same as the one counted again."""
    layouts = {layout.name: layout for layout in LAYOUTS if layout.name not in ELSEWHERE}
    assert set(again) == set(layouts)
    for name, figures in again.items():
        found = named(layouts[name], tables[name])
        assert found.keys() == figures.keys(), (asked, name)
        for key, row in figures.items():
            assert found[key] == pytest.approx(row, rel=1e-9, abs=1e-9, nan_ok=True), (asked, name, key)
    return sum(len(row) for figures in again.values() for row in figures.values())


def named(layout: Layout, table: pd.DataFrame) -> dict[tuple, dict[str, float]]:
    """The rows of a table by what names them."""
    words = [key for key in layout.named(TEXT, KEY) if key != "visit_limit"]
    found = {
        tuple(row[key] for key in words): {
            key: float("nan") if pd.isna(value) else float(value) for key, value in row.items() if key not in words
        }
        for row in table.to_dict("records")
    }
    assert len(found) == len(table)
    return found
