"""A clinic group of the fewest patients, made and lived through."""

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prom_service.runtime import Runtime, build
from prom_service.settings import Settings
from prom_service.simulation import cohort
from prom_service.simulation.clock import MovingClock
from prom_service.simulation.group import Group, found
from prom_service.simulation.life import Life
from tests.builders import SECRET


@dataclass(frozen=True)
class Lived:
    """The group after its life, with the runtime it lived by."""

    prom: Runtime
    group: Group
    life: Life
    until: dt.datetime

    @property
    def mailbox(self) -> Path:
        """Where its letters are."""
        return Path(self.prom.settings.mailbox_dir)


@contextlib.contextmanager
def newborn(url: str, folder: Path, *, seed: int, until: dt.datetime) -> Iterator[Lived]:
    """Yield a group that has its life up to ``until`` still before it."""
    clock = MovingClock(until - dt.timedelta(weeks=cohort.WEEKS, days=5))
    settings = Settings(env="test", database_url=url, secret_key=SECRET.decode(), mailbox_dir=str(folder / "mailbox"))
    prom = build(settings, clock=clock.now)
    with prom.transaction() as session:
        group = found(session, now=clock.now())
    people = cohort.people(cohort.FEWEST, seed=seed, today=until.date())
    yield Lived(prom, group, Life(prom, clock, group, people), until)
    prom.engine.dispose()


@contextlib.contextmanager
def live_through(url: str, folder: Path, *, seed: int, until: dt.datetime) -> Iterator[Lived]:
    """Yield a group that has lived up to ``until``."""
    with newborn(url, folder, seed=seed, until=until) as lived:
        lived.life.live(until)
        yield lived
