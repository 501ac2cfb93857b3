"""Whose turn it is to write to a SQLite database, and who may work on it at all: locks on files beside it."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from sqlalchemy.engine import Engine

from prom_service.errors import PromError

try:
    import fcntl
except ImportError:  # Windows has no flock: SQLite's own time-out queues the writers, and no second process is refused.
    fcntl = None  # type: ignore[assignment]


class AlreadyRunningError(PromError):
    """Another process of the same kind works on this SQLite database."""


def writing_turn(engine: Engine) -> AbstractContextManager[None]:
    """Hold this database's turn to write while the block runs.

    SQLite lets one writer in at a time and makes the others poll, unfairly: under load one waits half a second while
    another wins ten times. A lock on a file beside the database queues them, across threads and processes, and
    wakes the next at once. PostgreSQL needs none.
    """
    return _sqlite_lock(engine, "turn", wait=True)


@contextmanager
def alone_on_sqlite(engine: Engine, kind: str) -> Iterator[None]:
    """Be the one process of this ``kind``, such as ``web``, on a SQLite database while the block runs.

    Raise ``AlreadyRunningError`` when there is one. PostgreSQL takes any number.
    """
    with ExitStack() as held:
        try:
            held.enter_context(_sqlite_lock(engine, kind, wait=False))
        except BlockingIOError:
            where = engine.url.database
            raise AlreadyRunningError(
                f"Another {kind} process works on {where}. SQLite takes one; use PostgreSQL for more."
            ) from None
        yield


@contextmanager
def _sqlite_lock(engine: Engine, name: str, *, wait: bool) -> Iterator[None]:
    """Hold the lock ``name`` beside a SQLite database; raise ``BlockingIOError`` if it is taken and is not waited for.

    It ends with the process in any case. Without a file, or without locks on files, there is nothing to hold.
    """
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path or path == ":memory:" or fcntl is None:
        yield
        return
    handle = os.open(f"{path}.{name}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)  # Closing gives the lock up, also when the process dies.
