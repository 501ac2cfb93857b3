"""A session on a fresh database of each kind, and facts to put into it."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from prom_service.db import make_engine
from tests.reports.builders import Record


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    """A session in one transaction, on SQLite and on PostgreSQL."""
    engine = make_engine(database_url)
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session
        session.rollback()
    engine.dispose()


@pytest.fixture
def record(session: Session) -> Record:
    return Record(session)
