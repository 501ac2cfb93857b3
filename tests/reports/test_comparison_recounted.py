"""Every figure of the comparison report equals the one counted again by other means."""

import datetime as dt
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service import models
from prom_service.db import Base, make_engine
from prom_service.reports import ReportQuery, make_report
from prom_service.simulation.population import Size, write_population
from tests.reports.cohort import a_cohort
from tests.reports.recount.comparison import READ, recount

NAMED_BY = {
    "units": ["group"],
    "share_improved": ["group", "wording"],
    "share_over_limit": ["group"],
    "bounds": ["group", "wording"],
    "responders": ["characteristic", "category"],
    "responder_means": ["characteristic", "measure"],
}


def plain_rows(session: Session) -> dict[str, list[dict[str, Any]]]:
    tables = {mapper.local_table.name: mapper.class_ for mapper in Base.registry.mappers}
    return {
        name: [dict(row) for row in session.execute(sa.select(*tables[name].__table__.columns)).mappings()]
        for name in READ
    }


def assert_same(tables: Any, again: dict[str, dict[tuple, dict[str, Any]]]) -> int:
    """Compare every figure; return how many there were."""
    compared = 0
    for name, keys in NAMED_BY.items():
        found = tables[name].set_index(keys).to_dict("index")
        found = {key if isinstance(key, tuple) else (key,): row for key, row in found.items()}
        assert found.keys() == again[name].keys()
        for key, figures in again[name].items():
            for figure, value in figures.items():
                shown = found[key][figure]
                if value is None:
                    assert pd.isna(shown), (name, key, figure)
                else:
                    same = shown == value if isinstance(value, str) else shown == pytest.approx(value, abs=1e-6)
                    assert same, (name, key, figure, shown, value)
                    compared += 1
    return compared


def test_nine_episodes_counted_again_are_the_same(session, record):
    cohort = a_cohort(record)
    query = cohort.query(group_by="clinician")

    tables = make_report(session, "comparison", query).tables

    rows = plain_rows(session)
    ours = [row for row in rows["episode"] if row["clinic_id"] == cohort.clinic.id]
    again = recount(
        {**rows, "episode": ours},
        first=query.from_on,
        after=query.to_on,
        as_of=query.as_of,
        unit=lambda episode: episode["clinician"],
    )
    assert assert_same(tables, again) > 100


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
            plain_rows(session),
            first=query.from_on,
            after=query.to_on,
            as_of=as_of,
            unit=lambda episode: code[episode["clinic_id"]],
        )
        assert assert_same(tables, again) > 250
        assert set(tables["share_over_limit"]["rankable"]) >= {"yes"}
    engine.dispose()
