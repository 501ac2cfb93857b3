"""Every figure of the outcomes report equals the one counted again by other means."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.db import make_engine
from prom_service.models import Organisation
from prom_service.reports import ReportQuery, make_report
from prom_service.simulation.population import Size, write_population
from tests.reports.activity_cohort import of_other_activities
from tests.reports.outcome_cohort import ten_episodes
from tests.reports.recount.figures import Figures, assert_same, plain_rows
from tests.reports.recount.outcomes import TABLES, recount

READ = ("episode", "administration", "response", "answer_set", "score")
SCALES = {
    "iHOT-12": ("ihot-12-1.0", "total"),
    "Pain (0 to 10)": ("nprs-1.0", "total"),
    "Patient-specific function": ("psfs-1.0", "total"),
    "HOOS Pain": ("hoos-2.0", "pain"),
    "HOOS Function in daily living": ("hoos-2.0", "adl"),
    "HOOS Symptoms": ("hoos-2.0", "symptoms"),
    "HOOS Sport and leisure": ("hoos-2.0", "sport"),
    "HOOS Quality of life": ("hoos-2.0", "qol"),
    "S-LANSS Total": ("s-lanss-1.0", "total"),
}


def named_as_recounted(table: pd.DataFrame) -> dict[tuple, dict[str, Any]]:
    """The rows of a table by what names them, as the recount names them."""
    found = {}
    for row in table.to_dict("records"):
        scale = (SCALES[row["scale"]],) if "scale" in row else ()
        threshold = (row["row"],) if "row" in row else ()
        found[row["group"], *scale, row["timepoint"], row["wording"] == "official", *threshold] = row
    assert len(found) == len(table)
    return found


def found(tables: Mapping[str, pd.DataFrame]) -> dict[str, Figures]:
    """The tables that are counted again, by what names their rows."""
    return {name: named_as_recounted(tables[name]) for name in TABLES}


def test_ten_episodes_counted_again_are_the_same(session, record):
    cohort = ten_episodes(record)
    query = cohort.query(group_by="clinician")

    tables = make_report(session, "outcomes", query).tables

    again = recount(
        plain_rows(session, READ),
        first=query.from_on,
        after=query.to_on,
        as_of=query.as_of,
        group=lambda episode: episode["clinician"],
    )
    assert assert_same(found(tables), again) > 100


def test_scores_of_other_activities_counted_again_are_no_pairs(session, record):
    query = of_other_activities(record)

    tables = make_report(session, "outcomes", query).tables

    again = recount(plain_rows(session, READ), first=query.from_on, after=query.to_on, as_of=query.as_of)
    assert assert_same(found(tables), again) > 10
    assert tables["changes"]["pairs"].tolist() == [2, 2]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # The population is the same on either.
def test_a_population_counted_again_is_the_same(database_url, full):
    engine = make_engine(database_url)
    write_population(engine, Size(episodes=5_000 if full else 600, clinics=5))
    with Session(engine) as session:
        organisation = session.scalars(sa.select(Organisation.id)).one()
        as_of = dt.datetime(2025, 11, 20, 9, 30, tzinfo=dt.UTC)
        query = ReportQuery((), organisation, dt.date(2024, 6, 1), dt.date(2025, 10, 1), as_of, group_by="pathway")

        tables = make_report(session, "outcomes", query).tables

        again = recount(
            plain_rows(session, READ),
            first=query.from_on,
            after=query.to_on,
            as_of=as_of,
            group=lambda episode: episode["pathway"],
        )
        assert assert_same(found(tables), again) > 1000
    engine.dispose()
