"""Reports in the background: asked for, followed, fetched and cancelled by the key that asked, and by no other."""

import datetime as dt

import pytest
from flask.testing import FlaskClient

from prom_service.models import ReportTask
from prom_service.models.api_key import SCOPES
from prom_service.runtime import Runtime
from prom_service.services import report_tasks
from scheduler import reporting
from tests import builders
from tests.fakes import Clock
from tests.web.api.caller import ROOT, Caller, World

PERIOD = "from=2026-01-01&to=2026-04-01"
LATER = {"Prefer": "respond-async, wait=10"}


@pytest.fixture
def colleague(client: FlaskClient, world: World, runtime: Runtime, clock: Clock) -> Caller:
    """Another key of the same clinic."""
    with runtime.transaction() as session:
        return Caller(client, builders.an_api_key(session, world.clinic, SCOPES, now=clock.now()))


def asked(caller: Caller, form: str = "csv") -> str:
    """Ask for a report in the background and return where its task is."""
    response = caller.get(f"/reports/utilization?{PERIOD}&format={form}", **LATER)
    assert response.status_code == 202
    return response.location.partition(ROOT)[2]


def test_a_report_can_be_made_in_the_background(ours: Caller, runtime: Runtime) -> None:
    answer = ours.get(f"/reports/utilization?{PERIOD}&format=xlsx", **LATER)

    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "respond-async"
    task = answer.json
    assert (task["status"], task["progress"], task["result"], task["format"]) == ("queued", 0, None, "xlsx")
    assert task["parameters"]["from"] == "2026-01-01"
    place = answer.location.partition(ROOT)[2]
    assert ours.get(place).json == task

    assert reporting.make_reports(runtime) == 1

    done = ours.get(place).json
    assert (done["status"], done["progress"], done["error"]) == ("done", 1, None)
    file = ours.get(done["result"].partition(ROOT)[2])
    named = "utilization-2026-01-01-to-2026-04-01-as-of-2026-03-02.xlsx"
    assert file.headers["Content-Disposition"] == f'attachment; filename="{named}"'
    assert file.data[:2] == b"PK"


def test_it_is_the_report_as_it_was_when_it_was_asked_for(
    ours: Caller, runtime: Runtime, clock: Clock, world: World
) -> None:
    at_once = ours.get(f"/reports/utilization?{PERIOD}&format=csv").data
    place = asked(ours)

    clock.advance(hours=3)
    with runtime.transaction() as session:
        builders.an_episode(session, world.clinic, now=clock.now())
    reporting.make_reports(runtime)

    assert ours.get(f"{place}/result").data == at_once


def test_a_wrong_question_is_refused_at_once(ours: Caller) -> None:
    answer = ours.get("/reports/utilization?from=2026-04-01&to=2026-01-01", **LATER)

    assert answer.status_code == 422
    assert [one["status"] for one in ours.get("/tasks").json["items"]] == ["done"]  # The one of the world.


def test_who_does_not_prefer_it_waits_for_the_report(ours: Caller) -> None:
    assert ours.get(f"/reports/utilization?{PERIOD}", Prefer="return=minimal").status_code == 200


def test_tasks_are_listed_newest_first_in_pages(ours: Caller) -> None:
    places = [asked(ours) for _ in range(3)]

    first = ours.get("/tasks?limit=2").json
    second = ours.get(f"/tasks?limit=2&cursor={first['next']}").json

    assert [f"/tasks/{one['id']}" for one in (*first["items"], *second["items"])][:3] == places[::-1]
    assert second["next"] is None


def test_a_colleague_s_key_and_another_clinic_find_nothing(
    ours: Caller, colleague: Caller, theirs: Caller, runtime: Runtime
) -> None:
    place = asked(ours)
    reporting.make_reports(runtime)

    for other in (colleague, theirs):
        assert other.get("/tasks").json["items"] == []
        answers = [other.get(place), other.get(f"{place}/result"), other.delete(place)]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert ours.get(f"{place}/result").status_code == 200


def test_there_is_no_file_before_the_report_is_made(ours: Caller) -> None:
    answer = ours.get(f"{asked(ours)}/result")

    assert (answer.status_code, answer.json["reason"]) == (409, "not_done")


def test_a_cancelled_task_is_not_made(ours: Caller, runtime: Runtime) -> None:
    place = asked(ours)

    assert [ours.delete(place).status_code for _ in range(2)] == [204, 204]

    assert reporting.make_reports(runtime) == 0
    assert ours.get(place).json["status"] == "cancelled"
    answer = ours.get(f"{place}/result")
    assert (answer.status_code, answer.json["reason"]) == (409, "cancelled")
    assert "cancelled before it was made" in answer.json["detail"]


def test_deleting_a_task_that_is_done_deletes_its_file(ours: Caller, runtime: Runtime) -> None:
    place = asked(ours)
    reporting.make_reports(runtime)

    ours.delete(place)

    assert ours.get(place).json["result"] is None
    assert ours.get(f"{place}/result").status_code == 410


def test_a_file_is_kept_for_seven_days(ours: Caller, runtime: Runtime, clock: Clock) -> None:
    place = asked(ours)
    reporting.make_reports(runtime)

    clock.move_to(clock.now() + report_tasks.KEPT - dt.timedelta(seconds=1))
    kept = ours.get(f"{place}/result").status_code
    clock.advance(seconds=1)

    assert (kept, ours.get(f"{place}/result").status_code) == (200, 410)
    assert ours.get(place).json["result"] is None


def test_one_key_may_have_so_many_in_hand_and_no_more(ours: Caller, colleague: Caller, runtime: Runtime) -> None:
    for _ in range(report_tasks.MOST_AT_ONCE):
        asked(ours)

    refused = ours.get(f"/reports/utilization?{PERIOD}", **LATER)

    assert (refused.status_code, refused.json["reason"]) == (409, "too_many")
    asked(colleague)


def test_a_report_that_cannot_be_made_says_why(ours: Caller, runtime: Runtime) -> None:
    place = asked(ours)
    with runtime.transaction() as session:
        session.query(ReportTask).update({"form": "papyrus"})

    reporting.make_reports(runtime)

    task = ours.get(place).json
    assert task["status"] == "failed"
    assert "Allowed are json, csv" in task["error"]
    assert ours.get(f"{place}/result").json["reason"] == "failed"
