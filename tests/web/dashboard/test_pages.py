"""The staff's pages: who gets in, whose flags are shown, and what the forms refuse."""

import re
import uuid
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.app import create_app
from prom_service.models import Administration, Clinic, Flag, Link
from prom_service.queries.flags import FlagFilter, find_flag, list_flags
from prom_service.runtime import Runtime
from prom_service.services import submission
from prom_service.services.staff import TRIES_OF_A_SOURCE
from tests import builders
from tests.builders import PASSWORD
from tests.fakes import Clock
from tests.support.browser import accessibility_faults
from tests.support.paper import Sheets


class Desk:
    """A clinic with two flags, one of its staff, and a browser without a socket."""

    def __init__(self, runtime: Runtime, clock: Clock, client: Any) -> None:
        self.runtime, self.clock, self.client = runtime, clock, client
        with runtime.transaction() as session:
            self.clinic = builders.a_clinic(session, now=clock.now())
            self.user = builders.a_user(session, self.clinic, now=clock.now(), email="sam@example.org")
            self.flag_ids = flagged(session, self.clinic, clock)

    def token(self, path: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(path).text)
        assert found
        return found[1]

    def log_in(self, email: str = "sam@example.org", password: str = PASSWORD, **fields: str) -> Any:
        form = {"email": email, "password": password, "csrf_token": self.token("/login"), **fields}
        return self.client.post("/login", data=form)

    def post(self, path: str, **fields: str) -> Any:
        return self.client.post(path, data={"csrf_token": self.token("/worklist"), **fields})

    def step(self, flag: str, step: str, **fields: str) -> Any:
        """Take a step with a flag as its page shows it now."""
        seen = re.search(r'name="seen" value="(\d+)"', self.client.get(flag).text)
        return self.post(f"{flag}/{step}", seen=seen[1] if seen else "0", **fields)


def flagged(session: Any, clinic: Clinic, clock: Clock) -> dict[str, str]:
    """One patient of ``clinic`` with an urgent symptom and no change at 6 weeks; the flags by kind."""
    now = clock.now()
    episode = builders.an_episode(session, clinic, now=now)
    baseline = builders.the_administration(session, episode, "baseline")
    answers = builders.complete_answers(baseline, episode, ihot=40)
    submission.submit(session, baseline, answers=builders.changed(answers, "safety-1.0", R1=1), now=now)
    later = clock.advance(days=42)
    six_weeks = builders.the_administration(session, episode, "6-weeks")
    answers = builders.complete_answers(six_weeks, episode, ihot=40)
    submission.submit(session, six_weeks, answers=answers, now=later)
    return {flag["kind"]: flag["id"] for flag in list_flags(session, clinic.id, FlagFilter())}


@pytest.fixture
def desk(runtime: Runtime, clock: Clock, client: Any) -> Desk:
    return Desk(runtime, clock, client)


@pytest.mark.parametrize("path", ["/worklist", "/flags/00000000-0000-7000-8000-000000000000"])
def test_without_a_log_in_every_page_leads_to_it(client: Any, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login?next=")


def test_who_sent_a_form_after_the_log_in_had_ended_is_told_that_nothing_was_saved(desk: Desk, clock: Clock) -> None:
    desk.log_in()
    flag = f"/flags/{desk.flag_ids['red_flag_symptom']}"
    token = desk.token(flag)
    clock.advance(minutes=16)

    answer = desk.client.post(f"{flag}/acknowledge", data={"csrf_token": token, "seen": "1"}, follow_redirects=True)

    assert (answer.status_code, answer.request.path) == (200, "/login")
    assert "Your log-in had ended: what you sent last was not saved." in answer.text


def test_a_form_from_before_the_last_log_in_says_so_in_plain_words(desk: Desk) -> None:
    desk.log_in()
    token = desk.token("/worklist")
    desk.client.post("/logout", data={"csrf_token": token})
    desk.log_in()

    answer = desk.client.post("/logout", data={"csrf_token": token})

    assert answer.status_code == 400
    assert "This page is from before you last logged in" in answer.text


def test_the_worklist_shows_the_gravest_first_and_only_the_own_clinic(desk: Desk, clock: Clock) -> None:
    with desk.runtime.transaction() as session:
        elsewhere = flagged(session, builders.a_clinic(session, now=clock.now()), clock)
    desk.log_in()

    page = desk.client.get("/worklist").text

    shown = re.findall(r'href="/flags/([^"]+)"', page)
    assert shown == [desk.flag_ids["red_flag_symptom"], desk.flag_ids["non_responder"]]
    assert not set(elsewhere.values()) & set(shown)


def test_another_clinic_s_flag_is_not_there(desk: Desk, clock: Clock) -> None:
    with desk.runtime.transaction() as session:
        other = builders.a_clinic(session, now=clock.now())
        elsewhere = flagged(session, other, clock)
    desk.log_in()

    answers = [
        desk.client.get(f"/flags/{elsewhere['non_responder']}"),
        desk.client.get(f"/worklist?clinic={other.id}"),
        desk.step(f"/flags/{elsewhere['non_responder']}", "acknowledge"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]


def test_a_flag_is_acknowledged_and_then_resolved_with_a_reason(desk: Desk) -> None:
    desk.log_in()
    path = f"/flags/{desk.flag_ids['non_responder']}"

    seen = desk.step(path, "acknowledge")
    without = desk.step(path, "resolve")
    done = desk.step(path, "resolve", reason="reassessed", note="Plan reviewed")
    again = desk.step(path, "resolve", reason="reassessed")

    assert [answer.status_code for answer in (seen, without, done, again)] == [303, 422, 303, 409]
    assert "Choose a reason." in without.text
    with desk.runtime.reading() as session:
        flag = session.get_one(Flag, uuid.UUID(desk.flag_ids["non_responder"]))
        history = find_flag(session, desk.clinic.id, flag.id)["history"]
    assert (flag.status, flag.resolution) == ("resolved", "reassessed")
    assert history[-1]["actor"]["id"] == f"user:{desk.user.id}"


def test_a_symptom_shows_when_it_was_first_said(desk: Desk) -> None:
    desk.log_in()

    page = desk.client.get(f"/flags/{desk.flag_ids['red_flag_symptom']}").text

    assert "first said 2 Mar 2026, 08:00 GMT" in page


def test_a_threshold_whose_value_was_not_read_in_its_source_is_shown_as_not_verified(desk: Desk, clock: Clock) -> None:
    started = clock.now()
    with desk.runtime.transaction() as session:
        clinic = session.get_one(Clinic, desk.clinic.id)
        episode = builders.an_episode(session, clinic, now=started, pathway="hip-osteoarthritis-1")
        for timepoint, now in (("baseline", started), ("3-months", clock.advance(days=92))):
            administration = builders.the_administration(session, episode, timepoint)
            answers = builders.complete_answers(administration, episode)
            submission.submit(session, administration, answers=answers, now=now)
        [flag_id] = session.scalars(select(Flag.id).where(Flag.episode_id == episode.id, Flag.checkpoint == "3-months"))
    desk.log_in()

    page = desk.client.get(f"/flags/{flag_id}").text

    assert "Compared with 10.0 points (MIC, not verified)" in page


@pytest.mark.parametrize(
    ("email", "password"), [("sam@example.org", "not the password"), ("nobody@example.org", PASSWORD)]
)
def test_a_refused_log_in_says_neither_which_nor_why(desk: Desk, email: str, password: str) -> None:
    answer = desk.log_in(email, password)

    assert answer.status_code == 422
    assert "The address or the password is not right." in answer.text


def test_log_ins_are_not_counted_as_tries_and_failures_are(desk: Desk) -> None:
    good = [desk.log_in().status_code for _ in range(TRIES_OF_A_SOURCE + 1)]
    bad = [desk.log_in(password="not the password").status_code for _ in range(TRIES_OF_A_SOURCE)]
    shut = desk.log_in()

    assert set(good) == {303}
    assert set(bad) == {422}
    assert (shut.status_code, "Too many tries" in shut.text) == (429, True)


@pytest.mark.parametrize(
    ("named_in", "proxies", "status"),
    [("REMOTE_ADDR", 0, 303), ("HTTP_X_FORWARDED_FOR", 1, 303), ("HTTP_X_FORWARDED_FOR", 0, 429)],
)
def test_failures_shut_out_the_address_they_come_from_as_far_as_it_can_be_trusted(
    runtime: Runtime, clock: Clock, named_in: str, proxies: int, status: int
) -> None:
    behind = replace(runtime, settings=replace(runtime.settings, trusted_proxies=proxies))
    desk = Desk(behind, clock, create_app(behind).test_client())
    desk.client.environ_base[named_in] = "198.51.100.7"
    for _ in range(TRIES_OF_A_SOURCE):
        desk.log_in(password="not the password")

    desk.client.environ_base[named_in] = "198.51.100.8"

    assert desk.log_in().status_code == status


def test_a_form_without_its_token_is_refused(desk: Desk) -> None:
    desk.log_in()

    answer = desk.client.post(f"/flags/{desk.flag_ids['non_responder']}/acknowledge")

    assert answer.status_code == 400


def test_a_flag_offers_on_paper_what_takes_answers_now_and_no_more(desk: Desk, clock: Clock) -> None:
    desk.log_in()
    flag = f"/flags/{desk.flag_ids['non_responder']}"
    answered = desk.client.get(flag).text
    clock.advance(days=40)
    desk.log_in()

    [address] = re.findall(r'action="(/administrations/[^"]+/paper)"', desk.client.get(flag).text)
    printed = desk.post(address, paper="a4")

    assert "/paper" not in answered
    assert (printed.status_code, printed.content_type) == (200, "application/pdf")
    assert "3-months" in Sheets(printed.data).text
    assert printed.headers["Cache-Control"] == "no-store"


def test_nothing_is_printed_of_another_clinic_without_the_token_or_when_it_is_answered(
    desk: Desk, clock: Clock
) -> None:
    with desk.runtime.transaction() as session:
        six_weeks = session.scalars(select(Administration).where(Administration.timepoint == "6-weeks")).one()
        elsewhere = builders.an_episode(session, builders.a_clinic(session, now=clock.now()), now=clock.now())
        theirs = builders.the_administration(session, elsewhere, "baseline")
    desk.log_in()

    tokenless = desk.client.post(f"/administrations/{six_weeks.id}/paper")
    foreign = desk.post(f"/administrations/{theirs.id}/paper")
    answered = desk.post(f"/administrations/{six_weeks.id}/paper")

    assert [one.status_code for one in (tokenless, foreign, answered)] == [400, 404, 409]
    assert "No answers are taken: completed." in answered.text
    with desk.runtime.reading() as session:
        assert session.scalars(select(Link)).all() == []


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "/\t/elsewhere.example",
        "/worklist\r\nX-Theirs: 1",
        "//[",
    ],
)
def test_logging_in_leads_nowhere_else(desk: Desk, target: str) -> None:
    assert desk.log_in(next=target).headers["Location"] == "/"


def test_logging_out_ends_the_session_on_the_server(desk: Desk) -> None:
    desk.log_in()
    cookie = desk.client.get_cookie("prom_staff")
    desk.post("/logout")
    desk.client.set_cookie("prom_staff", cookie.value)

    assert desk.client.get("/worklist").status_code == 303


def test_a_clinic_without_flags_is_not_called_fine(desk: Desk, clock: Clock) -> None:
    with desk.runtime.transaction() as session:
        empty = builders.a_clinic(session, now=clock.now())
        builders.a_user(session, empty, now=clock.now(), email="lee@example.org")
    desk.log_in("lee@example.org")

    assert "it does not say that all is well" in desk.client.get("/worklist").text


@pytest.fixture
def seen(desk: Desk, page: Any) -> Any:
    """The worklist in a real browser, after logging in by hand."""
    page.goto("/worklist")
    page.get_by_label("Email address").fill("sam@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/worklist")
    return page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_clinician_finds_reads_and_resolves_a_flag(seen: Any, desk: Desk) -> None:
    faults = accessibility_faults(seen)
    seen.get_by_role("link", name="Non-responder").click()
    faults += accessibility_faults(seen)
    seen.get_by_label("reassessed").check()
    seen.get_by_role("button", name="Resolve").click()
    seen.get_by_text("Resolved: reassessed by Sam Staff").wait_for()

    assert faults == []
    with desk.runtime.reading() as session:
        assert session.get_one(Flag, uuid.UUID(desk.flag_ids["non_responder"])).status == "resolved"
