"""`prom audit`: the record is proved to be what was written, and says who saw a patient."""

import datetime as dt
import json
import sqlite3
from pathlib import Path

import pytest

from prom_service.runtime import build
from prom_service.settings import Settings
from scheduler import jobs
from tests.cli.conftest import SECRET, Prom

TODAY = dt.datetime.now(dt.UTC).date()
PATIENTS = f"""external_id,name,date_of_birth,email,episode_external_id,started_on,side
P1,Ada Ash,1970-05-01,ada@example.org,E1,{TODAY},left
P2,Ben Birch,1971-05-01,ben@example.org,E2,{TODAY},right
"""


@pytest.fixture
def imported(prom: Prom, clinic: str, tmp_path: Path) -> None:
    """Two patients of a clinic, from a file."""
    (tmp_path / "patients.csv").write_text(PATIENTS, encoding="utf-8")
    assert prom("import", "patients", str(tmp_path / "patients.csv"), "--clinic", clinic).exit_code == 0


def sealed(sqlite_url: str) -> Path:
    """Seal what was written, and write the heads; return their file."""
    runtime = build(Settings(env="test", database_url=sqlite_url, secret_key=SECRET))
    jobs.seal_audit(runtime)
    jobs.publish_audit_heads(runtime)
    runtime.engine.dispose()
    assert runtime.settings.audit_heads is not None
    return runtime.settings.audit_heads


def tamper(sqlite_url: str, *statements: str) -> None:
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        for name in ("sealed_once", "never_deleted"):
            database.execute(f"DROP TRIGGER tr_audit_entry_{name}")
        for statement in statements:
            database.execute(statement)
    database.close()


@pytest.mark.usefixtures("imported")
def test_who_saw_a_patient_is_listed_for_that_patient_only(prom: Prom, clinic: str) -> None:
    prom("timeline", "E1", "--clinic", clinic)
    prom("timeline", "E2", "--clinic", clinic)

    told = prom("audit", "list", "--clinic", clinic, "--patient", "P1", "--json")

    rows = json.loads(told.stdout)
    assert [(row["actor"], row["act"]) for row in rows] == [
        ("command", "import patients"),
        ("command", "prom timeline"),
    ]
    patient = rows[0]["subjects"]["patient"]
    again = prom("audit", "list", "--clinic", clinic, "--patient", patient[0], "--json")
    assert [row["act"] for row in json.loads(again.stdout)] == [*(row["act"] for row in rows), "prom audit list"]


@pytest.mark.usefixtures("imported")
def test_a_list_for_people_names_nobody(prom: Prom, clinic: str) -> None:
    told = prom("audit", "list", "--clinic", clinic)

    assert "import patients" in told.stdout
    assert not any(word in told.stdout for word in ("Ada", "ada@example.org", "P1", "E1"))


@pytest.mark.usefixtures("imported")
def test_a_command_that_reports_or_prints_leaves_an_entry(prom: Prom, clinic: str, tmp_path: Path) -> None:
    prom("report", "utilization", "--clinic", clinic, "--output", str(tmp_path / "report.csv"))
    prom("paper", "E1", "baseline", "--clinic", clinic, "--output", str(tmp_path / "paper.pdf"))
    prom("apikey", "create", "--organisation", "Group", "--scope", "reports:read")

    of_clinic = json.loads(prom("audit", "list", "--clinic", clinic, "--json").stdout)
    of_nobody = json.loads(prom("audit", "list", "--json").stdout)

    assert [row["act"] for row in of_clinic[3:]] == ["prom report utilization", "prom paper"]
    assert of_clinic[3]["detail"].startswith("from=")
    assert [row["act"] for row in of_nobody] == ["prom organisation add", "prom apikey create"]


@pytest.mark.usefixtures("imported")
def test_a_dry_run_leaves_no_entry(prom: Prom, clinic: str, tmp_path: Path) -> None:
    before = prom("audit", "list", "--clinic", clinic, "--json").stdout
    (tmp_path / "more.csv").write_text(PATIENTS.replace("P1", "P3").replace("E1", "E3"), encoding="utf-8")
    prom("import", "patients", str(tmp_path / "more.csv"), "--clinic", clinic, "--dry-run")

    [*rows, _listed] = json.loads(prom("audit", "list", "--clinic", clinic, "--json").stdout)
    assert rows == json.loads(before)


@pytest.mark.usefixtures("imported")
def test_what_was_written_is_verified(prom: Prom, clinic: str, sqlite_url: str) -> None:
    sealed(sqlite_url)
    prom("timeline", "E1", "--clinic", clinic)

    told = prom("audit", "verify", "--json")

    assert told.exit_code == 0
    assert json.loads(told.stdout) == {
        "chains": [
            {"clinic": "service", "sealed": 1, "not_yet_sealed": 0, "problem": None},
            {"clinic": "north", "sealed": 3, "not_yet_sealed": 1, "problem": None},
        ],
        "outside_heads": 2,
        "forged_lines": [],
        "torn_lines": [],
    }


@pytest.mark.usefixtures("imported")
def test_the_first_broken_entry_is_named(prom: Prom, clinic: str, sqlite_url: str) -> None:
    sealed(sqlite_url)
    tamper(sqlite_url, "UPDATE audit_entry SET actor = 'somebody' WHERE number = 2")

    told = prom("audit", "verify", "--clinic", clinic)

    assert told.exit_code == 1
    assert "Entry 2: was edited, or was not written by this service" in told.stdout
    assert "1 chains" in told.stderr


@pytest.mark.usefixtures("imported")
def test_a_cut_end_is_found_by_the_heads_and_their_absence_is_said(prom: Prom, sqlite_url: str, tmp_path: Path) -> None:
    heads = sealed(sqlite_url)
    kept = heads.rename(tmp_path / "kept")
    tamper(
        sqlite_url,
        "DELETE FROM audit_entry WHERE number = 3",
        "UPDATE audit_chain SET number = 2, hash = (SELECT hash FROM audit_entry WHERE number = 2) WHERE number = 3",
    )

    without, with_heads = prom("audit", "verify"), prom("audit", "verify", "--head-file", str(kept))

    assert (without.exit_code, with_heads.exit_code) == (0, 1)
    assert "There is no head outside the database" in without.stdout
    assert "Entry 3: and all behind it, up to 3, are missing" in with_heads.stdout


@pytest.mark.usefixtures("imported")
def test_a_torn_line_is_told_and_a_forged_one_is_a_fault(prom: Prom, sqlite_url: str) -> None:
    heads = sealed(sqlite_url)
    whole = heads.read_text()
    heads.write_text(whole + whole[:50])
    torn = prom("audit", "verify")
    heads.write_text(whole.replace('"number":1', '"number":2'))
    forged = prom("audit", "verify")

    assert (torn.exit_code, forged.exit_code) == (0, 1)
    assert "line 3 of the heads" in torn.stdout
    assert "Not signed by this service: line 1 of the heads." in forged.stdout


def test_a_patient_is_looked_for_at_a_clinic(prom: Prom, clinic: str) -> None:
    without = prom("audit", "list", "--patient", "P1")
    unknown = prom("audit", "list", "--patient", "P9", "--clinic", clinic)

    assert (without.exit_code, unknown.exit_code) == (2, 1)
    assert "There is no such patient." in unknown.stderr


def test_production_is_warned_when_no_head_leaves_the_database(prom: Prom, tmp_path: Path) -> None:
    production = {
        "PROM_ENV": "production",
        "PROM_DATABASE_URL": "postgresql+psycopg://prom@db/prom",
        "PROM_BASE_URL": "https://questions.example.org",
        "PROM_SMTP_URL": "smtp://mail:587",
        "PROM_MAIL_FROM": "questions@example.org",
    }

    warned = prom("config", "check", **production)
    told = prom("config", "check", PROM_AUDIT_HEAD_FILE=str(tmp_path / "audit"), **production)

    assert (warned.exit_code, told.exit_code) == (0, 0)
    assert "PROM_AUDIT_HEAD_FILE" in warned.stderr
    assert told.stderr == ""


def test_heads_in_a_folder_that_is_not_there_are_refused(prom: Prom, tmp_path: Path) -> None:
    told = prom("config", "check", PROM_AUDIT_HEAD_FILE=str(tmp_path / "haeds" / "audit"))

    assert told.exit_code == 1
    assert told.stderr == "Error: PROM_AUDIT_HEAD_FILE must name a file in a folder that is there\n"
