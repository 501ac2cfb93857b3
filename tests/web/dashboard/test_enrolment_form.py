"""Enrolment by staff: nothing is saved before the dry run, and nothing twice."""

import datetime as dt
import re
from typing import Any

import pytest
from sqlalchemy import func, select

from prom_service.models import Episode, Patient
from tests import builders
from tests.web.dashboard.desk import Desk, text_of

FORM: dict[str, Any] = {
    "patient__external_id": "MRN-7",
    "patient__name": "Ada Nightingale",
    "patient__date_of_birth": "1980-05-17",
    "patient__email": "ada@example.org",
    "patient__email_allowed": "true",
    "patient__sex": "female",
    "patient__language": "en",
    "patient__time_zone": "",
    "episode__external_id": "C-1",
    "episode__pathway": "hip-related-pain-1",
    "episode__started_on": "2026-03-02",
    "episode__side": "left",
    "episode__diagnosis": "",
    "episode__clinician": "PT 4",
    "episode__symptom_onset_on": "",
    "episode__serious_pathology_excluded.by": "Dr Ng",
    "episode__serious_pathology_excluded.on": "2026-03-01",
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The page is the same on both databases; the services it calls are tested on both."""
    return sqlite_url


def count(desk: Desk, table: type) -> int:
    with desk.runtime.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_the_dry_run_shows_what_will_be_asked_and_mailed_and_writes_nothing(staffed: Desk) -> None:
    answer = staffed.post("/patients/enrol", **FORM, go="preview")

    page = text_of(answer)
    assert answer.status_code == 200
    for said in (
        "Nothing is saved yet.",
        "Emails go to ada@example.org",
        "Start planned for 2 Mar 2026 From 16 Feb 2026; late from 10 Mar 2026; closed from 6 Apr 2026",
        "Invitation, 2 Mar 2026, 09:00 GMT",
        "6 weeks planned for 13 Apr 2026",
        "Excluded by Dr Ng on 1 Mar 2026",
    ):
        assert said in page
    assert count(staffed, Patient) == 0


def test_saving_leads_to_the_course_of_care_and_a_second_press_has_no_further_effect(staffed: Desk) -> None:
    first = staffed.post("/patients/enrol", **FORM, go="save")
    second = staffed.post("/patients/enrol", **FORM, go="save")

    assert [first.status_code, second.status_code] == [303, 303]
    assert first.headers["Location"] == second.headers["Location"]
    assert (count(staffed, Patient), count(staffed, Episode)) == (1, 1)
    page = staffed.shown(first.headers["Location"])
    assert "The course of care is on record." in page
    assert "Ada Nightingale MRN-7" in page
    with staffed.runtime.reading() as session:
        episode = session.scalars(select(Episode)).one()
    assert (episode.clinician, episode.pathology_excluded_by, episode.side) == ("PT 4", "Dr Ng", "left")


def test_every_fault_is_named_at_once_beside_its_field_and_what_was_typed_is_kept(staffed: Desk) -> None:
    wrong = {
        **FORM,
        "patient__name": "",
        "patient__date_of_birth": "17.5.1980",
        "episode__started_on": "soon",
        "episode__serious_pathology_excluded.on": "",
    }

    answer = staffed.post("/patients/enrol", **wrong, go="preview")

    assert answer.status_code == 422
    for name in (
        "patient.name",
        "patient.date_of_birth",
        "episode.started_on",
        "episode.serious_pathology_excluded.on",
    ):
        assert f'href="#{name}"' in answer.text
        assert f'id="{name}-error"' in answer.text
    assert "Name: this has to be filled in." in text_of(answer)
    assert "Missing data" not in answer.text
    assert 'value="17.5.1980"' in answer.text
    assert 'value="MRN-7"' in answer.text


def test_what_only_the_service_knows_to_be_wrong_is_named_at_once_too(staffed: Desk) -> None:
    wrong = {
        **FORM,
        "patient__email": "ada at home",
        "patient__date_of_birth": "2015-01-01",
        "episode__pathway": "yoga",
    }

    page = text_of(staffed.post("/patients/enrol", **wrong, go="save"))

    assert "Not an email address." in page
    assert "Date of birth: the patient must be 18 or older when care starts." in page
    assert "Allowed are hip-related-pain-1" in page
    assert count(staffed, Patient) == 0


@pytest.mark.parametrize("name", ["Ada Nightingale", ""], ids=["else-whole", "else-incomplete"])
def test_a_wrong_time_zone_hides_no_other_fault_and_is_hidden_by_none(staffed: Desk, name: str) -> None:
    wrong = {
        **FORM,
        "patient__name": name,
        "patient__email": "ada at home",
        "patient__time_zone": "Europe/Lundon",
        "episode__started_on": "soon" if not name else "2026-03-02",
    }

    answer = staffed.post("/patients/enrol", **wrong, go="preview")

    faulty = {"patient.email", "patient.time_zone"} | ({"patient.name", "episode.started_on"} if not name else set())
    assert answer.status_code == 422
    assert set(re.findall(r'href="#([a-z_.]+)"', answer.text)) - {"main"} == faulty


def test_the_side_and_the_wish_to_be_emailed_are_chosen_and_nothing_is_chosen_before(staffed: Desk) -> None:
    page = staffed.client.get("/patients/enrol").text
    unsaid = {name: value for name, value in FORM.items() if name not in ("patient__email_allowed", "episode__side")}

    answer = staffed.post("/patients/enrol", **unsaid, go="save")

    assert " checked" not in page
    assert answer.status_code == 422
    assert 'id="patient.email_allowed-error"' in answer.text
    assert 'id="episode.side-error"' in answer.text
    assert count(staffed, Patient) == 0


def test_the_dry_run_names_the_sex_and_says_when_there_is_no_side_and_no_clinician(staffed: Desk) -> None:
    open_ended = {**FORM, "episode__side": "none", "episode__clinician": ""}

    page = text_of(staffed.post("/patients/enrol", **open_ended, go="preview"))

    assert "Sex Female" in page
    assert "no side, started 2 Mar 2026; no clinician" in page


@pytest.mark.parametrize("go", ["preview", "save"])
def test_a_known_number_leads_to_the_patient_who_has_it(staffed: Desk, go: str) -> None:
    patient = staffed.patient(external_id="MRN-7")

    answer = staffed.post("/patients/enrol", **FORM, go=go)

    assert answer.status_code == 409
    assert f'href="/patients/{patient.id}"' in answer.text
    assert 'value="Ada Nightingale"' in answer.text


def test_whatever_is_wrong_is_named_in_one_pass_the_numbers_that_are_taken_included(staffed: Desk) -> None:
    patient = staffed.patient(external_id="MRN-7")
    staffed.episode(patient, external_id="C-1")
    wrong = {
        **FORM,
        "patient__email": "ada at home",
        "patient__date_of_birth": "2015-01-01",
        "patient__time_zone": "Europe/Lundon",
        "episode__pathway": "yoga",
        "episode__symptom_onset_on": "soon",
    }

    answer = staffed.post("/patients/enrol", **wrong, go="preview")

    faulty = {"patient.external_id", "patient.email", "patient.date_of_birth", "patient.time_zone"}
    faulty |= {"episode.external_id", "episode.pathway", "episode.symptom_onset_on"}
    assert answer.status_code == 422
    assert set(re.findall(r'href="#([a-z_.]+)"', answer.text)) - {"main"} == faulty
    assert f'href="/patients/{patient.id}"' in answer.text


@pytest.mark.parametrize("go", ["preview", "save"])
def test_both_numbers_that_are_taken_are_named_together_in_the_words_of_the_clinic(staffed: Desk, go: str) -> None:
    staffed.episode(staffed.patient(external_id="MRN-7"), external_id="C-1")

    answer = staffed.post("/patients/enrol", **FORM, go=go)

    page = text_of(answer)
    assert answer.status_code == 409
    assert "Number of the patient: there is a patient MRN-7 already." in page
    assert "Number of the course of care: there is a course of care C-1 already." in page
    assert "external_id already" not in page


def test_a_number_that_no_database_takes_is_refused_by_name(staffed: Desk) -> None:
    answer = staffed.post("/patients/enrol", **{**FORM, "patient__external_id": "MRN\0"}, go="save")

    assert answer.status_code == 422
    assert "Must not hold control characters." in text_of(answer)


def test_a_further_course_that_would_have_started_in_childhood_is_a_fault_of_its_start(staffed: Desk) -> None:
    patient = staffed.patient(date_of_birth=dt.date(2009, 1, 1))
    course = {name: value for name, value in FORM.items() if name.startswith("episode")}

    answer = staffed.post(f"/patients/{patient.id}/enrol", **course, go="preview")

    assert answer.status_code == 422
    assert "Day on which care started: the patient must be 18 or older when care starts." in text_of(answer)


def test_a_further_course_of_care_needs_no_second_patient(staffed: Desk) -> None:
    patient = staffed.patient()
    course = {name: value for name, value in FORM.items() if name.startswith("episode")}

    answer = staffed.post(f"/patients/{patient.id}/enrol", **course, go="save")
    again = staffed.post(f"/patients/{patient.id}/enrol", **{**course, "episode__external_id": "C-2"}, go="save")

    assert answer.status_code == 303
    assert again.status_code == 409
    assert "open episode of this side on this pathway already" in text_of(again)


def test_going_back_keeps_what_was_typed(staffed: Desk) -> None:
    answer = staffed.post("/patients/enrol", **FORM, go="edit")

    assert answer.status_code == 200
    assert 'value="ada@example.org"' in answer.text
    assert "There is a problem" not in answer.text


def test_a_clinic_s_own_version_of_a_pathway_is_shown_saved_once_and_listed(staffed: Desk) -> None:
    with staffed.runtime.transaction() as session:
        version = builders.a_pathway(session, staffed.clinic, {"limit": "20"}, now=staffed.clock.now())

    preview = staffed.post("/patients/enrol", **FORM, go="preview")
    answers = [staffed.post("/patients/enrol", **FORM, go="save") for _ in range(2)]

    assert preview.status_code == 200
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    with staffed.runtime.reading() as session:
        assert session.scalars(select(Episode.pathway)).one() == version.ref
    assert "Ada Nightingale" in staffed.shown("/patients")
    assert "0 counted of 20" in staffed.shown(f"{answers[0].headers['Location']}/visits")
