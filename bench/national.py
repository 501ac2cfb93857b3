"""A national data set for the benchmarks of reports and sweeps, made once in a folder and used again.

    python bench/national.py FOLDER [--kind sqlite|postgresql] [--episodes N] [--clinics N]

The same arguments give the same rows, the ids of the flags apart that the last assessment raises. A million episodes
take tens of gigabytes; try 10,000 first.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time
from pathlib import Path
from time import monotonic

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg  # noqa: F401 (An engine imports its driver when it is made, and importing is not measured.)
import sqlalchemy as sa

from prom_service import db
from prom_service.models import Assessment, Episode
from prom_service.runtime import build
from prom_service.services import assessment
from prom_service.settings import Settings
from prom_service.simulation.population import Size, write_population
from tests.support.postgres import postgres_in

KINDS = ("sqlite", "postgresql")
AS_OF = datetime.combine(Size.until, time(), UTC)
"""The end of the data set: nothing in it is later."""
SETTLED_AT_ONCE = 2_000
SERVER = {
    "shared_buffers": "1GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "effective_cache_size": "6GB",
    "max_wal_size": "8GB",
    "random_page_cost": "1.1",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
"""What an administrator of a server of 8 GB would set."""


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser of the arguments that every benchmark of the data set takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0])
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--clinics", type=int, default=500)
    return parser


@contextmanager
def data_set(chosen: argparse.Namespace) -> Iterator[str]:
    """Yield the address of the database that was asked for, made now if it was not there."""
    size = Size(chosen.episodes, min(chosen.clinics, chosen.episodes // 10), depth="primary")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    if chosen.kind == "sqlite":
        url = f"sqlite:///{chosen.folder.resolve()}/national-{size.episodes}.db"
        _fill(url, size)
        yield url
        return
    cluster = chosen.folder / "postgres"
    cluster.mkdir(exist_ok=True)
    with postgres_in(cluster, **SERVER) as maintenance:
        url = maintenance.rpartition("/")[0] + f"/national_{size.episodes}"
        _create(maintenance, url)
        _fill(url, size)
        yield url


def _create(maintenance: str, url: str) -> None:
    engine = sa.create_engine(maintenance, isolation_level="AUTOCOMMIT")
    name = url.rpartition("/")[2]
    with engine.connect() as connection:
        if not connection.scalar(sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}):
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()


def _fill(url: str, size: Size) -> None:
    db.upgrade(url)
    engine = db.make_engine(url)
    with engine.connect() as connection:
        there = connection.scalar(sa.select(sa.func.count()).select_from(sa.select(Episode.id).limit(1).subquery()))
    if not there:
        start = monotonic()
        rows = write_population(engine, size)
        print(f"{rows:,} rows written in {monotonic() - start:.0f} s", file=sys.stderr)
        settle(url)
    engine.dispose()


def settle(url: str) -> None:
    """Have every open episode as the services would have left it: each is assessed as of the end of the data set.

    The rows are written without the rules. Without this, the first sweep would find the flags of two years.
    """
    start, done = monotonic(), 0
    prom = build(Settings(env="test", database_url=url, secret_key=os.urandom(32).hex()), clock=lambda: AS_OF)
    with prom.transaction() as session:
        running = sa.select(Episode.id).where(Episode.closed_on.is_(None))
        session.execute(sa.update(Assessment).where(Assessment.id.in_(running)).values(due_at=AS_OF))
    while True:
        with prom.transaction() as session:
            due = assessment.claim_due_episodes(session, now=AS_OF, limit=SETTLED_AT_ONCE)
            done += assessment.assess_episodes(session, due, now=AS_OF)
        if not due:
            break
    print(f"{done:,} open episodes assessed in {monotonic() - start:.0f} s", file=sys.stderr)


def main() -> None:
    chosen = arguments(__doc__.splitlines()[0]).parse_args()
    with data_set(chosen) as url:
        engine = db.make_engine(url)
        with engine.connect() as connection:
            for name in ("clinic", "episode", "visit", "visit_version", "response", "score", "judgement", "message"):
                print(f"{name:<16}{connection.scalar(sa.text(f'SELECT count(*) FROM {name}')):>12,}")
        engine.dispose()


if __name__ == "__main__":
    main()
