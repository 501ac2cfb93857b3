"""Who may write to a SQLite database, and when."""

import threading
import time

import pytest

from prom_service.db import AlreadyRunningError, alone_on_sqlite, writing_turn
from prom_service.runtime import Runtime


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_process_of_a_kind_works_on_a_sqlite_database(runtime: Runtime) -> None:
    with alone_on_sqlite(runtime.engine, "web"):
        with pytest.raises(AlreadyRunningError, match="Another web process"), alone_on_sqlite(runtime.engine, "web"):
            pytest.fail("a second one came in")
        with alone_on_sqlite(runtime.engine, "scheduler"):
            pass

    with alone_on_sqlite(runtime.engine, "web"):
        pass


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_any_number_of_processes_work_on_postgresql(runtime: Runtime) -> None:
    with alone_on_sqlite(runtime.engine, "web"), alone_on_sqlite(runtime.engine, "web"):
        pass


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_writers_take_turns_on_sqlite(runtime: Runtime) -> None:
    held = threading.Event()
    order: list[str] = []

    def second() -> None:
        held.wait()
        with writing_turn(runtime.engine):
            order.append("second")

    waiting = threading.Thread(target=second)
    waiting.start()
    with writing_turn(runtime.engine):
        held.set()
        time.sleep(0.05)
        order.append("first")
    waiting.join()

    assert order == ["first", "second"]
