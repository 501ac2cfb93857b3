"""The utilization report over the API: the clinic's own numbers for the clinic, guarded ones for quality teams."""

import io
from typing import Any

import openpyxl
import pytest
from flask.testing import FlaskClient

from prom_service.reports.forms import export
from prom_service.runtime import Runtime
from prom_service.services import access
from tests import builders
from tests.fakes import Clock
from tests.web.api.caller import Caller, World

PERIOD = "from=2026-01-01&to=2026-04-01"


@pytest.fixture
def quality(client: FlaskClient, world: World, runtime: Runtime, clock: Clock) -> Caller:
    """A quality team of our organisation."""
    with runtime.transaction() as session:
        _key, text = access.create_api_key(
            session,
            organisation_id=world.clinic.organisation_id,
            clinic_id=None,
            name="quality",
            scopes=["reports:read"],
            secret=builders.SECRET,
            now=clock.now(),
        )
    return Caller(client, text)


def test_a_report_is_json_and_covers_the_last_12_whole_months_unless_told(ours: Caller, world: World) -> None:
    response = ours.get("/reports/utilization")

    assert response.content_type == "application/json"
    parameters = response.json["parameters"]
    assert (parameters["from"], parameters["to"]) == ("2025-03-01", "2026-03-01")
    assert parameters["audience"] == "clinic"


@pytest.mark.parametrize(
    ("form", "media_type"),
    [
        ("csv", "text/csv"),
        ("html", "text/html"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("pdf", "application/pdf"),
        ("parquet", "application/zip"),
    ],
)
def test_a_report_as_a_file_is_a_download(form: str, media_type: str, ours: Caller, world: World) -> None:
    response = ours.get(f"/reports/utilization?{PERIOD}&format={form}")

    assert response.status_code == 200
    assert response.mimetype == media_type
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    assert response.data


def test_the_workbook_opens(ours: Caller, world: World) -> None:
    content = ours.get(f"/reports/utilization?{PERIOD}&format=xlsx").data

    assert openpyxl.load_workbook(io.BytesIO(content)).sheetnames


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-04-01&to=2026-01-01", "to"),
        ("from=yesterday", "from"),
        ("basis=x", "basis"),
        ("group_by=patient", "group_by"),
        ("format=doc", "format"),
        ("as_of=2026-01-01", "as_of"),
        ("as_of=2026-03-03T00:00:00Z", "as_of"),
        ("clinic=other", "clinic"),
    ],
)
def test_a_wrong_question_is_refused_by_name(query: str, field: str, ours: Caller) -> None:
    response = ours.get(f"/reports/utilization?{query}")

    assert response.status_code == 422
    assert list(response.json["errors"]) == [field]


def test_the_document_offers_the_formats_that_are_made_here(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").json

    route = document["paths"]["/api/v1/reports/utilization"]["get"]
    [offered] = [one["schema"]["enum"] for one in route["parameters"] if one["name"] == "format"]
    assert offered == list(export.FORMATS)


@pytest.mark.parametrize("form", ["docx", "xml"])
def test_a_format_that_is_not_made_here_says_which_are(form: str, ours: Caller) -> None:
    response = ours.get(f"/reports/utilization?format={form}")

    assert response.status_code == 422
    assert "xlsx" in response.text


def test_a_clinic_sees_its_own_episodes_and_another_none_of_them(ours: Caller, theirs: Caller, world: World) -> None:
    mine, yours = (caller.get(f"/reports/utilization?{PERIOD}") for caller in (ours, theirs))

    assert mine.json["tables"] != yours.json["tables"]


def test_a_clinic_sees_exact_counts_and_a_quality_team_no_small_ones(
    ours: Caller, quality: Caller, world: World, clock: Clock
) -> None:
    clock.advance(days=31)
    exact, guarded = (caller.get(f"/reports/utilization?{PERIOD}").json for caller in (ours, quality))

    assert [report["parameters"]["audience"] for report in (exact, guarded)] == ["clinic", "quality"]
    assert exact["tables"]["denominators"]["rows"][0]["episodes"] == 1
    assert guarded["tables"]["denominators"]["rows"] == []


def test_a_quality_team_asks_for_whole_months(quality: Caller) -> None:
    response = quality.get("/reports/utilization?from=2026-01-15&to=2026-02-01")

    assert list(response.json["errors"]) == ["from"]


def test_a_quality_team_sees_a_period_once_it_is_over(quality: Caller) -> None:
    response = quality.get(f"/reports/utilization?{PERIOD}")

    assert response.status_code == 422
    assert "once it is over" in response.json["errors"]["as_of"][0]


@pytest.mark.parametrize("as_of", ["2026-04-01T00:00:00Z", "2026-10-01T00:00:00Z"])
def test_a_quality_team_does_not_see_how_a_period_will_have_ended(quality: Caller, as_of: str) -> None:
    response = quality.get(f"/reports/utilization?{PERIOD}&as_of={as_of}")

    assert response.status_code == 422
    assert response.json["errors"] == {"as_of": ["Must not lie in the future."]}


CELL = "/reports/utilization/episodes"
WAITING = "from=2026-01-01&to=2026-04-01&visits=within&outcome=not_yet_due"


def test_a_clinic_is_led_from_a_number_to_its_episodes(ours: Caller, theirs: Caller, world: World) -> None:
    mine, yours = (caller.get(f"{CELL}?{WAITING}").json["items"] for caller in (ours, theirs))

    assert [(row["id"], row["patient"]["external_id"], row["outcome"]) for row in mine] == [
        (str(world.episode.id), world.patient.external_id, "not_assessable")
    ]
    assert yours == []


def test_a_cell_is_paged_as_every_list(ours: Caller, world: World, runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        for number in ("A", "B"):
            patient = builders.a_patient(session, world.clinic, now=clock.now(), external_id=number)
            builders.an_episode(session, world.clinic, patient, now=clock.now(), external_id=number)

    first = ours.get(f"{CELL}?{WAITING}&basis=episodes&limit=2").json
    second = ours.get(f"{CELL}?cursor={first['next']}").json

    assert len({row["id"] for row in first["items"] + second["items"]}) == 3
    assert second["next"] is None


def test_the_episodes_of_a_cell_need_both_scopes_of_a_clinic(
    client: FlaskClient, quality: Caller, key_with: Any
) -> None:
    callers = [quality, *(Caller(client, key_with(scope)) for scope in ("reports:read", "episodes:read"))]

    assert [caller.get(f"{CELL}?{WAITING}").status_code for caller in callers] == [403, 403, 403]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {"visits", "outcome"}),
        ("visits=many&outcome=worse", {"visits"}),
        (f"{WAITING}&group_by=x", {"group_by"}),
        (f"{WAITING}&as_of=2026-03-03T00:00:00Z", {"as_of"}),
    ],
)
def test_a_wrong_cell_is_refused_by_name(query: str, fields: set[str], ours: Caller) -> None:
    response = ours.get(f"{CELL}?{query}")

    assert response.status_code == 422
    assert set(response.json["errors"]) == fields
