"""How far a report is, in per cent of its work: statements, then tables, then the form; never less than said before.

Which steps there are is known before the first. Most of the time goes into the statements, so most of the way is
theirs.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

Table = TypeVar("Table")
Told = Callable[[int], None]
"""What is told the per cent; it may raise to stop the work."""
COUNTED, TABULATED, WRITTEN = 70, 80, 100
"""How far a report is once its facts are counted, its tables finished, and its form written."""


def nobody(progress: int) -> None:
    """Tell nobody."""


@contextmanager
def counting(session: Session, statements: int, told: Told) -> Iterator[None]:
    """Tell after each of so many statements of the session, and at the end, however many there were."""
    done = 0

    def executed(*_: Any) -> None:
        nonlocal done
        done = min(done + 1, statements)
        told(COUNTED * done // statements)

    connection = session.connection()
    sa.event.listen(connection, "after_cursor_execute", executed)
    try:
        yield
    finally:
        sa.event.remove(connection, "after_cursor_execute", executed)
    told(COUNTED)


def tabulating(tables: Sequence[Table], told: Told) -> Iterator[Table]:
    """Yield the tables that are to be finished, and tell after each."""
    for done, table in enumerate(tables, start=1):
        yield table
        told(COUNTED + (TABULATED - COUNTED) * done // len(tables))
