"""`prom import`, `verify`, `timeline`, `assess` and `report`, one after the other, as a clinic would run them."""

import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from prom_service.models import Episode, Score, Throttle
from prom_service.queries.locks import bucket_of
from prom_service.runtime import build
from prom_service.services import amendment, submission
from prom_service.settings import Settings
from tests import builders
from tests.cli.conftest import CLINIC, Prom
from tests.support.paper import Sheets

TODAY = dt.datetime.now(dt.UTC).date()
HEADER = "external_id,name,date_of_birth,episode_external_id,started_on"
ANN = f"P1,Ann,1980-01-02,E1,{TODAY}"
BOB = f"P2,Bob,1970-01-02,E2,{TODAY}"
FAULTY = f"P3,Cid,1960-01-02,E3,{TODAY.year}-13-01"
Send = Callable[..., str]


@pytest.fixture
def send(tmp_path: Path) -> Send:
    """Write a file and return its path."""

    def write(*rows: str, header: str = HEADER) -> str:
        path = tmp_path / f"{uuid.uuid4()}.csv"
        path.write_text("\n".join([header, *rows]))
        return str(path)

    return write


def kept(prom: Prom) -> bool:
    return prom("timeline", "E1", "--clinic", "north").exit_code == 0


def test_a_file_is_imported_and_may_be_sent_again(prom_on_both: Prom, send: Send) -> None:
    prom_on_both("organisation", "add", "Group")
    prom_on_both(*CLINIC)
    file = send(ANN, BOB)

    first = prom_on_both("import", "patients", file, "--clinic", "north")
    second = prom_on_both("import", "patients", file, "--clinic", "north")

    assert (first.exit_code, first.stdout) == (0, "2 enrolled, 2 registered.\n")
    assert (second.exit_code, second.stdout) == (0, "2 unchanged.\n")
    assert first.stderr == ""


def test_a_fault_keeps_the_whole_file_out(prom_on_both: Prom, send: Send) -> None:
    prom_on_both("organisation", "add", "Group")
    prom_on_both(*CLINIC)

    told = prom_on_both("import", "patients", send(ANN, FAULTY), "--clinic", "north")

    assert (told.exit_code, kept(prom_on_both)) == (1, False)
    assert told.stderr.splitlines()[1].split()[:2] == ["3", "started_on"]
    assert told.stderr.endswith("Error: Faults found: 1. Nothing was kept.\n")


def test_keep_going_takes_the_good_rows_and_still_fails(prom: Prom, clinic: str, send: Send) -> None:
    told = prom("import", "patients", send(ANN, FAULTY), "--clinic", clinic, "--keep-going")

    assert (told.exit_code, kept(prom)) == (1, True)
    assert told.stderr.endswith("Error: Faults found: 1. The other rows were kept.\n")


@pytest.mark.parametrize("options", [(), ("--keep-going",)])
def test_a_dry_run_keeps_nothing(prom: Prom, clinic: str, send: Send, options: tuple[str, ...]) -> None:
    told = prom("import", "patients", send(ANN), "--clinic", clinic, "--dry-run", *options)

    assert (told.exit_code, told.stdout, kept(prom)) == (0, "Not kept: 1 enrolled, 1 registered.\n", False)


def test_what_an_import_did_is_also_had_as_json(prom: Prom, clinic: str, send: Send) -> None:
    told = prom("import", "patients", send(ANN, FAULTY), "--clinic", clinic, "--json")

    assert json.loads(told.stdout) == {
        "kept": False,
        "counts": {"enrolled": 1, "registered": 1},
        "errors": [{"row": 3, "column": "started_on", "problem": "is not in the calendar", "allowed": "YYYY-MM-DD"}],
    }


def test_visits_are_imported(prom: Prom, clinic: str, send: Send) -> None:
    prom("import", "patients", send(ANN), "--clinic", clinic)
    header = "episode_external_id,visit_external_id,date,clinician,status"
    visits = send(f"E1,V1,{TODAY},C1,attended", f",V2,{TODAY},C1,attended", header=header)

    told = prom("import", "visits", visits, "--clinic", clinic, "--keep-going")

    assert (told.exit_code, told.stdout) == (1, "1 recorded.\n")


def test_a_clinic_that_is_not_there_is_named(prom: Prom, send: Send) -> None:
    told = prom("import", "patients", send(ANN), "--clinic", "south")

    assert (told.exit_code, told.stderr) == (1, "Error: There is no clinic 'south'.\n")


def test_a_timeline_shows_what_was_changed_after_sending_and_what_is_locked(
    prom: Prom, clinic: str, send: Send, sqlite_url: str
) -> None:
    prom("import", "patients", send(ANN), "--clinic", clinic)
    now = dt.datetime.now(dt.UTC)
    built = build(Settings(env="test", database_url=sqlite_url))
    with built.transaction() as session:
        episode = session.scalars(select(Episode)).one()
        baseline = builders.the_administration(session, episode, "baseline")
        answers = builders.complete_answers(baseline, episode, nprs=5)
        submission.submit(session, baseline, answers=answers, now=now)
        amendment.amend(session, baseline, {"nprs-1.0": {"Q1": 9}}, language="en", now=now)
        session.add(Throttle(bucket=bucket_of(baseline.id), window_start=now, tries=5))
    built.engine.dispose()

    lines = [line.split() for line in prom("timeline", "E1", "--clinic", clinic).stdout.splitlines()]

    at = f"{now:%Y-%m-%d %H:%M UTC}".split()
    lapses = f"{now + dt.timedelta(days=1):%Y-%m-%d %H:%M UTC}".split()
    assert ["1", "web", *at, *at] in lines
    assert ["2", "web", *at, *at, "amendment"] in lines
    assert ["changed", "in", "2", "item", "from", "to"] in lines
    assert ["nprs-1.0", "Q1", "5", "9"] in lines
    assert ["identity", "check", "locked", "until", *lapses] in lines
    assert any(line[:1] == ["registered"] for line in lines)


def test_a_timeline_is_found_by_id_and_by_the_clinics_number(prom: Prom, clinic: str, send: Send) -> None:
    prom("import", "patients", send(ANN), "--clinic", clinic)

    plain = prom("timeline", "E1", "--clinic", clinic)
    shown = json.loads(prom("timeline", "E1", "--clinic", clinic, "--json").stdout)

    assert plain.stdout.startswith("baseline: open\n")
    assert [one["timepoint"] for one in shown["administrations"]] == ["baseline", "6-weeks", "3-months"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("E1",), 2),
        (("E9", "--clinic", "north"), 1),
        (("01a20742-a0ef-7115-9db7-d521f1a6e534",), 1),
        (("01a20742-a0ef-7115-9db7-d521f1a6e534", "--clinic", "north"), 1),
    ],
)
def test_an_episode_that_is_not_there_has_no_timeline(
    prom: Prom, clinic: str, arguments: tuple[str, ...], code: int
) -> None:
    assert prom("timeline", *arguments).exit_code == code


def test_what_a_patient_is_asked_is_written_for_paper(prom_on_both: Prom, send: Send, tmp_path: Path) -> None:
    prom_on_both("organisation", "add", "Group")
    prom_on_both(*CLINIC)
    prom_on_both("import", "patients", send(ANN), "--clinic", "north")
    file = tmp_path / "ann.pdf"

    told = prom_on_both("paper", "E1", "baseline", "--clinic", "north", "-o", file, "--paper", "letter")

    sheets = Sheets(file.read_bytes())
    assert (told.exit_code, told.stdout) == (0, "")
    assert sheets.code().startswith("http://127.0.0.1:8000/s/")
    assert sheets.code() not in told.stderr
    assert "Patient P1 · Episode E1 · baseline" in sheets.text
    assert sheets.size == (216, 279)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("E1", "12-months"), "There is no timepoint '12-months'; there are baseline, 6-weeks, 3-months."),
        (("E1", "6-weeks"), "No answers are taken: not open yet."),
        (("E9", "baseline"), "There is no such episode."),
    ],
)
def test_what_cannot_be_asked_is_not_written(
    prom: Prom, clinic: str, send: Send, tmp_path: Path, words: tuple[str, str], told: str
) -> None:
    prom("import", "patients", send(ANN), "--clinic", clinic)

    refused = prom("paper", *words, "--clinic", clinic, "-o", tmp_path / "out.pdf")

    assert (refused.exit_code, refused.stderr) == (1, f"Error: {told}\n")
    assert list(tmp_path.glob("*.pdf*")) == []


def test_the_sweep_runs_at_once(prom: Prom, clinic: str, send: Send) -> None:
    long_ago = TODAY - dt.timedelta(days=50)
    prom("import", "patients", send(f"P1,Ann,1980-01-02,E1,{long_ago}"), "--clinic", clinic)

    for options in ([], ["--all"]):
        told = prom("assess", "--json", *options)
        assert (told.exit_code, json.loads(told.stdout)["assessed"] >= 0) == (0, True)


def test_what_was_computed_is_verified_and_a_difference_fails(prom_on_both: Prom, database_url: str) -> None:
    answer_once(database_url)

    before = prom_on_both("verify")
    spoil_a_score(database_url)
    after = prom_on_both("verify", "--json")

    assert (before.exit_code, before.stdout) == (0, "Verified 1 responses and 1 episodes.\n")
    found = json.loads(after.stdout)["differences"]
    assert after.exit_code == 1
    assert [(one["kind"], one["place"], one["problem"]) for one in found] == [
        ("score", "ihot-12-1.0 total", "value differs")
    ]
    assert set(found[0]) == {"kind", "id", "place", "problem"}


def answer_once(url: str) -> None:
    service = build(Settings(env="test", database_url=url))
    now = service.now()
    with service.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=now), now=now)
        administration = builders.the_administration(session, episode, "baseline")
        answers = builders.complete_answers(administration, episode)
        submission.submit(session, administration, answers=answers, now=now)
    service.engine.dispose()


def spoil_a_score(url: str) -> None:
    service = build(Settings(env="test", database_url=url))
    with service.transaction() as session:
        wanted = {"instrument": "ihot-12-1.0"}
        row = session.execute(select(Score.__table__).filter_by(**wanted)).mappings().one()
        session.execute(delete(Score).filter_by(**wanted))
        session.execute(insert(Score), {**row, "value": 51.0})
    service.engine.dispose()


@pytest.mark.parametrize(
    ("form", "start"), [("csv", b"table,"), ("json", b"{"), ("html", b"<!doctype html>"), ("xlsx", b"PK")]
)
@pytest.mark.parametrize("by_name", [True, False])
def test_a_report_is_written_in_the_form_asked_for(
    prom: Prom, clinic: str, tmp_path: Path, form: str, start: bytes, by_name: bool
) -> None:
    out = tmp_path / (f"report.{form}" if by_name else "report")
    options = () if by_name else ("--format", form)

    told = prom("report", "utilization", "--clinic", clinic, *options, "-o", str(out))

    assert (told.exit_code, told.stdout) == (0, "")
    assert out.read_bytes().lower().startswith(start.lower())


def test_a_link_still_leads_to_the_file_once_it_is_written(prom: Prom, clinic: str, tmp_path: Path) -> None:
    link, file = tmp_path / "latest.csv", tmp_path / "2026.csv"
    link.symlink_to(file)

    for _ in range(2):
        prom("report", "utilization", "--clinic", clinic, "-o", str(link))

    assert link.is_symlink()
    assert file.read_bytes().startswith(b"table,")


def test_a_pipe_is_written_to_and_stays_a_pipe(prom: Prom, clinic: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    told = prom("report", "utilization", "--clinic", clinic, "--format", "csv", "-o", str(pipe))

    assert (told.exit_code, pipe.is_fifo()) == (0, True)
    assert os.read(reader, 6) == b"table,"
    os.close(reader)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_stopped_leaves_no_part_of_its_file(tmp_path: Path, number: signal.Signals) -> None:
    script = f"""
import signal
from pathlib import Path
from prom_service.cli import files

signal.signal({number}, signal.SIG_DFL)  # Whoever runs the tests under nohup has it ignored.
with files.writing(Path("study.zip")) as file:
    file.write(b"of patients")
    signal.raise_signal({number})
"""

    stopped = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False, timeout=60)

    assert stopped.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []


def test_a_report_tells_its_question(prom: Prom, clinic: str) -> None:
    told = prom(
        *("report", "utilization", "--organisation", "Group", "--from", "2024-01-01", "--to", "2024-04-01"),
        *("--as-of", "2024-03-31", "--group-by", "clinic", "--format", "json", "-o", "-"),
    )

    asked = json.loads(told.stdout)["parameters"]
    assert {name: asked[name] for name in ("from", "to", "as_of", "group_by", "audience")} == {
        "from": "2024-01-01",
        "to": "2024-04-01",
        "as_of": "2024-04-01T00:00:00+00:00",
        "group_by": "clinic",
        "audience": "quality",
    }


def test_a_report_as_of_today_is_as_of_now_and_none_is_as_of_a_time_to_come(prom: Prom, clinic: str) -> None:
    asked = "report", "utilization", "--clinic", clinic, "--format", "json", "-o", "-", "--as-of"
    began = dt.datetime.now(dt.UTC)

    today = prom(*asked, f"{began:%Y-%m-%d}")
    later = [prom(*asked, day) for day in (f"{began + dt.timedelta(days=2):%Y-%m-%d}", "9999-12-31")]

    assert began <= dt.datetime.fromisoformat(json.loads(today.stdout)["as_of"]) <= dt.datetime.now(dt.UTC)
    assert [(told.exit_code, told.stderr) for told in later] == [(1, "Error: as_of: Must not lie in the future.\n")] * 2


@pytest.mark.parametrize("as_of", ["0001-01-01T00:00:00+14:00", "0001-01-01", "2001-03-02T09:00:00+00:00"])
def test_a_report_as_of_a_time_before_there_was_any_is_refused_in_the_words_of_the_api(
    prom: Prom, clinic: str, as_of: str
) -> None:
    told = prom("report", "utilization", "--clinic", clinic, "-o", "-", "--as-of", as_of)

    assert (told.exit_code, told.stderr) == (1, "Error: as_of: Must lie within ten years of now.\n")


@pytest.mark.parametrize("whose", [("--clinic", "north"), ("--organisation", "Group")])
@pytest.mark.parametrize(("start", "end"), [("2026-01-01", "9999-12-31"), ("0001-01-01", "9999-12-01")])
def test_a_report_of_a_period_that_nobody_could_mean_is_refused(
    prom: Prom, clinic: str, whose: tuple[str, ...], start: str, end: str
) -> None:
    told = prom("report", "utilization", *whose, "-o", "-", "--from", start, "--to", end)

    assert told.exit_code == 1
    assert re.fullmatch(r"Error: (from: Must lie between \S+ and \S+\.\s+)?to: Must lie between .+\.\n", told.stderr)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("-o", "-"), 2),
        (("--clinic", "north", "--organisation", "Group", "-o", "-"), 2),
        (("--clinic", "north"), 2),
        (("--clinic", "north", "--as-of", "2026-03-02T09:00:00", "-o", "-"), 2),
        (("--clinic", "north", "--as-of", "yesterday", "-o", "-"), 2),
        (("--clinic", "north", "--from", "2026-03-02", "--to", "2026-03-02", "-o", "-"), 1),
        (("--organisation", "Group", "--from", "2026-03-02", "--to", "2026-05-01", "-o", "-"), 1),
        (("--clinic", "south", "-o", "-"), 1),
        (("--clinic", "north", "--format", "docx", "-o", "-"), 2),
        (("--clinic", "north", "-o", "report.docx"), 2),
    ],
)
def test_a_report_that_cannot_be_is_refused(prom: Prom, clinic: str, arguments: tuple[str, ...], code: int) -> None:
    assert prom("report", "utilization", *arguments).exit_code == code
