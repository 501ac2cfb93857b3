"""The list of patients and the page of one."""

import re
import uuid
from typing import Any

import pytest
from sqlalchemy import event

from prom_service.models import Episode, Patient
from prom_service.queries import patients
from prom_service.services import enrolment, standing
from tests import builders
from tests.web.dashboard.desk import Desk, text_of

pages = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""A page is the same on both databases; what it asks of them is tested on both."""


def rows(desk: Desk, **wanted: Any) -> dict[str, patients.PatientRow]:
    with desk.runtime.reading() as session:
        listed = patients.list_rows(session, desk.clinic, **wanted, now=desk.clock.now())
    return {row.external_id: row for row in listed}


def test_each_patient_has_the_state_of_the_newest_questionnaire_that_was_due(staffed: Desk) -> None:
    staffed.patient(external_id="NEW")
    answering = staffed.episode(staffed.patient(external_id="ANSWERS"))
    staffed.answer(answering, "baseline")
    staffed.episode(staffed.patient(external_id="SILENT"))

    at_first = rows(staffed)
    staffed.clock.advance(days=15)
    later = rows(staffed)

    assert {name: row.answers for name, row in at_first.items()} == {
        "NEW": "nothing_asked",
        "ANSWERS": "answered",
        "SILENT": "waiting",
    }
    assert {name: row.answers for name, row in later.items()} == {
        "NEW": "nothing_asked",
        "ANSWERS": "answered",
        "SILENT": "overdue",
    }
    assert later["ANSWERS"].next_timepoint == "6-weeks"
    assert later["NEW"].next_timepoint is None
    staffed.clock.advance(days=30)
    assert {row.timepoint for row in rows(staffed).values()} == {None, "6-weeks"}


def test_what_can_no_longer_be_answered_is_missed_and_closed_courses_do_not_count(staffed: Desk) -> None:
    staffed.episode(staffed.patient(external_id="SILENT"))
    ended = staffed.episode(staffed.patient(external_id="ENDED"))
    staffed.clock.advance(days=200)
    with staffed.runtime.transaction() as session:
        held, now = session.get_one(Episode, ended.id), staffed.clock.now()
        enrolment.close_episode(session, held, closed_on=now.date(), reason="done", actor="test", now=now)

    assert {name: row.answers for name, row in rows(staffed).items()} == {"SILENT": "missed", "ENDED": "nothing_asked"}


def test_who_cannot_be_reached_is_told_apart_from_who_does_not_want_to_be(staffed: Desk) -> None:
    now = staffed.clock.now()
    people = {
        name: staffed.patient(external_id=name, **said)
        for name, said in {
            "fine": {},
            "without": {"email": None},
            "bounced": {},
            "stopped": {},
            "declined": {"email_allowed": False},
            "paused": {},
            "withdrawn": {},
            "deceased": {},
        }.items()
    }
    with staffed.runtime.transaction() as session:
        person = {name: session.get_one(Patient, one.id) for name, one in people.items()}
        person["bounced"].bounced_at = now
        standing.unsubscribe(session, person["stopped"], actor="patient", now=now)
        standing.pause(session, person["paused"], actor="command", now=now)
        standing.withdraw(session, person["withdrawn"], actor="command", now=now)
        standing.mark_deceased(session, person["deceased"], actor="command", now=now)

    assert {name: row.contact for name, row in rows(staffed).items()} == {
        "fine": "reachable",
        "without": "unreachable",
        "bounced": "unreachable",
        "stopped": "opted_out",
        "declined": "opted_out",
        "paused": "paused",
        "withdrawn": "withdrawn",
        "deceased": "deceased",
    }


def test_a_patient_is_found_by_any_part_of_number_or_name_in_any_case_and_marks_mean_themselves(staffed: Desk) -> None:
    names = {"AB-1": "Ada Hill", "ab-2": "Bo Dale", "XAB": "Cy Hillman", "A%B": "Di Moor", "C": "Émilie Öztürk"}
    for external_id, name in names.items():
        staffed.patient(external_id=external_id, name=name)

    assert set(rows(staffed, containing="Ab")) == {"AB-1", "XAB", "ab-2"}
    assert set(rows(staffed, containing="a%")) == {"A%B"}
    assert set(rows(staffed, containing="hill")) == {"AB-1", "XAB"}
    assert set(rows(staffed, containing="émilie ÖZ")) == {"C"}


def test_pages_together_show_everybody_once(staffed: Desk) -> None:
    for number in range(7):
        staffed.patient(external_id=f"P{number}")

    seen: list[str] = []
    after: uuid.UUID | None = None
    while page := rows(staffed, after=after, limit=3):
        seen += page
        after = next(reversed(page.values())).id

    assert seen == [f"P{number}" for number in range(7)]


def test_the_number_of_queries_does_not_grow_with_the_patients(staffed: Desk) -> None:
    counted: list[int] = []
    engine = staffed.runtime._reading_engine
    for _ in range(2):
        staffed.episode()
        asked: list[str] = []
        event.listen(engine, "before_cursor_execute", lambda *parts, asked=asked: asked.append(parts[2]))
        rows(staffed)
        counted.append(len(asked))

    assert counted[0] == counted[1]


@pages
def test_the_list_leads_to_the_page_of_a_patient_and_from_page_to_page(staffed: Desk) -> None:
    for number in range(51):
        staffed.patient(external_id=f"P{number:02}", name=f"Person {number:02}")

    page = staffed.client.get("/patients").text
    following = re.search(r'href="(/patients\?after=[^"]+)"', page)

    assert following
    assert "Person 00" in page
    assert "Person 50" not in page
    assert "Person 50" in staffed.shown(following[1])


@pages
def test_the_list_counts_by_the_days_of_a_patient_east_of_the_clinic(staffed: Desk) -> None:
    staffed.episode(staffed.patient(time_zone="Europe/Madrid"))

    page = staffed.shown("/patients")

    assert "Start, due 2 Mar 2026, today" in page
    assert "6 weeks 13 Apr 2026" in page


@pages
def test_the_day_of_a_death_is_called_that(staffed: Desk) -> None:
    patient = staffed.patient()

    assert "Day of death (optional)" in staffed.shown(f"/patients/{patient.id}/deceased")
    assert "Since (optional)" in staffed.shown(f"/patients/{patient.id}/withdraw")


@pages
def test_an_empty_list_says_what_it_means(staffed: Desk) -> None:
    assert "No patient is enrolled at this clinic yet." in staffed.shown("/patients")
    assert "No patient's number or name contains “zz”." in staffed.shown("/patients?q=zz")


@pages
def test_the_page_of_a_patient_shows_how_contact_stands_and_the_courses_of_care(staffed: Desk) -> None:
    patient = staffed.patient(name="Ada Nightingale", language="es", time_zone="Europe/Madrid")
    episode = staffed.episode(patient, side="right")

    answer = staffed.client.get(f"/patients/{patient.id}")

    page = text_of(answer)
    for said in ("Ada Nightingale", "Spanish", "Europe/Madrid", "Can be emailed", "Hip-related pain, right side"):
        assert said in page
    assert f'href="/episodes/{episode.id}"' in answer.text


@pytest.mark.parametrize(
    "path",
    ["", "/change", "/enrol", "/pause", "/withdraw", "/deceased", "/resume"],
)
@pages
def test_another_clinic_s_patient_is_not_there(staffed: Desk, path: str) -> None:
    with staffed.runtime.transaction() as session:
        other = builders.a_clinic(session, now=staffed.clock.now())
        patient = builders.a_patient(session, other, now=staffed.clock.now())

    assert staffed.client.get(f"/patients/{patient.id}{path}").status_code == 404
    if path:
        assert staffed.post(f"/patients/{patient.id}{path}").status_code == 404


@pages
def test_a_step_is_confirmed_taken_once_and_put_on_record(staffed: Desk) -> None:
    patient = staffed.patient()
    staffed.episode(patient)

    before = staffed.shown(f"/patients/{patient.id}/withdraw")
    answers = [staffed.post(f"/patients/{patient.id}/withdraw", step__note="Moved away") for _ in range(2)]

    assert "Nothing more is asked or sent" in before
    assert [answer.status_code for answer in answers] == [303, 303]
    page = staffed.shown(f"/patients/{patient.id}")
    assert "The withdrawal is recorded." in page
    assert page.count("Withdrew: Moved away") == 1


@pages
def test_each_step_says_that_it_was_taken(staffed: Desk) -> None:
    patient = staffed.patient()
    said = {
        "pause": "The follow-up is paused.",
        "resume": "The follow-up is resumed.",
        "withdraw": "The withdrawal is recorded.",
        "deceased": "The death is recorded.",
    }

    pages = {step: staffed.shown(staffed.post(f"/patients/{patient.id}/{step}").headers["Location"]) for step in said}

    assert {step: sentence in pages[step] for step, sentence in said.items()} == dict.fromkeys(said, True)


def change(desk: Desk, patient: Any, **fields: str) -> Any:
    """Save the form of a patient's details as it is shown, but for ``fields``."""
    form = desk.client.get(f"/patients/{patient.id}/change").text
    shown = dict(re.findall(r'<input[^>]* name="([^"]+)" type="[a-z]+" value="([^"]*)"', form))
    version = re.search(r'name="version" value="(\d+)"', form)
    assert version
    said = {"patient.sex": "unknown", "patient.language": "en", "version": version[1]}
    return desk.post(f"/patients/{patient.id}/change", **shown, **said, **fields)


def stop(desk: Desk, patient: Any) -> None:
    with desk.runtime.transaction() as session:
        standing.unsubscribe(session, session.get_one(Patient, patient.id), actor="patient", now=desk.clock.now())


@pages
def test_that_a_stop_by_the_patient_s_own_hand_still_holds_is_said_when_details_are_saved(staffed: Desk) -> None:
    patient = staffed.patient()
    changed = staffed.shown(change(staffed, patient, patient__email_allowed="true").headers["Location"])
    stop(staffed, patient)

    kept = staffed.shown(change(staffed, patient, patient__email_allowed="true").headers["Location"])
    lifted = change(staffed, patient, patient__email_allowed="true", resubscribe="true")
    lifted = staffed.shown(lifted.headers["Location"])

    still = "The details are saved. No email goes out all the same: the patient pressed the stop link"
    assert [still in page for page in (changed, kept, lifted)] == [False, True, False]
    assert ["The details are saved." in page for page in (changed, lifted)] == [True, True]


@pages
def test_a_wish_that_is_recorded_anew_lifts_no_stop_unless_staff_say_that_the_patient_asked(staffed: Desk) -> None:
    patient = staffed.patient(email_allowed=False)
    stop(staffed, patient)

    refused = change(staffed, patient, patient__email_allowed="true")
    with staffed.runtime.reading() as session:
        held = session.get_one(Patient, patient.id).unsubscribed_at
    asked = change(staffed, patient, patient__email_allowed="true", resubscribe="true")

    assert (refused.status_code, asked.status_code) == (422, 303)
    assert "Tick below that the patient has asked to be emailed again" in refused.text
    assert held is not None
    with staffed.runtime.reading() as session:
        assert session.get_one(Patient, patient.id).unsubscribed_at is None


@pages
def test_a_step_that_cannot_be_taken_says_why_and_keeps_what_was_typed(staffed: Desk) -> None:
    patient = staffed.patient()

    past = staffed.post(f"/patients/{patient.id}/pause", step__until="2026-01-01", step__note="Holiday")
    staffed.post(f"/patients/{patient.id}/deceased")
    after = staffed.post(f"/patients/{patient.id}/withdraw")

    assert past.status_code == 422
    assert "Must not lie in the past." in past.text
    assert 'value="Holiday"' in past.text
    assert after.status_code == 409
    assert "recorded as deceased" in after.text


@pages
def test_taking_a_death_back_says_first_what_it_does_and_wants_to_know_why(staffed: Desk) -> None:
    patient = staffed.patient()
    staffed.episode(patient)
    path = f"/patients/{patient.id}/resume"
    staffed.post(f"/patients/{patient.id}/deceased")

    page = staffed.client.get(f"/patients/{patient.id}").text
    before = staffed.shown(path)
    blank = staffed.post(path, status="deceased", step__note=" ")
    taken = [staffed.post(path, status="deceased", step__note="Wrong patient") for _ in range(2)]

    assert f'href="{path}">Take back the recorded death</a>' in page
    for said in (
        "What the death cancelled stays cancelled, and the courses of care that it closed stay closed.",
        "Reports of the past do not change.",
        "add a new course of care",
    ):
        assert said in before
    assert "Note (optional)" not in before
    assert blank.status_code == 422
    assert "Say why the death that is on record is taken back." in blank.text
    assert [answer.status_code for answer in taken] == [303, 303]
    after = staffed.shown(f"/patients/{patient.id}")
    assert "The death is taken back" in after
    assert "Can be emailed" in after
    assert "Add a course of care" in after
    assert after.count("Follow-up resumed: Wrong patient, by staff") == 1


@pages
def test_whoever_meant_to_end_a_pause_takes_no_death_back_that_was_recorded_meanwhile(staffed: Desk) -> None:
    patient = staffed.patient()
    staffed.post(f"/patients/{patient.id}/pause")
    form = staffed.client.get(f"/patients/{patient.id}/resume").text
    staffed.post(f"/patients/{patient.id}/deceased")

    pressed = staffed.post(f"/patients/{patient.id}/resume", status="paused", step__note="Back from holiday")

    assert 'name="status" value="paused"' in form
    assert pressed.status_code == 409
    assert "Something else was recorded of the patient meanwhile." in pressed.text
    assert 'name="status" value="deceased"' in pressed.text
    assert "Take back the recorded death" in pressed.text
    with staffed.runtime.reading() as session:
        assert session.get_one(Patient, patient.id).status == "deceased"


@pages
def test_details_are_changed_only_by_those_who_saw_them_as_they_are(staffed: Desk) -> None:
    patient = staffed.patient(email="old@example.org")
    form = staffed.client.get(f"/patients/{patient.id}/change").text
    shown = dict(re.findall(r'<input[^>]* name="([^"]+)" type="[a-z]+" value="([^"]*)"', form))
    version = re.search(r'name="version" value="(\d+)"', form)
    assert version
    sent = {
        **shown,
        "patient.email_allowed": "true",
        "patient.sex": "unknown",
        "patient.language": "en",
        "patient.email": "new@example.org",
        "version": version[1],
    }

    first = staffed.post(f"/patients/{patient.id}/change", **sent)
    same = staffed.post(f"/patients/{patient.id}/change", **sent)
    stale = staffed.post(f"/patients/{patient.id}/change", **{**sent, "patient.email": "third@example.org"})

    assert [first.status_code, same.status_code, stale.status_code] == [303, 303, 409]
    with staffed.runtime.reading() as session:
        assert session.get_one(Patient, patient.id).email == "new@example.org"
    assert "Email address changed" in staffed.shown(f"/patients/{patient.id}")


@pages
def test_an_age_is_counted_in_days_of_the_clinic_s_calendar(staffed: Desk) -> None:
    episode = staffed.episode(staffed.patient())
    staffed.answer(episode, "baseline")
    staffed.later(days=1)

    assert "Start, answered 2 Mar 2026, 1 day ago" in staffed.shown("/patients")
    assert "6 weeks 13 Apr 2026" in staffed.shown("/patients")
