"""The sweep beside a full re-assessment of the same data set: its cost follows what is due, not what exists.

    python bench/sweep.py FOLDER [--kind sqlite|postgresql] [--episodes N] [--clinics N] [--rounds N]

Due is what a day without a tick leaves behind. Everything the sweep writes is written and taken back, by each of its
sessions. The service is there before the clock starts, with the connections it keeps, each of which has assessed an
episode before, as those of a scheduler that runs for months have. The first row only looks whether anything is due when
nothing is, as nearly every tick does. The full re-assessment judges every checkpoint and writes nothing. Beside them
stands the job that settles the windows that pass in a day, and assesses their episodes with them. The rounds of all
four take turns.
"""

import gc
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy.orm import Session

from bench.batches import compare
from bench.national import AS_OF, arguments, data_set
from prom_service.db import WRITERS, writers_abreast
from prom_service.runtime import Runtime, build
from prom_service.services import administrations, assessment
from prom_service.services.assessment import Share
from prom_service.settings import Settings
from scheduler.jobs import ASSESSED_AT_ONCE, SCORED_AT_ONCE, shares_to_assess

OFTEN = 12
"""A driver has the server keep a statement that it has sent a few times, and the server its plan."""


class TakenBackError(Exception):
    """Ends a transaction without keeping anything."""


def sweep(url: str, days: int) -> Callable[[], str]:
    """Return what assesses all that is due so many days after the data set ends, and takes it back: how many episodes.

    Each session has assessed one episode before, often enough to have its statements at hand, and taken it back.
    """

    def assess(session: Session, share: Share | None = None, limit: int = ASSESSED_AT_ONCE) -> int:
        due = assessment.claim_due_episodes(session, now=prom.now(), limit=limit, share=share)
        return assessment.assess_episodes(session, due, now=prom.now())

    def assess_share(share: Share | None) -> int:
        return _taken_back(prom, lambda session: iter(lambda: assess(session, share), 0))

    def everything() -> str:
        with ThreadPoolExecutor(WRITERS) as sweepers:
            return str(sum(sweepers.map(assess_share, shares_to_assess(prom))))

    def warm_up(_session: int) -> None:
        for _ in range(OFTEN):
            _taken_back(prom, lambda session: [assess(session, limit=1)])

    prom = _running(url, days)
    with ThreadPoolExecutor(WRITERS) as sweepers:
        list(sweepers.map(warm_up, range(writers_abreast(prom.engine))))
    return everything


def settle(url: str, days: int) -> Callable[[], str]:
    """Return the same for the windows that have passed by then."""

    def close(session: Session, limit: int = SCORED_AT_ONCE) -> int:
        return administrations.close_late(session, now=prom.now(), limit=limit)

    prom = _running(url, days)
    _taken_back(prom, lambda session: [close(session, limit=1)])
    return lambda: str(_taken_back(prom, lambda session: iter(lambda: close(session), 0)))


def _running(url: str, days: int) -> Runtime:
    """Return a service that has been running, with the connections that it keeps."""
    now = AS_OF + timedelta(days=days)
    settings = Settings(env="test", database_url=url, secret_key=os.urandom(32).hex())
    prom = build(settings, clock=lambda: now)
    with ExitStack() as opened:
        for _ in range(writers_abreast(prom.engine)):
            opened.enter_context(prom.engine.connect())
    gc.freeze()  # As the scheduler's process does when it begins.
    return prom


def _taken_back(prom: Runtime, batches: Callable[[Session], Iterable[int]]) -> int:
    """Do these batches and take them back; return of how many they were."""
    try:
        with prom.transaction() as session:
            done = sum(batches(session))
            raise TakenBackError
    except TakenBackError:
        return done


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
