"""The log: what is written in a line, whatever a record holds, and that every process writes it so."""

import datetime as dt
import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from prom_service import logs
from prom_service.db import make_engine
from prom_service.web.context import request_id, request_in_hand
from tests import mailroom

ROOT = Path(__file__).parents[1]
AT = dt.datetime(2026, 3, 29, 0, 59, 59, 500_000, tzinfo=dt.UTC)
FORGED = "2026-01-01T00:00:00.000Z ERROR scheduler.runner: forged"
PERSONAL = "ada@example.org"
PATIENCE = 60
SCHEDULERS = {
    "prom": ["-c", "from prom_service.cli import main; main(['scheduler'])"],
    "module": ["-m", "scheduler"],
}


def record(event: str, *arguments: object, logger: str = "prom_service.web", **more: object) -> logging.LogRecord:
    said = {"name": logger, "levelname": "ERROR", "msg": event, "args": arguments, "created": AT.timestamp(), **more}
    return logging.makeLogRecord(said)


def as_json(*arguments: object, **more: object) -> dict[str, str]:
    said: dict[str, str] = json.loads(logs.Lines(logs.as_json).format(record(*arguments, **more)))  # type: ignore[arg-type]
    return said


def as_text(*arguments: object, **more: object) -> str:
    return logs.Lines(logs.as_text).format(record(*arguments, **more))  # type: ignore[arg-type]


def a_failure() -> BaseException:
    """Return an error with something personal in its words, in a variable, and in what led to it."""
    patient = f"patient {PERSONAL}"
    try:
        try:
            raise LookupError(patient)
        except LookupError as error:
            raise ValueError(f"no {patient}") from error
    except ValueError as error:
        return error


def kinds(told: str) -> list[str]:
    return [line for line in told.splitlines() if not line.startswith(" ")]


@pytest.fixture(params=["Asia/Tokyo", "America/Los_Angeles"])
def far_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as changed:
        changed.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


def test_a_line_says_when_how_bad_where_and_what() -> None:
    assert as_json("message %s: %s", 7, "refused", logger="scheduler.jobs") == {
        "timestamp": "2026-03-29T00:59:59.500Z",
        "level": "ERROR",
        "logger": "scheduler.jobs",
        "event": "message 7: refused",
    }


@pytest.mark.usefixtures("far_zone")
def test_the_time_is_that_of_the_record_in_utc_wherever_the_host_is() -> None:
    assert as_json("x")["timestamp"] == "2026-03-29T00:59:59.500Z"
    assert as_text("x").startswith("2026-03-29T00:59:59.500Z ERROR ")


def test_whatever_a_message_holds_it_is_one_line_of_printable_ascii() -> None:
    event = "".join(map(chr, range(256))) + f"\u2028\u2029\u202e\ud800\r\n{FORGED}"

    line = logs.Lines(logs.as_json).format(record(event.replace("%", "")))

    assert re.fullmatch(r"[ -~]+", line)
    assert json.loads(line)["event"] == event.replace("%", "")


def test_at_a_terminal_no_message_moves_the_cursor_or_begins_a_record_of_its_own() -> None:
    shown = as_text("%s", f"a\x1b[2J\x9b2J\x7f\u202eb\r\n{FORGED}")

    assert shown.splitlines() == [
        "2026-03-29T00:59:59.500Z ERROR prom_service.web: a\\x1b[2J\\x9b2J\\x7f\\u202eb\\r",
        f"    {FORGED}",
    ]


def test_an_error_is_told_by_kind_and_way_and_never_by_words_or_variables() -> None:
    error = a_failure()
    exc_info = (type(error), error, error.__traceback__)

    told, shown = as_json("failed", exc_info=exc_info)["exception"], as_text("failed", exc_info=exc_info)

    assert kinds(told) == ["LookupError", "ValueError"]
    assert "test_logs.py" in told
    assert "in a_failure" in told
    assert PERSONAL not in told + shown
    assert shown.splitlines()[-1] == "    ValueError"


def test_what_led_to_an_error_and_is_not_to_be_shown_is_left_out() -> None:
    error = a_failure()
    error.__cause__ = None

    assert "LookupError" not in as_json("failed", exc_info=(type(error), error, None))["exception"]


def test_an_error_that_led_to_itself_is_told_once() -> None:
    error = a_failure()
    error.__cause__.__cause__ = error  # type: ignore[union-attr]

    told = as_json("failed", exc_info=(type(error), error, None))["exception"]

    assert kinds(told) == ["LookupError", "ValueError"]


@pytest.mark.parametrize("path", ["/s/token/3", "/u/token", "/confirm/token", "//s//token", "/s/a\n/token or\ttoken"])
def test_the_web_server_names_no_token(path: str) -> None:
    event = as_json(f"Client disconnected while serving {path}", logger="waitress")["event"]

    assert event.startswith("Client disconnected while serving /")
    assert "token" not in event


def test_our_own_lines_keep_the_route() -> None:
    assert as_json("request %s", "/s/<token>/<int:number>")["event"] == "request /s/<token>/<int:number>"


def test_arguments_that_do_not_fit_are_left_out_and_the_line_is_written() -> None:
    assert as_json("count: %d", PERSONAL)["event"] == "count: %d"


def test_a_line_has_the_number_of_the_request_in_hand() -> None:
    lines = {form: logs.Lines(form, request_in_hand) for form in (logs.as_json, logs.as_text)}

    with Flask("small").test_request_context():
        number = request_id()
        within = json.loads(lines[logs.as_json].format(record("x")))
        shown = lines[logs.as_text].format(record("x"))
    without = json.loads(lines[logs.as_json].format(record("x")))

    assert within["request_id"] == number
    assert f"prom_service.web [request {number}]: x" in shown
    assert "request_id" not in without


def python(program: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a program after the log of its process was set up."""
    begun = f"import logging, threading, warnings\nfrom prom_service import logs\nlogs.to_stderr('info')\n{program}"
    return subprocess.run(
        [sys.executable, "-c", begun],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
        cwd=ROOT,
    )


def test_what_python_says_unasked_is_in_the_log_too() -> None:
    program = f"""
def fail():
    raise ValueError({PERSONAL!r})
warnings.warn("old\\nways")
ended = threading.Thread(target=fail, name="sweeper")
ended.start()
ended.join()
logging.getLogger("alembic.runtime").info("a step")
logging.getLogger("prom_service.web").info("a line")
"""
    told = python(program, TZ="Asia/Tokyo").stderr

    said = [json.loads(line) for line in told.splitlines()]
    assert [(one["level"], one["logger"]) for one in said] == [
        ("WARNING", "py.warnings"),
        ("CRITICAL", "prom_service.logs"),
        ("INFO", "prom_service.web"),
    ]
    assert said[1]["event"] == "thread sweeper ended"
    assert said[1]["exception"].endswith("in fail\nValueError")
    assert PERSONAL not in told
    assert all(is_now(one["timestamp"]) for one in said)


def is_now(timestamp: str) -> bool:
    return abs(dt.datetime.fromisoformat(timestamp) - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)


@pytest.fixture
def scheduler_environment(sqlite_url: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a scheduler that has something to log: no run of its jobs can be noted."""
    engine = make_engine(sqlite_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE job_run"))
    engine.dispose()
    return os.environ | {
        "PROM_ENV": "test",
        "PROM_DATABASE_URL": sqlite_url,
        "PROM_SECRET_KEY": mailroom.SECRET,
        "PROM_MAILBOX_DIR": str(tmp_path / "mailbox"),
        "PROM_LOG_LEVEL": "warning",
        "TZ": "Asia/Tokyo",
    }


def first_lines(process: "subprocess.Popen[bytes]", source: int) -> list[str]:
    """Return the whole lines of what the process says first, and end it."""
    late = threading.Timer(PATIENCE, process.kill)
    late.start()
    said = b""
    try:
        while b"could not be noted" not in said or not said.endswith(b"\n"):
            said += os.read(source, 65536) or b"\n[ended] could not be noted\n"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        late.cancel()
    return said.decode().splitlines()


@pytest.mark.parametrize("door", SCHEDULERS)
def test_a_scheduler_writes_json_in_utc_into_a_file_or_pipe(door: str, scheduler_environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, *SCHEDULERS[door]], env=scheduler_environment, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stderr is not None
        said = [json.loads(line) for line in first_lines(process, process.stderr.fileno())]

    assert {(one["level"], one["logger"]) for one in said} == {("ERROR", "scheduler.runner")}
    assert all(re.fullmatch(r"job \w+ could not be noted: SQLITE_ERROR at \S+", one["event"]) for one in said)
    assert all(one["timestamp"].endswith("Z") and is_now(one["timestamp"]) for one in said)


def test_a_scheduler_writes_plain_lines_in_utc_to_a_terminal(scheduler_environment: dict[str, str]) -> None:
    ours, terminal = pty.openpty()
    command = [sys.executable, *SCHEDULERS["module"]]
    with subprocess.Popen(command, env=scheduler_environment, stderr=terminal, cwd=ROOT) as process:
        os.close(terminal)
        said = first_lines(process, ours)
    os.close(ours)

    line = re.compile(r"(\S+Z) ERROR scheduler\.runner: job \w+ could not be noted: SQLITE_ERROR at \S+")
    found = [line.fullmatch(one) for one in said]
    assert all(one and is_now(one[1]) for one in found), said
