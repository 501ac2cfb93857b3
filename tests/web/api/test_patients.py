"""Patients over the API: registered once, found by the clinic's own number, out of the follow-up on their word."""

import uuid

import pytest

from tests.web.api.caller import Caller, World

NEW = {"external_id": "new", "name": "Kim New", "date_of_birth": "1970-01-01"}


def test_a_patient_is_registered_with_what_was_said_and_plain_defaults(ours: Caller) -> None:
    response = ours.post("/patients", {**NEW, "email": "kim@example.org", "email_allowed": False, "sex": "female"})

    shown = response.json
    assert response.status_code == 201
    assert response.headers["Location"] == f"/api/v1/patients/{shown['id']}"
    assert uuid.UUID(shown["id"])
    assert {name: shown[name] for name in NEW} == NEW
    assert (shown["email"], shown["email_allowed"], shown["sex"]) == ("kim@example.org", False, "female")
    assert (shown["language"], shown["time_zone"], shown["status"]) == ("en", None, "active")
    assert shown["created_at"] == "2026-03-02T08:00:00+00:00"
    assert ours.get(response.headers["Location"].removeprefix("/api/v1")).json == shown


def test_a_number_is_taken_once_in_a_clinic_and_again_in_another(ours: Caller, theirs: Caller) -> None:
    ours.post("/patients", NEW)

    assert ours.post("/patients", NEW).status_code == 409
    assert theirs.post("/patients", NEW).status_code == 201


def test_a_patient_is_found_by_the_clinics_own_number(ours: Caller, world: World) -> None:
    [found] = ours.get(f"/patients?external_id={world.patient.external_id}").json["items"]

    assert found["id"] == str(world.patient.id)
    assert ours.get("/patients?external_id=nobody").json == {"items": [], "next": None}


def test_a_change_touches_what_it_names(ours: Caller, world: World) -> None:
    path = f"/patients/{world.patient.id}"
    before = ours.get(path)

    after = ours.patch(path, {"email": None, "sex": "male"}, If_Match=before.headers["ETag"]).json

    assert after == {**before.json, "email": None, "sex": "male"}


def test_the_number_of_a_patient_never_changes(ours: Caller, world: World) -> None:
    response = ours.patch(f"/patients/{world.patient.id}", {"external_id": "other"}, If_Match="*")

    assert list(response.json["errors"]) == ["external_id"]


@pytest.mark.parametrize(("act", "status"), [("withdraw", "withdrawn"), ("deceased", "deceased"), ("pause", "paused")])
def test_a_patients_standing_changes_and_again_changes_nothing(
    act: str, status: str, ours: Caller, world: World
) -> None:
    path = f"/patients/{world.patient.id}"

    first = ours.post(f"{path}/{act}", {"effective_on": str(world.today), "note": "by phone"})
    again = ours.post(f"{path}/{act}")

    assert first.status_code == again.status_code == 200
    assert first.json["status"] == again.json["status"] == ours.get(path).json["status"] == status


@pytest.mark.parametrize("act", ["withdraw", "deceased"])
def test_nothing_stays_pending_for_a_patient_who_takes_no_part_any_more(act: str, ours: Caller, world: World) -> None:
    ours.post(f"/patients/{world.patient.id}/{act}")

    planned = ours.get(f"/episodes/{world.episode.id}/timeline").json["administrations"]
    assert {one["state"] for one in planned} == {"completed", "cancelled"}
    assert {message["phase"] for one in planned for message in one["messages"]} == {"cancelled"}


def test_a_pause_ends_on_a_day_or_by_resuming(ours: Caller, world: World) -> None:
    path = f"/patients/{world.patient.id}"

    paused = ours.post(f"{path}/pause", {"until": "2026-03-20"}).json
    resumed = ours.post(f"{path}/resume").json

    assert (paused["status"], paused["paused_until"]) == ("paused", "2026-03-20")
    assert (resumed["status"], resumed["paused_until"]) == ("active", None)


def test_who_has_withdrawn_may_take_part_again_and_what_was_cancelled_stays_so(ours: Caller, world: World) -> None:
    ours.post(f"/patients/{world.patient.id}/withdraw")

    response = ours.post(f"/patients/{world.patient.id}/resume")

    timeline = ours.get(f"/episodes/{world.episode.id}/timeline").json
    assert (response.status_code, response.json["status"]) == (200, "active")
    assert {one["state"] for one in timeline["administrations"]} == {"completed", "cancelled"}


@pytest.mark.parametrize("body", [None, {"note": "  "}])
def test_a_death_is_taken_back_only_with_a_note_that_says_why(
    body: dict[str, str] | None, ours: Caller, world: World
) -> None:
    ours.post(f"/patients/{world.patient.id}/deceased")

    response = ours.post(f"/patients/{world.patient.id}/resume", body)

    assert response.status_code == 422
    assert response.json["errors"] == {"note": ["Say why the death that is on record is taken back."]}
    assert ours.get(f"/patients/{world.patient.id}").json["status"] == "deceased"


def test_a_death_recorded_of_the_wrong_patient_is_taken_back_and_care_begins_anew(ours: Caller, world: World) -> None:
    path = f"/patients/{world.patient.id}"
    ours.post(f"{path}/deceased")
    enrolment = {"external_id": "again", "patient": {"id": str(world.patient.id)}, "started_on": str(world.today)}
    refused = ours.post("/episodes", enrolment)
    ended = ours.get(f"/episodes/{world.episode.id}").json

    resumed = [ours.post(f"{path}/resume", {"note": "Wrong patient"}).json["status"] for _ in range(2)]

    timeline = ours.get(f"/episodes/{world.episode.id}/timeline").json
    assert refused.status_code == 409
    assert "resume the patient first, with a note" in refused.json["detail"]
    assert resumed == ["active", "active"]
    assert ours.get(f"/episodes/{world.episode.id}").json == ended
    assert {one["state"] for one in timeline["administrations"]} == {"completed", "cancelled"}
    assert [(one["kind"], one["note"]) for one in timeline["patient_changes"]][-2:] == [
        ("deceased", ""),
        ("resumed", "Wrong patient"),
    ]
    assert ours.post("/episodes", enrolment).status_code == 201
