"""The heads outside the database: each once, signed, whole on the disk, whatever happens to the process that writes."""

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from prom_service.models import AuditChain
from prom_service.runtime import Runtime
from prom_service.services import audit_heads
from prom_service.services.audit_heads import append_heads, read_heads
from prom_service.settings import Settings
from scheduler import jobs
from tests.builders import SECRET
from tests.fakes import Clock
from tests.services.test_audit import an_entry

ROOT = Path(__file__).parents[2]
FOREVER = """
import datetime as dt, sys, uuid
from pathlib import Path
from prom_service.models import AuditChain
from prom_service.services.audit_heads import append_heads

clinic, number = uuid.uuid4(), 0
while True:
    number += 1
    end = AuditChain(clinic_id=clinic, number=number, hash="0" * 64)
    append_heads(Path(sys.argv[1]), [end], secret=b"secret", now=dt.datetime.now(dt.UTC))
    print(number, flush=True)
"""


def an_end(number: int = 1, clinic_id: uuid.UUID | None = None) -> AuditChain:
    return AuditChain(clinic_id=clinic_id or uuid.uuid4(), number=number, hash=f"{number:064x}")


def test_a_head_is_written_once_and_again_when_its_chain_has_moved_on(tmp_path: Path, clock: Clock) -> None:
    path, clinic = tmp_path / "deep" / "heads", uuid.uuid4()
    ends = [[an_end(1, clinic)], [an_end(1, clinic)], [an_end(2, clinic), an_end(7)], [an_end(0)]]

    counts = [append_heads(path, some, secret=SECRET, now=clock.now()) for some in ends]

    assert counts == [1, 0, 2, 0]
    assert [one.head and one.head.number for one in read_heads(path, secret=SECRET)] == [1, 2, 7]


def test_a_head_that_has_scrolled_out_of_sight_is_written_again(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_heads, "TAIL", 300)
    monkeypatch.setattr(audit_heads, "TAIL_OF_A_CHAIN", 0)
    quiet, busy = uuid.uuid4(), uuid.uuid4()
    for number in range(1, 5):
        append_heads(tmp_path / "heads", [an_end(1, quiet), an_end(number, busy)], secret=SECRET, now=clock.now())

    lines = read_heads(tmp_path / "heads", secret=SECRET)

    assert {(one.head.clinic, one.head.number) for one in lines if one.head} == {
        (str(quiet), 1),
        *((str(busy), number) for number in range(1, 5)),
    }
    assert {one.fault for one in lines} == {""}


def test_heads_of_more_chains_than_a_tail_holds_are_written_once(tmp_path: Path, clock: Clock) -> None:
    ends = [an_end(10**9 + number) for number in range(1200)]

    counts = [append_heads(tmp_path / "heads", some, secret=SECRET, now=clock.now()) for some in (ends, ends)]

    assert counts == [1200, 0]
    assert (tmp_path / "heads").stat().st_size > audit_heads.TAIL


def test_quiet_chains_do_not_let_the_file_grow_faster_than_the_busy_ones(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_heads, "TAIL", 0)
    quiet, busy = [an_end(7) for _ in range(20)], uuid.uuid4()

    written = sum(
        append_heads(tmp_path / "heads", [*quiet, an_end(number, busy)], secret=SECRET, now=clock.now())
        for number in range(1, 201)
    )

    assert 200 + 20 <= written <= 2 * 200


def test_a_torn_last_line_is_told_and_the_next_head_goes_on_below_it(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "heads"
    append_heads(path, [an_end(1), an_end(2)], secret=SECRET, now=clock.now())
    path.write_bytes(path.read_bytes()[:-40])
    torn = [one.fault for one in read_heads(path, secret=SECRET)]

    append_heads(path, [an_end(3)], secret=SECRET, now=clock.now())

    assert torn == ["", "torn"]
    assert [(one.line, one.fault) for one in read_heads(path, secret=SECRET)] == [(1, ""), (2, "torn"), (3, "")]


def test_a_line_that_says_something_else_than_was_signed_is_forged(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "heads"
    append_heads(path, [an_end(5)], secret=SECRET, now=clock.now())
    said = json.loads(path.read_text())
    for name, value in (("number", 4), ("hash", "1" * 64), ("clinic", str(uuid.uuid4())), ("at", ""), ("mac", None)):
        path.write_text(json.dumps({**said, name: value}))

        assert [one.fault for one in read_heads(path, secret=SECRET)] == ["forged"]


@pytest.mark.parametrize("line", ["", "{}", "[]", '"x"', "null", "{", "\x00\xff"])
def test_a_line_that_is_no_head_is_none(tmp_path: Path, line: str) -> None:
    path = tmp_path / "heads"
    path.write_text(line + "\n", encoding="latin-1")

    assert [one.fault for one in read_heads(path, secret=SECRET)] == (["torn"] if line else [])


def test_what_was_written_before_a_kill_is_there_and_at_most_one_line_is_torn(tmp_path: Path, full: bool) -> None:
    for kill in range(50 if full else 3):
        path = tmp_path / f"heads-{kill}"
        writer = subprocess.Popen(
            [sys.executable, "-c", FOREVER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(20 + kill)]
        os.kill(writer.pid, signal.SIGKILL)
        said += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()

        lines = read_heads(path, secret=b"secret")
        numbers = [one.head.number for one in lines if one.head]
        assert numbers[: len(said)] == list(range(1, len(said) + 1))
        assert len(numbers) - len(said) in (0, 1)
        assert [one.fault for one in lines[:-1] if one.fault] == []


def test_the_job_writes_where_the_chains_end(runtime: Runtime) -> None:
    an_entry(runtime)
    jobs.seal_audit(runtime)

    counts = [jobs.publish_audit_heads(runtime) for _ in range(2)]

    path = runtime.settings.audit_heads
    assert counts == ([1, 0] if path else [0, 0])
    assert (path is None) == (runtime.engine.dialect.name == "postgresql")


@pytest.mark.parametrize(
    ("url", "file", "kept"),
    [
        ("sqlite:///var/prom.db", "", "var/prom.db.audit-heads"),
        ("sqlite:////abs/prom.db?timeout=5", "", "/abs/prom.db.audit-heads"),
        ("sqlite:///:memory:", "", None),
        ("sqlite://", "", None),
        ("postgresql+psycopg://db/prom", "", None),
        ("postgresql+psycopg://db/prom", "/heads/audit", "/heads/audit"),
    ],
)
def test_the_heads_are_kept_where_the_settings_say(url: str, file: str, kept: str | None) -> None:
    settings = Settings(database_url=url, audit_head_file=file)

    assert settings.audit_heads == (Path(kept) if kept else None)
