"""`prom export research`: everything a study needs, nothing that says who it was."""

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from arro3.io import read_parquet
from sqlalchemy import select

from prom_service.models import AuditEntry, Clinic, Episode, Patient
from prom_service.queries.facts import load_episodes
from prom_service.runtime import Runtime
from prom_service.services import research, submission, visits
from prom_service.services.visits import VisitDetails
from tests import builders, mailroom
from tests.cli.conftest import SECRET, Prom
from tests.fakes import Clock

START = dt.datetime(2026, 1, 12, 12, tzinfo=dt.UTC)
LATER = START + dt.timedelta(days=9)
BORN = dt.date(1961, 1, 12)
KEY = b"k" * 32


@pytest.fixture
def runtime(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, Clock(START), secret_key=SECRET) as runtime:
        yield runtime


@pytest.fixture
def clinic(runtime: Runtime) -> Clinic:
    """A clinic with one patient, who answered the baseline and came twice, and one who did neither."""
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=START)
        patient = builders.a_patient(session, clinic, now=START, date_of_birth=BORN)
        patient.name, patient.external_id = "Zenobia Quagga", "=HYPERLINK(1)"
        episode = builders.an_episode(session, clinic, patient, now=START, clinician="DR-SECRET")
        baseline = builders.the_administration(session, episode, "baseline")
        answers = builders.complete_answers(baseline, episode, ihot=40)
        submission.submit(session, baseline, answers=answers, now=START + dt.timedelta(days=1))
        for number, day in enumerate((0, 9)):
            details = VisitDetails(visited_on=START.date() + dt.timedelta(days=day), clinician="DR-SECRET")
            visits.record_visit(
                session, episode, f"V{number}", details, actor="command", now=START + dt.timedelta(days=9)
            )
        builders.an_episode(session, clinic, now=START)
        return clinic


@pytest.fixture
def archive(prom_on_both: Prom, clinic: Clinic, tmp_path: Path) -> zipfile.ZipFile:
    told = prom_on_both("export", "research", "--clinic", clinic.code, "-o", tmp_path / "study.zip")
    assert (told.exit_code, told.stderr) == (0, "Wrote 1 responses.\n")
    return zipfile.ZipFile(tmp_path / "study.zip")


def rows(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(name).decode(), newline="")))


def test_a_response_is_a_row_with_its_answers_and_scores(archive: zipfile.ZipFile) -> None:
    [row] = rows(archive, "responses.csv")

    told = {name: row[name] for name in ("pathway", "timepoint", "day", "age_band", "number", "partial", "mode")}
    assert told == {
        "pathway": "hip-related-pain-1",
        "timepoint": "baseline",
        "day": "1",
        "age_band": "60-69",
        "number": "1",
        "partial": "0",
        "mode": "web",
    }
    assert row["ihot-12-1.0.total"] == "40.0"
    assert row["ihot-12-1.0.wording"] == "own"
    items = {name: cell for name, cell in row.items() if re.fullmatch(r"ihot-12-1\.0\.Q?\d+", name)}
    assert set(items.values()) == {"40"}


def test_visits_and_episodes_join_by_the_names_of_the_archive(archive: zipfile.ZipFile) -> None:
    [response] = rows(archive, "responses.csv")
    episodes = {row["episode"]: row for row in rows(archive, "episodes.csv")}
    came = rows(archive, "visits.csv")

    assert [row["day"] for row in came] == ["0", "9"]
    assert {row["episode"] for row in came} == {response["episode"]}
    assert episodes[response["episode"]]["patient"] == response["patient"]
    assert episodes[response["episode"]]["clinician"] == came[0]["clinician"] != ""
    assert len(episodes) == 2  # Whoever never answered is there too.


def test_nothing_in_it_says_who_when_or_in_which_words(
    archive: zipfile.ZipFile, runtime: Runtime, clinic: Clinic
) -> None:
    with runtime.reading() as session:
        patients = session.scalars(select(Patient).where(Patient.clinic_id == clinic.id)).all()
        episodes = session.scalars(select(Episode).where(Episode.clinic_id == clinic.id)).all()
    known = [str(one) for row in patients for one in (row.id, row.name, row.email, row.external_id, row.date_of_birth)]
    known += [str(one) for row in episodes for one in (row.id, row.external_id)]
    content = {name: archive.read(name).decode() for name in archive.namelist()}

    assert [one for one in (*known, "DR-SECRET", "V0") if any(one in text for text in content.values())] == []
    assert not any(re.search(r"\d{4}-\d\d-\d\d", content[name]) for name in content if name != "README.txt")
    assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
    assert not any(name.endswith(".text") for name in rows(archive, "responses.csv")[0])


def test_every_column_is_in_the_dictionary_and_no_cell_is_a_formula(archive: zipfile.ZipFile) -> None:
    dictionary = rows(archive, "dictionary.csv")

    for table in ("episodes", "responses", "visits"):
        defined = [row["column"] for row in dictionary if row["table"] == table]
        assert defined == list(rows(archive, f"{table}.csv")[0])
    assert all(row["meaning"] for row in dictionary)
    cells = [
        cell
        for name in archive.namelist()
        if name.endswith(".csv")
        for row in rows(archive, name)
        for cell in row.values()
    ]
    assert [cell for cell in cells if cell.startswith(("=", "+", "@"))] == []
    assert "Pseudonymous is not anonymous" in archive.read("README.txt").decode()


def test_the_dictionary_names_the_codes_that_stand_in_the_cells(
    prom_on_both: Prom, runtime: Runtime, clinic: Clinic, tmp_path: Path
) -> None:
    with runtime.transaction() as session:
        episode, _ = builders.the_episodes(session)
        follow_up = builders.the_administration(session, episode, "6-weeks")
        answers = builders.complete_answers(follow_up, episode, groc=-3)
        submission.submit(session, follow_up, answers=answers, now=START + dt.timedelta(days=42))

    prom_on_both("export", "research", "--clinic", clinic.code, "-o", tmp_path / "study.zip")

    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        values = {row["column"]: row["values"].split("; ") for row in rows(archive, "dictionary.csv")}
        assert [row["groc-1.0.Q1"] for row in rows(archive, "responses.csv")] == ["", "-3"]
    assert [one for one in values["groc-1.0.Q1"] if one.endswith("-3")] == ["Somewhat worse = -3"]
    assert values["safety-1.0.R1"] == ["No = 0", "Yes = 1"]
    assert values["ihot-12-1.0.Q5"] == ["0 to 100", "does not apply = NA"]


def test_it_says_which_of_two_baselines_change_is_counted_from(
    prom_on_both: Prom, runtime: Runtime, clinic: Clinic, tmp_path: Path
) -> None:
    with runtime.transaction() as session:
        _, episode = builders.the_episodes(session)
        baseline = builders.the_administration(session, episode, "baseline")
        answers = builders.complete_answers(baseline, episode)
        submission.start(session, baseline, now=START)
        submission.save_answers(session, baseline, {"ihot-12-1.0": answers["ihot-12-1.0"]}, now=START)
        submission.submit(session, baseline, answers=answers, now=START + dt.timedelta(days=20))
        [facts] = [one.facts for one in load_episodes(session, [episode.id])]

    prom_on_both("export", "research", "--clinic", clinic.code, "-o", tmp_path / "study.zip")

    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        told = [(row["number"], row["partial"], row["late"]) for row in rows(archive, "responses.csv")]
        [meant] = [row["meaning"] for row in rows(archive, "dictionary.csv") if row["column"] == "number"]
        readme = archive.read("README.txt").decode()
    assert sorted(told) == [("1", "0", "0"), ("1", "1", "0"), ("2", "0", "1")]
    assert facts.baseline is not None
    assert not facts.baseline.late
    assert all("one that is not late before any that is" in text for text in (meant, readme))


def test_no_table_tells_in_which_order_patients_were_enrolled(runtime: Runtime, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        for number in range(6):
            episode = builders.an_episode(session, clinic, now=START)
            baseline = builders.the_administration(session, episode, "baseline")
            submission.submit(session, baseline, answers=builders.complete_answers(baseline, episode), now=START)
            visits.record_visit(
                session, episode, f"W{number}", VisitDetails(visited_on=START.date()), actor="command", now=START
            )

    with runtime.reading() as session:
        for table in research.export(session, clinic, key=KEY).tables:
            place = [column.name for column in table.columns].index("episode")
            names = [row[place] for batch in table.batches() for row in batch]
            assert names == sorted(names)


def test_the_same_patient_has_another_name_in_another_archive(runtime: Runtime, clinic: Clinic) -> None:
    def patients(key: bytes) -> list[Any]:
        with runtime.reading() as session:
            [episodes, *_] = research.export(session, clinic, key=key).tables
            return sorted(row[0] for batch in episodes.batches() for row in batch)

    assert patients(KEY) == patients(KEY)
    assert not set(patients(KEY)) & set(patients(b"l" * 32))


def test_many_episodes_come_in_batches_of_a_few_statements_each(
    runtime: Runtime, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(research, "EPISODES_AT_ONCE", 1)
    with runtime.reading() as session:
        found = research.export(session, clinic, key=KEY)
        sizes = {table.name: [len(batch) for batch in table.batches()] for table in found.tables}

    assert found.batch_count == 2
    assert {name: sorted(each) for name, each in sizes.items()} == {
        "episodes": [1, 1],
        "responses": [0, 1],
        "visits": [0, 2],
    }


def test_as_parquet_the_tables_are_typed(prom_on_both: Prom, clinic: Clinic, tmp_path: Path) -> None:
    prom_on_both("export", "research", "--clinic", clinic.code, "--format", "parquet", "-o", tmp_path / "study.zip")

    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        part = read_parquet(io.BytesIO(archive.read("responses/part-0000.parquet"))).read_all()

    assert part["day"].to_pylist() == [1]
    assert part["ihot-12-1.0.total"].to_pylist() == [40.0]
    assert part.schema.field("day").metadata[b"meaning"].startswith(b"Days from the start")


def on_record(runtime: Runtime, clinic: Clinic) -> list[tuple[str, int | None]]:
    with runtime.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.clinic_id == clinic.id)).all()
        return [(entry.act, entry.shown) for entry in entries]


def test_the_export_is_on_record(archive: zipfile.ZipFile, runtime: Runtime, clinic: Clinic) -> None:
    assert on_record(runtime, clinic) == [("prom export research", 1)]


def test_so_is_one_that_breaks_off(prom_on_both: Prom, runtime: Runtime, clinic: Clinic) -> None:
    told = prom_on_both("export", "research", "--clinic", clinic.code, "-o", "/dev/full")

    assert told.exit_code == 1
    assert on_record(runtime, clinic) == [("prom export research", 1)]


@pytest.mark.parametrize(
    ("born", "band"),
    [
        (dt.date(2006, 1, 13), "under 20"),
        (dt.date(2006, 1, 12), "20-29"),
        (dt.date(1966, 1, 13), "50-59"),
        (dt.date(1966, 1, 12), "60-69"),
        (dt.date(1946, 1, 13), "70-79"),
        (dt.date(1946, 1, 12), "80 or older"),
    ],
)
def test_an_age_is_a_band_of_ten_years(born: dt.date, band: str) -> None:
    assert research.age_band(born, START.date()) == band
