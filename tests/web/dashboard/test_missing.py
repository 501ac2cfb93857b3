"""The page of missing answers."""

import datetime as dt
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, update

from prom_service.models import Administration, Link, Message, Patient
from prom_service.runtime import Runtime
from prom_service.services import access, standing
from tests import builders
from tests.builders import PASSWORD
from tests.fakes import Clock
from tests.queries.test_missing import Ward
from tests.support.browser import accessibility_faults
from tests.support.paper import Sheets


@pytest.fixture
def ward(runtime: Runtime, clock: Clock) -> Ward:
    """A clinic whose patient's emails could not go out: there is no address."""
    ward = Ward(runtime, clock)
    ward.message(phase="cancelled", reason="no_address")
    with runtime.transaction() as session:
        builders.a_user(session, ward.clinic, now=clock.now(), email="sam@example.org")
    clock.move_to(ward.six_weeks.late_after)
    ward.settle()
    return ward


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_staff_find_from_the_worklist_why_nothing_came_and_what_to_say(ward: Ward, page: Any) -> None:
    page.goto("/worklist")
    page.get_by_label("Email address").fill("sam@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Missing answers").click()
    page.get_by_text("What to say").click()

    page.get_by_text("Which address should we use?").wait_for()
    assert page.get_by_text("There is no email address that can be used.").is_visible()
    assert accessibility_faults(page) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_staff_hand_out_on_paper_what_was_not_answered_by_email(ward: Ward, page: Any, runtime: Runtime) -> None:
    page.goto("/missing")
    page.get_by_label("Email address").fill("sam@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("On paper").first.click()
    with page.expect_download() as printing:
        page.get_by_role("button", name="PDF for US letter").click()
    sheets = Sheets(printing.value.path().read_bytes())

    token = sheets.code().removeprefix(f"{runtime.settings.base_url}/s/")
    with runtime.reading() as session:
        target = access.find_link(session, token, secret=runtime.settings.secret)
    assert printing.value.suggested_filename == "questionnaire.pdf"
    assert sheets.size == (216, 279)
    assert target is not None
    assert target.administration.id == ward.six_weeks.id
    assert target.link.issued_by.startswith("user:")
    assert accessibility_faults(page) == []


def test_without_a_log_in_the_page_leads_to_it(client: Any) -> None:
    answer = client.get("/missing")

    assert answer.headers["Location"].startswith("/login?next=")


class Counter:
    """A ward with one of its staff at the keyboard, without a socket."""

    def __init__(self, ward: Ward, client: Any) -> None:
        self.ward, self.client = ward, client
        self.send("/login", email="sam@example.org", password=PASSWORD)

    def send(self, path: str, **fields: str) -> Any:
        page = self.client.get("/login" if path == "/login" else "/missing").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token
        return self.client.post(path, data={"csrf_token": token[1], **fields})


@pytest.fixture
def counter(runtime: Runtime, clock: Clock, client: Any) -> Counter:
    """A clinic whose patient has not begun by the phone day, and may still be emailed."""
    ward = Ward(runtime, clock)
    with runtime.transaction() as session:
        builders.a_user(session, ward.clinic, now=clock.now(), email="sam@example.org")
    with runtime.transaction() as session:
        sent = update(Message).where(Message.administration_id == ward.six_weeks.id, Message.ordinal == 0)
        session.execute(sent.values(phase="sent", sent_at=ward.six_weeks.opens_at))
    clock.move_to(ward.six_weeks.target_at + dt.timedelta(days=14, hours=12))
    return Counter(ward, client)


def test_the_list_is_filtered_by_cause_with_how_many_each_has(counter: Counter) -> None:
    every, bounced = counter.client.get("/missing").text, counter.client.get("/missing?cause=bounced").text

    assert '?cause=delivered_never_started">Delivered, never started <span class="count">1</span>' in every
    assert "Alex Example" in every
    assert "Nothing to follow up here for the cause “The email came back”" in bounced
    assert "it does not say that all is well" in bounced
    assert counter.client.get("/missing?cause=laziness").status_code == 400


def test_what_closes_is_counted_by_the_days_of_the_patient(counter: Counter, runtime: Runtime) -> None:
    with runtime.transaction() as session:
        patient = session.get_one(Patient, counter.ward.episode.patient_id)
        patient.time_zone = "Europe/Madrid"
        six_weeks = session.get_one(Administration, counter.ward.six_weeks.id)
        six_weeks.closes_at -= dt.timedelta(hours=1)  # Midnight there.

    page = counter.client.get("/missing").text

    assert re.findall(r">(in \d+ days)</time>", page) == ["in 22 days"]


def test_the_email_goes_out_once_more_when_staff_say_so(counter: Counter, runtime: Runtime) -> None:
    path = f"/administrations/{counter.ward.six_weeks.id}/send"

    answer = counter.send(f"{path}?cause=delivered_never_started", back="missing")
    told = counter.client.get("/missing").text

    assert (answer.status_code, answer.headers["Location"]) == (303, "/missing?cause=delivered_never_started")
    assert "The email goes out now." in told
    with runtime.reading() as session:
        now = counter.ward.clock.now()
        due = session.scalars(select(Message).where(Message.phase == "planned", Message.due_at <= now)).all()
    assert {message.administration_id for message in due} == {counter.ward.six_weeks.id}


def test_where_no_email_may_go_the_list_says_why_and_offers_none(counter: Counter, runtime: Runtime) -> None:
    with runtime.transaction() as session:
        patient = session.get_one(Patient, counter.ward.episode.patient_id)
        standing.unsubscribe(session, patient, actor="patient", now=counter.ward.clock.now())

    page = counter.client.get("/missing").text
    answer = counter.send(f"/administrations/{counter.ward.six_weeks.id}/send")

    assert "No email: The patient pressed the stop link of an email." in page
    assert "/send" not in page
    assert answer.status_code == 409


def test_a_link_for_the_desk_is_shown_once_and_opens_the_questionnaire(counter: Counter, runtime: Runtime) -> None:
    answer = counter.send(f"/administrations/{counter.ward.six_weeks.id}/link")

    [address] = re.findall(r'href="(http[^"]+/s/[^"]+)"', answer.text)
    with runtime.reading() as session:
        [link] = session.scalars(select(Link).where(Link.message_id.is_(None)))
    assert answer.status_code == 201
    assert link.issued_by.startswith("user:")
    assert counter.client.get(urlsplit(address).path).status_code == 200


def test_nothing_is_sent_or_handed_over_of_another_clinic_or_without_the_token(
    counter: Counter, runtime: Runtime, clock: Clock
) -> None:
    with runtime.transaction() as session:
        elsewhere = builders.an_episode(session, builders.a_clinic(session, now=clock.now()), now=clock.now())
        theirs = builders.the_administration(session, elsewhere, "baseline").id
    own = counter.ward.six_weeks.id

    foreign = [counter.send(f"/administrations/{theirs}/{step}").status_code for step in ("send", "link")]
    tokenless = [counter.client.post(f"/administrations/{own}/{step}").status_code for step in ("send", "link")]

    assert (foreign, tokenless) == ([404, 404], [400, 400])
