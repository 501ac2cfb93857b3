"""Visits over the API, under the clinic's own numbers: the same report twice is one visit."""

import datetime as dt

import pytest

from tests.web.api.caller import Caller, World

VISIT = {"date": "2026-03-01", "clinician": "DR-1", "format": "telehealth", "reassessed": True}


def _path(world: World, number: str) -> str:
    return f"/episodes/{world.episode.id}/visits/{number}"


def test_a_visit_is_new_once_and_the_same_again_changes_nothing(ours: Caller, world: World) -> None:
    first = ours.put(_path(world, "V2"), VISIT)
    again = ours.put(_path(world, "V2"), VISIT)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json
    assert {name: first.json[name] for name in VISIT} == VISIT
    assert first.json["number"] == 1


def test_a_correction_is_the_next_version_of_the_same_visit(ours: Caller, world: World) -> None:
    first = ours.put(_path(world, "V2"), VISIT).json

    corrected = ours.put(_path(world, "V2"), {**VISIT, "documentation": {"repetitions": "3 x 12"}}).json

    assert (corrected["id"], corrected["number"]) == (first["id"], 2)
    assert corrected["documentation"] == {"repetitions": "3 x 12"}


def test_a_visit_taken_away_stays_in_sight_does_not_count_and_can_come_back(ours: Caller, world: World) -> None:
    counted = f"/episodes/{world.episode.id}/trajectory"

    taken = ours.delete(_path(world, "V1"))
    taken_again = ours.delete(_path(world, "V1"))
    [shown] = ours.get(f"/episodes/{world.episode.id}/visits").json["items"]
    without = ours.get(counted).json["visits"]["counted"]
    ours.put(_path(world, "V1"), {"date": str(world.visit.visited_on)})

    assert (taken.status_code, taken_again.status_code, taken.data) == (204, 204, b"")
    assert shown["voided_at"] is not None
    assert (without, ours.get(counted).json["visits"]["counted"]) == (0, 1)


def test_the_date_may_carry_its_name_inside_the_service(ours: Caller, world: World) -> None:
    response = ours.put(_path(world, "V2"), {"visited_on": "2026-03-01"})

    assert response.json["date"] == "2026-03-01"


def test_two_dates_for_one_visit_are_refused(ours: Caller, world: World) -> None:
    response = ours.put(_path(world, "V2"), {"visited_on": "2026-03-01", "date": "2026-03-02"})

    assert list(response.json["errors"]) == ["visited_on"]


def test_a_visit_number_may_hold_a_slash_and_letters_of_any_script(ours: Caller, world: World) -> None:
    response = ours.put(_path(world, "2026/ü 7"), VISIT)

    assert response.json["external_id"] == "2026/ü 7"
    assert ours.delete(_path(world, "2026/ü 7")).status_code == 204


@pytest.mark.parametrize("written", ["caf%C3%A9", "%20caf%C3%A9%20", "%E2%80%AEcaf%C3%A9", "cafe%CC%81"])
def test_a_visit_number_is_kept_as_one_from_a_file_is(written: str, ours: Caller, world: World) -> None:
    first = ours.put(_path(world, "caf\u00e9"), VISIT).json

    again = ours.put(_path(world, written), VISIT)
    taken = ours.delete(_path(world, written))

    assert (again.status_code, again.json) == (200, first)
    assert taken.status_code == 204


@pytest.mark.parametrize("written", ["%FC1", "%E41", "%EF%BF%BD1", "%20", "%E2%80%AE", "a%C2%85b"])
def test_what_cannot_be_kept_as_a_visit_number_is_refused(written: str, ours: Caller, world: World) -> None:
    answers = [ours.put(_path(world, written), VISIT), ours.delete(_path(world, written))]

    assert [(answer.status_code, list(answer.json["errors"])) for answer in answers] == [(422, ["external_id"])] * 2


def test_a_visit_lies_neither_before_the_episode_nor_in_the_future(ours: Caller, world: World) -> None:
    answers = [ours.put(_path(world, "V2"), {"date": date}) for date in ("2026-01-18", "2026-01-19", "2026-03-05")]

    assert [answer.status_code for answer in answers] == [422, 201, 422]
    assert list(answers[0].json["errors"]) == ["date"]


def test_a_visit_to_come_has_not_been_attended(ours: Caller, world: World) -> None:
    tomorrow = str(world.today + dt.timedelta(days=1))

    refused = ours.put(_path(world, "V2"), {"date": tomorrow, "status": "attended"})
    called_off = ours.put(_path(world, "V2"), {"date": tomorrow, "status": "cancelled"})

    assert (refused.status_code, called_off.status_code) == (422, 201)
    assert refused.json["errors"] == {
        "date": [f"After today at the clinic ({world.today}): a visit to come has not been attended."]
    }


def test_the_fifteenth_visit_raises_its_flag_at_once(ours: Caller, world: World) -> None:
    for number in range(2, 16):
        before = {flag["kind"] for flag in ours.get("/flags").json["items"]}
        ours.put(_path(world, f"V{number}"), {"date": "2026-03-01"})

    after = {flag["kind"] for flag in ours.get("/flags").json["items"]}
    assert after - before == {"visits_over_threshold"}
