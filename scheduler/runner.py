"""A scheduler process: a metronome that runs the jobs of the timetable until it is told to stop.

APScheduler only beats time, in UTC and from memory. What is due is known to the database alone.
"""

import contextlib
import datetime as dt
import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import update

from prom_service.db import alone_on_sqlite, cause, insert_if_absent
from prom_service.models import JobRun
from prom_service.runtime import ClockWatch, Runtime, system_clock
from scheduler import jobs, lease
from scheduler.jobs import KeepGoing, this_process
from scheduler.timetable import JOBS, Job

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 6.0
"""How long a stop waits for the batch in hand before it cuts off mail servers and receivers that do not answer."""
LAST_SECONDS = 2.0
"""How long it then waits for what became of that letter to be noted."""

TURN_SECONDS = 0.2
"""How long a signal waits to be seen, at most."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)

Stop = Callable[[], bool]
"""Stops the jobs, and says whether all of them came to their end."""


def run(prom: Runtime) -> None:
    """Run the jobs until SIGTERM or SIGINT comes; then finish the batch in hand and return, within ten seconds."""
    gc.freeze()  # What is loaded by now stays for good: the collector need not go through it again in every batch.
    told: list[int] = []  # An event would be locked while it is waited for: a handler that sets it then waits forever.
    before = {number: signal.signal(number, lambda number, _frame: told.append(number)) for number in SIGNALS}
    try:
        stop = start_background(prom)
        try:
            while not told:
                time.sleep(TURN_SECONDS)
        finally:
            stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def start_background(prom: Runtime) -> Stop:
    """Start the jobs in threads of this process, after a first sign of life, and return what stops them.

    Raise ``AlreadyRunningError`` when another process schedules on the same SQLite database.
    """
    held = contextlib.ExitStack()
    held.enter_context(alone_on_sqlite(prom.engine, "scheduler"))
    try:
        jobs.beat(prom)
        stopping = threading.Event()
        beating = metronome(prom, lambda: not stopping.is_set(), ClockWatch(system_clock()))
        beating.start()
    except BaseException:
        held.close()
        raise

    def stop() -> bool:
        stopping.set()
        finished = _finish(beating, prom)
        held.close()
        return finished

    return stop


class Appointments(MemoryJobStore):  # type: ignore[misc]  # APScheduler has no types.
    """When each job runs next, by the system's clock: once that was set they are of another clock, and all are due.

    Else a clock set back by hours would have no job run for hours.
    """

    def __init__(self, watch: ClockWatch, tick: dt.timedelta) -> None:
        super().__init__()
        self._watch, self._tick = watch, tick

    def get_due_jobs(self, now: dt.datetime) -> list[Any]:
        """Return the jobs whose time has come. APScheduler asks once a tick at least: it waits by a steady clock."""
        if abs(self._watch.jump(now)) > self._tick:
            self._watch.restart(now)
            for job in self.get_all_jobs():
                job.next_run_time = now
                self.update_job(job)
        due: list[Any] = super().get_due_jobs(now)
        return due


def metronome(prom: Runtime, keep_going: KeepGoing, watch: ClockWatch) -> BackgroundScheduler:
    """Return what runs the jobs of the timetable once it is started; ``watch`` is over the system's clock."""
    tick = dt.timedelta(seconds=prom.settings.tick_seconds)
    beating = BackgroundScheduler(
        timezone="UTC",
        jobstores={"default": Appointments(watch, tick)},
        executors={"default": ThreadPoolExecutor(len(JOBS))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for job in JOBS:
        beating.add_job(
            run_job,
            IntervalTrigger(seconds=job.every * prom.settings.tick_seconds, timezone="UTC"),
            args=(prom, job, keep_going),
            id=job.name,
            next_run_time=system_clock(),  # APScheduler lives by it, whatever the clock of the runtime.
        )
    return beating


def run_job(prom: Runtime, job: Job, keep_going: KeepGoing = jobs.always) -> None:
    """Run one job once, unless another process is at it, and note how it went; it never raises."""
    try:
        if not _begin(prom, job):
            return
        try:
            count, succeeded = job.run(prom, keep_going), True
        except Exception as error:  # noqa: BLE001 (the metronome goes on)
            count, succeeded = None, False
            log.error("job %s failed: %s", job.name, _what_and_where(error))
        _end(prom, job, count=count, succeeded=succeeded)
    except Exception as error:  # noqa: BLE001 (the metronome goes on)
        log.error("job %s could not be noted: %s", job.name, _what_and_where(error))


def _begin(prom: Runtime, job: Job) -> bool:
    now = prom.now()
    with prom.transaction() as session:
        if job.lease and not lease.take(session, job.name, holder=this_process(), lasts=job.lease, now=now):
            return False
        if not insert_if_absent(session, JobRun, {"job": job.name, "started_at": now}, unique=["job"]):
            session.execute(update(JobRun).where(JobRun.job == job.name).values(started_at=now))
    return True


def _end(prom: Runtime, job: Job, *, count: int | None, succeeded: bool) -> None:
    now = prom.now()
    with prom.transaction() as session:
        ended = {"finished_at": now, "succeeded": succeeded, "count": count}
        session.execute(update(JobRun).where(JobRun.job == job.name).values(**ended))
        if job.lease:
            lease.give_up(session, job.name, holder=this_process())


def _what_and_where(error: BaseException) -> str:
    """Name an error by its kind and the line it came from; its text may hold what must not be logged."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f" at {os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}" if frame else ""
    return f"{cause(error)}{where}"


def _finish(beating: BackgroundScheduler, prom: Runtime) -> bool:
    """Wait for the batches in hand, after a while without the mail server or the receivers that they wait for."""
    waiting = threading.Thread(target=beating.shutdown, daemon=True)
    waiting.start()
    waiting.join(PATIENCE_SECONDS)
    if waiting.is_alive():
        prom.mail.cut()
        prom.hooks.close()
        waiting.join(LAST_SECONDS)
    return not waiting.is_alive()
