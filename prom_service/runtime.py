"""The one object that is built at start and passed down: settings, database, mail, webhooks and clock."""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from prom_service import tenancy
from prom_service.db import for_reading, make_engine, writing_turn
from prom_service.hooks.sender import Sender, make_sender
from prom_service.mail.transport import Transport, make_transport
from prom_service.settings import Settings
from prom_service.tenancy import EVERY_CLINIC, Reach


def system_clock() -> dt.datetime:
    """Return the present instant."""
    return dt.datetime.now(dt.UTC)


def steady_seconds() -> float:
    """Return the seconds of a clock that nobody sets; time in which the machine sleeps counts where it can be known."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def every_clinic() -> Reach:
    """Return the reach of what works over all clinics."""
    return EVERY_CLINIC


class ClockWatch:
    """Watches whether the clock was set while the process ran, by a second clock that cannot be."""

    def __init__(self, now: dt.datetime, steady: Callable[[], float] = steady_seconds) -> None:
        self._steady = steady
        self.restart(now)

    def restart(self, now: dt.datetime) -> None:
        """Take ``now`` to be right, and watch from here."""
        self._began = now, self._steady()

    def jump(self, now: dt.datetime) -> dt.timedelta:
        """Return how far the clock was set since: forward is positive."""
        began, steady = self._began
        return now - began - dt.timedelta(seconds=self._steady() - steady)


@dataclass(frozen=True)
class Runtime:
    """What a door needs to do its work. A door opens one transaction at a time; services never commit."""

    settings: Settings
    engine: Engine
    mail: Transport
    hooks: Sender
    clock: Callable[[], dt.datetime] = system_clock
    watch: ClockWatch | None = None
    """Lets sending stop by itself. None under a clock that is meant to jump: nothing is watched, nothing stops."""
    reach: Callable[[], Reach] = every_clinic
    """Whose rows a session sees that is opened now: jobs and commands work over every clinic, the web is confined."""

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a session that commits when the block ends well and leaves nothing behind when it does not."""
        with writing_turn(self.engine), self._session(self.engine) as session, session.begin():
            session.info["secret"] = self.settings.secret  # Of the audit: every act is noted under a digest.
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one snapshot of the database and cannot change it."""
        with self._session(self._reading_engine) as session, session.begin():
            yield session

    def _session(self, engine: Engine) -> Session:
        return tenancy.open_session(engine, self.reach())

    @cached_property
    def _reading_engine(self) -> Engine:
        return for_reading(self.engine)

    def now(self) -> dt.datetime:
        """Return the present instant, aware and in UTC."""
        return self.clock()

    def under(self, clock: Callable[[], dt.datetime]) -> "Runtime":
        """Return the same runtime living by another clock."""
        return replace(self, clock=clock, watch=None)

    def confined(self, reach: Callable[[], Reach]) -> "Runtime":
        """Return the same runtime with sessions that see no other clinics than ``reach`` says when they are opened."""
        return replace(self, reach=reach)


def build(settings: Settings, *, clock: Callable[[], dt.datetime] = system_clock) -> Runtime:
    """Return the runtime of a process with these settings."""
    return Runtime(
        settings=settings,
        engine=make_engine(settings.database_url),
        mail=make_transport(settings),
        hooks=make_sender(settings),
        clock=clock,
        watch=ClockWatch(clock()) if clock is system_clock else None,
    )
