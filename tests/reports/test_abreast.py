"""A report over several clinics is counted by sessions side by side on SQLite, and reads as if by one."""

import datetime as dt
import os
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from prom_service import db
from prom_service.models import Clinic, Episode, Organisation
from prom_service.reports import ReportQuery, make_report
from prom_service.reports.abreast import readers_of, reading_abreast
from prom_service.reports.forms import export
from prom_service.reports.kinds import REPORTS
from prom_service.reports.query import GROUPINGS
from prom_service.simulation.population import Size, write_population
from prom_service.tenancy import EVERY_CLINIC, enter, open_session

UNTIL = dt.date(2026, 1, 1)


@pytest.fixture
def engine(database_url, monkeypatch) -> Iterator[Engine]:
    """A database with five clinics, on a machine of two processors, where four sessions read."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    engine = db.make_engine(database_url)
    write_population(engine, Size(episodes=120, clinics=5, until=UNTIL))
    yield engine
    engine.dispose()


def a_query(engine: Engine, **asked: object) -> ReportQuery:
    with open_session(engine, EVERY_CLINIC) as session:
        organisation = session.scalars(sa.select(Organisation.id)).one()
    as_of = dt.datetime.combine(UNTIL, dt.time(), dt.UTC)
    return ReportQuery((), organisation, dt.date(2025, 1, 1), UNTIL, as_of, **asked)


def counted_by(engine: Engine, name: str, query: ReportQuery) -> tuple[bytes, int]:
    """Return the report, and by how many transactions it was counted."""
    began: list[sa.Connection] = []
    listener = (engine, "begin", lambda connection: began.append(connection))
    sa.event.listen(*listener)
    with open_session(engine, EVERY_CLINIC) as session:
        report = make_report(session, name, query)
    sa.event.remove(*listener)
    return export.render(report, "json"), len(began)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_the_same_by_one_session_and_by_several(engine, name, full):
    asked = [{"group_by": one, "basis": basis} for one in (None, *GROUPINGS) for basis in ("episodes", "activity")]
    asked += [{"group_by": one, "audience": "quality"} for one in GROUPINGS]
    for one in asked if full else asked[list(REPORTS).index(name) :: 7]:
        query = a_query(engine, **one)

        alone, _ = counted_by(engine, name, query)
        abreast, transactions = counted_by(db.for_reading(engine), name, query)

        assert abreast == alone
        assert transactions == (5 if engine.dialect.name == "sqlite" else 1)  # The fifth holds the writers.


def test_what_is_committed_before_is_seen_by_all_and_what_is_committed_since_by_none(engine):
    def closed_everywhere(value: dt.date) -> None:
        with engine.begin() as connection:
            connection.execute(sa.update(Episode).values(closed_on=value))

    with open_session(db.for_reading(engine), EVERY_CLINIC) as session:
        before = set(session.scalars(sa.select(Episode.closed_on)))
        closed_everywhere(dt.date(2026, 2, 1))

        with reading_abreast(session):
            closed_everywhere(dt.date(2026, 3, 1))
            found = [set(one.scalars(sa.select(Episode.closed_on))) for one in readers_of(session)]

    by_one = engine.dialect.name == "postgresql"  # Its snapshot stays that of its first look.
    assert found == ([before] if by_one else [{dt.date(2026, 2, 1)}] * 4)
    assert readers_of(session) == [session]


def test_all_reach_the_same_clinics(engine):
    with open_session(engine, EVERY_CLINIC) as session:
        clinics = session.scalars(sa.select(Clinic.id).order_by(Clinic.id)).all()

    with open_session(db.for_reading(engine), frozenset()) as session:
        enter(session, clinics[:2])
        with reading_abreast(session):
            reached = [set(one.scalars(sa.select(Episode.clinic_id))) for one in readers_of(session)]

    assert all(one == set(clinics[:2]) for one in reached)
    assert len(reached) == (4 if engine.dialect.name == "sqlite" else 1)


def test_one_report_at_a_time_has_the_processors(engine):
    reading = db.for_reading(engine)
    with open_session(reading, EVERY_CLINIC) as first, open_session(reading, EVERY_CLINIC) as second:
        with reading_abreast(first), reading_abreast(second):
            meanwhile = len(readers_of(first)), len(readers_of(second))
        with reading_abreast(second):
            afterwards = len(readers_of(second))

    expected = 4 if engine.dialect.name == "sqlite" else 1
    assert (meanwhile, afterwards) == ((expected, 1), expected)
