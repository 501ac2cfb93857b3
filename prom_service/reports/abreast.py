"""Several sessions that see one snapshot, so that a report over many clinics uses every processor.

On SQLite a statement runs on one processor, however many there are. Clinics share no episode: what is counted of some
of them by one session and of the others by another adds up.
"""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from threading import Lock
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service import db, tenancy

Read = TypeVar("Read")
Found = sa.Result[*tuple[Any, ...]]
"""The rows that a statement finds, as they come."""

READERS = "prom.readers"
"""Under this key a session holds those that read beside it, itself the first."""
SESSIONS = 2
"""For each processor, so that one counts while another waits for the disk."""
MOST = 4
"""Sessions: however many processors there are, others have work for some."""
PORTIONS = 2
"""At least so many for each session, so that one that is done takes what another has not begun."""
EPISODES_AT_ONCE = 15_000
"""About: of more, SQLite writes what it has found so far to files, and reads it again."""
_taken = Lock()
"""Held by the report that has the processors of this process: the others have one session each, and so a connection."""


@contextmanager
def reading_abreast(session: Session) -> Iterator[None]:
    """Have a few sessions, this one among them, read side by side in the block, where that is sooner.

    All are for the same clinics. The snapshot of this session moves to now, as if it had been opened now. While another
    report does so, this session reads alone.
    """
    engine, number = session.get_bind(), min(SESSIONS * (os.cpu_count() or 1), MOST)
    if not isinstance(engine, sa.Engine) or not db.reads_abreast(engine) or not _taken.acquire(False):
        yield
        return
    with ExitStack() as opened:
        opened.callback(_taken.release)
        others = (tenancy.open_session(engine, session.info[tenancy.REACH]) for _ in range(1, number))
        readers = [session, *(opened.enter_context(one) for one in others)]
        db.look_anew(engine, [one.connection() for one in readers])
        session.info[READERS] = readers
        try:
            yield
        finally:
            del session.info[READERS]


def readers_of(session: Session) -> Sequence[Session]:
    """Return the sessions that read beside this one, itself the first."""
    readers: Sequence[Session] = session.info.get(READERS, [session])
    return readers


def portions(session: Session, clinic_ids: Sequence[uuid.UUID], episodes: int) -> list[Sequence[uuid.UUID]]:
    """Return the clinics, which have so many episodes, in portions that the sessions take in turn; none is empty."""
    number = max(PORTIONS * len(readers_of(session)), episodes // EPISODES_AT_ONCE)
    size = -(-len(clinic_ids) // number) or 1
    return [clinic_ids[start : start + size] for start in range(0, len(clinic_ids), size)]


def execute_each(
    session: Session,
    statement: sa.Select[Any],
    parameters: Sequence[Mapping[str, Any]],
    read: Callable[[Found], Read],
    **options: Any,
) -> list[Read]:
    """Return what is ``read`` of the statement's result for each set of parameters, found by all sessions at once.

    ``options`` are those of an execution, such as ``yield_per``.
    """
    if len(parameters) == 1:
        return [read(session.execute(statement, parameters[0], execution_options=options))]
    idle: SimpleQueue[Session] = SimpleQueue()
    for one in readers_of(session):
        idle.put(one)

    def found(given: Mapping[str, Any]) -> Read:
        mine = idle.get()
        try:
            return read(mine.execute(statement, given, execution_options=options))
        finally:
            idle.put(mine)

    with ThreadPoolExecutor(max_workers=idle.qsize()) as at_once:
        return list(at_once.map(found, parameters))
