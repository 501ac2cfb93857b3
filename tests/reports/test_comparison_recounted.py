"""Every figure of the comparison report equals the one counted again by other means."""

import datetime as dt
from collections.abc import Mapping

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service import models
from prom_service.db import make_engine
from prom_service.reports import ReportQuery, make_report
from prom_service.simulation.population import Size, write_population
from tests.reports.activity_cohort import of_other_activities
from tests.reports.cohort import a_cohort
from tests.reports.recount.comparison import READ, recount
from tests.reports.recount.figures import Figures, assert_same, named_by, plain_rows

NAMED_BY = {
    "units": ["group"],
    "share_improved": ["group", "wording"],
    "share_over_limit": ["group"],
    "bounds": ["group", "wording"],
    "responders": ["characteristic", "category"],
    "responder_means": ["characteristic", "measure"],
}


def found(tables: Mapping[str, pd.DataFrame]) -> dict[str, Figures]:
    """The tables by what names their rows."""
    return {name: named_by(tables[name], keys) for name, keys in NAMED_BY.items()}


def test_nine_episodes_counted_again_are_the_same(session, record):
    cohort = a_cohort(record)
    query = cohort.query(group_by="clinician")

    tables = make_report(session, "comparison", query).tables

    rows = plain_rows(session, READ)
    ours = [row for row in rows["episode"] if row["clinic_id"] == cohort.clinic.id]
    again = recount(
        {**rows, "episode": ours},
        first=query.from_on,
        after=query.to_on,
        as_of=query.as_of,
        unit=lambda episode: episode["clinician"],
    )
    assert assert_same(found(tables), again) > 100


def test_answers_of_other_activities_counted_again_are_no_responses(session, record):
    query = of_other_activities(record)

    tables = make_report(session, "comparison", query).tables

    rows = plain_rows(session, READ)
    again = recount(rows, first=query.from_on, after=query.to_on, as_of=query.as_of, unit=lambda _: "north")
    assert assert_same(found(tables), again) > 10
    assert tables["units"]["responded"].tolist() == [2, 2]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # The population is the same on either.
def test_a_population_counted_again_is_the_same(database_url, full):
    engine = make_engine(database_url)
    write_population(engine, Size(episodes=5_000 if full else 600, clinics=5))
    with Session(engine) as session:
        organisation = session.scalars(sa.select(models.Organisation.id)).one()
        as_of = dt.datetime(2025, 11, 20, 9, 30, tzinfo=dt.UTC)
        query = ReportQuery((), organisation, dt.date(2024, 1, 1), dt.date(2025, 10, 1), as_of)

        tables = make_report(session, "comparison", query).tables

        code = {row.id: row.code for row in session.execute(sa.select(models.Clinic.id, models.Clinic.code))}
        again = recount(
            plain_rows(session, READ),
            first=query.from_on,
            after=query.to_on,
            as_of=as_of,
            unit=lambda episode: code[episode["clinic_id"]],
        )
        assert assert_same(found(tables), again) > 250
        assert set(tables["share_over_limit"]["rankable"]) >= {"yes"}
    engine.dispose()
