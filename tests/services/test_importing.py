"""Files of patients and visits: what they write, what they leave alone, and how their faults are told."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from prom_service.models import Base, Clinic, Episode, EpisodeVisit, Patient, Visit, VisitVersion
from prom_service.runtime import Runtime
from prom_service.services import enrolment, visits
from prom_service.services.importing import Imported, Progress, import_patients, import_visits
from tests import builders
from tests.fakes import Clock
from tests.support.meeting import meet

PATIENTS = "external_id,name,email,date_of_birth,sex,episode_external_id,pathway,started_on,side,clinician"
ANN = "P1,Ann,ann@example.org,1980-01-02,female,E1,hip-related-pain-1,2026-03-02,left,C1"
BOB = "P2,Bob,,1970-01-02,,,,,,"
SECOND, THIRD = (
    f"E{number}0,hip-osteoarthritis-1,2026-03-02,{side},C1" for number, side in ((1, "left"), (2, "right"))
)
VISITS = "episode_external_id,patient_external_id,visit_external_id,date,clinician,status"


class Files:
    """A clinic that sends files."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock
        with runtime.transaction() as session:
            self.clinic: Clinic = builders.a_clinic(session, now=clock.now())

    def patients(self, *rows: str, header: str = PATIENTS, progress: Progress = iter) -> Imported:
        return self.send(import_patients, "\n".join([header, *rows]).encode(), progress)

    def visits(self, *rows: str, header: str = VISITS, progress: Progress = iter) -> Imported:
        return self.send(import_visits, "\n".join([header, *rows]).encode(), progress)

    def meet(self, *rows: str) -> Imported:
        """Send a file of patients twice at once, the second the other way round; return what that one did."""
        found: list[Imported] = []
        meet(
            self.runtime,
            lambda progress: self.patients(*rows, progress=progress),
            lambda: found.append(self.patients(*reversed(rows))),
        )
        return found[0]

    def send(self, act: Callable[..., Imported], content: bytes, progress: Progress = iter) -> Imported:
        now = self.clock.now()
        with self.runtime.transaction() as session:
            return act(session, self.clinic, content, actor="command", now=now, progress=progress)

    def void(self, episode_number: str, number: str) -> None:
        with self.runtime.transaction() as session:
            episode = session.scalars(select(Episode).where(Episode.external_id == episode_number)).one()
            visits.void_visit(session, episode, number, actor="command", now=self.clock.now())

    def count(self, table: type[Base]) -> int:
        with self.runtime.reading() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def visit(self, number: str) -> Visit:
        with self.runtime.reading() as session:
            return session.scalars(select(Visit).where(Visit.external_id == number)).one()


@pytest.fixture
def files(runtime: Runtime, clock: Clock) -> Files:
    return Files(runtime, clock)


@pytest.fixture
def enrolled(files: Files) -> Files:
    """The clinic after it enrolled P1 with E1 on the left and P2 with E2, yesterday week."""
    files.patients(
        ANN,
        "P2,Bob,bob@example.org,1970-01-02,male,E2,hip-related-pain-1,2026-03-02,none,C2",
    )
    files.clock.advance(days=8)
    return files


def faults(imported: Imported) -> list[tuple[int, str]]:
    return [(fault.row, fault.column) for fault in imported.faults]


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


def test_composed_and_decomposed_letters_are_the_same_patient(files: Files) -> None:
    files.patients(BOB.replace("P2", "Pé"))

    imported = files.patients(BOB.replace("P2", "Pe\u0301"))

    assert imported.counts == {"unchanged": 1}


@pytest.mark.parametrize("named", ["E1,", ",P1", "E1,P1"])
def test_a_visit_is_recorded_for_the_episode_or_the_patients_only_open_one(enrolled: Files, named: str) -> None:
    imported = enrolled.visits(f"{named},V1,2026-03-09,C1,attended")

    assert (imported.counts, imported.faults) == ({"recorded": 1}, ())


@pytest.mark.parametrize(
    ("named", "column"),
    [
        (",", "episode_external_id"),
        ("E9,", "episode_external_id"),
        (",P9", "patient_external_id"),
        ("E1,P2", "patient_external_id"),
    ],
)
def test_a_visit_that_names_no_open_episode_is_a_fault(enrolled: Files, named: str, column: str) -> None:
    imported = enrolled.visits(f"{named},V1,2026-03-09,C1,attended")

    assert faults(imported) == [(2, column)]


def test_a_patient_with_two_open_episodes_does_not_say_which(enrolled: Files) -> None:
    enrolled.patients(ANN.replace("E1", "E3").replace("left", "right"))

    imported = enrolled.visits(",P1,V1,2026-03-09,C1,attended")

    assert faults(imported) == [(2, "patient_external_id")]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("E1,,,2026-03-09,C1,attended", "visit_external_id"),
        ("E1,,V1,,C1,attended", "date"),
        ("E1,,V1,2026-03-01,C1,attended", "date"),
        ("E1,,V1,2026-03-11,C1,attended", "date"),
        ("E1,,V1,2026-03-12,C1,cancelled", "date"),
        ("E1,,V1,2026-03-09,C1,", "status"),
        ("E1,,V1,2026-03-09,C1,came", "status"),
    ],
)
def test_a_visit_with_a_bad_cell_is_named(enrolled: Files, row: str, column: str) -> None:
    imported = enrolled.visits(row)

    assert faults(imported) == [(2, column)]


def test_the_same_visits_again_change_nothing(enrolled: Files) -> None:
    rows = ["E1,,V1,2026-03-09,C1,attended", ",P2,V2,2026-03-09,C2,no_show"]
    enrolled.visits(*rows)

    imported = enrolled.visits(*rows)

    assert (imported.counts, imported.faults) == ({"unchanged": 2}, ())
    assert enrolled.count(VisitVersion) == 2


def test_the_same_visit_again_is_unchanged_also_after_its_episode_was_closed(enrolled: Files) -> None:
    enrolled.visits(",P1,V1,2026-03-09,C1,attended")
    with enrolled.runtime.transaction() as session:
        episode = session.scalars(select(Episode).where(Episode.external_id == "E1")).one()
        closed_on = enrolled.clock.now().date()
        enrolment.close_episode(
            session, episode, closed_on=closed_on, reason="done", actor="command", now=enrolled.clock.now()
        )

    imported = enrolled.visits(",P1,V1,2026-03-09,C1,attended")

    assert (imported.counts, imported.faults) == ({"unchanged": 1}, ())


def test_a_visit_that_was_reported_otherwise_is_corrected_and_keeps_its_history(enrolled: Files) -> None:
    enrolled.visits("E1,,V1,2026-03-09,C1,attended")

    imported = enrolled.visits("E1,,V1,2026-03-09,C1,no_show")

    assert (imported.counts, enrolled.visit("V1").status) == ({"corrected": 1}, "no_show")
    assert enrolled.count(VisitVersion) == 2


def test_a_voided_visit_that_is_reported_again_comes_back(enrolled: Files) -> None:
    enrolled.visits("E1,,V1,2026-03-09,C1,attended")
    enrolled.void("E1", "V1")

    imported = enrolled.visits("E1,,V1,2026-03-09,C1,attended")

    assert (imported.counts, enrolled.visit("V1").voided_at) == ({"corrected": 1}, None)


def test_documentation_is_kept_and_a_column_not_in_the_file_leaves_it_alone(enrolled: Files) -> None:
    enrolled.visits(
        "E1,,V1,2026-03-09,C1,attended,telehealth,yes,20 kg,", header=f"{VISITS},format,reassessed,exercise_load,sets"
    )

    enrolled.visits("E1,,V1,2026-03-09,C2,attended,3", header=f"{VISITS},sets")

    visit = enrolled.visit("V1")
    assert (visit.clinician, visit.format, visit.reassessed) == ("C2", "telehealth", True)
    assert visit.documentation == {"exercise_load": "20 kg", "sets": "3"}


def test_an_empty_cell_clears_what_was_documented(enrolled: Files) -> None:
    header = f"{VISITS},reassessed,sets"
    enrolled.visits("E1,,V1,2026-03-09,C1,attended,yes,3", header=header)

    enrolled.visits("E1,,V1,2026-03-09,C1,attended,,", header=header)

    visit = enrolled.visit("V1")
    assert (visit.reassessed, visit.documentation) == (False, {})


def test_one_visit_may_serve_two_episodes_of_a_patient_and_is_one_visit(enrolled: Files) -> None:
    enrolled.patients(ANN.replace("E1", "E3").replace("left", "right"))

    imported = enrolled.visits("E1,,V1,2026-03-09,C1,attended", "E3,,V1,2026-03-09,C1,attended")

    assert (imported.counts, enrolled.count(Visit)) == ({"recorded": 2}, 1)


@pytest.mark.parametrize(("file", "served"), [(["E3"], ["E3"]), (["E3", "E1"], ["E1", "E3"])], ids=["one", "both"])
def test_a_visit_taken_back_comes_back_on_the_episodes_that_the_file_names(
    enrolled: Files, file: list[str], served: list[str]
) -> None:
    enrolled.patients(ANN.replace("E1", "E3").replace("left", "right"))
    enrolled.visits("E1,,V1,2026-03-09,C1,attended")
    enrolled.void("E1", "V1")

    enrolled.visits(*[f"{number},,V1,2026-03-09,C1,attended" for number in file])

    with enrolled.runtime.reading() as session:
        serving = select(Episode.external_id).join(EpisodeVisit, EpisodeVisit.episode_id == Episode.id)
        found = session.scalars(serving.where(EpisodeVisit.removed_at.is_(None)).order_by(Episode.external_id)).all()
    assert found == served


def test_the_number_of_another_patient_s_visit_is_a_fault(enrolled: Files) -> None:
    imported = enrolled.visits("E1,,V1,2026-03-09,C1,attended", "E2,,V1,2026-03-09,C1,attended")

    assert (imported.counts, faults(imported)) == ({"recorded": 1}, [(3, "")])


@pytest.mark.parametrize(
    "second", ["E1,P1,V1,2026-03-09,C1,attended", "E2,,V1,2026-03-09,C1,no_show", "E2,,V1,2026-03-08,C1,attended"]
)
def test_a_visit_twice_in_a_file_must_be_of_two_episodes_and_the_same(enrolled: Files, second: str) -> None:
    imported = enrolled.visits("E1,,V1,2026-03-09,C1,attended", second)

    assert faults(imported) == [(3, "visit_external_id")]


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
