"""Files of patients: what they write, what they leave alone, and how their faults are told."""

import pytest
from sqlalchemy import select

from prom_service.models import Episode, Patient
from tests import builders
from tests.services.files import ANN, BOB, Files, faults


def test_a_row_with_an_episode_enrols_and_one_without_only_registers(files: Files) -> None:
    imported = files.patients(ANN, BOB)

    assert (imported.counts, imported.faults) == ({"registered": 2, "enrolled": 1}, ())
    assert (files.count(Patient), files.count(Episode)) == (2, 1)


def test_empty_cells_take_what_the_service_takes(files: Files) -> None:
    files.patients("P2,Bob,,1970-01-02,,E2,,2026-03-02,,")

    with files.runtime.reading() as session:
        patient, episode = session.scalars(select(Patient)).one(), session.scalars(select(Episode)).one()
    assert (patient.email, patient.sex, patient.language) == (None, "unknown", "en")
    assert (episode.pathway, episode.side, episode.clinician) == ("hip-related-pain-1", "none", "")


def test_the_same_file_again_changes_nothing_where_a_clinic_has_its_own_version(files: Files) -> None:
    with files.runtime.transaction() as session:
        version = builders.a_pathway(session, files.clinic, {"limit": "20"}, now=files.clock.now())
    files.patients(ANN)
    with files.runtime.reading() as session:
        enrolled_on = session.scalars(select(Episode.pathway)).one()

    again = files.patients(ANN)
    other = files.patients(ANN.replace("hip-related-pain-1", "hip-osteoarthritis-1"))

    assert enrolled_on == version.ref
    assert (again.counts, again.faults) == ({"unchanged": 1}, ())
    assert faults(other) == [(2, "pathway")]


def test_the_same_file_again_changes_nothing(files: Files) -> None:
    files.patients(ANN, BOB)

    imported = files.patients(ANN, BOB)

    assert (imported.counts, imported.faults) == ({"unchanged": 2}, ())


def test_a_patient_on_record_may_be_enrolled_by_a_later_file(files: Files) -> None:
    files.patients(BOB)

    imported = files.patients("P2,Bob,,1970-01-02,,E2,,2026-03-02,,")

    assert (imported.counts, imported.faults) == ({"enrolled": 1}, ())


def test_a_patient_may_have_a_row_for_each_episode(files: Files) -> None:
    imported = files.patients(ANN, ANN.replace("E1", "E2").replace("left", "right"))

    assert (imported.counts, imported.faults) == ({"registered": 1, "enrolled": 2}, ())


@pytest.mark.parametrize(
    ("before", "after", "column"),
    [
        ("Ann", "Anne", "name"),
        ("ann@", "anne@", "email"),
        ("ann@example.org", "", "email"),
        ("1980", "1981", "date_of_birth"),
        ("female", "", "sex"),
        ("2026-03-02", "2026-03-03", "started_on"),
        ("left", "right", "side"),
        ("C1", "C2", "clinician"),
    ],
)
def test_what_is_on_record_otherwise_is_a_fault_that_names_the_field(
    files: Files, before: str, after: str, column: str
) -> None:
    files.patients(ANN)

    imported = files.patients(ANN.replace(before, after))

    assert faults(imported) == [(2, column)]


def test_a_column_that_is_not_in_the_file_is_not_compared(files: Files) -> None:
    files.patients(ANN)

    imported = files.patients("P1,Ann,1980-01-02", header="external_id,name,date_of_birth")

    assert (imported.counts, imported.faults) == ({"unchanged": 1}, ())


def test_an_episode_of_another_patient_is_a_fault(files: Files) -> None:
    files.patients(ANN)

    imported = files.patients("P2,Bob,,1970-01-02,,E1,hip-related-pain-1,2026-03-02,left,C1")

    assert faults(imported) == [(2, "episode_external_id")]
    assert files.count(Patient) == 1


def test_the_same_row_twice_in_a_file_is_named(files: Files) -> None:
    imported = files.patients(ANN, BOB, ANN)

    assert [(fault.row, fault.column, fault.problem) for fault in imported.faults] == [
        (4, "external_id", "Is the same as in row 2.")
    ]


def test_two_rows_that_disagree_on_a_patient_are_a_fault(files: Files) -> None:
    imported = files.patients(ANN, ANN.replace("Ann", "Anne").replace("E1", "E2").replace("left", "right"))

    assert faults(imported) == [(3, "name")]


def test_a_row_with_a_fault_leaves_nothing_behind_and_the_others_are_taken(files: Files) -> None:
    second_open = ANN.replace("E1", "E2")
    child = "P3,Cid,,2010-01-02,,E3,,2026-03-02,,"

    imported = files.patients(ANN, second_open, child, BOB)

    assert faults(imported) == [(3, ""), (4, "started_on")]
    assert (files.count(Patient), files.count(Episode)) == (2, 1)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",Ann,,1980-01-02,,,,,,", "external_id"),
        ("P1,,,1980-01-02,,,,,,", "name"),
        ("P1,Ann,,,,,,,,", "date_of_birth"),
        ("P1,Ann,,02.01.1980,,,,,,", "date_of_birth"),
        ("P1,Ann,,1980-02-30,,,,,,", "date_of_birth"),
        ("P1,Ann,,1905-12-31,,,,,,", "date_of_birth"),
        ("P1,Ann,,2026-03-04,,,,,,", "date_of_birth"),
        ("P1,Ann,nobody,1980-01-02,,,,,,", "email"),
        ("P1,Ann,,1980-01-02,woman,,,,,", "sex"),
        ("P1,Ann,,1980-01-02,,E1,,,,", "started_on"),
        ("P1,Ann,,1980-01-02,,,,2026-03-02,,", "episode_external_id"),
        ("P1,Ann,,1980-01-02,,E1,,9999-12-31,,", "started_on"),
        ("P1,Ann,,1980-01-02,,E1,knee-1,2026-03-02,,", "pathway"),
        ("P1,Ann,,1980-01-02,,E1,,2026-03-02,middle,", "side"),
        (f"P1,{'n' * 201},,1980-01-02,,,,,,", "name"),
        ('P1,"An\nn",,1980-01-02,,,,,,', "name"),
        ("P1,Ann,,1980-01-02", ""),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(files: Files, row: str, column: str) -> None:
    imported = files.patients(BOB, row)

    assert faults(imported) == [(3, column)]


def test_every_bad_cell_of_a_row_is_named_without_its_content(files: Files) -> None:
    imported = files.patients("P1,Ann,,never,woman,,,,middle,")

    assert faults(imported) == [(2, "date_of_birth"), (2, "sex"), (2, "side")]
    assert not {"never", "woman", "middle"} & set(" ".join(map(str, imported.faults)).replace("'", " ").split())


def test_composed_and_decomposed_letters_are_the_same_patient(files: Files) -> None:
    files.patients(BOB.replace("P2", "Pé"))

    imported = files.patients(BOB.replace("P2", "Pe\u0301"))

    assert imported.counts == {"unchanged": 1}
