"""Engines and their connections, and how many of them are sooner done side by side."""

import ctypes
import functools
import importlib.util
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from prom_service.db.times import local_day_on_sqlite, months_later_on_sqlite
from prom_service.db.turns import writing_turn

SYNCHRONOUS = "FULL"
"""On SQLite, what is committed is on the disk."""
MEMORY_STATUS = 9
"""``SQLITE_CONFIG_MEMSTATUS`` of sqlite3.h."""
WRITERS = 4
"""Of more, what they wait less for the disk they wait more for each other: one at a time runs Python."""

PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}
"""On PostgreSQL, in seconds but for the last, in milliseconds: a host that vanishes says nothing, and keeps whoever
waits for it. So one that does not answer is given up, and so is a connection that nobody is left to acknowledge."""


def make_engine(url: str | sa.URL) -> Engine:
    """Return an engine whose connections keep the promises the tables rely on.

    SQLite: write-ahead log, foreign keys enforced, writers begin with ``BEGIN IMMEDIATE`` (a late upgrade from
    reading to writing fails at once under SQLite, whatever the time-out says). A file that is made now, and with it
    the files that SQLite puts beside it, is its owner's alone. PostgreSQL: ``PATIENCE``, where the URL says nothing
    else. Errors never show what was written.
    """
    url = sa.engine.make_url(url)
    if url.get_backend_name() != "sqlite":
        patience = {name: value for name, value in PATIENCE.items() if name not in url.query}
        pool = {"pool_pre_ping": True, "pool_size": 10, "max_overflow": 10}
        return sa.create_engine(url, connect_args=patience, hide_parameters=True, **pool)
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(url.database, os.O_RDONLY | os.O_CREAT, 0o600))  # SQLite itself would let everybody read it.
    engine = sa.create_engine(url, pool_size=32, max_overflow=32, hide_parameters=True)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # We say BEGIN ourselves.
    connection.create_function("lower", 1, _lower_on_sqlite, deterministic=True)  # Its own knows A to Z only.
    connection.create_function("regexp_replace", 4, _replace_on_sqlite, deterministic=True)
    connection.create_function("months_later", 2, months_later_on_sqlite, deterministic=True)
    connection.create_function("local_day", 2, local_day_on_sqlite, deterministic=True)
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", f"synchronous={SYNCHRONOUS}", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _count_no_memory() -> None:
    """Have SQLite not count the memory that it uses, where it has not begun to in this process.

    It counts under a lock that all threads share, at every allocation: a report read by four of them took 1.4 times as
    long. Nobody asks for the count, and SQLite's own advice is to build it without (SQLITE_DEFAULT_MEMSTATUS=0); Python
    has no call for it. Once SQLite has been used it refuses, and counts on.
    """
    extension = importlib.util.find_spec("_sqlite3")
    try:
        library = ctypes.CDLL(extension.origin if extension else None)
        library.sqlite3_config(MEMORY_STATUS, 0)
    except (OSError, AttributeError):
        pass  # A Python that holds SQLite within itself.


_count_no_memory()


def _lower_on_sqlite(text: str | None) -> str | None:
    """Return the text in small letters of any alphabet, as PostgreSQL's ``lower`` does."""
    return None if text is None else text.lower()


@functools.lru_cache(maxsize=10_000)
def _replace_on_sqlite(text: str | None, pattern: str, by: str, _flags: str) -> str | None:
    """Replace every match, as PostgreSQL's ``regexp_replace`` does when its flags are ``g``."""
    return None if text is None else re.sub(pattern, by, text)


def for_reading(engine: Engine) -> Engine:
    """Return the same engine with transactions that see one snapshot and cannot write."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(reading=True)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def reads_abreast(engine: Engine) -> bool:
    """Return whether a statement over many rows is done sooner in parts, each on a connection of its own.

    SQLite works at a statement with one processor, PostgreSQL with several where that helps. Only for engines
    ``for_reading``: another connection sees nothing of what is not committed yet.
    """
    path = engine.url.database
    reading = engine.get_execution_options().get("reading", False)
    return engine.dialect.name == "sqlite" and bool(path) and path != ":memory:" and reading


def writers_abreast(engine: Engine) -> int:
    """Return how many sessions write sooner side by side than one: a few on PostgreSQL, which wait for the disk apart.

    SQLite lets one write at a time.
    """
    return 1 if engine.dialect.name == "sqlite" else WRITERS


def look_anew(engine: Engine, connections: Sequence[sa.Connection]) -> None:
    """Have all these connections to SQLite, in reading transactions, see one snapshot: that of now."""
    with writing_turn(engine), engine.execution_options(reading=False).begin():  # So that nothing is committed.
        for connection in connections:
            for statement in ("COMMIT", "BEGIN", "SELECT 1 FROM sqlite_master"):  # It is taken at the first look.
                connection.exec_driver_sql(statement)


def gather_statistics(session: Session) -> None:
    """Tell SQLite's planner roughly how many rows an index leads to; PostgreSQL finds out by itself.

    Every statement names its clinic. Untold, SQLite takes whatever index begins with that, and reads all the emails of
    a large clinic to find those of one patient. A few hundred rows of each index are looked at.
    """
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sa.text("PRAGMA analysis_limit=400"))
        session.execute(sa.text("ANALYZE"))
