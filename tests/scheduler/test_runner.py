"""A scheduler process: it starts at once, works alone on SQLite, notes how its jobs go, and stops when told."""

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from prom_service.db import AlreadyRunningError
from prom_service.models import Brake, Heartbeat, JobRun
from prom_service.runtime import ClockWatch, Runtime, steady_seconds, system_clock
from scheduler import jobs, keeping, lease, reporting, runner
from scheduler.runner import run_job
from scheduler.timetable import JOBS, Job
from tests import hookroom, mailroom
from tests.fakes import Clock
from tests.mailroom import NOON
from tests.scheduler import fast_process
from tests.support import smtp as servers
from tests.support.receiver import HANGING, Receiver
from tests.support.smtp import SmtpServer

ROOT = Path(__file__).parents[2]
EVERY_JOB = [job.name for job in JOBS]


@pytest.fixture
def prom(database_url: str, tmp_path: Path, smtp: SmtpServer) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, Clock(NOON), smtp_url=smtp.url, tick_seconds=1) as prom:
        yield prom


def sweep(prom: Runtime, keep_going: jobs.KeepGoing) -> int:
    return 7


def broken(prom: Runtime, keep_going: jobs.KeepGoing) -> int:
    raise ValueError("ada@example.org")


def run_of(prom: Runtime, job: str) -> JobRun | None:
    with prom.reading() as session:
        return session.get(JobRun, job)


def ended_runs(prom: Runtime) -> dict[str, dt.datetime]:
    """Return when the last run of each job began, of those that have ended."""
    with prom.reading() as session:
        ended = session.scalars(select(JobRun).where(JobRun.finished_at >= JobRun.started_at))
        return {run.job: run.started_at for run in ended}


def test_every_job_is_in_the_timetable() -> None:
    public = {
        name
        for module in (jobs, reporting, keeping)
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__
        if "keep_going" in _parameters(value)
    }

    assert {job.name for job in JOBS} == {name for name in public if not name.startswith("_")}


def test_a_run_is_noted_with_its_count(prom: Runtime) -> None:
    run_job(prom, Job(sweep, every=1))

    run = run_of(prom, "sweep")
    assert run is not None
    assert (run.started_at, run.finished_at, run.succeeded, run.count) == (NOON, NOON, True, 7)


def test_a_job_that_fails_is_noted_and_neither_raises_nor_tells_what_it_saw(
    prom: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    run_job(prom, Job(broken, every=1))

    run = run_of(prom, "broken")
    assert run is not None
    assert (run.succeeded, run.count) == (False, None)
    assert "ValueError at test_runner.py" in caplog.text
    assert "ada" not in caplog.text


def test_while_a_job_runs_it_is_known_how_its_last_run_went(prom: Runtime) -> None:
    seen = []

    def looked_at(prom: Runtime, keep_going: jobs.KeepGoing) -> int:
        run = run_of(prom, "looked_at")
        seen.append((run.started_at, run.finished_at, run.succeeded, run.count) if run else None)
        return 7

    later = Clock(NOON)
    job = Job(looked_at, every=1)
    run_job(prom, job)
    later.advance(minutes=1)
    run_job(prom.under(later.now), job)

    assert seen == [(NOON, None, None, None), (later.now(), NOON, True, 7)]


def test_a_job_that_another_process_holds_is_left_alone_until_it_is_given_up(prom: Runtime) -> None:
    job = Job(sweep, every=1, lease=dt.timedelta(minutes=5))
    with prom.transaction() as session:
        lease.take(session, "sweep", holder="other:1", lasts=dt.timedelta(minutes=5), now=NOON)

    run_job(prom, job)
    held = run_of(prom, "sweep")
    with prom.transaction() as session:
        lease.give_up(session, "sweep", holder="other:1")
    run_job(prom, job)

    assert held is None
    assert run_of(prom, "sweep") is not None


def test_started_in_the_background_it_mails_at_once_and_stops_when_told(prom: Runtime, smtp: SmtpServer) -> None:
    ids = mailroom.due_messages(prom, 3)

    stop = runner.start_background(prom)
    with prom.reading() as session:
        assert session.scalars(select(Heartbeat.kind)).all() == ["scheduler"]
    _wait_until(lambda: mailroom.phases(prom, ids) == ["sent"] * 3)

    assert stop()
    assert len(smtp.letters) == 3


@pytest.mark.parametrize("hours", [3, -3])
def test_a_clock_that_was_set_has_every_job_run_at_once_and_stops_sending(prom: Runtime, hours: int) -> None:
    clock, set_back = Clock(NOON), dt.timedelta()
    watched = replace(prom, clock=clock.now, watch=ClockWatch(NOON, lambda: set_back.total_seconds()))
    steady = ClockWatch(system_clock(), lambda: steady_seconds() + set_back.total_seconds())
    beating = runner.metronome(watched, jobs.always, steady)
    beating.start()
    try:
        _wait_until(lambda: ended_runs(prom) == dict.fromkeys(EVERY_JOB, NOON))

        clock.advance(minutes=1)
        set_back = dt.timedelta(hours=hours)
        beating.wakeup()

        _wait_until(lambda: ended_runs(prom) == dict.fromkeys(EVERY_JOB, clock.now()))
    finally:
        beating.shutdown()
    with prom.reading() as session:
        assert session.scalars(select(Brake.reason)).all() == ["clock_jumped"]


def test_a_second_scheduler_on_the_same_sqlite_database_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    with mailroom.mail_runtime(sqlite_url, tmp_path, Clock(NOON)) as prom:
        stop = runner.start_background(prom)
        try:
            with pytest.raises(AlreadyRunningError, match="Another scheduler process"):
                runner.start_background(prom)
        finally:
            stop()

        assert runner.start_background(prom)()


def test_two_schedulers_work_on_one_postgresql(postgres_url: str, tmp_path: Path) -> None:
    with mailroom.mail_runtime(postgres_url, tmp_path, Clock(NOON)) as prom:
        stops = [runner.start_background(prom) for _ in range(2)]

        assert [stop() for stop in stops] == [True, True]


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_cleanly_when_told(sqlite_url: str, told: signal.Signals) -> None:
    process = _start(sqlite_url)
    _wait_until(lambda: Path(sqlite_url.removeprefix("sqlite:///") + ".scheduler").exists())
    time.sleep(0.5)

    process.send_signal(told)

    assert process.wait(timeout=10) == 0


def test_a_mail_server_that_hangs_does_not_keep_the_process_from_ending_within_ten_seconds(
    sqlite_url: str, tmp_path: Path, smtp: SmtpServer
) -> None:
    smtp.always = servers.HANG_AFTER_DOT
    with mailroom.mail_runtime(sqlite_url, tmp_path, Clock(NOON), smtp_url=smtp.url) as prom:
        ids = mailroom.due_messages(prom, 1)
        process = fast_process.start(prom.settings, time.time() - 110, fast_process.Pace(speed=100, batch=100))
        _wait_until(lambda: bool(smtp.letters))

        begun = time.monotonic()
        process.terminate()
        process.join(timeout=15)

        assert process.exitcode == 0
        assert time.monotonic() - begun < 10
        assert mailroom.phases(prom, ids) == ["assumed_sent"]


def test_a_stop_waits_a_while_for_a_receiver_and_then_cuts_it_off_so_that_its_attempt_counts_for_nothing(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(runner, "LAST_SECONDS", 30.0)
    with hookroom.hook_runtime(database_url, tmp_path, Clock(NOON)) as prom, Receiver() as receiver:
        receiver.always = HANGING
        clinic = hookroom.a_clinic(prom)
        webhook, _ = hookroom.a_webhook(prom, clinic, receiver.url)
        hookroom.change_flag(prom, clinic)
        stop = runner.start_background(prom)
        assert receiver.arrived.acquire(timeout=60)

        assert stop()
        assert [(one.phase, one.attempts) for one in hookroom.deliveries(prom, webhook)] == [("planned", 0)]


def _parameters(function: Callable[..., object]) -> tuple[str, ...]:
    code = getattr(function, "__code__", None)
    return code.co_varnames[: code.co_argcount] if code else ()


def _start(database_url: str) -> "subprocess.Popen[bytes]":
    environment = os.environ | {
        "PROM_ENV": "test",
        "PROM_DATABASE_URL": database_url,
        "PROM_SECRET_KEY": mailroom.SECRET,
        "PROM_TICK_SECONDS": "1",
    }
    return subprocess.Popen([sys.executable, "-m", "scheduler"], env=environment, cwd=ROOT)


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "not within a minute"
        time.sleep(0.05)
