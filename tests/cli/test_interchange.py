"""`prom instruments export`, `prom import redcap` and `prom export redcap`, as a terminal runs them."""

import csv
import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Prom

TODAY = dt.datetime.now(dt.UTC).date()
PATIENTS = f"external_id,name,date_of_birth,episode_external_id,started_on\nP1,Ann,1980-01-02,E1,{TODAY}\n"
ANSWERS = "record_id,redcap_event_name,nprs_q1,ihot_12_q1\nE1,baseline_arm_1,{},40\n"


@pytest.fixture
def enrolled(prom: Prom, clinic: str, tmp_path: Path) -> Prom:
    """A clinic with an episode that starts today."""
    (tmp_path / "patients.csv").write_text(PATIENTS)
    assert prom("import", "patients", str(tmp_path / "patients.csv"), "--clinic", clinic).exit_code == 0
    return prom


def test_an_instrument_is_written_as_a_questionnaire(prom: Prom, judges: Any) -> None:
    one = prom("instruments", "export", "hoos-jr-1.0", "--format", "fhir", "--language", "es", "-o", "-")
    several = prom("instruments", "export", "nprs-1.0", "psfs-1.0", "nprs-1.0", "--format", "fhir", "-o", "-")

    documents = [json.loads(result.stdout) for result in (one, several)]
    assert (documents[0]["resourceType"], documents[0]["language"]) == ("Questionnaire", "es")
    assert [entry["resource"]["id"] for entry in documents[1]["entry"]] == ["nprs-1.0", "psfs-1.0"]
    assert [fault for document in documents for fault in judges.faults(document)] == []


def test_instruments_are_written_as_one_dictionary(prom: Prom, tmp_path: Path) -> None:
    file = tmp_path / "dictionary.csv"

    result = prom("instruments", "export", "nprs-1.0", "pass-1.0", "--format", "redcap", "-o", str(file))

    rows = list(csv.reader(io.StringIO(file.read_text())))
    assert result.exit_code == 0
    assert [row[0] for row in rows[1:]] == ["record_id", "answered_on", "nprs_q1", "pass_q1"]


def test_a_questionnaire_is_checked_against_its_instrument(prom: Prom, tmp_path: Path) -> None:
    file, broken = tmp_path / "q.json", tmp_path / "broken.json"
    prom("instruments", "export", "nprs-1.0", "--format", "fhir", "-o", str(file))
    broken.write_text(file.read_text().replace('"integer"', '"string"'))
    (tmp_path / "none.json").write_text("x")

    good, bad, none = (
        prom("instruments", "validate", tmp_path / name) for name in ("q.json", "broken.json", "none.json")
    )

    assert (good.exit_code, good.stdout) == (0, "It asks what nprs-1.0 asks, in the same words.\n")
    assert (bad.exit_code, bad.stderr) == (1, "Error: Q1: its type must be integer\n")
    assert (none.exit_code, none.stderr) == (1, "Error: none.json is not JSON.\n")


def test_answers_are_imported_all_or_nothing_and_exported_again(enrolled: Prom, clinic: str, tmp_path: Path) -> None:
    def send(answer: str, *options: str) -> Any:
        (tmp_path / "answers.csv").write_text(ANSWERS.format(answer))
        return enrolled("import", "redcap", str(tmp_path / "answers.csv"), "--clinic", clinic, *options)

    bad, dry, good = send("11"), send("3", "--dry-run"), send("3")

    out = enrolled("export", "redcap", "--clinic", clinic, "-o", "-")
    assert (bad.exit_code, bad.stdout) == (1, "Not kept: nothing to do.\n")
    assert "nprs_q1" in bad.stderr
    assert (dry.exit_code, dry.stdout) == (0, "Not kept: 1 entered.\n")
    assert (good.exit_code, good.stdout) == (0, "1 entered.\n")
    [row] = csv.DictReader(io.StringIO(out.stdout))
    assert (row["record_id"], row["redcap_event_name"], row["nprs_q1"]) == ("E1", "baseline_arm_1", "3")
    assert row["answered_on"] == str(TODAY)
