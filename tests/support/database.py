"""A fresh, migrated database for each test: migrated once, and copied or, on PostgreSQL, emptied often."""

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from prom_service import db

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
_numbers = itertools.count(1)


def migrated_sqlite(folder: Path) -> Path:
    """Return the file of a migrated, empty SQLite database in ``folder``."""
    path = folder / "template.sqlite"
    db.upgrade(f"sqlite:///{path}")
    return path


def copy_sqlite(template: Path, folder: Path) -> str:
    """Return the URL of a copy of ``template`` in ``folder``."""
    copy = shutil.copy(template, folder / "prom.sqlite")
    return f"sqlite:///{copy}"


def migrated_postgres(server: str) -> str:
    """Return the name of a migrated, empty database on ``server``; each process of a run has its own."""
    name = f"template_{WORKER}"
    _administer(server, f'CREATE DATABASE "{name}"')
    db.upgrade(_address(server, name))
    return name


@contextlib.contextmanager
def copied_postgres(server: str, template: str) -> Iterator[str]:
    """Yield the URL of a copy of the database ``template``; it is dropped afterwards, whoever is still connected."""
    name = f"test_{WORKER}_{next(_numbers)}"
    _administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield _address(server, name)
    finally:
        _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def empty_postgres(server: str) -> contextlib.AbstractContextManager[str]:
    """Yield the URL of a database that was never migrated; it is dropped afterwards."""
    return copied_postgres(server, "template0")


def _address(server: str, name: str) -> str:
    return sa.engine.make_url(server).set(database=name).render_as_string(hide_password=False)


def _administer(server: str, statement: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
