"""Episodes over the API: enrolled once per side and pathway, moved only after a look, closed for good."""

from typing import Any

import pytest

from prom_service.runtime import Runtime
from tests import builders
from tests.fakes import Clock
from tests.web.api.caller import Caller, World


def _new(world: World, **changes: Any) -> dict[str, Any]:
    return {
        "external_id": "new",
        "patient": str(world.patient.id),
        "started_on": "2026-03-02",
        "side": "right",
    } | changes


def test_an_episode_is_enrolled_with_what_was_said_and_the_default_pathway(ours: Caller, world: World) -> None:
    excluded = {"by": "Dr One", "on": "2026-03-01"}

    response = ours.post("/episodes", _new(world, diagnosis="sciatica", serious_pathology_excluded=excluded))

    shown = response.json
    assert response.status_code == 201
    assert response.headers["Location"] == f"/api/v1/episodes/{shown['id']}"
    assert shown["patient"] == {"id": str(world.patient.id), "external_id": world.patient.external_id}
    assert (shown["pathway"], shown["side"], shown["diagnosis"]) == ("hip-related-pain-1", "right", "sciatica")
    assert shown["serious_pathology_excluded"] == excluded
    assert shown["closed_on"] is None
    assert ours.get(f"/episodes/{shown['id']}").json == shown


def test_the_answer_names_the_version_of_the_clinic_that_was_taken(
    ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        version = builders.a_pathway(session, world.clinic, {"limit": "20"}, now=clock.now())

    enrolled = ours.post("/episodes", _new(world, pathway="hip-related-pain-1"))
    course = ours.get(f"/episodes/{enrolled.json['id']}/trajectory")
    again = ours.post("/episodes", _new(world, external_id="another", pathway=version.ref))

    assert (enrolled.status_code, enrolled.json["pathway"]) == (201, version.ref)
    assert course.json["visits"]["limit"] == 20
    assert again.status_code == 409


@pytest.mark.parametrize("named", ["id", "external_id", "text"])
def test_a_patient_is_named_by_id_or_by_the_clinics_own_number(named: str, ours: Caller, world: World) -> None:
    names = {
        "id": {"id": str(world.patient.id)},
        "external_id": {"external_id": world.patient.external_id},
        "text": world.patient.external_id,
    }

    response = ours.post("/episodes", _new(world, patient=names[named]))

    assert response.json["patient"]["id"] == str(world.patient.id)


@pytest.mark.parametrize("patient", [1, None, {}, {"name": "Kim"}, {"id": "x"}, {"id": "x", "external_id": "y"}, ["x"]])
def test_a_patient_named_in_another_way_is_refused(patient: Any, ours: Caller, world: World) -> None:
    response = ours.post("/episodes", _new(world, patient=patient))

    assert response.status_code == 422
    assert list(response.json["errors"]) == ["patient"]


def test_a_second_open_episode_of_the_same_side_and_pathway_is_a_conflict(ours: Caller, world: World) -> None:
    same_side = ours.post("/episodes", _new(world, side="left"))
    same_number = ours.post("/episodes", _new(world, external_id=world.episode.external_id))
    other_pathway = ours.post("/episodes", _new(world, side="left", pathway="hip-osteoarthritis-1"))

    assert [same_side.status_code, same_number.status_code, other_pathway.status_code] == [409, 409, 201]


def test_a_change_of_side_into_another_open_episode_is_a_conflict(ours: Caller, world: World) -> None:
    ours.post("/episodes", _new(world))

    response = ours.patch(f"/episodes/{world.episode.id}", {"side": "right"}, If_Match="*")

    assert response.status_code == 409


@pytest.mark.parametrize("pathway", ["hip-related-pain", "hip-related-pain-9", ""])
def test_an_unknown_pathway_is_refused_by_name(pathway: str, ours: Caller, world: World) -> None:
    response = ours.post("/episodes", _new(world, pathway=pathway))

    assert response.status_code == 422
    assert list(response.json["errors"]) == ["pathway"]


def test_episodes_are_found_by_the_clinics_own_numbers(ours: Caller, world: World) -> None:
    by_own = ours.get(f"/episodes?external_id={world.episode.external_id}").json["items"]
    by_patient = ours.get(f"/episodes?patient_external_id={world.patient.external_id}").json["items"]

    assert [row["id"] for row in by_own] == [row["id"] for row in by_patient] == [str(world.episode.id)]
    assert ours.get("/episodes?patient_external_id=nobody").json["items"] == []


def test_a_dry_run_says_what_a_new_start_would_do_and_does_nothing(ours: Caller, world: World) -> None:
    path = f"/episodes/{world.episode.id}"
    before = ours.get(f"{path}/timeline").json

    preview = ours.patch(f"{path}?dry_run=true", {"started_on": "2026-01-12"}, If_Match="*")

    moves = {move["timepoint"]: move for move in preview.json["moves"]}
    assert preview.status_code == 200
    assert moves["baseline"]["reason"] == "answered"
    assert (moves["baseline"]["moves"], moves["baseline"]["to"]) == (False, None)
    assert moves["6-weeks"]["from"]["target_at"].startswith("2026-03-02")
    assert moves["6-weeks"]["to"]["target_at"].startswith("2026-02-23")
    assert ours.get(f"{path}/timeline").json == before


def test_a_new_start_moves_what_is_unanswered(ours: Caller, world: World) -> None:
    path = f"/episodes/{world.episode.id}"

    changed = ours.patch(path, {"started_on": "2026-01-12"}, If_Match=ours.get(path).headers["ETag"])

    targets = {one["timepoint"]: one["target_at"][:10] for one in ours.get(f"{path}/timeline").json["administrations"]}
    assert changed.json["started_on"] == "2026-01-12"
    assert targets == {"baseline": "2026-01-19", "6-weeks": "2026-02-23", "3-months": "2026-04-11"}


def test_a_dry_run_is_of_the_episode_that_was_read(ours: Caller, world: World) -> None:
    path = f"/episodes/{world.episode.id}?dry_run=true"

    unread = ours.patch(path, {"started_on": "2026-01-12"})
    outdated = ours.patch(path, {"started_on": "2026-01-12"}, If_Match='"of another day"')

    assert [unread.status_code, outdated.status_code] == [428, 412]


def test_a_dry_run_without_a_new_start_is_refused(ours: Caller, world: World) -> None:
    response = ours.patch(f"/episodes/{world.episode.id}?dry_run=true", {"clinician": "DR-2"}, If_Match="*")

    assert list(response.json["errors"]) == ["started_on"]


def test_a_closed_episode_is_closed_today_where_the_clinic_is_and_stays_so(
    ours: Caller, world: World, clock: Clock
) -> None:
    path = f"/episodes/{world.episode.id}"

    first = ours.post(f"{path}/close", {"reason": "discharged"}).json
    clock.advance(days=1)
    again = [ours.post(f"{path}/close", body).json for body in ({}, {"closed_on": "2026-03-02", "reason": "other"})]
    otherwise = ours.post(f"{path}/close", {"closed_on": "2026-03-03"})

    assert (first["closed_on"], first["closed_reason"]) == ("2026-03-02", "discharged")
    assert again == [first, first]
    assert (otherwise.status_code, ours.get(path).json) == (409, first)
    assert "closed on 2026-03-02 already" in otherwise.json["detail"]


def test_the_day_of_a_close_is_corrected_with_a_reason(ours: Caller, world: World, clock: Clock) -> None:
    path = f"/episodes/{world.episode.id}"
    right = {"closed_on": "2026-03-03", "correct": True}
    early = ours.post(f"{path}/close", {**right, "reason": "Mistyped"})
    ours.post(f"{path}/close", {"reason": "discharged"})
    clock.advance(days=1)

    unsaid = ours.post(f"{path}/close", right)
    no_day = ours.post(f"{path}/close", {"correct": True, "reason": "Mistyped"})
    corrected = [ours.post(f"{path}/close", {**right, "reason": "Mistyped"}).json for _ in range(2)]

    assert (early.status_code, unsaid.status_code, list(unsaid.json["errors"])) == (409, 422, ["reason"])
    assert (no_day.status_code, list(no_day.json["errors"])) == (422, ["closed_on"])
    assert (corrected[0]["closed_on"], corrected[0]["closed_reason"]) == ("2026-03-03", "discharged")
    assert corrected[1] == corrected[0] == ours.get(path).json


def test_an_episode_is_not_closed_before_a_visit_that_was_attended(ours: Caller, world: World) -> None:
    path = f"/episodes/{world.episode.id}"
    ours.put(f"{path}/visits/V1", {"date": "2026-02-27"})
    ours.put(f"{path}/visits/V2", {"date": "2026-03-01", "status": "no_show"})
    ours.put(f"{path}/visits/V3", {"date": "2026-03-02"})
    ours.delete(f"{path}/visits/V3")

    refused = ours.post(f"{path}/close", {"closed_on": "2026-02-26"})
    closed = ours.post(f"{path}/close", {"closed_on": "2026-02-27"})

    assert refused.status_code == 422
    assert refused.json["errors"] == {"closed_on": ["Before the visit of 2026-02-27, which was attended."]}
    assert (closed.status_code, closed.json["closed_on"]) == (200, "2026-02-27")


def test_the_timeline_shows_past_and_future_with_their_messages(ours: Caller, world: World) -> None:
    administrations = ours.get(f"/episodes/{world.episode.id}/timeline").json["administrations"]

    assert [(one["timepoint"], one["state"]) for one in administrations] == [
        ("baseline", "completed"),
        ("6-weeks", "open"),
        ("3-months", "planned"),
    ]
    assert {message["phase"] for message in administrations[0]["messages"]} == {"cancelled"}
    assert [message["kind"] for message in administrations[1]["messages"]][:2] == ["invitation", "reminder"]


def test_the_timeline_shows_what_came_in_and_what_was_changed_afterwards(ours: Caller, world: World) -> None:
    baseline = ours.get(f"/episodes/{world.episode.id}/timeline").json["administrations"][0]
    ours.post(
        f"/administrations/{baseline['id']}/responses",
        {"answers": {"nprs-1.0": {"Q1": 9}}, "mode": "phone", "answered_by": "self"},
    )

    told = ours.get(f"/episodes/{world.episode.id}/timeline").json

    first, amendment = told["administrations"][0]["responses"]
    assert (first["number"], first["mode"], first["amendment"], first["changes"]) == (1, "web", False, [])
    assert (amendment["number"], amendment["mode"], amendment["amendment"]) == (2, "phone", True)
    assert {"instrument": "nprs-1.0", "item": "Q1", "from": 5, "to": 9} in amendment["changes"]
    assert {"instrument": "ihot-12-1.0", "item": "Q1", "from": 40, "to": None} in amendment["changes"]
    assert told["administrations"][1]["responses"] == []
    assert [change["kind"] for change in told["patient_changes"]] == ["registered"]


def test_the_trajectory_shows_scores_changes_and_judgements(ours: Caller, world: World) -> None:
    answers = {"ihot-12-1.0": dict.fromkeys([f"Q{number}" for number in range(1, 13)], 60), "pass-1.0": {"Q1": 1}}
    ours.post(f"/administrations/{world.administration.id}/responses", {"answers": answers, "mode": "phone"})

    course = ours.get(f"/episodes/{world.episode.id}/trajectory").json

    [ihot] = [scale for scale in course["scales"] if scale["instrument"] == "ihot-12-1.0"]
    assert [(point["value"], point["change"]) for point in ihot["points"]] == [(40.0, None), (60.0, 20.0)]
    assert [(one["checkpoint"], one["outcome"]) for one in course["judgements"]] == [("6-weeks", "on_track")]
    assert course["improvement_demonstrated"]["demonstrated"] is True
    assert course["visits"]["counted"] == 1
    assert course["visits"]["limit"] == 14


def test_the_trajectory_says_that_other_activities_were_rated_than_at_the_start(
    ours: Caller, world: World, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        episode = builders.an_episode(session, world.clinic, now=clock.now(), pathway="buttock-nerve-pain-1")
        asked = {one: builders.the_administration(session, episode, one).id for one in ("6-weeks", "baseline")}
    started_at = clock.now()
    clock.advance(days=43)
    for timepoint, activity, at in (("6-weeks", "Swim", clock.now()), ("baseline", "Sit", started_at)):
        answers = {"psfs-1.0": {"Q1": 8, "Q1.text": activity}, "nprs-1.0": {"Q1": 5}}
        given = {"answers": answers, "mode": "paper", "answered_at": at.isoformat()}
        assert ours.post(f"/administrations/{asked[timepoint]}/responses", given).status_code == 201

    course = ours.get(f"/episodes/{episode.id}/trajectory").json

    points = {scale["instrument"]: scale["points"] for scale in course["scales"]}
    assert [(one["change"], one["other_activities"]) for one in points["psfs-1.0"]] == [(None, False), (None, True)]
    assert [(one["change"], one["other_activities"]) for one in points["nprs-1.0"]] == [(None, False), (0.0, False)]
    assert "not judged: Patient-specific function" in course["judgements"][0]["reason"]
