"""`prom user`: adding accounts and looking after them."""

import datetime as dt
import json

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from prom_service.models import AuditEntry
from prom_service.models.audit import SERVICE
from prom_service.services import accounts, staff
from tests.cli.conftest import CLINIC, SECRET, Prom

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)

ADD = ("user", "add", "Sam@example.org", "--name", "Sam Staff", "--clinic", "north", "--role", "clinician")
PASSWORD = "correct horse battery staple\n"


def test_an_account_is_added_given_another_role_reset_and_closed(prom_on_both: Prom) -> None:
    prom = prom_on_both
    prom("organisation", "add", "Group")
    prom(*CLINIC)
    prom(*ADD, text=PASSWORD)

    told = [
        prom("user", "set-role", "sam@example.org", "--clinic", "north", "--role", "clinic_admin"),
        prom("user", "reset-totp", "SAM@example.org"),
        prom("user", "deactivate", "sam@example.org"),
    ]

    assert [one.exit_code for one in told] == [0, 0, 0]
    [row] = json.loads(prom("user", "list", "--clinic", "north", "--json").stdout)
    assert (row["email"], row["clinic"], row["role"]) == ("sam@example.org", "north", "clinic_admin")
    assert row["codes_since"] is None
    assert row["deactivated_at"] is not None


def test_an_account_gets_no_role_at_a_clinic_of_another_organisation(prom: Prom, clinic: str) -> None:
    prom(*ADD, text=PASSWORD)
    prom("organisation", "add", "Elsewhere")
    prom(*("south" if word == "north" else "Elsewhere" if word == "Group" else word for word in CLINIC))

    told = prom("user", "set-role", "sam@example.org", "--clinic", "south", "--role", "clinician")

    assert told.exit_code == 1
    assert "another organisation" in told.stderr


def test_an_account_that_is_not_there_is_said_to_be_missing(prom: Prom, clinic: str) -> None:
    role = ("set-role", "--clinic", "north", "--role", "operator")
    for command in (("deactivate",), ("reset-totp",), ("set-password",), role):
        told = prom("user", command[0], "nobody@example.org", *command[1:], text=PASSWORD)

        assert (told.exit_code, told.stderr) == (1, "Error: There is no account with this address.\n")


def test_another_password_opens_the_account_and_ends_its_sessions(prom_on_both: Prom, database_url: str) -> None:
    prom = prom_on_both
    prom("organisation", "add", "Group")
    prom(*CLINIC)
    prom(*ADD, text=PASSWORD)
    engine = create_engine(database_url)
    with Session(engine) as session, session.begin():
        token = staff.open_session(
            session, accounts.find_account(session, "sam@example.org"), secret=SECRET.encode(), now=NOW
        )

    short = prom("user", "set-password", "sam@example.org", text="too short\n")
    told = prom("user", "set-password", "SAM@example.org", text="another one of theirs\n")

    assert (short.exit_code, "password: Use at least 12 characters." in short.stderr, told.exit_code) == (1, True, 0)
    assert "another one" not in told.output
    with Session(engine) as session:
        assert staff.session_user(session, token, secret=SECRET.encode(), now=NOW) is None
        assert staff.verify_password(session, "sam@example.org", "another one of theirs").email == "sam@example.org"
        with pytest.raises(staff.LogInRefusedError):
            staff.verify_password(session, "sam@example.org", PASSWORD.strip())
        acts = session.scalars(select(AuditEntry.act).where(AuditEntry.clinic_id == SERVICE)).all()
    assert acts.count("prom user set-password") == 1
    engine.dispose()
