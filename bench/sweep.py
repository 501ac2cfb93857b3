"""The sweep beside a full re-assessment of the same data set: its cost follows what is due, not what exists.

    python bench/sweep.py FOLDER [--kind sqlite|postgresql] [--episodes N] [--clinics N] [--rounds N]

Due is what a day without a tick leaves behind. Everything the sweep writes is written and taken back. The first row
only looks whether anything is due when nothing is, as nearly every tick does. The full re-assessment judges every
checkpoint and writes nothing. Beside them stands the job that settles the windows that pass in a day, and assesses
their episodes with them. The rounds of all four take turns.
"""

import gc
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy.orm import Session

from bench.batches import compare
from bench.national import AS_OF, arguments, data_set
from prom_service.runtime import build
from prom_service.services import administrations, assessment
from prom_service.settings import Settings
from scheduler.jobs import ASSESSED_AT_ONCE, SCORED_AT_ONCE


class TakenBackError(Exception):
    """Ends a transaction without keeping anything."""


def sweep(url: str, days: int) -> str:
    """Assess what is due so many days after the data set ends, and take it back; return how many episodes."""
    return _taken_back(url, _assess_due, days)


def settle(url: str, days: int) -> str:
    """Settle the windows that have passed by then, and take it back; return how many."""
    return _taken_back(url, partial(administrations.close_late, limit=SCORED_AT_ONCE), days)


def _assess_due(session: Session, now: datetime) -> int:
    due = assessment.claim_due_episodes(session, now=now, limit=ASSESSED_AT_ONCE)
    return assessment.assess_episodes(session, due, now=now)


def _taken_back(url: str, batch: Callable[..., int], days: int) -> str:
    settings = Settings(env="test", database_url=url, secret_key=os.urandom(32).hex())
    now, done = AS_OF + timedelta(days=days), 0
    prom = build(settings, clock=lambda: now)
    gc.freeze()  # As the scheduler's process does when it begins.
    try:
        with prom.transaction() as session:
            while count := batch(session, now=now):
                done += count
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
            "full re-assessment": f"bench.reassessment.everything({url!r})",
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
