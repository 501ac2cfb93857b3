"""Who changes something by a command is on record: what was done, at which clinic, to which account or key."""

import ast
import json
from pathlib import Path

import pytest

from prom_service import cli
from prom_service.models import Webhook
from prom_service.runtime import build
from prom_service.services import webhooks
from prom_service.settings import Settings
from tests import builders
from tests.cli.conftest import CLINIC, SECRET, Prom
from tests.cli.test_accounts import ADD, PASSWORD
from tests.cli.test_administration import PLAN

NOTED_ELSEWHERE = {"importing._run", "reports._write"}
"""The entries of a file are written row by row by the service; those of a report by the function beside it."""


def acts(prom: Prom, *of: str) -> list[tuple[str, str]]:
    """What the audit says was done by commands, and with which detail, oldest first."""
    rows = json.loads(prom("audit", "list", *of, "--json").stdout)
    return [(row["act"].removeprefix("prom "), row["detail"]) for row in rows]


@pytest.fixture
def started(prom_on_both: Prom) -> Prom:
    """A clinic with an account."""
    prom_on_both("organisation", "add", "Group")
    prom_on_both(*CLINIC)
    prom_on_both(*ADD, text=PASSWORD)
    return prom_on_both


def test_every_command_that_opens_a_transaction_notes_what_it_does() -> None:
    silent = set()
    for path in sorted(Path(cli.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                said = ast.unparse(node)
                if ".transaction()" in said and "door.note(" not in said:
                    silent.add(f"{path.stem}.{node.name}")

    assert silent == NOTED_ELSEWHERE


def test_acts_on_accounts_are_on_record(started: Prom) -> None:
    at_north = ("--clinic", "north")
    done = [
        started("user", "set-role", "sam@example.org", *at_north, "--role", "clinic_admin"),
        started("user", "reset-totp", "sam@example.org"),
        started("user", "deactivate", "sam@example.org"),
    ]

    assert [one.exit_code for one in done] == [0, 0, 0]
    assert acts(started, *at_north) == [
        ("clinic add", ""),
        ("user add", "clinician"),
        ("user set-role", "clinic_admin"),
    ]
    assert acts(started) == [("organisation add", ""), ("user reset-totp", ""), ("user deactivate", "")]
    rows = json.loads(started("audit", "list", *at_north, "--json").stdout)[1:3]
    [user] = json.loads(started("user", "list", *at_north, "--json").stdout)
    assert [row["subjects"]["user"] for row in rows] == [[user["id"]]] * 2


def test_a_key_that_takes_the_place_of_another_is_on_record(started: Prom) -> None:
    at_north = ("--clinic", "north")
    old = json.loads(started("apikey", "create", *at_north, "--scope", "flags:read", "--json").stdout)
    new = json.loads(started("apikey", "rotate", old["prefix"], "--json").stdout)

    rows = json.loads(started("audit", "list", *at_north, "--json").stdout)

    assert (rows[-1]["act"], rows[-1]["subjects"]) == ("prom apikey rotate", {"key": [new["id"]]})
    assert rows[-1]["detail"] == f"successor of {old['id']}"


def test_what_is_written_about_a_clinic_is_on_record(started: Prom, tmp_path: Path) -> None:
    pack = tmp_path / "pack.toml"
    pack.write_text(builders.pack_text("pass-1.0"), encoding="utf-8")
    wording = ("instruments", "wording", "--clinic", "north")

    done = [
        started("clinic", "escalation", "north", *PLAN),
        started("clinic", "escalation", "north"),
        started("clinic", "test-escalation", "north"),
        started("clinic", "texts", "north", "--language", "es", "--reply-hours", "Lunes", "--urgent-text", "Llame."),
        started("clinic", "texts", "north"),
        started(*wording, str(pack)),
        started(*wording, "--withdraw", "pass-1.0", "--language", "en"),
        started("export", "redcap", "--clinic", "north", "--output", str(tmp_path / "answers.csv")),
    ]

    assert [one.exit_code for one in done] == [0] * len(done)
    assert acts(started, "--clinic", "north")[2:] == [
        ("clinic escalation", ""),
        ("clinic test-escalation", ""),
        ("clinic texts", "es"),
        ("instruments wording", "pass-1.0 en"),
        ("instruments wording", "withdraw pass-1.0 en"),
        ("export redcap", "all answers"),
    ]


def test_deliveries_that_are_planned_again_are_on_record(started: Prom, database_url: str) -> None:
    prom = build(Settings(env="test", database_url=database_url, secret_key=SECRET))
    with prom.transaction() as session:
        clinic = builders.a_clinic(session, now=prom.now())
        code = clinic.code
        webhook: Webhook = webhooks.subscribe(
            session,
            clinic.id,
            "https://1.1.1.1/hook",
            ["flag.raised"],
            actor=builders.ACTOR,
            secret=prom.settings.secret,
            now=prom.now(),
        )[0]
        webhook_id = str(webhook.id)
    prom.engine.dispose()

    started("webhook", "replay", webhook_id, "--clinic", code, "--dead-letters")

    [row] = json.loads(started("audit", "list", "--clinic", code, "--json").stdout)
    assert (row["act"], row["subjects"]) == ("prom webhook replay", {"webhook": [webhook_id]})
