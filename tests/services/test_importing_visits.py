"""Files of visits: which episode a row is of, what it writes or corrects, and how its faults are told."""

import pytest
from sqlalchemy import select

from prom_service.models import Episode, EpisodeVisit, Visit, VisitVersion
from prom_service.services import enrolment
from tests.services.files import ANN, VISITS, Files, faults


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
