"""Every figure of what was done, and of care that went on, equals the one counted again by other means."""

import datetime as dt

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service import models
from prom_service.db import make_engine
from prom_service.reports import ReportQuery, make_report
from prom_service.simulation.population import Size, write_population
from tests.reports.recount import continued, process
from tests.reports.recount.figures import assert_same, named_by, plain_rows
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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # The population is the same on either.
def test_a_population_counted_again_is_the_same(database_url, full):
    engine = make_engine(database_url)
    write_population(engine, Size(episodes=5_000 if full else 400, clinics=3))
    with Session(engine) as session:
        organisation = session.scalars(sa.select(models.Organisation.id)).one()
        rows = plain_rows(session, READ)
        code = {row.id: row.code for row in session.execute(sa.select(models.Clinic.id, models.Clinic.code))}
        groupings = {"clinic": lambda episode: code[episode["clinic_id"]], "side": lambda episode: episode["side"]}

        for name, (recount, keys, grouping) in KINDS.items():
            query = ReportQuery((), organisation, FIRST, AFTER, AS_OF, group_by=grouping)
            tables = make_report(session, name, query).tables
            again = recount(rows, first=FIRST, after=AFTER, as_of=AS_OF, group=groupings[grouping])
            found = {table: named_by(tables[table], columns) for table, columns in keys.items()}
            assert assert_same(found, again) > 100
    engine.dispose()
