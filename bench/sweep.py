"""The sweep beside a full re-assessment of the same data set: its cost follows what is due, not what exists.

    python bench/sweep.py FOLDER [--kind sqlite|postgresql] [--episodes N] [--clinics N] [--rounds N]

Due is what a day without a tick leaves behind. Everything the sweep writes is written and taken back. The service is
there before the clock starts, and has assessed one episode before, as a scheduler that runs for months has. The first
row only looks whether anything is due when nothing is, as nearly every tick does. The full re-assessment judges every
checkpoint and writes nothing. Beside them stands the job that settles the windows that pass in a day, and assesses
their episodes with them. The rounds of all four take turns.
"""

import gc
import os
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy.orm import Session

from bench.batches import compare
from bench.national import AS_OF, arguments, data_set
from prom_service.runtime import Runtime, build
from prom_service.services import administrations, assessment
from prom_service.settings import Settings
from scheduler.jobs import ASSESSED_AT_ONCE, SCORED_AT_ONCE


class TakenBackError(Exception):
    """Ends a transaction without keeping anything."""


def sweep(url: str, days: int) -> Callable[[], str]:
    """Return what assesses all that is due so many days after the data set ends, and takes it back: how many episodes.

    One batch of one has been done before, and taken back.
    """
    return _ready(url, days, _assess_due, ASSESSED_AT_ONCE)


def settle(url: str, days: int) -> Callable[[], str]:
    """Return the same for the windows that have passed by then."""
    return _ready(url, days, administrations.close_late, SCORED_AT_ONCE)


def _assess_due(session: Session, *, now: datetime, limit: int) -> int:
    due = assessment.claim_due_episodes(session, now=now, limit=limit)
    return assessment.assess_episodes(session, due, now=now)


def _ready(url: str, days: int, batch: Callable[..., int], limit: int) -> Callable[[], str]:
    now = AS_OF + timedelta(days=days)
    settings = Settings(env="test", database_url=url, secret_key=os.urandom(32).hex())
    prom = build(settings, clock=lambda: now)
    gc.freeze()  # As the scheduler's process does when it begins.
    _taken_back(prom, lambda session: [batch(session, now=now, limit=1)])
    return lambda: _taken_back(prom, lambda session: iter(lambda: batch(session, now=now, limit=limit), 0))


def _taken_back(prom: Runtime, batches: Callable[[Session], Iterable[int]]) -> str:
    """Do these batches and take them back; return of how many they were."""
    try:
        with prom.transaction() as session:
            done = sum(batches(session))
            raise TakenBackError
    except TakenBackError:
        return str(done)


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with data_set(chosen) as url:
        jobs = {
            "nothing is due": f"bench.sweep.sweep({url!r}, 0)",
            "full re-assessment": f"partial(bench.reassessment.everything, {url!r})",
            "windows that pass in one day": f"bench.sweep.settle({url!r}, 1)",
            "what one day leaves": f"bench.sweep.sweep({url!r}, 1)",
        }
        nothing, full, windows, day = compare(jobs, rounds=chosen.rounds, alike=False).values()
        print(
            f"What one day leaves takes 1/{full.seconds / day.seconds:.0f} of a full re-assessment"
            f" (1/{full.cpu / day.cpu:.0f} of its CPU), a tick with nothing due 1/{full.seconds / nothing.seconds:.0f},"
            f" the windows that pass in it 1/{full.seconds / windows.seconds:.0f}."
        )


if __name__ == "__main__":
    main()
