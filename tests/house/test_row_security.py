"""Every table whose rows belong to a clinic is protected by the database, or this names it."""

import logging
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from prom_service import db, tenancy
from prom_service.migrations import row_security
from tests.support.database import empty_postgres

ROOT = Path(__file__).parents[2]
STATE = """
SELECT relname, relrowsecurity AND relforcerowsecurity AND EXISTS (
    SELECT FROM pg_policies WHERE tablename = relname AND policyname = 'own_clinics' AND '{prom_web}' = roles)
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"""


def state_of(engine: Engine) -> dict[str, bool]:
    with engine.connect() as connection:
        return dict(connection.exec_driver_sql(STATE).all())


def test_every_table_of_clinics_is_protected_from_everybody(postgres_url: str) -> None:
    engine = db.make_engine(postgres_url)

    state = state_of(engine)

    engine.dispose()
    assert {table for table in tenancy.owned_tables() if not state[table]} == set()
    assert len(tenancy.owned_tables()) > 20
    assert all(state[table] for table in row_security.OF_TEAMS)


def test_sessions_are_made_in_one_place_where_they_are_confined() -> None:
    made = re.compile(r"(?<![\w.])(?:Session|sessionmaker|scoped_session)\(")
    sources = [path for room in ("prom_service", "scheduler") for path in (ROOT / room).rglob("*.py")]

    found = {path.name for path in sources if made.search(path.read_text(encoding="utf-8"))}

    assert found == {"tenancy.py"}


def test_a_login_that_may_not_make_roles_is_told_what_is_missing_and_how_to_mend_it(
    postgres_server: str, caplog: pytest.LogCaptureFixture
) -> None:
    with empty_postgres(postgres_server) as url:
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        name = sa.engine.make_url(url).database
        with engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE ROLE "{name}" LOGIN')
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" OWNER TO "{name}"')
            connection.exec_driver_sql("GRANT ALL ON SCHEMA public TO PUBLIC")
        login = sa.engine.make_url(url).set(username=name)

        with caplog.at_level(logging.WARNING):
            db.upgrade(login)
        before = state_of(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql(f'GRANT {tenancy.WEB_ROLE}, {tenancy.WORKER_ROLE} TO "{name}"')
        granted = db.make_engine(login)
        with granted.begin() as connection:
            protected = row_security.protect_all(connection)
        granted.dispose()
        after = state_of(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql(f'REASSIGN OWNED BY "{name}" TO CURRENT_USER')
            connection.exec_driver_sql(f'DROP OWNED BY "{name}"')
            connection.exec_driver_sql(f'DROP ROLE "{name}"')

    assert "prom db protect" in caplog.text
    assert not any(before[table] for table in tenancy.owned_tables())
    assert protected
    assert all(after[table] for table in tenancy.owned_tables())
