"""What connections promise to whoever reads and writes through them."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from prom_service import db
from prom_service.db import engines
from prom_service.models import Organisation
from prom_service.runtime import Runtime
from tests import builders
from tests.fakes import Clock


def test_a_pattern_is_replaced_wherever_it_matches(runtime: Runtime) -> None:
    with runtime.reading() as session:
        found = session.scalar(sa.select(sa.func.regexp_replace("a ; b,, c", " *[,;][,; ]*", ",", "g")))

    assert found == "a,b,c"


def test_a_database_made_on_sqlite_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        engine = db.make_engine(f"sqlite:///{tmp_path / 'made.db'}")
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE answer (code INTEGER)")
            rights = {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    engine.dispose()

    assert rights == dict.fromkeys(("made.db", "made.db-shm", "made.db-wal"), "0o600")


def test_a_commit_on_sqlite_waits_for_the_disk(
    sqlite_url: str, durable_commits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "SYNCHRONOUS", durable_commits)
    engine = db.make_engine(sqlite_url)

    with engine.connect() as connection:
        [waits] = connection.exec_driver_sql("PRAGMA synchronous").one()
    engine.dispose()

    assert waits == 2  # FULL; OFF is 0, NORMAL is 1 and loses the last commits in a power cut


def test_a_block_that_fails_leaves_nothing_behind(runtime: Runtime, clock: Clock) -> None:
    def fail_half_way() -> None:
        with runtime.transaction() as session:
            builders.an_organisation(session, now=clock.now())
            raise TimeoutError

    with pytest.raises(TimeoutError):
        fail_half_way()

    with runtime.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Organisation)) == 0


def test_reading_sees_one_snapshot_whatever_others_commit(runtime: Runtime, clock: Clock) -> None:
    count = sa.select(sa.func.count()).select_from(Organisation)
    with runtime.reading() as session:
        before = session.scalar(count)
        with runtime.transaction() as other:
            builders.an_organisation(other, now=clock.now())
        after = session.scalar(count)

    assert (before, after) == (0, 0)


def test_reading_cannot_write_on_postgresql(postgres_url: str, clock: Clock) -> None:
    from prom_service.runtime import build
    from prom_service.settings import Settings

    runtime = build(Settings(env="test", database_url=postgres_url))
    with pytest.raises(DBAPIError, match="read-only"), runtime.reading() as session:
        builders.an_organisation(session, now=clock.now())
    runtime.engine.dispose()


def test_a_server_that_never_answers_is_given_up_in_seconds() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        engine = db.make_engine(f"postgresql+psycopg://prom:hush@127.0.0.1:{silent.getsockname()[1]}/prom")
        began = time.monotonic()
        with pytest.raises(OperationalError) as raised:
            engine.connect()
        seconds = time.monotonic() - began
    engine.dispose()

    assert seconds < 20
    assert db.why_unreachable(raised.value) == "its host does not answer"


def test_a_connection_to_postgresql_notices_that_its_host_is_gone_unless_the_address_says_otherwise(
    postgres_url: str,
) -> None:
    asked = []
    for url in (postgres_url, f"{postgres_url}?tcp_user_timeout=0"):
        engine = db.make_engine(url)
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            asked.append(driver.info.get_parameters())
        engine.dispose()

    assert [one["tcp_user_timeout"] for one in asked] == ["15000", "0"]
    assert [one["keepalives_idle"] for one in asked] == ["10", "10"]


@pytest.mark.parametrize("door", ["prom_service.cli", "scheduler.__main__", "prom_service.app"])
def test_sqlite_counts_no_memory_by_whatever_door_we_come(door: str) -> None:
    """Its threads would wait for each other at every allocation. The library has to be told before it is first used."""
    script = f"""
import ctypes, importlib, importlib.util
importlib.import_module({door!r})
import prom_service.runtime
import sqlite3
sqlite3.connect(":memory:").execute("CREATE TABLE one (id INTEGER PRIMARY KEY)")
print(ctypes.CDLL(importlib.util.find_spec("_sqlite3").origin).sqlite3_memory_used())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.split() == ["0"]
