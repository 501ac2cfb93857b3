"""The processes that keep running: they are alone where they must be, and end in order when told to."""

import contextlib
import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from prom_service.db import make_engine, revisions
from tests.cli.conftest import SECRET
from tests.support.nursery import start_command

PATIENCE = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A running command with its log."""

    def __init__(self, url: str, folder: Path, *arguments: str) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PROM_")},
            "PROM_ENV": "test",
            "PROM_DATABASE_URL": url,
            "PROM_SECRET_KEY": SECRET,
            "PROM_MAILBOX_DIR": str(folder / "mailbox"),
        }
        self.log = folder / f"{arguments[0]}.log"
        self.log.touch()
        self.process = start_command(arguments, environment, self.log)

    def says(self, text: str) -> bool:
        """Wait until the log holds ``text``; False when the process ended before."""
        for _ in range(PATIENCE * 10):
            if text in self.log.read_text():
                return True
            if self.process.exitcode is not None:
                return text in self.log.read_text()
            time.sleep(0.1)
        return False

    def end(self, number: int = signal.SIGTERM) -> tuple[int | None, float]:
        """Tell it to stop; return its exit code and how many seconds it took."""
        began = time.monotonic()
        os.kill(self.process.pid, number)
        return self.code(), time.monotonic() - began

    def code(self) -> int | None:
        """Wait until it has ended and return its exit code; None when it does not end."""
        self.process.join(PATIENCE)
        return self.process.exitcode


@contextlib.contextmanager
def running(url: str, folder: Path, *arguments: str) -> Iterator[Process]:
    process = Process(url, folder, *arguments)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.join()


def answers(port: int, path: str = "/healthz") -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return int(response.status)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_is_web_and_scheduler_and_ends_within_ten_seconds(database_url: str, tmp_path: Path, number: int) -> None:
    port = free_port()
    with running(database_url, tmp_path, "serve", "--port", str(port)) as served:
        assert served.says(f"Serving on http://127.0.0.1:{port}")
        ready = answers(port, "/readyz")

        code, seconds = served.end(number)

    assert (ready, code) == (200, 0)
    assert seconds < 10


@pytest.mark.parametrize("command", ["serve", "web"])
def test_the_web_logs_json_one_object_a_line(sqlite_url: str, tmp_path: Path, command: str) -> None:
    port = free_port()
    with running(sqlite_url, tmp_path, command, "--port", str(port)) as served:
        assert served.says("Serving on")
        served.end()
        said = [json.loads(line) for line in served.log.read_text().splitlines()]

    serving = next(one for one in said if one["event"] == f"Serving on http://127.0.0.1:{port}")
    assert {one["timestamp"][-1] for one in said} == {"Z"}
    assert (serving["level"], serving["logger"]) == ("INFO", "prom_service.cli.serve")


def test_a_fault_in_a_request_is_logged_in_one_line_with_the_number_of_its_answer(
    sqlite_url: str, tmp_path: Path
) -> None:
    port = free_port()
    with running(sqlite_url, tmp_path, "web", "--port", str(port)) as served:
        assert served.says("Serving on")
        engine = make_engine(sqlite_url)
        with engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE link RENAME TO lost"))
        engine.dispose()
        with pytest.raises(urllib.error.HTTPError) as refused:
            answers(port, "/s/" + "t" * 43)
        refused.value.close()
        served.end()
        said = [json.loads(line) for line in served.log.read_text().splitlines()]

    faults = [one for one in said if one["logger"] == "prom_service.web.problems"]
    assert [one["request_id"] for one in faults] == [refused.value.headers["X-Request-Id"]] * len(faults)
    assert faults
    assert "t" * 43 not in json.dumps(said)


def test_an_idle_connection_does_not_hold_up_the_end(sqlite_url: str, tmp_path: Path) -> None:
    port = free_port()
    with running(sqlite_url, tmp_path, "web", "--port", str(port)) as served:
        assert served.says("Serving on")
        with socket.create_connection(("127.0.0.1", port)) as idle:
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            first = idle.recv(15)

            code, seconds = served.end()

    assert (first, code) == (b"HTTP/1.1 200 OK", 0)
    assert seconds < 10


def test_what_nobody_needs_to_post_is_refused_before_it_is_taken_in(sqlite_url: str, tmp_path: Path) -> None:
    port = free_port()
    with running(sqlite_url, tmp_path, "web", "--port", str(port)) as served:
        assert served.says("Serving on")
        with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
            stranger.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n")

            refused = stranger.recv(12)

    assert refused == b"HTTP/1.1 413"


def test_a_second_web_process_on_sqlite_is_refused_and_commands_beside_it_are_not(
    sqlite_url: str, tmp_path: Path
) -> None:
    with running(sqlite_url, tmp_path, "web", "--port", str(free_port())) as first:
        assert first.says("Serving on")
        with running(sqlite_url, tmp_path, "serve", "--port", str(free_port())) as second:
            refused = second.code(), second.log.read_text()
        with running(sqlite_url, tmp_path, "organisation", "add", "Group") as beside:
            done = beside.code()

    assert refused[0] == 1
    assert refused[1].startswith("Error: Another web process works on ")
    assert "Traceback" not in refused[1]
    assert done == 0


def test_two_web_processes_share_a_postgresql(postgres_url: str, tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    with contextlib.ExitStack() as stack:
        for port in ports:
            folder = tmp_path / str(port)
            folder.mkdir()
            web = stack.enter_context(running(postgres_url, folder, "web", "--port", str(port)))
            assert web.says("Serving on")

        codes = [answers(port) for port in ports]

    assert codes == [200, 200]


def test_the_scheduler_ends_when_told_to(sqlite_url: str, tmp_path: Path) -> None:
    with running(sqlite_url, tmp_path, "scheduler") as scheduler:
        wait_for_heartbeat(sqlite_url)

        code, seconds = scheduler.end()

    assert code == 0
    assert seconds < 10


def test_a_port_that_is_taken_is_said_plainly(sqlite_url: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running(sqlite_url, tmp_path, "serve", "--port", str(port)) as served:
            code, log = served.code(), served.log.read_text()

    assert code == 1
    assert f"Error: Port {port} of 127.0.0.1 cannot be opened: another program has it" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("command", ["serve", "web", "scheduler"])
def test_a_database_of_another_version_is_not_served(sqlite_url: str, tmp_path: Path, command: str) -> None:
    engine = make_engine(sqlite_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()

    with running(sqlite_url, tmp_path, command) as served:
        code, log = served.code(), served.log.read_text()

    at = f"The database is at revision 0001, not at {revisions()[-1]}."
    assert (code, log) == (1, f"Error: {at} Run `prom db upgrade` first.\n")


def wait_for_heartbeat(url: str) -> None:
    engine = make_engine(url)
    for _ in range(PATIENCE * 10):
        with engine.connect() as connection:
            if connection.execute(sa.text("SELECT count(*) FROM heartbeat")).scalar_one():
                break
        time.sleep(0.1)
    engine.dispose()
