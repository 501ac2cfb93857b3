"""The page of missing answers."""

from typing import Any

import pytest

from prom_service.runtime import Runtime
from prom_service.services import access
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
