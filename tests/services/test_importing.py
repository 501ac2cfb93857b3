"""What files of patients and of visits have in common: how they are read, which are refused, that they take turns."""

import pytest

from prom_service.models import Patient, Visit, VisitVersion
from prom_service.services.importing import import_patients
from tests import builders
from tests.services.files import ANN, BOB, PATIENTS, Files, faults
from tests.support.meeting import meet

SECOND, THIRD = (
    f"E{number}0,hip-osteoarthritis-1,2026-03-02,{side},C1" for number, side in ((1, "left"), (2, "right"))
)


@pytest.mark.parametrize(
    ("content", "row", "column"),
    [
        (b"", 1, ""),
        (b"\n\n", 1, ""),
        ("external_id,name,date_of_birth\nP1,José,1980-01-02".encode("latin-1"), 2, ""),
        ("external_id,name,date_of_birth\nP1,Ann,1980-01-02".encode("utf-16"), 1, ""),
        (b"external_id,name,date_of_birth\nP1,A\0nn,1980-01-02", 2, ""),
        (b'external_id,name,date_of_birth\nP1,"Ann,1980-01-02', 2, ""),
        (b"external_id,name,date_of_birth,shoe_size\nP1,Ann,1980-01-02,9", 1, "shoe_size"),
        (b"external_id,name,date_of_birth,name\nP1,Ann,1980-01-02,Ann", 1, "name"),
        (b"external_id,name\nP1,Ann", 1, "date_of_birth"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(files: Files, content: bytes, row: int, column: str) -> None:
    imported = files.send(import_patients, content)

    assert (faults(imported), imported.counts) == ([(row, column)], {})


def test_a_file_without_a_header_is_told_so_and_no_cell_of_it_is_repeated(files: Files) -> None:
    imported = files.patients(BOB, header=ANN)

    [fault] = imported.faults
    assert (fault.row, fault.column, fault.problem) == (1, "", "is no header: no column has a known name")
    assert fault.allowed.startswith("external_id, name, ")


@pytest.mark.parametrize("length", [201, 131_072, 131_073])
def test_a_cell_that_is_too_long_is_named_by_its_column_however_long(files: Files, length: int) -> None:
    imported = files.patients(ANN.replace("Ann", "A" * length), BOB)

    [fault] = imported.faults
    assert (fault.row, fault.column, fault.problem) == (2, "name", "is too long")
    assert files.count(Patient) == 1


def test_a_header_alone_does_nothing(files: Files) -> None:
    imported = files.patients()

    assert (imported.counts, imported.faults) == ({}, ())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize(("mark", "end"), [(",", "\n"), (";", "\r\n")])
def test_usual_ways_to_write_csv_are_read(files: Files, encoding: str, mark: str, end: str) -> None:
    rows = [PATIENTS, ANN, "", BOB]
    content = end.join(row.replace(",", mark) for row in rows).encode(encoding)

    imported = files.send(import_patients, content)

    assert (imported.counts, imported.faults) == ({"registered": 2, "enrolled": 1}, ())


def test_rows_of_another_clinic_are_not_there(enrolled: Files) -> None:
    with enrolled.runtime.transaction() as session:
        enrolled.clinic = builders.a_clinic(session, now=enrolled.clock.now())

    registered = enrolled.patients(ANN)
    visited = enrolled.visits("E2,,V1,2026-03-09,C1,attended")

    assert (registered.counts, faults(visited)) == (
        {"registered": 1, "enrolled": 1},
        [(2, "episode_external_id")],
    )


def test_a_file_asks_in_bounded_numbers_of_keys(enrolled: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prom_service.services.importing.KEYS_AT_ONCE", 1)

    imported = enrolled.visits(*[f"E{1 + number % 2},,V{number},2026-03-09,C1,attended" for number in range(5)])

    assert imported.counts == {"recorded": 5}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_files_of_visits_at_once_take_turns(enrolled: Files) -> None:
    rows = ("E1,,V1,2026-03-09,C1,attended", "E2,,V2,2026-03-09,C1,attended")

    meet(
        enrolled.runtime,
        lambda progress: enrolled.visits(*rows, progress=progress),
        lambda: enrolled.visits(*reversed(rows)),
    )

    assert (enrolled.count(Visit), enrolled.count(VisitVersion)) == (2, 2)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_files_of_new_patients_at_once_take_turns(files: Files) -> None:
    found = files.meet(ANN, BOB)

    assert [fault.problem for fault in found.faults] == ["There is a patient under this number already."] * 2
    assert files.patients(ANN, BOB).counts == {"unchanged": 2}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_files_of_new_episodes_at_once_take_turns(enrolled: Files) -> None:
    second, third = (f"{ANN[: ANN.index('E1')]}{said}" for said in (SECOND, THIRD))

    found = enrolled.meet(second, third)

    assert faults(found) == [(2, ""), (3, "")]
    assert enrolled.patients(second, third).counts == {"unchanged": 2}
