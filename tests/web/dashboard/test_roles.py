"""What an account may open follows its role as it is now, not as it was at the log-in."""

from typing import Any

import pytest
from flask import Flask

from prom_service.models import Membership
from prom_service.runtime import Runtime
from prom_service.services import accounts, staff
from tests import builders
from tests.builders import SECRET
from tests.fakes import Clock


@pytest.fixture
def logged_in(runtime: Runtime, clock: Clock, app: Flask) -> tuple[Any, Any, Any]:
    """A clinician with a browser, and the clinic."""
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        user = builders.a_user(session, clinic, now=clock.now())
        token = staff.open_session(session, user, secret=SECRET, now=clock.now())
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["staff"] = token
    return client, user, clinic


def test_a_role_counts_from_the_next_request_on(runtime: Runtime, logged_in: tuple[Any, Any, Any]) -> None:
    client, user, clinic = logged_in
    seen = [client.get("/worklist").status_code]

    for role in ("quality_analyst", "operator", "clinic_admin"):
        with runtime.transaction() as session:
            accounts.set_role(session, user, clinic, role)
        seen.append(client.get("/worklist").status_code)

    assert seen == [200, 403, 403, 200]


def test_who_has_no_role_left_sees_no_page_and_may_log_out(
    runtime: Runtime, app: Flask, logged_in: tuple[Any, Any, Any]
) -> None:
    app.config["WTF_CSRF_METHODS"] = []
    client, user, clinic = logged_in
    with runtime.transaction() as session:
        session.delete(session.get_one(Membership, (user.id, clinic.id)))

    answers = [client.get("/worklist"), client.post("/logout")]

    assert [answer.status_code for answer in answers] == [403, 303]


def test_an_account_that_is_closed_is_led_to_the_log_in(
    runtime: Runtime, clock: Clock, logged_in: tuple[Any, Any, Any]
) -> None:
    client, user, _clinic = logged_in
    with runtime.transaction() as session:
        accounts.deactivate(session, accounts.find_account(session, user.email), now=clock.now())

    assert client.get("/worklist").location == "/login?next=/worklist"


def test_a_role_at_one_clinic_opens_that_clinic_only(
    runtime: Runtime, clock: Clock, logged_in: tuple[Any, Any, Any]
) -> None:
    client, user, clinic = logged_in
    with runtime.transaction() as session:
        second = builders.a_clinic(session, now=clock.now(), organisation_id=clinic.organisation_id)
        accounts.set_role(session, user, second, "quality_analyst")

    seen = [client.get(f"/worklist?clinic={one.id}").status_code for one in (clinic, second)]

    assert seen == [200, 404]
