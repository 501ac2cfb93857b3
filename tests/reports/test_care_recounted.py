"""Every figure of what was done, and of care that went on, equals the one counted again by other means."""

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
from tests.reports.recount import continued, process
from tests.reports.recount.record import READ

FIRST, AFTER = dt.date(2024, 1, 1), dt.date(2025, 10, 1)
AS_OF = dt.datetime(2025, 11, 20, 9, 30, tzinfo=dt.UTC)
OF_PROCESS = {
    "process": ["group", "measure", "wording"],
    "short_programmes": ["group", "checkpoint", "outcome", "wording"],
}
OF_CONTINUED = {
    "visits_after_improvement": ["group", "wording"],
    "visits_after_improvement_each": ["visits", "wording"],
    "visits_without_review": ["group", "checkpoint", "wording"],
}
KINDS = {
    "process": (process.recount, OF_PROCESS, "side"),
    "utilization": (continued.recount, OF_CONTINUED, "clinic"),
}


def plain_rows(session: Session) -> dict[str, list[dict[str, Any]]]:
    tables = {mapper.local_table.name: mapper.class_ for mapper in Base.registry.mappers}
    return {
        name: [dict(row) for row in session.execute(sa.select(*tables[name].__table__.columns)).mappings()]
        for name in READ
    }


def assert_same(tables: Any, again: dict[str, dict[tuple, dict[str, Any]]], named_by: dict[str, list[str]]) -> int:
    """Compare every figure; return how many there were."""
    compared = 0
    for name, keys in named_by.items():
        found = tables[name].set_index(keys).to_dict("index")
        found = {key if isinstance(key, tuple) else (key,): row for key, row in found.items()}
        assert found.keys() == again[name].keys(), name
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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # The population is the same on either.
def test_a_population_counted_again_is_the_same(database_url, full):
    engine = make_engine(database_url)
    write_population(engine, Size(episodes=5_000 if full else 400, clinics=3))
    with Session(engine) as session:
        organisation = session.scalars(sa.select(models.Organisation.id)).one()
        rows = plain_rows(session)
        code = {row.id: row.code for row in session.execute(sa.select(models.Clinic.id, models.Clinic.code))}
        groupings = {"clinic": lambda episode: code[episode["clinic_id"]], "side": lambda episode: episode["side"]}

        for name, (recount, named_by, grouping) in KINDS.items():
            query = ReportQuery((), organisation, FIRST, AFTER, AS_OF, group_by=grouping)
            tables = make_report(session, name, query).tables
            again = recount(rows, first=FIRST, after=AFTER, as_of=AS_OF, group=groupings[grouping])
            assert assert_same(tables, again, named_by) > 100
    engine.dispose()
