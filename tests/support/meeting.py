"""A file that is being sent when somebody else comes to PostgreSQL, in the same order every time."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from sqlalchemy import text

from prom_service.runtime import Runtime
from prom_service.services.importing import Progress
from prom_service.services.row_file import Row

SOMEBODY_WAITS = text(
    "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
LONGEST = 30
"""Seconds after which a thread that is neither done nor waits for another fails its test."""


def meet(runtime: Runtime, send: Callable[[Progress], object], rival: Callable[[], object]) -> bool:
    """Send a file whose last row is taken when the rival is done or waits for us; return whether it was done."""
    begun: list[Future[object]] = []
    done: list[bool] = []

    def progress(rows: Sequence[Row]) -> Iterator[Row]:
        yield from rows[:-1]
        begun.append(threads.submit(rival))
        done.append(_is_done(runtime, begun[0]))
        yield rows[-1]

    with ThreadPoolExecutor(1) as threads:
        send(progress)
        begun[0].result(LONGEST)
    return done[0]


def _is_done(runtime: Runtime, rival: Future[object]) -> bool:
    """Say whether it is done, as soon as it is or waits for a row that another holds."""
    until = time.monotonic() + LONGEST
    while not wait([rival], timeout=0.02).done:
        with runtime.reading() as session:
            if session.scalar(SOMEBODY_WAITS):
                return False
        assert time.monotonic() < until
    return True
