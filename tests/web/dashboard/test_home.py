"""Where a log-in leads: to a page the person's role may open, or to one that says what the account is for."""

from typing import Any

import pytest

from prom_service.models import Membership
from prom_service.models.user import READING_ROLES, REPORT_ROLES, ROLES
from prom_service.runtime import Runtime
from tests.builders import PASSWORD
from tests.fakes import Clock
from tests.web.dashboard.desk import Desk, text_of


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Roles are the same on both kinds of database."""
    return sqlite_url


def landing(desk: Desk) -> Any:
    """What somebody sees who logs in without having asked for a page."""
    form = desk.client.get("/login").text
    token = form.split('name="csrf_token" value="')[1].split('"')[0]
    entries = {"email": desk.user.email, "password": PASSWORD, "csrf_token": token}
    return desk.client.post("/login", data=entries, follow_redirects=True)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_lands_on_a_page_it_may_open(runtime: Runtime, clock: Clock, client: Any, role: str) -> None:
    desk = Desk(runtime, clock, client, role=role)

    page = landing(desk)
    again = client.get("/", follow_redirects=True)

    expected = "/worklist" if role in READING_ROLES else "/reports" if role in REPORT_ROLES else "/"
    assert [(one.status_code, one.request.path) for one in (page, again)] == [(200, expected)] * 2
    assert "Log out" in page.text


def test_who_has_no_page_reads_what_the_account_is_for(runtime: Runtime, clock: Clock, client: Any) -> None:
    page = landing(Desk(runtime, clock, client, role="operator"))

    assert "runs the service by its commands" in text_of(page)
    assert 'href="/second-factor"' in page.text
    assert 'href="/worklist"' not in page.text


def test_who_has_no_role_left_is_told_so(runtime: Runtime, clock: Clock, client: Any) -> None:
    desk = Desk(runtime, clock, client)
    with runtime.transaction() as session:
        session.delete(session.get_one(Membership, (desk.user.id, desk.clinic.id)))

    assert "no role at any clinic" in text_of(landing(desk))


def test_a_page_that_is_not_for_the_role_leads_back_to_one_that_is(runtime: Runtime, clock: Clock, client: Any) -> None:
    landing(Desk(runtime, clock, client, role="operator"))

    refused = client.get("/worklist")

    assert (refused.status_code, 'href="/"' in refused.text) == (403, True)


def test_who_reads_no_flags_is_not_told_how_many_are_urgent(runtime: Runtime, clock: Clock, client: Any) -> None:
    desk = Desk(runtime, clock, client, role="quality_analyst")
    desk.flag(severity="urgent", kind="red_flag_symptom")

    assert "nobody has acknowledged" not in text_of(landing(desk))
