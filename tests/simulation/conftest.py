"""The same small clinic group, lived through once on each database and then only looked at."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.lived import Lived, live_through
from tests.support import database

UNTIL = dt.datetime(2026, 3, 30, 7, 30, tzinfo=dt.UTC)
"""A Monday morning, the day after the clocks went forward in London; those of New York did three weeks before."""
SEED = 9


@pytest.fixture(scope="session")
def lived_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder = tmp_path_factory.mktemp("lived")
    with live_through(database.copy_sqlite(sqlite_template, folder), folder, seed=SEED, until=UNTIL) as lived:
        yield lived


@pytest.fixture(scope="session")
def lived_postgres(
    postgres_server: str, postgres_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lived]:
    folder = tmp_path_factory.mktemp("lived")
    with (
        database.copied_postgres(postgres_server, postgres_template) as url,
        live_through(url, folder, seed=SEED, until=UNTIL) as lived,
    ):
        yield lived
