"""`prom config` and `prom db`: the settings and the tables, checked and shown."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from prom_service.cli.config import redacted_address
from prom_service.db import alone_on_sqlite, make_engine, revisions, upgrade
from prom_service.settings import Settings
from tests.cli.conftest import SECRET, Prom


def test_settings_in_order_are_said_to_be(prom: Prom) -> None:
    told = prom("config", "check")

    assert (told.exit_code, told.stdout) == (0, "The settings are in order.\n")


def test_row_security_that_is_not_in_force_is_a_warning_and_can_be_put_in_force(prom: Prom, postgres_url: str) -> None:
    here = {"PROM_DATABASE_URL": postgres_url}
    before = prom("config", "check", **here)
    engine = make_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE patient NO FORCE ROW LEVEL SECURITY")
    engine.dispose()

    warned = prom("config", "check", **here)
    protected = prom("db", "protect", **here)
    after = prom("config", "check", **here)

    assert (before.exit_code, before.stderr) == (0, "")
    assert (warned.exit_code, warned.stderr.split(";")[0]) == (0, "Warning: row-level security is not in force")
    assert (protected.exit_code, protected.stdout) == (0, "Row-level security is in force.\n")
    assert after.stderr == ""


def test_a_database_that_does_not_answer_is_no_matter_of_the_settings(prom: Prom) -> None:
    told = prom("config", "check", PROM_DATABASE_URL="postgresql+psycopg://nobody@127.0.0.1:1/none")

    assert (told.exit_code, told.stderr) == (0, "")


def test_sqlite_has_no_row_security_to_put_in_force(prom: Prom) -> None:
    told = prom("db", "protect")

    assert told.exit_code == 1
    assert "SQLite has no row-level security" in told.stderr


def test_every_wrong_setting_is_named_at_once(prom: Prom) -> None:
    wrong = {"PROM_ENV": "moon", "PROM_TICK_SECONDS": "often", "PROM_SMTP_URL": "ftp://mail", "PROM_LOG_LEVEL": "loud"}
    wrong |= {"PROM_MAIL_FROM": "Questionnaires"}

    told = prom("config", "check", **wrong)

    assert told.exit_code == 1
    assert [name for name in wrong if name not in told.stderr] == []


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("PROM_BASE_URL", "https://[questions"),
        ("PROM_BASE_URL", "https://questions.example.org:https"),
        ("PROM_BASE_URL", "https://questions.example.org/?from=hush"),
        ("PROM_DATABASE_URL", "sqlite:prom.db"),
        ("PROM_DATABASE_URL", "mysql://prom:hush@db/prom"),
        ("PROM_DATABASE_URL", "postgresql+unheard://prom:hush@db/prom"),
        ("PROM_DATABASE_URL", "postgresql+psycopg://prom:hush@db:port/prom"),
        ("PROM_SMTP_URL", "smtp://"),
        ("PROM_SMTP_URL", "smtp://user:hush@mail:often"),
        ("PROM_SMTP_URL", "smtp://user:123/hush@mail:587"),
        ("PROM_SMTP_URL", "smtp://user:hush@mail:587?tls=require"),
        ("PROM_SMTP_URL", "smtp://user:hush@mail:587?tls="),
        ("PROM_BOUNCE_IMAP_URL", "imaps://"),
        ("PROM_BOUNCE_IMAP_URL", "imaps://user:hush@mail:99999/bounces"),
    ],
)
def test_an_address_that_cannot_be_used_is_named_and_not_repeated(prom: Prom, name: str, address: str) -> None:
    told = prom("config", "check", **{name: address})

    assert told.exit_code == 1
    assert told.stderr.startswith(f"Error: {name} must ")
    assert "hush" not in told.output


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("PROM_BASE_URL", "https://example.org:8443/questions/"),
        ("PROM_DATABASE_URL", "sqlite+pysqlite:///var/prom.db"),
        ("PROM_SMTP_URL", "smtp://user:p%2Fw@[::1]:587/?tls=off"),
        ("PROM_SMTP_URL", "smtps://mail"),
        ("PROM_BOUNCE_IMAP_URL", "imap://user:pw@mail/INBOX/bounces"),
    ],
)
def test_an_address_that_can_be_used_is_in_order(prom: Prom, name: str, address: str) -> None:
    assert prom("config", "check", **{name: address}).exit_code == 0


def test_who_may_be_mailed_is_named_by_address_or_domain(prom: Prom) -> None:
    good = prom("config", "check", PROM_MAIL_ALLOW="a@example.org, @example.com")

    told = prom("config", "check", PROM_MAIL_ALLOW="a@example.org,example.com")

    assert good.exit_code == 0
    assert "PROM_MAIL_ALLOW must hold addresses and domains such as @example.org, not 'example.com'" in told.stderr


def test_a_secret_in_a_file_that_is_no_text_names_its_setting(prom: Prom, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff" * 40)

    told = prom("config", "check", PROM_SECRET_KEY=None, PROM_SECRET_KEY_FILE=str(tmp_path / "key"))

    assert (told.exit_code, told.stderr) == (1, "Error: PROM_SECRET_KEY_FILE is not UTF-8\n")


@pytest.mark.parametrize("entry", ["https://hooks.internal", "10.1.0.0/40", "hooks.internal:8443", "10.1.2.300", "*"])
def test_what_webhooks_may_lead_to_must_be_hosts_and_networks(prom: Prom, entry: str) -> None:
    good = prom("config", "check", PROM_WEBHOOK_ALLOW="hooks.internal, 10.1.0.0/16,127.0.0.1,fd00::/8")

    told = prom("config", "check", PROM_WEBHOOK_ALLOW=f"hooks.internal,{entry}")

    assert (good.exit_code, told.exit_code) == (0, 1)
    assert f"PROM_WEBHOOK_ALLOW must hold hosts and networks such as hooks.internal or 10.1.0.0/16, not '{entry}'" in (
        told.stderr
    )


def test_production_needs_its_secrets(prom: Prom) -> None:
    told = prom("config", "check", PROM_ENV="production", PROM_SECRET_KEY=None, PROM_DATABASE_URL=None)

    assert told.exit_code == 1
    assert "PROM_SECRET_KEY must be set in production" in told.stderr


def test_production_takes_neither_an_empty_mail_server_nor_the_key_for_development(prom: Prom) -> None:
    good = {
        "PROM_ENV": "production",
        "PROM_BASE_URL": "https://questions.example.org",
        "PROM_SMTP_URL": "smtp://mail:587",
        "PROM_MAIL_FROM": "Questionnaires <questions@example.org>",
    }

    accepted = prom("config", "check", **good)
    told = prom("config", "check", **good | {"PROM_SMTP_URL": "", "PROM_SECRET_KEY": Settings.secret_key})

    assert accepted.exit_code == 0
    assert (told.exit_code, told.stderr.splitlines()) == (
        1,
        [
            "Error: PROM_SMTP_URL must be set in production",
            "PROM_SECRET_KEY must not be the key for development, which everybody knows",
        ],
    )


def test_settings_are_shown_without_secrets(prom: Prom) -> None:
    told = prom(
        *("config", "show", "--json"),
        PROM_DATABASE_URL="postgresql+psycopg://prom:hush@db/prom?application_name=prom&sslpassword=hush",
        PROM_SMTP_URL="smtp://user:hush@mail:587",
    )

    shown = json.loads(told.stdout)
    assert shown["PROM_DATABASE_URL"] == "postgresql+psycopg://prom:***@db/prom?application_name=prom&sslpassword=***"
    assert shown["PROM_SMTP_URL"] == "smtp://user:***@mail:587"
    assert "hush" not in told.output
    assert SECRET not in told.output


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sqlite:///var/prom.db", "sqlite:///var/prom.db"),
        ("sqlite:////abs/prom.db", "sqlite:////abs/prom.db"),
        ("postgresql:///prom?host=/run/postgresql", "postgresql:///prom?host=/run/postgresql"),
        ("postgresql:///prom?password=hush", "postgresql:///prom?password=***"),
        ("postgresql://prom@db/prom", "postgresql://prom@db/prom"),
        ("postgresql://prom:hu@sh@db/prom", "postgresql://prom:***@db/prom"),
        ("smtp://:hush@mail", "smtp://:***@mail"),
        ("postgresql://prom:hu?s/h@db/prom", "postgresql://prom:***@db/prom"),
        ("smtp://mail:587", "smtp://mail:587"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert redacted_address(address) == shown


def test_an_empty_database_is_brought_up_to_date(prom: Prom, tmp_path: Path) -> None:
    empty = {"PROM_DATABASE_URL": f"sqlite:///{tmp_path / 'empty.db'}"}

    steps = [prom("db", step, **empty) for step in ("check", "upgrade", "check", "upgrade")]

    assert [step.exit_code for step in steps] == [1, 0, 0, 0]
    assert steps[0].stderr == "Error: The database has no tables yet. Run `prom db upgrade` first.\n"


def test_nothing_is_written_into_tables_of_an_older_version(prom: Prom, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    upgrade(url, "0015")

    refused = prom("organisation", "add", "Group", PROM_DATABASE_URL=url)
    checked = prom("db", "check", PROM_DATABASE_URL=url)
    upgraded = prom("db", "upgrade", PROM_DATABASE_URL=url)
    added = prom("organisation", "add", "Group", PROM_DATABASE_URL=url)

    said = f"Error: The database is at revision 0015, not at {revisions()[-1]}. Run `prom db upgrade` first.\n"
    assert (refused.exit_code, refused.stderr) == (checked.exit_code, checked.stderr) == (1, said)
    assert (upgraded.exit_code, added.exit_code) == (0, 0)


@pytest.mark.parametrize("kind", ["web", "scheduler"])
def test_sqlite_is_not_upgraded_under_a_process_of_an_older_version(prom: Prom, tmp_path: Path, kind: str) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    upgrade(url, "0015")
    engine = make_engine(url)
    with alone_on_sqlite(engine, kind):
        refused = prom("db", "upgrade", PROM_DATABASE_URL=url)

    upgraded = prom("db", "upgrade", PROM_DATABASE_URL=url)
    with alone_on_sqlite(engine, kind):
        repeated = prom("db", "upgrade", PROM_DATABASE_URL=url)
    engine.dispose()

    said = "Error: The service runs on this database. Stop it, upgrade, and start this version.\n"
    assert (refused.exit_code, refused.stderr) == (1, said)
    assert (upgraded.exit_code, repeated.exit_code) == (0, 0)


@pytest.mark.parametrize("command", ["db check", "db upgrade", "organisation add Group", "verify"])
def test_a_database_of_a_newer_version_is_said_to_be_one(prom_on_both: Prom, database_url: str, command: str) -> None:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    told = prom_on_both(*command.split())

    said = "Error: The database is at revision 9999, which only a newer version of the service knows.\n"
    assert (told.exit_code, told.stderr) == (1, said)


def test_tables_that_are_not_those_of_this_version_fail_the_check(prom_on_both: Prom, database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE heartbeat ADD COLUMN mood VARCHAR(10)"))
    engine.dispose()

    told = prom_on_both("db", "check")

    assert (told.exit_code, told.stderr) == (
        1,
        "Error: The tables are not those of this version, though the revision is.\n",
    )
