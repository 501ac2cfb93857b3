"""The roof itself: what is there, how fast help comes, and how a failure is told."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from prom_service.cli import COMMANDS, main
from tests.cli.conftest import Prom

FIXED = """
demo; serve; web; scheduler; db check; db protect; db restored; db upgrade;
config check; config show; organisation add;
clinic activate; clinic add; clinic escalation; clinic list; clinic test-escalation; clinic texts; user add;
user deactivate; user list; user reset-totp; user set-password; user set-role;
apikey create; apikey list; apikey revoke; apikey rotate; import patients;
import redcap; import visits; export redcap; export research;
instruments export; instruments list; instruments paper; instruments
show; instruments validate; instruments wording; pathway activate; pathway draft; pathway list; pathway preview;
pathway show; score; timeline; paper; assess; brake release; brake show; webhook list; webhook replay; report
comparison; report outcomes; report process; report subscribe; report subscriptions; report unsubscribe; report
utilization; audit list; audit verify; verify
"""


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with its full name."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def test_the_commands_are_those_that_scripts_rely_on() -> None:
    names = {name for name, _ in commands(main)}

    assert names == {" ".join(name.split()) for name in FIXED.split(";")}


@pytest.mark.parametrize("name", [name for name, _ in commands(main)])
def test_every_command_explains_itself(name: str) -> None:
    told = CliRunner().invoke(main, [*name.split(), "--help"])

    assert told.exit_code == 0
    assert f"Usage: prom {name}" in told.output.replace("main", "prom", 1)


def test_help_waits_for_no_database_and_no_web() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from prom_service.cli import main; "
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0; "
        "print(sorted({'sqlalchemy', 'flask', 'numpy', 'pandas', 'apscheduler'} & set(sys.modules)))"
    )

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert told.stdout == "[]\n"


def test_no_command_but_the_demo_and_a_report_waits_for_pandas() -> None:
    modules = sorted({lazy.module for lazy in COMMANDS if lazy.name not in ("demo", "report")})
    program = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        "    assert 'pandas' not in sys.modules, name\n"
    )

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert (told.returncode, told.stderr) == (0, "")


def test_help_is_shown_on_any_terminal(prom: Prom) -> None:
    told = prom("--help", encoding="latin-1")

    assert told.exit_code == 0
    assert r"(PROM_\u2026)" in told.stdout


def test_a_name_that_a_terminal_cannot_show_is_shown_in_numbers_and_is_whole_for_a_program(prom: Prom) -> None:
    added = prom("organisation", "add", "Łódź Süd", encoding="latin-1")
    as_json = prom("organisation", "add", "Łódź Ost", "--json", encoding="latin-1")

    assert added.stdout.startswith(r"Added the organisation \u0141ód\u017a Süd, ")
    assert json.loads(as_json.stdout_bytes)["name"] == "Łódź Ost"


@pytest.mark.parametrize("arguments", [["unheard"], ["score"], ["clinic", "list", "--unheard"], ["db"]])
def test_wrong_use_is_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_a_database_without_tables_is_said_plainly(prom: Prom, tmp_path: object) -> None:
    told = prom("clinic", "list", PROM_DATABASE_URL=f"sqlite:///{tmp_path}/empty.db")

    assert (told.exit_code, told.stderr) == (1, "Error: The database has no tables yet. Run `prom db upgrade` first.\n")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("@127.0.0.1:1/prom", 'connection to server at "127.0.0.1", port 1 failed: Connection refused.'),
        ("@sh@db.invalid/prom", "the name of its host is not known."),
    ],
)
def test_a_database_that_is_not_there_is_said_plainly_and_without_its_password(
    prom: Prom, address: str, why: str
) -> None:
    told = prom("clinic", "list", PROM_DATABASE_URL=f"postgresql+psycopg://prom:hu{address}")

    assert (told.exit_code, told.stderr) == (1, f"Error: The database cannot be reached: {why}\n")


def test_what_postgresql_says_of_a_connection_is_said_in_its_words(prom: Prom, postgres_url: str) -> None:
    told = prom("clinic", "list", PROM_DATABASE_URL=f"{postgres_url}_not_there")

    assert told.exit_code == 1
    assert told.stderr.startswith("Error: The database cannot be reached: connection to server at ")
    assert told.stderr.endswith('_not_there" does not exist.\n')


def test_what_sqlite_refuses_is_said_by_its_name(prom: Prom, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"no database" * 100)

    told = prom("clinic", "list", PROM_DATABASE_URL=f"sqlite:///{tmp_path / 'photo.jpg'}")

    assert told.exit_code == 1
    assert told.stderr.startswith("Error: The database does not answer as it should (SQLITE_NOTADB).")


def test_an_error_nobody_thought_of_is_one_sentence_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    told = fail(monkeypatch, level="INFO")

    assert (told.exit_code, told.stderr) == (
        1,
        "Error: This should not have happened (RuntimeError). PROM_LOG_LEVEL=DEBUG shows where.\n",
    )


def test_asked_for_it_says_where_and_still_not_what(monkeypatch: pytest.MonkeyPatch) -> None:
    told = fail(monkeypatch, level="DEBUG")

    assert "in faulty" in told.stderr
    assert "Q1: 4" not in told.stderr


def fail(monkeypatch: pytest.MonkeyPatch, *, level: str) -> click.testing.Result:
    """Run a command with a fault in it whose text holds an answer."""

    @click.command("faulty")
    def faulty() -> None:
        raise RuntimeError(f"Q1: {2 + 2}")

    monkeypatch.setattr(main, "get_command", lambda _ctx, _name: faulty)
    return CliRunner().invoke(main, ["faulty"], env={"PROM_LOG_LEVEL": level})
