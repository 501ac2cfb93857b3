"""The second step of logging in: who needs it, which codes open, and what a lost phone takes."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyotp
import pytest
from sqlalchemy import select

from prom_service.db import Base
from prom_service.models import AuditEntry, User
from prom_service.models.audit import SERVICE
from prom_service.runtime import Runtime
from prom_service.services import accounts, second_factor, staff
from prom_service.services.staff import IDLE, LIFETIME, TO_SHOW_A_CODE, TRIES_OF_A_CODE
from tests import builders
from tests.builders import PASSWORD, SECRET
from tests.fakes import Clock

EMAIL = "sam@example.org"


class Person:
    """Somebody of the staff with a browser without a socket and a phone, where a second factor is asked for."""

    def __init__(self, runtime: Runtime, clock: Clock, app_of: Callable[[Runtime], Any]) -> None:
        self.clock = clock
        self.runtime = replace(runtime, settings=replace(runtime.settings, second_factor="required"))
        app = app_of(self.runtime)
        app.config["WTF_CSRF_METHODS"] = []
        self.client = app.test_client()
        with runtime.transaction() as session:
            self.user = builders.a_user(
                session, builders.a_clinic(session, now=clock.now()), now=clock.now(), email=EMAIL
            )
        self.app = pyotp.TOTP(pyotp.random_base32())

    def log_in(self) -> Any:
        return self.client.post("/login", data={"email": EMAIL, "password": PASSWORD})

    def enrol(self) -> list[str]:
        """Set up the phone by what the page shows, and return the recovery codes."""
        self.log_in()
        key = re.search(r"<code>([A-Z2-7 ]+)</code>", self.client.get("/login/app").text)
        assert key
        self.app = pyotp.TOTP(key[1].replace(" ", ""))
        shown = self.client.post("/login/app", data={"code": self.code()})
        self.client.post("/logout")
        self.clock.advance(minutes=1)
        return re.findall(r"<li><code>([^<]+)</code>", shown.text)

    def code(self) -> str:
        return self.app.at(self.clock.now())

    def show(self, code: str) -> Any:
        return self.client.post("/login/code?next=/missing", data={"code": code})

    @property
    def is_in(self) -> bool:
        return bool(self.client.get("/worklist").status_code == 200)


@pytest.fixture
def person(runtime: Runtime, clock: Clock, app_of: Callable[[Runtime], Any]) -> Person:
    return Person(runtime, clock, app_of)


def test_the_first_log_in_sets_up_an_app_before_anything_else_opens(person: Person) -> None:
    answer = person.log_in()
    before = person.is_in
    page = person.client.get("/login/app").text

    codes = person.enrol()

    assert (answer.status_code, answer.location, before) == (303, "/login/app", False)
    assert re.search(r'<svg[^>]* viewBox="0 0 \d+ \d+"', page)
    assert len(set(codes)) == 10
    assert not person.is_in
    assert person.log_in().location == "/login/code"


def test_a_code_opens_once(person: Person) -> None:
    person.enrol()
    code = person.code()

    person.log_in()
    first, inside = person.show(code), person.is_in
    person.client.post("/logout")
    person.log_in()
    second = person.show(code)

    assert (first.status_code, first.location, inside) == (303, "/missing", True)
    assert (second.status_code, person.is_in) == (422, False)
    assert "used before" in second.text


@pytest.mark.parametrize(("steps", "status"), [(-2, 422), (-1, 303), (1, 303), (2, 422)])
def test_a_code_of_the_step_beside_is_taken_and_no_other(steps: int, status: int, person: Person) -> None:
    person.enrol()
    person.clock.advance(minutes=5)
    person.log_in()

    answer = person.show(person.app.at(person.clock.now() + steps * dt.timedelta(seconds=30)))

    assert answer.status_code == status


def test_a_recovery_code_opens_once_and_only_its_own_account(person: Person) -> None:
    first, second, *_ = person.enrol()
    with person.runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=person.clock.now())
        other = builders.a_user(session, clinic, now=person.clock.now())
        with pytest.raises(second_factor.WrongCodeError):
            second_factor.accept(session, other, second, secret=SECRET, now=person.clock.now())

    person.log_in()
    opened = person.show(first.upper())
    person.client.post("/logout")
    person.log_in()
    again, next_one = person.show(first), person.show(second)

    assert [answer.status_code for answer in (opened, again, next_one)] == [303, 422, 303]


def test_codes_cannot_be_tried_out(person: Person) -> None:
    person.enrol()
    person.clock.advance(minutes=15)
    person.log_in()

    tried = [person.show("000000").status_code for _ in range(TRIES_OF_A_CODE)]
    right = person.show(person.code())

    assert tried == [422] * TRIES_OF_A_CODE
    assert (right.status_code, person.is_in) == (429, False)


def test_without_the_password_there_is_no_page_for_the_code(person: Person) -> None:
    person.enrol()

    answers = [
        person.client.open(path, method=method) for path in ("/login/code", "/login/app") for method in ("GET", "POST")
    ]

    assert {answer.location for answer in answers} == {"/login"}


def test_the_password_alone_does_not_change_the_app_of_an_account(person: Person) -> None:
    person.enrol()
    person.log_in()

    shown, sent = person.client.get("/login/app"), person.client.post("/login/app", data={"code": person.code()})

    assert (shown.location, sent.location) == ("/login", "/login")


def test_the_code_has_to_follow_the_password_soon(person: Person) -> None:
    person.enrol()
    person.log_in()
    person.clock.advance(seconds=TO_SHOW_A_CODE.total_seconds())

    assert person.show(person.code()).location == "/login"


def test_a_reset_ends_the_sessions_and_what_the_old_phone_shows_is_worth_nothing(person: Person) -> None:
    recovery, *_ = person.enrol()
    person.log_in()
    person.show(person.code())
    before = person.is_in

    with person.runtime.transaction() as session:
        second_factor.reset(session, accounts.find_account(session, EMAIL), now=person.clock.now())
    after = person.is_in
    person.clock.advance(minutes=1)
    step = person.log_in().location
    old = person.client.post("/login/app", data={"code": person.code()})

    assert (before, after, step, old.status_code) == (True, False, "/login/app", 422)
    with person.runtime.transaction() as session, pytest.raises(second_factor.WrongCodeError):
        second_factor.accept(
            session, accounts.find_account(session, EMAIL), recovery, secret=SECRET, now=person.clock.now()
        )


def test_nothing_at_rest_opens_an_account(person: Person) -> None:
    codes = person.enrol()

    with person.runtime.reading() as session:
        tables = (session.execute(select(table)).all() for table in Base.metadata.sorted_tables)
        kept = str([row for rows in tables for row in rows])

    assert person.app.secret not in kept
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)


@pytest.mark.parametrize(("idle", "total"), [(IDLE, IDLE), (IDLE / 2, LIFETIME)])
def test_a_session_ends_after_15_idle_minutes_and_after_12_hours_in_any_case(
    idle: Any, total: Any, person: Person
) -> None:
    person.enrol()
    person.log_in()
    person.show(person.code())
    asked = []

    while len(asked) * idle < total:
        asked.append(person.is_in)
        person.clock.advance(seconds=idle.total_seconds())

    assert all(asked)
    assert not person.is_in
    assert (IDLE.total_seconds(), LIFETIME.total_seconds()) == (15 * 60, 12 * 3600)


def test_where_it_is_optional_a_person_chooses(client: Any, runtime: Runtime, clock: Clock) -> None:
    client.application.config["WTF_CSRF_METHODS"] = []
    with runtime.transaction() as session:
        user = builders.a_user(session, builders.a_clinic(session, now=clock.now()), now=clock.now(), email=EMAIL)
    plain = client.post("/login", data={"email": EMAIL, "password": PASSWORD})
    app = pyotp.TOTP(second_factor.secret_of(user, secret=SECRET))

    offered = client.get("/second-factor")
    wrong = client.post("/second-factor", data={"code": "0"})
    chosen = client.post("/second-factor", data={"code": app.at(clock.now())})

    assert plain.location == "/"
    assert [answer.status_code for answer in (offered, wrong, chosen)] == [200, 422, 200]
    assert client.post("/login", data={"email": EMAIL, "password": PASSWORD}).location == "/login/code"
    with runtime.reading() as session:
        assert session.get_one(User, user.id).codes_since == clock.now()


def steps(person: Person) -> list[tuple[str, str, str]]:
    """What the audit says was shown to log in, oldest first: by whom, where, what."""
    with person.runtime.reading() as session:
        query = select(AuditEntry).where(AuditEntry.act.startswith("POST /login")).order_by(AuditEntry.id)
        noted = list(session.scalars(query))
    assert {(one.clinic_id, one.subjects) for one in noted} == {(SERVICE, f'{{"user":["{person.user.id}"]}}')}
    return [(one.actor.partition(":")[0], one.act.removeprefix("POST "), one.detail) for one in noted]


def test_every_step_of_logging_in_is_on_record(person: Person) -> None:
    [recovery, *_] = person.enrol()
    person.log_in()
    person.show("000000")
    person.show(person.code())
    person.log_in()
    person.show(recovery)

    assert steps(person) == [
        ("user", "/login", "password"),
        ("user", "/login/app", "app"),
        ("user", "/login", "password"),
        ("user", "/login/code", "refused"),
        ("user", "/login/code", "code"),
        ("user", "/login", "password"),
        ("user", "/login/code", "recovery code"),
    ]


def test_a_wrong_password_is_on_record_by_the_account_and_by_no_address(person: Person) -> None:
    person.client.post("/login", data={"email": EMAIL, "password": "wrong"})
    person.client.post("/login", data={"email": "nobody@example.org", "password": "wrong"})

    assert steps(person) == [("unknown", "/login", "refused")]


def test_a_step_that_is_not_carried_out_leaves_no_entry(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    person.enrol()
    person.log_in()
    before = steps(person)

    def broken(*_arguments: Any, **_options: Any) -> str:
        raise ValueError("the disk is full")

    monkeypatch.setattr(staff, "open_session", broken)
    answer = person.show(person.code())

    assert answer.status_code == 500
    assert steps(person) == before
