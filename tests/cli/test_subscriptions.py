"""`prom report subscribe`, `subscriptions`, `unsubscribe`."""

import json

import pytest

from tests.cli.conftest import Prom

ADA = "ada@example.org"


@pytest.fixture
def ada(prom: Prom, clinic: str) -> str:
    """An administrator of the clinic."""
    told = prom(
        *("user", "add", ADA, "--name", "Ada", "--clinic", clinic, "--role", "clinic_admin"), text="a long password\n"
    )
    assert told.exit_code == 0, told.stderr
    return ADA


def test_a_monthly_report_is_subscribed_listed_and_stopped(prom: Prom, clinic: str, ada: str) -> None:
    made = prom("report", "subscribe", "utilization", "--user", ada, "--clinic", clinic, "--group-by", "clinician")
    listed = json.loads(prom("report", "subscriptions", "--user", ada, "--json").stdout)
    table = prom("report", "subscriptions").stdout
    stopped = prom("report", "unsubscribe", listed[0]["id"])

    assert made.exit_code == 0, made.stderr
    assert made.stdout.startswith(f"{listed[0]['id']}: the first one is made on ")
    told = {name: listed[0][name] for name in ("email", "clinic", "report", "group_by", "format")}
    assert told == {
        "email": ada,
        "clinic": clinic,
        "report": "utilization",
        "group_by": "clinician",
        "format": "pdf",
    }
    assert ada in table
    assert stopped.exit_code == 0
    assert json.loads(prom("report", "subscriptions", "--json").stdout) == []


def test_who_may_not_have_it_is_told_why(prom: Prom, clinic: str, ada: str) -> None:
    told = prom("report", "subscribe", "utilization", "--user", ada)

    assert told.exit_code == 1
    assert "ada@example.org is no quality analyst at any clinic." in told.stderr


def test_what_nobody_gets_cannot_be_stopped(prom: Prom, clinic: str) -> None:
    told = prom("report", "unsubscribe", "01957be7-0000-7000-8000-000000000000")

    assert (told.exit_code, told.stderr) == (1, "Error: There is no such monthly report.\n")
