"""What SQLite makes of the statements of a report: nothing is gone through that is not asked for, of any other clinic.

PostgreSQL plans by what the tables hold at the time; the benchmarks show it.
"""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from prom_service import db
from prom_service.models import Base, Clinic, Organisation
from prom_service.reports import ReportQuery, make_report
from prom_service.reports.cohort import Cohort
from prom_service.reports.kinds import REPORTS
from prom_service.reports.query import BASES
from prom_service.simulation.population import Size, write_population
from prom_service.tenancy import EVERY_CLINIC, open_session

UNTIL = dt.date(2026, 1, 1)
LARGE = frozenset(Base.metadata.tables) - {"organisation", "clinic", "clinic_pathway"}
LOOKED_UP = re.compile(r"^SEARCH (\w+) USING .*\((.*)\)")
EPISODES = 400
NATIONAL, MORE_CLINICS = 2_500, 12
"""So many times the episodes and the clinics that are there make a national data set."""
FIRST_OF = sa.text("SELECT name FROM pragma_index_info(:index) WHERE seqno = 0")
SAY = sa.text("UPDATE sqlite_stat1 SET stat = :stat WHERE idx = :index")
KEY = re.compile(r"\b(id|\w+_id|label)[=<>]")


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    """A SQLite database with forty clinics, whose statistics tell of five hundred with two thousand episodes each."""
    url = f"sqlite:///{tmp_path_factory.mktemp('planned')}/prom.db"
    db.upgrade(url)
    engine = db.make_engine(url)
    write_population(engine, Size(episodes=EPISODES, clinics=40, until=UNTIL, depth="primary"))
    with open_session(engine, EVERY_CLINIC) as session:
        db.gather_statistics(session)
        for table, index, told in session.execute(sa.text("SELECT tbl, idx, stat FROM sqlite_stat1")).all():
            by_clinic = table in LARGE and session.scalar(FIRST_OF, {"index": index}) == "clinic_id"
            rows, *alike = (int(number) for number in told.split())
            of_clinic = alike[0] * NATIONAL // MORE_CLINICS if by_clinic else alike[0]
            national = [rows * NATIONAL if table in LARGE else rows * MORE_CLINICS, of_clinic, *alike[1:]]
            session.execute(SAY, {"index": index, "stat": " ".join(str(number) for number in national)})
        session.commit()
    engine.dispose()  # What is said counts on a new connection.
    yield engine
    engine.dispose()


def planned(engine: Engine, name: str, clinics: int, **asked: object) -> list[str]:
    """Return the steps by which SQLite does the statements of a report over so many clinics; 0 are all."""
    sent: list[tuple[str, Any]] = []
    with open_session(engine, EVERY_CLINIC) as session:
        organisation = session.scalars(sa.select(Organisation.id)).one()
        ids = session.scalars(sa.select(Clinic.id).limit(clinics)).all()
        as_of = dt.datetime.combine(UNTIL, dt.time(), dt.UTC)
        query = ReportQuery(tuple(ids), organisation, dt.date(2025, 1, 1), UNTIL, as_of, **asked)
        listener = (engine, "before_cursor_execute", lambda *given: sent.append(given[2:4]))
        sa.event.listen(*listener)
        make_report(session, name, query)
        sa.event.remove(*listener)
        connection = session.connection()
        explained = (connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given) for text, given in sent)
        return [step.detail for steps in explained for step in steps]


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("clinics", [1, 0])
@pytest.mark.parametrize("name", REPORTS)
def test_rows_are_looked_up_by_what_they_belong_to(engine, name, clinics, basis):
    steps = planned(engine, name, clinics, basis=basis)

    lookups = [found for step in steps if (found := LOOKED_UP.match(step))]
    assert len(lookups) > 10
    assert [step.string for step in lookups if not KEY.search(step[2])] == []
    assert [step for step in steps if step.startswith("SCAN ") and step.split()[1] in LARGE] == []


@pytest.mark.parametrize("name", ["utilization", "process"])
def test_visits_are_gone_through_and_what_they_follow_is_looked_up(engine, name):
    steps = planned(engine, name, 0)

    assert "SCAN attended" in steps
    assert [step for step in steps if step.startswith("SEARCH attended")] == []


@pytest.mark.parametrize("basis", BASES)
def test_no_filter_is_made_of_the_scores_of_every_clinic(engine, basis, monkeypatch):
    monkeypatch.setattr(Cohort, "_enrolled", EPISODES * NATIONAL)

    assert [step for step in planned(engine, "outcomes", 0, basis=basis) if step.startswith("BLOOM FILTER ")] == []
