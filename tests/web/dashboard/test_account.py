"""A person's own account: the password is changed by who knows the old one, and every other session ends."""

from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import AuditEntry
from prom_service.models.audit import SERVICE
from prom_service.models.user import ROLES
from prom_service.runtime import Runtime
from prom_service.services import second_factor, staff
from prom_service.services.staff import TRIES_OF_A_SOURCE
from tests.builders import PASSWORD, SECRET
from tests.fakes import Clock
from tests.web.dashboard.desk import EMAIL, Desk

NEW = "quite another password"


def change(desk: Desk, old: str = PASSWORD, new: str = NEW, again: str = NEW) -> Any:
    page = desk.get("/account").text
    fields = {"old_password": old, "password": new, "again": again, "csrf_token": desk._token(page)}
    return desk.client.post("/account", data=fields)


def elsewhere(desk: Desk) -> str:
    """Log the person in at another browser; return the token of that session."""
    with desk.runtime.transaction() as session:
        return staff.open_session(session, desk.user, secret=SECRET, now=desk.clock.now())


def test_another_password_ends_every_other_session_and_this_one_goes_on(staffed: Desk) -> None:
    token = elsewhere(staffed)

    answer = change(staffed)

    assert (answer.status_code, answer.location) == (303, "/account")
    assert "Your password is changed." in staffed.shown("/account")
    with staffed.runtime.reading() as session:
        assert staff.session_user(session, token, secret=SECRET, now=staffed.clock.now()) is None
        assert staff.verify_password(session, EMAIL, NEW).id == staffed.user.id
        with pytest.raises(staff.LogInRefusedError):
            staff.verify_password(session, EMAIL, PASSWORD)
        acts = session.execute(select(AuditEntry.act, AuditEntry.actor).where(AuditEntry.clinic_id == SERVICE)).all()
    assert ("POST /account", f"user:{staffed.user.id}") in [tuple(one) for one in acts]


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"old": "not the old one"}, "old_password", "This is not your password."),
        ({"new": "too short", "again": "too short"}, "password", "Use at least 12 characters."),
        ({"again": "another password still"}, "again", "The two are not the same."),
    ],
)
def test_a_refused_password_is_said_beside_its_field_and_changes_nothing(
    typed: dict[str, str], field: str, said: str, staffed: Desk
) -> None:
    token = elsewhere(staffed)

    answer = change(staffed, **typed)

    assert answer.status_code == 422
    assert f'id="{field}-error">Error: {said}' in answer.text
    assert not any(word in answer.text for word in (PASSWORD, NEW, *typed.values()))
    with staffed.runtime.reading() as session:
        assert staff.session_user(session, token, secret=SECRET, now=staffed.clock.now())
        assert staff.verify_password(session, EMAIL, PASSWORD)


def test_the_old_password_cannot_be_tried_out(staffed: Desk) -> None:
    tried = [change(staffed, old=f"guess {number}").status_code for number in range(TRIES_OF_A_SOURCE)]

    assert tried == [422] * TRIES_OF_A_SOURCE
    assert change(staffed).status_code == 429


@pytest.mark.parametrize("role", ROLES)
def test_every_role_finds_the_own_account_and_nothing_of_a_clinic_there(
    role: str, runtime: Runtime, clock: Clock, client: Any
) -> None:
    desk = Desk(runtime, clock, client, role=role)
    desk.log_in()
    desk.flag(severity="urgent")

    pages = [desk.get(path).text for path in ("/account", "/second-factor")]

    for page in pages:
        assert 'href="/account"' in page
        assert "Log out" in page
        assert ("Worklist" in page) == ("1 urgent flag" in page) == (role in ("clinician", "clinic_admin"))


def test_the_page_leads_to_the_second_factor_and_says_whether_there_is_one(staffed: Desk) -> None:
    before = staffed.get("/account").text
    with staffed.runtime.transaction() as session:
        user = session.merge(staffed.user)
        code = second_factor.pyotp.TOTP(second_factor.secret_of(user, secret=SECRET)).at(staffed.clock.now())
        second_factor.enrol(session, user, code, secret=SECRET, now=staffed.clock.now())

    assert 'href="/second-factor">Set up a second factor' in before
    assert "Your log-in asks for a code of your app since" in staffed.shown("/account")
    assert "<h1>Your second factor</h1>" in staffed.get("/second-factor").text


def test_the_log_in_says_whom_to_ask_for_another_password(client: Any) -> None:
    assert "ask whoever runs this service" in client.get("/login").text


def test_the_page_is_read_in_the_time_of_the_clinic(staffed: Desk) -> None:
    staffed.later(days=90)

    assert "BST." in staffed.shown("/account")
