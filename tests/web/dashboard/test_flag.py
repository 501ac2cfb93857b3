"""The page of a flag: every step, what is refused, what changed meanwhile, and what lies beside it."""

import datetime as dt
import html
import re
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Flag
from prom_service.runtime import Runtime
from prom_service.services import enrolment, flags, submission
from tests import builders
from tests.fakes import Clock
from tests.web.dashboard.desk import Desk, text_of

EVIDENCE = {
    "instrument": "ihot-12-1.0",
    "title": "iHOT-12",
    "best": 100.0,
    "baseline": {"value": 40.0, "answered_at": "2026-02-01T09:00:00+00:00", "late": False, "partial": False},
    "current": {"value": 42.0, "answered_at": "2026-02-28T09:00:00+00:00", "late": False, "partial": False},
    "change": 2.0,
    "threshold": {"value": 7.0, "unit": "points", "kind": "working", "verified": False, "citation": "Ours", "doi": ""},
    "measurement_error": {
        "value": 17.2,
        "unit": "points",
        "verified": True,
        "citation": "Spanish iHOT-12",
        "doi": "10.3390/jcm11216232",
    },
    "provisional_wording": True,
    "wording": "own",
    "pathway": "hip-related-pain-1",
    "rule_version": "1",
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked of the database is tried on both kinds elsewhere; the page is the same."""
    return sqlite_url


@pytest.fixture
def desk(runtime: Runtime, clock: Clock, client: Any) -> Desk:
    desk = Desk(runtime, clock, client)
    desk.log_in()
    return desk


def take(desk: Desk, flag_id: uuid.UUID, step: str, *, query: str = "", **fields: Any) -> Any:
    """Take a step on the page as it is now."""
    seen = re.search(r'name="seen" value="(\d+)"', desk.get(f"/flags/{flag_id}").text)
    return desk.post(f"/flags/{flag_id}/{step}{query}", **{"seen": seen[1] if seen else "0", **fields})


def flag_of(desk: Desk, flag_id: uuid.UUID) -> Flag:
    with desk.runtime.reading() as session:
        return session.get_one(Flag, flag_id)


def test_it_shows_the_numbers_beside_their_threshold_and_measurement_error_each_with_its_source(desk: Desk) -> None:
    page = desk.shown(f"/flags/{desk.flag(evidence=EVIDENCE)}")

    assert "At the start 40.0 1 Feb 2026, 09:00 GMT ( 29 days ago )" in page
    assert "Change (positive is better) +2.0" in page
    assert "Compared with 7.0 points (working, not verified). Source: Ours; not verified." in page
    assert "below 17.2 points cannot be told from it; this one is smaller" in page
    assert "Spanish iHOT-12, doi:10.3390/jcm11216232 ; verified in its source" in page
    assert "Provisional wording: the questions were asked in own words" in page
    assert "version 1 of the rules, which no clinician of this clinic has approved yet" in page
    assert "It is not a diagnosis and chooses no treatment." in page


def test_it_is_given_to_a_colleague_who_may_read_it_and_to_nobody_else(desk: Desk, clock: Clock) -> None:
    with desk.runtime.transaction() as session:
        reader = builders.a_user(session, desk.clinic, now=clock.now(), name="Kim Colleague")
        analyst = builders.a_user(session, desk.clinic, now=clock.now(), name="Ash Analyst", role="quality_analyst")
    flag_id = desk.flag()

    offered = desk.get(f"/flags/{flag_id}").text
    refused = take(desk, flag_id, "assign", user=str(analyst.id))
    unchosen = take(desk, flag_id, "assign", user="")
    given = take(desk, flag_id, "assign", user=str(reader.id))
    page = desk.shown(f"/flags/{flag_id}")

    assert ("Kim Colleague" in offered, "Ash Analyst" in offered) == (True, False)
    assert [one.status_code for one in (refused, unchosen, given)] == [422, 422, 303]
    assert "No user of this clinic who may read its flags." in refused.text
    assert flag_of(desk, flag_id).assignee_id == reader.id
    assert "assigned to Kim Colleague" in page
    assert "Assigned to Kim Colleague by Sam Staff, 2 Mar 2026, 08:00 GMT" in page


def test_it_is_put_aside_until_the_morning_of_a_day_unless_it_is_urgent(desk: Desk) -> None:
    milder, urgent = desk.flag(), desk.flag(severity="urgent", kind="red_flag_symptom")

    answers = [
        take(desk, milder, "snooze", until="tomorrow"),
        take(desk, milder, "snooze", until="0001-01-01"),
        take(desk, milder, "snooze", until="2026-03-02"),
        take(desk, urgent, "snooze", until="2026-03-09"),
        take(desk, milder, "snooze", until="2026-03-30"),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422, 409, 303]
    assert "An urgent flag cannot be put aside." in answers[3].text
    assert flag_of(desk, milder).snoozed_until == dt.datetime(2026, 3, 29, 23, tzinfo=dt.UTC)
    assert flag_of(desk, urgent).status == "open"


def test_a_step_with_a_flag_that_changed_meanwhile_is_refused_and_says_what_changed(desk: Desk) -> None:
    flag_id = desk.flag()
    seen = flag_of(desk, flag_id).number
    desk.step(flag_id, flags.acknowledge, actor=f"user:{desk.user.id}", note="Will call")

    answer = take(desk, flag_id, "resolve", reason="contacted", seen=str(seen))
    incomplete = desk.post(f"/flags/{flag_id}/resolve", reason="contacted")

    assert (answer.status_code, incomplete.status_code) == (409, 400)
    said = text_of(answer)
    assert "What changed since: Acknowledged by Sam Staff" in said
    assert said.count("“Will call”") == 2
    assert flag_of(desk, flag_id).status == "acknowledged"


def open_forms(answer: Any) -> list[str]:
    return re.findall(r"<details open>\s*<summary>([^<]+)", answer.text)


def test_after_a_refusal_the_form_that_was_sent_is_open_with_what_was_typed(desk: Desk) -> None:
    flag_id = desk.flag()
    seen = str(flag_of(desk, flag_id).number)
    with desk.runtime.transaction() as session:
        kim = builders.a_user(session, desk.clinic, now=desk.clock.now(), name="Kim Colleague")
    desk.step(flag_id, flags.acknowledge, actor=f"user:{desk.user.id}")

    resolving = take(desk, flag_id, "resolve", reason="contacted", note="Called twice", seen=seen)
    assigning = take(desk, flag_id, "assign", user=str(kim.id), seen=seen)
    waiting = take(desk, flag_id, "snooze", until="2026-03-30", seen=seen)

    assert [open_forms(one) for one in (resolving, assigning, waiting)] == [
        ["Resolve"],
        ["Assign to somebody"],
        ["Put aside until a day"],
    ]
    assert ">Called twice</textarea>" in resolving.text
    assert f'value="{kim.id}" selected' in assigning.text
    assert 'value="2026-03-30"' in waiting.text


def test_a_note_for_a_flag_that_somebody_resolved_meanwhile_is_not_lost(desk: Desk) -> None:
    flag_id = desk.flag()
    seen = str(flag_of(desk, flag_id).number)
    desk.step(flag_id, flags.resolve, "contacted")

    answer = take(desk, flag_id, "resolve", reason="contacted", note="Called twice", seen=seen)

    assert answer.status_code == 409
    assert "Your note was not kept: “Called twice”" in text_of(answer)


def test_what_was_typed_is_kept_when_a_step_is_refused_and_shown_as_text(desk: Desk) -> None:
    flag_id = desk.flag()

    answer = take(desk, flag_id, "resolve", note="<b>called</b>")
    too_long = take(desk, flag_id, "resolve", reason="contacted", note="x" * 1001)

    assert (answer.status_code, too_long.status_code) == (422, 422)
    assert "Choose a reason." in answer.text
    assert html.escape("<b>called</b>") in answer.text
    assert "this has 1001" in too_long.text


def test_previous_and_next_follow_the_worklist_as_filtered_and_so_do_the_steps(desk: Desk) -> None:
    first, _other, second = desk.flag(), desk.flag(severity="high"), desk.flag()

    page = desk.get(f"/flags/{first}?severity=medium").text
    answer = take(desk, first, "resolve", query="?severity=medium", reason="contacted")

    assert re.findall(r'rel="(next|prev)" href="([^"]+)"', page) == [("next", f"/flags/{second}?severity=medium")]
    assert answer.headers["Location"] == f"/flags/{first}?severity=medium"
    assert f'href="/flags/{second}?severity=medium"' in desk.get(answer.headers["Location"]).text


def test_a_finding_that_came_back_leads_from_one_flag_to_the_other(desk: Desk, clock: Clock) -> None:
    with desk.runtime.transaction() as session:
        episode = builders.an_episode(session, desk.clinic, now=clock.now())
        before = builders.a_flag(session, episode, now=clock.now(), status="superseded")
        after = builders.a_flag(session, episode, now=clock.now(), predecessor_id=before.id)

    assert f'href="/flags/{after.id}">came back' in desk.get(f"/flags/{before.id}").text
    assert f'href="/flags/{before.id}">was flagged before' in desk.get(f"/flags/{after.id}").text


def test_a_flag_leads_to_the_answers_or_the_finding_it_rests_on_and_says_that_the_course_is_closed(desk: Desk) -> None:
    with desk.runtime.transaction() as session:
        now = desk.clock.now()
        episode = builders.an_episode(session, desk.clinic, now=now)
        baseline = builders.the_administration(session, episode, "baseline")
        answers = builders.changed(builders.complete_answers(baseline, episode), "safety-1.0", R1=1)
        submission.submit(session, baseline, answers=answers, now=now)
        symptom = session.scalars(select(Flag).where(Flag.episode_id == episode.id)).one()
        later = builders.a_flag(session, episode, now=now, kind="continued_without_review", basis=f"flag:{symptom.id}")
        enrolment.close_episode(session, episode, closed_on=now.date(), reason="done", actor="test", now=now)

    page, following = desk.get(f"/flags/{symptom.id}").text, desk.get(f"/flags/{later.id}").text

    assert f'<a href="/administrations/{baseline.id}/answers">Read these answers</a>' in page
    assert f'<a href="/flags/{symptom.id}">The finding it follows</a>' in following
    assert "<strong>closed 2 Mar 2026</strong>" in page
