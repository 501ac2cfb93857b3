"""What bodies may hold: a yes is not a one, a date is a real one, a name has no hidden marks."""

import datetime as dt
from typing import Any
from urllib.parse import quote

import pytest

from tests.web.api.caller import Caller, World

PATIENT = {"external_id": "new", "name": "Kim New", "date_of_birth": "1970-01-01"}

WRONG = [
    ({"name": 1}, "name"),
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"name": "a\nb"}, "name"),
    ({"name": "a\u0085b"}, "name"),
    ({"name": "a" * 201}, "name"),
    ({"external_id": "a" * 101}, "external_id"),
    ({"external_id": " " + "a" * 100}, "external_id"),
    ({"external_id": "a\tb"}, "external_id"),
    ({"date_of_birth": "1970-02-30"}, "date_of_birth"),
    ({"date_of_birth": "01/02/1970"}, "date_of_birth"),
    ({"date_of_birth": "19700101"}, "date_of_birth"),
    ({"date_of_birth": "1970-W01-1"}, "date_of_birth"),
    ({"date_of_birth": "١٩٧٠-٠١-٠١"}, "date_of_birth"),
    ({"date_of_birth": 19700101}, "date_of_birth"),
    ({"date_of_birth": "1905-12-31"}, "date_of_birth"),
    ({"date_of_birth": "2026-03-03"}, "date_of_birth"),
    ({"date_of_birth": "9999-12-31"}, "date_of_birth"),
    ({"date_of_birth": "0001-01-01"}, "date_of_birth"),
    ({"email_allowed": 1}, "email_allowed"),
    ({"email_allowed": "yes"}, "email_allowed"),
    ({"email_allowed": None}, "email_allowed"),
    ({"email": "nobody"}, "email"),
    ({"email": "a@b\r\nBcc: c@d"}, "email"),
    ({"sex": "F"}, "sex"),
    ({"language": "english"}, "language"),
    ({"language": "xx"}, "language"),
    ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ({"time_zone": "../../etc/passwd"}, "time_zone"),
    ({"nickname": "Kim"}, "nickname"),
]


@pytest.mark.parametrize(("change", "field"), WRONG)
def test_a_wrong_field_is_refused_by_name(change: dict[str, Any], field: str, ours: Caller) -> None:
    response = ours.post("/patients", {**PATIENT, **change})

    assert response.status_code == 422
    assert list(response.json["errors"]) == [field]


def test_a_language_that_is_not_spoken_is_refused_with_those_that_are(ours: Caller, world: World) -> None:
    response = ours.patch(f"/patients/{world.patient.id}", {"language": "xx"}, If_Match="*")

    assert (response.status_code, response.json["errors"]) == (422, {"language": ["Must be one of: en, es."]})


def test_every_wrong_field_is_named_at_once(ours: Caller) -> None:
    response = ours.post("/patients", {"name": 1, "sex": "x", "more": 1})

    assert set(response.json["errors"]) == {"name", "sex", "more", "external_id", "date_of_birth"}


def test_no_message_repeats_what_was_sent(ours: Caller) -> None:
    response = ours.post("/patients", {**PATIENT, "email": "someone-secret", "name": "Very\x07Private"})

    assert "secret" not in response.text
    assert "Private" not in response.text


def test_a_text_is_trimmed_composed_and_freed_from_marks_that_turn_it(ours: Caller) -> None:
    response = ours.post("/patients", {**PATIENT, "name": "  Zoe\u0301 \u202egnoL\u202c "})

    assert response.json["name"] == "Zoé gnoL"


@pytest.mark.parametrize(
    ("born", "status"), [("2008-03-02", 201), ("2008-03-03", 422)], ids=["18 today", "18 tomorrow"]
)
def test_a_patient_is_18_when_the_episode_starts(born: str, status: int, ours: Caller, world: World) -> None:
    ours.post("/patients", {**PATIENT, "date_of_birth": born})

    response = ours.post("/episodes", {"external_id": "new", "patient": "new", "started_on": str(world.today)})

    assert response.status_code == status


@pytest.mark.parametrize(
    ("days", "status"), [(366, 201), (367, 422), (-366 * 11, 422)], ids=["a year ahead", "a day more", "11 years ago"]
)
def test_a_start_is_not_absurdly_far(days: int, status: int, ours: Caller, world: World) -> None:
    started_on = str(world.today + dt.timedelta(days=days))

    response = ours.post(
        "/episodes", {"external_id": "x", "patient": str(world.patient.id), "started_on": started_on, "side": "right"}
    )

    assert response.status_code == status


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=1e1",
        "limit=007",
        "limit=true",
        "limit=%D9%A1",
        "limit=99999999999",
        "page=2",
        "limit=",
    ],
)
def test_a_wrong_query_is_refused(query: str, ours: Caller) -> None:
    response = ours.get(f"/patients?{query}")

    assert response.status_code == 422
    assert response.json["errors"]


@pytest.mark.parametrize("path", ["/patients/1", "/patients/%00", "/flags/x", "/episodes/" + "9" * 400])
def test_what_is_no_id_is_no_page(path: str, ours: Caller) -> None:
    response = ours.get(path)

    assert response.status_code == 404
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize("name", ["a%00b", "a%0Ab", "a" * 101])
def test_a_visit_number_that_cannot_be_stored_is_no_page(name: str, ours: Caller, world: World) -> None:
    response = ours.put(f"/episodes/{world.episode.id}/visits/{name}", {"date": str(world.today)})

    assert response.status_code == 404


@pytest.mark.parametrize("query", ["external_id=%00", "external_id=a%0Ab", "external_id=" + "a" * 101])
def test_a_filter_that_no_row_could_meet_is_refused(query: str, ours: Caller) -> None:
    assert ours.get(f"/patients?{query}").status_code == 422


@pytest.mark.parametrize("instant", ["2026-03-01", "2026-03-01 09:00:00Z", "20260301T090000Z", "2026-W09-7T09:00:00Z"])
def test_an_instant_is_written_as_rfc_3339_writes_it(ours: Caller, instant: str) -> None:
    refused = ours.get(f"/reports/utilization?as_of={quote(instant)}")

    assert (refused.status_code, list(refused.json["errors"])) == (422, ["as_of"])
