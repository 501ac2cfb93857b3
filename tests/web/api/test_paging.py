"""Lists in pages: every row once, also while others are added, and a cursor only for the list it came from."""

import itertools

import pytest

from tests.web.api.caller import Caller, World

NEW = {"name": "Kim New", "date_of_birth": "1970-01-01"}


def _add_patients(ours: Caller, names: list[str]) -> None:
    for name in names:
        ours.post("/patients", {**NEW, "external_id": name})


def test_a_list_shows_every_row_once_by_its_cursors(ours: Caller, world: World) -> None:
    _add_patients(ours, ["A", "B", "C", "D"])

    seen, cursor = [], ""
    for _page in range(3):
        page = ours.get(f"/patients?limit=2{cursor}").json
        seen += [row["external_id"] for row in page["items"]]
        cursor = f"&cursor={page['next']}"

    assert seen == [world.patient.external_id, "A", "B", "C", "D"]
    assert page["next"] is None


def test_the_link_header_leads_through_the_same_pages(ours: Caller, world: World) -> None:
    _add_patients(ours, ["A", "B"])

    first = ours.get("/patients?limit=2")
    second = ours.get(first.headers["Link"].removeprefix("<").removesuffix('>; rel="next"'))

    assert [row["external_id"] for row in second.json["items"]] == ["B"]
    assert "Link" not in second.headers


def test_rows_added_between_two_pages_shift_nothing(ours: Caller, world: World) -> None:
    _add_patients(ours, ["A", "B"])

    first = ours.get("/patients?limit=2").json
    _add_patients(ours, ["C"])
    second = ours.get(f"/patients?limit=2&cursor={first['next']}").json

    shown = [row["external_id"] for row in itertools.chain(first["items"], second["items"])]
    assert shown == [world.patient.external_id, "A", "B", "C"]


def test_a_list_newest_first_shows_no_row_twice_when_newer_ones_come(ours: Caller, world: World) -> None:
    _raise_flags(ours, world, 3)

    first = ours.get("/flags?limit=2").json
    _raise_flags(ours, world, 2, since=3)
    second = ours.get(f"/flags?limit=2&cursor={first['next']}").json

    ids = [row["id"] for row in first["items"] + second["items"]]
    assert len(ids) == len(set(ids)) == 4


def test_a_cursor_carries_its_filters(ours: Caller, world: World) -> None:
    _raise_flags(ours, world, 3)

    first = ours.get("/flags?limit=2&kind=red_flag_symptom").json
    second = ours.get(f"/flags?limit=2&cursor={first['next']}").json

    assert {row["kind"] for row in first["items"] + second["items"]} == {"red_flag_symptom"}


@pytest.mark.parametrize("filters", ["kind=deterioration", "queue=clinical", "kind=red_flag_symptom&queue=clinical"])
def test_a_cursor_is_refused_beside_other_filters(filters: str, ours: Caller, world: World) -> None:
    _raise_flags(ours, world, 3)
    cursor = ours.get("/flags?limit=2&kind=red_flag_symptom").json["next"]

    response = ours.get(f"/flags?limit=2&{filters}&cursor={cursor}")

    assert response.status_code == 422
    assert list(response.json["errors"]) == ["cursor"]


def test_a_cursor_of_another_list_or_changed_by_hand_is_refused(ours: Caller, world: World) -> None:
    _add_patients(ours, ["A", "B"])
    cursor = ours.get("/patients?limit=1").json["next"]
    changed = ("A" if cursor[0] != "A" else "B") + cursor[1:]

    answers = [ours.get(f"/episodes?cursor={cursor}"), ours.get(f"/patients?cursor={changed}")]
    answers += [ours.get(f"/patients?cursor={text}") for text in ("x", "%F0%9F%92%A9", "e30", "", "=" * 5)]

    assert {answer.status_code for answer in answers} == {422}


def test_another_clinics_cursor_leads_to_nothing_of_that_clinic(ours: Caller, theirs: Caller, world: World) -> None:
    _add_patients(ours, ["A", "B"])
    cursor = ours.get("/patients?limit=1").json["next"]

    assert theirs.get(f"/patients?cursor={cursor}").json["items"] == []


def test_a_page_holds_50_rows_unless_it_is_said(ours: Caller, world: World) -> None:
    _add_patients(ours, [f"P{number:03}" for number in range(50)])

    assert len(ours.get("/patients").json["items"]) == 50
    assert len(ours.get("/patients?limit=100").json["items"]) == 51


def _raise_flags(ours: Caller, world: World, count: int, *, since: int = 0) -> None:
    """Raise one red-flag symptom each in as many new episodes."""
    for number in range(since, since + count):
        ours.post("/patients", {**NEW, "external_id": f"F{number}"})
        enrolled = ours.post(
            "/episodes", {"external_id": f"F{number}", "patient": f"F{number}", "started_on": str(world.today)}
        )
        timeline = ours.get(f"/episodes/{enrolled.json['id']}/timeline").json
        baseline = timeline["administrations"][0]["id"]
        entered = ours.post(f"/administrations/{baseline}/responses", {"answers": {"safety-1.0": {"R1": 1}}})
        assert entered.status_code == 201
