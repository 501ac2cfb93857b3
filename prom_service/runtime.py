"""The one object that is built at start and passed down: settings, database, mail and clock."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from prom_service.db import for_reading, make_engine, writing_turn
from prom_service.mail.transport import Transport, make_transport
from prom_service.settings import Settings


def system_clock() -> dt.datetime:
    """Return the present instant."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Runtime:
    """What a door needs to do its work. A door opens one transaction at a time; services never commit."""

    settings: Settings
    engine: Engine
    mail: Transport
    clock: Callable[[], dt.datetime] = system_clock

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a session that commits when the block ends well and leaves nothing behind when it does not."""
        with writing_turn(self.engine), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one snapshot of the database and cannot change it."""
        with Session(self._reading_engine, expire_on_commit=False) as session, session.begin():
            yield session

    @cached_property
    def _reading_engine(self) -> Engine:
        return for_reading(self.engine)

    def now(self) -> dt.datetime:
        """Return the present instant, aware and in UTC."""
        return self.clock()

    def under(self, clock: Callable[[], dt.datetime]) -> "Runtime":
        """Return the same runtime living by another clock."""
        return replace(self, clock=clock)


def build(settings: Settings, *, clock: Callable[[], dt.datetime] = system_clock) -> Runtime:
    """Return the runtime of a process with these settings."""
    return Runtime(
        settings=settings, engine=make_engine(settings.database_url), mail=make_transport(settings), clock=clock
    )
