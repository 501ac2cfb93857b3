"""Counts kept in the data set as the nightly job keeps them, and how soon the database has those of one clinic."""

import statistics
import time
from datetime import datetime, timedelta

import sqlalchemy as sa

from prom_service import db, runtime
from prom_service.models import Clinic, KeptCounts
from prom_service.settings import Settings
from scheduler import keeping


def keep_counts(url: str, as_of: datetime) -> None:
    """Keep the counts of every clinic as of that beginning of a month, unless they are there."""
    settings = Settings(env="test", database_url=url, kept_from_episodes=1)
    prom = runtime.build(settings, clock=lambda: as_of + timedelta(hours=12))
    start, busy = time.monotonic(), time.process_time()
    if done := keeping.keep_counts(prom):
        cpu = time.process_time() - busy
        print(f"counts of {done} clinics kept in {time.monotonic() - start:.0f} s, {cpu:.0f} s CPU of this process")
    prom.engine.dispose()


def time_one_clinic(url: str) -> None:
    """Print how long the database takes to hand over what is kept of one clinic: the median clinic, and the slowest."""
    engine = db.for_reading(db.make_engine(url))
    columns = (KeptCounts.as_of, KeptCounts.words, KeptCounts.episodes, KeptCounts.cells, KeptCounts.services)
    taken = []
    with engine.connect() as connection:
        for clinic_id in connection.scalars(sa.select(Clinic.id)).all():
            start = time.perf_counter()
            connection.execute(sa.select(*columns).where(KeptCounts.clinic_id == clinic_id)).one()
            taken.append((time.perf_counter() - start) * 1000)
    print(f"what is kept of one clinic is read in {statistics.median(taken):.2f} ms, at most {max(taken):.2f} ms")
    engine.dispose()
