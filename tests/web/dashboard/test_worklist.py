"""The worklist's page: filters in the address, steps taken with several flags at once, and what is never said."""

import datetime as dt
import re
import uuid
from typing import Any

import pytest

from prom_service.db import insert_if_absent
from prom_service.models import Flag, Heartbeat
from prom_service.queries.flags import find_flag
from prom_service.runtime import Runtime
from prom_service.services import flags
from prom_service.web.dashboard.worklist_routes import PAGE
from tests import builders
from tests.fakes import Clock
from tests.web.dashboard.desk import Desk, text_of

URGENT = {"severity": "urgent", "kind": "red_flag_symptom"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked of the database is tried on both kinds elsewhere; the page is the same."""
    return sqlite_url


@pytest.fixture
def desk(runtime: Runtime, clock: Clock, client: Any) -> Desk:
    desk = Desk(runtime, clock, client)
    desk.log_in()
    return desk


def ticked(page: str) -> list[str]:
    return re.findall(r'name="flag" value="([^"]+)"', page)


def test_a_page_goes_on_under_the_same_filters(desk: Desk) -> None:
    for _ in range(PAGE + 1):
        desk.flag(severity="low")
    desk.flag(severity="high")

    first = desk.get("/worklist?severity=low").text
    [address] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = desk.get(address.replace("&amp;", "&")).text
    stepped = desk.post(address.replace("&amp;", "&"), flag=ticked(second), step="acknowledge")

    assert "severity=low" in address
    assert [len(ticked(page)) for page in (first, second)] == [PAGE, 1]
    assert "severity=low" in stepped.headers["Location"]
    assert "after=" in stepped.headers["Location"]
    assert "high" not in re.findall(r'class="severity (\w+)"', first + second)


@pytest.mark.parametrize(
    "query", ["severity=grave", "status=superseded", "mine=no", "after=9.x", f"patient={'9' * 101}", "clinician=%00"]
)
def test_an_address_that_asks_for_what_there_is_not_is_refused(desk: Desk, query: str) -> None:
    answer = desk.get(f"/worklist?{query}")

    assert answer.status_code == 400
    assert 'href="/missing"' in answer.text
    assert "Bad Request" not in answer.text
    assert "_" not in text_of(answer)


def test_a_search_for_a_patient_there_is_not_says_so_and_one_without_flags_does_not(desk: Desk) -> None:
    desk.patient(external_id="P77")

    nobody, somebody = desk.shown("/worklist?patient=P78"), desk.shown("/worklist?patient=p7")

    assert "No patient of this clinic has a number with “P78”." in nobody
    assert "no rule was met" not in nobody
    assert "no rule was met" in somebody


def test_a_list_without_rows_says_what_was_asked_and_how_fresh_it_is_and_never_that_all_is_well(desk: Desk) -> None:
    desk.patient(external_id="1<b>")

    page = desk.get("/worklist?severity=urgent&patient=%3Cb%3E").text

    assert "Asked for: live, urgent, patient number with “&lt;b&gt;”." in page
    assert "it does not say that all is well" in page
    assert "Last answers of a patient: never" in page


def test_a_silent_scheduler_and_unread_urgent_flags_stand_at_the_head_of_every_page(desk: Desk, clock: Clock) -> None:
    flag_id = desk.flag(**URGENT)
    with desk.runtime.transaction() as session:
        beat = {"process": "scheduler:1", "kind": "scheduler", "beat_at": clock.now()}
        insert_if_absent(session, Heartbeat, beat, unique=["process"])

    awake = desk.get("/missing").text
    clock.advance(minutes=10)
    asleep = [desk.get(path).text for path in ("/worklist", "/missing", f"/flags/{flag_id}")]
    desk.step(flag_id, flags.acknowledge)
    seen = desk.get("/worklist").text

    assert "<title>(1 urgent) Missing answers" in awake
    assert "not working on time" not in awake
    assert all("1 urgent flag nobody has acknowledged." in page for page in (awake, *asleep))
    assert all("no sign of life for 10 minutes" in page for page in asleep)
    assert "nobody has acknowledged" not in seen


def test_the_ticked_flags_are_acknowledged_each_by_an_event_of_its_own(desk: Desk) -> None:
    flag_ids = [desk.flag(), desk.flag(), desk.flag()]
    page = desk.get("/worklist?severity=medium")

    answer = desk.post("/worklist?severity=medium", flag=ticked(page.text)[:2], step="acknowledge")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/worklist?severity=medium")
    assert "2 flags acknowledged." in desk.get("/worklist").text
    with desk.runtime.reading() as session:
        views = [find_flag(session, desk.clinic.id, flag_id) for flag_id in flag_ids]
    assert [view["status"] for view in views] == ["acknowledged", "acknowledged", "open"]
    assert [view["history"][-1]["actor"]["id"] for view in views[:2]] == [f"user:{desk.user.id}"] * 2


def test_what_changed_meanwhile_is_left_alone_and_named_and_the_rest_is_taken(desk: Desk) -> None:
    theirs, mine = desk.flag(**URGENT), desk.flag()
    page = desk.get("/worklist").text
    desk.step(theirs, flags.resolve, "referred")

    answer = desk.post("/worklist", flag=ticked(page), step="take")

    assert answer.status_code == 409
    assert re.search(r"1 assigned to you\. 1 left as it is", answer.text)
    assert re.search(r"Red-flag symptom</a> of Alex Example, P\d+: resolved .* by whoever runs this", answer.text)
    with desk.runtime.reading() as session:
        assert session.get_one(Flag, mine).assignee_id == desk.user.id
        assert session.get_one(Flag, theirs).status == "resolved"


def test_acknowledging_takes_no_flag_from_whoever_has_it(desk: Desk) -> None:
    flag_id = desk.flag()
    desk.step(flag_id, flags.assign, desk.user.id)

    answer = desk.post("/worklist", flag=ticked(desk.get("/worklist").text), step="acknowledge")

    assert answer.status_code == 409
    with desk.runtime.reading() as session:
        assert session.get_one(Flag, flag_id).status == "assigned"


def test_a_step_with_nothing_ticked_or_with_what_is_not_there_changes_nothing(desk: Desk, clock: Clock) -> None:
    with desk.runtime.transaction() as session:
        other = builders.a_clinic(session, now=clock.now())
        elsewhere = builders.a_flag(session, builders.an_episode(session, other, now=clock.now()), now=clock.now())
    own = desk.flag()
    [tick] = ticked(desk.get("/worklist").text)

    answers = [
        desk.post("/worklist", step="acknowledge"),
        desk.post("/worklist", step="dismiss", flag=[tick]),
        desk.post("/worklist", step="acknowledge", flag=["nonsense"]),
        desk.post("/worklist", step="acknowledge", flag=[tick, f"{elsewhere.id}.{elsewhere.number}"]),
        desk.post("/worklist", step="acknowledge", flag=[tick] * (PAGE + 1)),
    ]

    assert [answer.status_code for answer in answers] == [422, 400, 400, 404, 400]
    with desk.runtime.reading() as session:
        assert session.get_one(Flag, own).status == "open"


def test_a_row_says_how_old_it_is_and_who_has_it(desk: Desk, clock: Clock) -> None:
    flag_id = desk.flag()
    desk.step(flag_id, flags.acknowledge, actor=f"user:{desk.user.id}")
    clock.advance(hours=3)
    desk.log_in()

    page = desk.get("/worklist").text

    raised = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
    assert f'<time datetime="{raised.isoformat()}" title="2 Mar 2026, 08:00 GMT">3 h ago</time>' in page
    assert "Acknowledged by Sam Staff" in page


def test_resolved_flags_are_shown_to_look_back_and_cannot_be_ticked(desk: Desk) -> None:
    flag_id = desk.flag()
    desk.step(flag_id, flags.resolve, "reassessed")

    page = desk.get("/worklist?status=resolved").text

    assert f"/flags/{flag_id}?status=resolved" in page
    assert ticked(page) == []
    assert "reassessed" in page


def test_a_flag_of_no_one_is_not_found_by_a_number(desk: Desk) -> None:
    assert desk.get(f"/flags/{uuid.UUID(int=1)}").status_code == 404
