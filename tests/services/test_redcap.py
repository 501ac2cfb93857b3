"""Answers from REDCap are entered as staff enter them, and leave in the same layout."""

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
from sqlalchemy import ColumnElement, select

from prom_service.cli.exporting import as_csv
from prom_service.models import (
    AnswerSet,
    AuditEntry,
    Clinic,
    Episode,
    Flag,
    FlagEvent,
    Judgement,
    Patient,
    Response,
    Score,
)
from prom_service.runtime import Runtime
from prom_service.services import administrations, redcap, standing, submission
from prom_service.services.importing import Imported, Progress
from tests import builders
from tests.fakes import Clock
from tests.support.meeting import meet

HEADER = "record_id,redcap_event_name,answered_on,nprs_q1,ihot_12_q1,ihot_12_q5"
SYMPTOMS = "record_id,redcap_event_name,answered_on,nprs_q1,safety_r1"
LEFT: Mapping[type, Sequence[str]] = {
    Response: ("answered_at", "amendment", "late"),
    Score: ("instrument", "scale", "value"),
    Judgement: ("checkpoint", "number", "outcome", "reason"),
    Flag: ("kind", "checkpoint", "severity", "status", "why"),
    FlagEvent: ("type", "actor"),
    AuditEntry: ("act", "actor"),
}
"""What a file leaves, but for ids and the order in which it was written."""


class Project:
    """A clinic with two episodes at the day of their 6-week checkpoint, its REDCap project, and another like it."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.runtime, self.clock = runtime, clock
        self.clinic, self.other = self.a_clinic(), self.a_clinic()
        clock.advance(days=42)

    def a_clinic(self) -> Clinic:
        with self.runtime.transaction() as session:
            clinic = builders.a_clinic(session, now=self.clock.now())
            for number in ("E1", "E2"):
                builders.an_episode(
                    session, clinic, now=self.clock.now(), external_id=number, pathway="buttock-nerve-pain-1"
                )
            return clinic

    def send(self, *rows: str, header: str = HEADER) -> Imported:
        return self.send_file("\n".join([header, *rows]).encode(), self.clinic)

    def send_file(self, content: bytes, clinic: Clinic, progress: Progress = iter) -> Imported:
        now = self.clock.now()
        with self.runtime.transaction() as session:
            return redcap.import_answers(session, clinic, content, actor="command", now=now, progress=progress)

    def send_symptoms(self, *rows: str, clinic: Clinic | None = None, progress: Progress = iter) -> Imported:
        return self.send_file("\n".join([SYMPTOMS, *rows]).encode(), clinic or self.clinic, progress)

    def meet(self, rival: Callable[[], object], *rows: str) -> bool:
        return meet(self.runtime, lambda progress: self.send_symptoms(*rows, progress=progress), rival)

    def answer(self) -> None:
        """The patient of E2 sends answers with a symptom in."""
        now = self.clock.now()
        answers = {"nprs-1.0": {"Q1": 4}, "safety-1.0": {"R1": 1}}
        with self.runtime.transaction() as session:
            episode = session.scalars(select(Episode).where(*self.named("E2"))).one()
            administration = builders.the_administration(session, episode, "6-weeks")
            submission.submit(session, administration, answers=answers, now=now)

    def unsubscribe(self) -> None:
        """The patient of E1 stops all mail."""
        with self.runtime.transaction() as session:
            of_episode = select(Episode.patient_id).where(*self.named("E1")).scalar_subquery()
            patient = session.scalars(select(Patient).where(Patient.id == of_episode)).one()
            standing.unsubscribe(session, patient, actor="patient", now=self.clock.now())

    def named(self, number: str) -> tuple[ColumnElement[bool], ...]:
        return Episode.clinic_id == self.clinic.id, Episode.external_id == number

    def written(self, clinic: Clinic | None = None) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.file(clinic).decode())))

    def file(self, clinic: Clinic | None = None) -> bytes:
        with self.runtime.reading() as session:
            return as_csv(redcap.export_answers(session, clinic or self.clinic))

    def responses(self) -> list[Response]:
        with self.runtime.reading() as session:
            return list(session.scalars(select(Response).order_by(Response.id)))

    def answers(self, clinic: Clinic) -> Iterator[tuple[str, dict[str, object]]]:
        with self.runtime.reading() as session:
            for one in session.scalars(select(AnswerSet).where(AnswerSet.clinic_id == clinic.id)):
                yield one.instrument, one.answers

    def left(self, clinic: Clinic) -> dict[str, list[str]]:
        """What files have left at a clinic."""
        with self.runtime.reading() as session:
            return {
                table.__name__: sorted(
                    str([getattr(row, name) for name in names])
                    for row in session.scalars(select(table).filter_by(clinic_id=clinic.id))
                )
                for table, names in LEFT.items()
            }


@pytest.fixture
def project(runtime: Runtime, clock: Clock) -> Project:
    return Project(runtime, clock)


def told(imported: Imported) -> list[tuple[int, str]]:
    return [(fault.row, fault.column) for fault in imported.faults]


def test_a_row_is_a_set_of_answers_under_its_day(project: Project) -> None:
    imported = project.send("E1,6_weeks_arm_1,2026-04-10,3,40,NA", "E2,6_weeks_arm_2,,,,")

    [response] = project.responses()
    assert (dict(imported.counts), imported.faults) == ({"entered": 1, "empty": 1}, ())
    assert (response.mode, response.entered_by) == ("paper", "command")
    assert response.answered_at.isoformat() == "2026-04-10T11:00:00+00:00"
    assert dict(project.answers(project.clinic))["ihot-12-1.0"] == {"Q1": 40, "Q5": "NA"}


def test_without_a_day_it_is_that_on_which_the_last_survey_was_sent_in(project: Project) -> None:
    stamps = "nprs_1_0_timestamp,groc_1_0_timestamp,pass_1_0_timestamp"
    header = f"record_id,redcap_event_name,nprs_q1,answered_on,{stamps}"

    imported = project.send(
        "E1,6_weeks_arm_1,3,,2026-04-09 23:30:00,2026-04-10 08:15,[not completed]",
        "E2,6_weeks_arm_1,3,2026-04-11,2026-04-09 23:30:00,,",
        "E2,baseline_arm_1,3,,some day,,",
        header=header,
    )

    assert told(imported) == [(4, "nprs_1_0_timestamp")]
    assert [str(one.answered_at.date()) for one in project.responses()] == ["2026-04-10", "2026-04-11"]


def test_the_same_file_again_changes_nothing_and_other_answers_are_an_amendment(project: Project) -> None:
    first = project.send("E1,6_weeks_arm_1,2026-04-10,3,40,NA")
    again = project.send("E1,6_weeks_arm_1,2026-04-10,3,40,NA")
    other = project.send("E1,6_weeks_arm_1,2026-04-10,4,40,NA")

    assert [dict(one.counts) for one in (first, again, other)] == [{"entered": 1}, {"unchanged": 1}, {"amended": 1}]
    assert [one.amendment for one in project.responses()] == [False, True]
    assert [row["nprs_q1"] for row in project.written()] == ["3"]


@pytest.mark.parametrize(
    ("complete", "sent_in", "counted"),
    [
        ("2", "2026-04-10 08:15", "entered"),
        ("1", "", "entered"),
        ("", "2026-04-10 08:15", "entered"),
        ("", "", "entered"),
        ("2", "[not completed]", "entered"),
        ("0", "", "unfinished"),
        ("0", "[not completed]", "unfinished"),
        ("", "[not completed]", "unfinished"),
    ],
)
def test_a_row_waits_for_a_form_that_was_begun_and_not_finished(
    project: Project, complete: str, sent_in: str, counted: str
) -> None:
    header = "record_id,redcap_event_name,nprs_q1,ihot_12_q1,ihot_12_1_0_complete,ihot_12_1_0_timestamp"

    imported = project.send(f"E1,6_weeks_arm_1,3,40,{complete},{sent_in}", header=header)

    assert (dict(imported.counts), imported.faults) == ({counted: 1}, ())
    assert len(project.responses()) == (counted == "entered")


def test_a_form_that_nobody_has_begun_keeps_no_row_waiting(project: Project) -> None:
    header = "record_id,redcap_event_name,nprs_q1,nprs_1_0_complete,ihot_12_q1,ihot_12_1_0_complete"

    imported = project.send("E1,6_weeks_arm_1,3,2,,0", "E2,6_weeks_arm_1,,0,,0", header=header)

    assert dict(imported.counts) == {"entered": 1, "empty": 1}


def test_what_is_finished_later_is_the_set_that_stands(project: Project) -> None:
    header = "record_id,redcap_event_name,answered_on,nprs_q1,nprs_1_0_complete,psfs_q1_text,psfs_q1,psfs_1_0_complete"

    begun = project.send("E1,baseline_arm_1,2026-03-03,3,2,Stairs,,0", header=header)
    finished = project.send("E1,baseline_arm_1,2026-03-03,3,2,Stairs,6,2", header=header)

    assert [dict(one.counts) for one in (begun, finished)] == [{"unfinished": 1}, {"entered": 1}]
    assert [one.amendment for one in project.responses()] == [False]
    assert "6.0" in str(project.left(project.clinic)["Score"])


def test_every_fault_is_named_by_row_and_column(project: Project) -> None:
    imported = project.send(
        "E1,6_weeks_arm_1,2026-04-10,11,40,",
        "E1,6_weeks_arm_1,2026-04-10,,NA,x",
        "E9,6_weeks_arm_1,2026-04-10,1,,",
        "E1,2_weeks_arm_1,2026-04-10,1,,",
        "E2,6_weeks_arm_1,2026-02-30,1,,",
        "E2,6_weeks_arm_1,2026-03-03,1,,",
        "E2,3_months_arm_1,2026-04-10,,,",
        "E2,3_months_arm_1,2026-04-10,1,,",
    )

    assert told(imported) == [
        (2, "nprs_q1"),
        (3, "ihot_12_q1"),
        (3, "ihot_12_q5"),
        (4, "record_id"),
        (5, "redcap_event_name"),
        (6, "answered_on"),
        (7, ""),
        (9, "redcap_event_name"),
    ]
    assert project.responses() == []
    assert "11" not in imported.faults[0].problem


def test_answers_to_what_is_not_asked_are_named_by_their_form(project: Project) -> None:
    imported = project.send(
        "E1,6_weeks_arm_1,1,", "E2,6_weeks_arm_1,,1", header="record_id,redcap_event_name,hoos_p1,safety_r11"
    )

    assert told(imported) == [(2, "hoos_2_0"), (3, "safety_r11")]


def test_an_unknown_column_is_refused_by_name(project: Project) -> None:
    assert told(project.send("E1,6_weeks_arm_1,1", header="record_id,redcap_event_name,colour")) == [(1, "colour")]


def test_answers_of_one_clinic_are_not_entered_at_another(project: Project, runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        third = builders.a_clinic(session, now=clock.now())

    imported = project.send_file(f"{HEADER}\nE1,6_weeks_arm_1,,3,,\n".encode(), third)

    assert told(imported) == [(2, "record_id")]


def test_a_symptom_raises_its_flag(project: Project, runtime: Runtime) -> None:
    project.send("E1,6_weeks_arm_1,1", header="record_id,redcap_event_name,safety_r1")

    with runtime.reading() as session:
        assert "red_flag_symptom" in session.scalars(select(Flag.kind)).all()


def test_a_file_leaves_what_its_rows_leave_that_are_sent_one_by_one(project: Project) -> None:
    rows = (
        "E1,baseline_arm_1,2026-03-03,3,1",
        "E2,baseline_arm_1,2026-03-03,8,",
        "E1,6_weeks_arm_1,2026-04-10,9,1",
        "E2,6_weeks_arm_1,2026-04-10,7,",
        "E1,6_weeks_arm_1,2026-04-11,2,",
    )

    project.send_symptoms(*rows)
    for row in rows[:-1]:
        project.send_symptoms(row, clinic=project.other)

    left = project.left(project.clinic)
    assert left == project.left(project.other)
    assert all(left.values())


def test_a_checkpoint_is_judged_by_a_baseline_that_comes_after_it_in_the_file(project: Project) -> None:
    project.send_symptoms("E1,6_weeks_arm_1,2026-04-10,9,", "E1,baseline_arm_1,2026-03-03,3,")

    left = project.left(project.clinic)
    assert [row.split(",")[2] for row in left["Judgement"]] == [" 'worse'"]
    assert "not_assessable" not in str(left["Flag"])


def test_a_row_with_a_fault_leaves_nothing_of_which_a_flag_could_speak(project: Project) -> None:
    imported = project.send_symptoms("E1,6_weeks_arm_1,2026-04-10,9,1", "E2,6_weeks_arm_1,2026-03-03,9,1")

    with project.runtime.reading() as session:
        flagged = session.scalars(select(Episode.external_id).join(Flag, Flag.episode_id == Episode.id)).all()
    assert told(imported) == [(3, "")]
    assert set(flagged) == {"E1"}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_file_and_an_answer_to_what_it_names_take_turns(project: Project) -> None:
    project.meet(project.answer, "E1,6_weeks_arm_1,,3,1", "E2,6_weeks_arm_1,,3,1")

    assert sorted(one.amendment for one in project.responses()) == [False, False, True]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_files_at_once_take_turns(project: Project) -> None:
    rows = ("E1,6_weeks_arm_1,,3,1", "E2,6_weeks_arm_1,,3,1")

    project.meet(lambda: project.send_symptoms(*reversed(rows)), *rows)

    assert [one.amendment for one in project.responses()] == [False, False]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_file_and_a_patient_who_stops_the_mail_take_turns(project: Project) -> None:
    project.meet(project.unsubscribe, "E1,6_weeks_arm_1,,3,", "E1,baseline_arm_1,2026-03-03,3,")

    assert len(project.responses()) == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_whoever_is_not_in_a_file_is_flagged_while_it_is_entered(project: Project) -> None:
    done = project.meet(project.answer, "E1,baseline_arm_1,2026-03-03,3,1", "E1,6_weeks_arm_1,,3,1")

    assert done


def test_what_leaves_one_clinic_can_be_entered_at_another(project: Project, runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        for number, timepoint, days in (("E1", "baseline", 42), ("E2", "baseline", 40), ("E1", "6-weeks", 0)):
            episode = session.scalars(select(Episode).where(*project.named(number))).one()
            administration = builders.the_administration(session, episode, timepoint)
            answers = builders.complete_answers(administration, episode)
            answers = builders.changed(answers, "ihot-12-1.0", Q5="NA", Q6=None)
            given = now - dt.timedelta(days=days)
            submission.submit(session, administration, mode="paper", answers=answers, answered_at=given, now=now)

    imported = project.send_file(project.file(), project.other)

    assert (dict(imported.counts), imported.faults) == ({"entered": 3}, ())
    assert project.file(project.other) == project.file()
    assert sorted(map(str, project.answers(project.other))) == sorted(map(str, project.answers(project.clinic)))


def test_what_was_exported_and_is_entered_again_changes_nothing(project: Project, runtime: Runtime) -> None:
    project.send("E1,6_weeks_arm_1,2026-04-10,3,40,NA")
    with runtime.transaction() as session:
        episode = session.scalars(select(Episode).where(*project.named("E2"))).one()
        followup = builders.the_administration(session, episode, "6-weeks")
        submission.start(session, followup, now=project.clock.now())
        submission.save_answers(session, followup, {"nprs-1.0": {"Q1": 4}}, now=project.clock.now())
    project.clock.advance(days=16)
    with runtime.transaction() as session:
        administrations.close_late(session, now=project.clock.now(), limit=10)
    before = project.left(project.clinic), project.file()

    imported = project.send_file(project.file(), project.clinic)

    assert (dict(imported.counts), imported.faults) == ({"unchanged": 1, "unfinished": 1}, ())
    assert (project.left(project.clinic), project.file()) == before
    assert sorted(one.partial for one in project.responses()) == [False, True]


def test_of_two_baselines_the_one_in_time_leaves_from_which_change_is_counted(
    project: Project, runtime: Runtime, clock: Clock
) -> None:
    in_time = clock.now() - dt.timedelta(days=41)
    with runtime.transaction() as session:
        episode = session.scalars(select(Episode).where(*project.named("E1"))).one()
        baseline = builders.the_administration(session, episode, "baseline")
        submission.start(session, baseline, now=in_time)
        submission.save_answers(session, baseline, {"nprs-1.0": {"Q1": 8}}, now=in_time)
    project.send("E1,baseline_arm_1,2026-03-20,2,40,NA", "E1,6_weeks_arm_1,2026-04-10,3,40,NA")
    written = [(row["nprs_q1"], row["nprs_1_0_complete"]) for row in project.written()]
    before = project.left(project.clinic), project.file()

    imported = project.send_file(project.file(), project.clinic)

    assert written == [("8", "0"), ("3", "2")]
    assert (dict(imported.counts), imported.faults) == ({"unfinished": 1, "unchanged": 1}, ())
    assert (project.left(project.clinic), project.file()) == before


def test_skipped_and_not_applicable_are_told_apart(project: Project) -> None:
    project.send("E1,6_weeks_arm_1,2026-04-10,3,,NA")

    [row] = project.written()
    assert (row["record_id"], row["redcap_event_name"], row["answered_on"]) == ("E1", "6_weeks_arm_1", "2026-04-10")
    assert (row["ihot_12_q1"], row["ihot_12_q5"], row["ihot_12_1_0_complete"]) == ("", "NA", "2")
    assert "safety_r1" not in row
