"""The commands as a terminal would run them, in this process: arguments in, exit code and two streams out."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prom_service.cli import main

SECRET = "a-secret-key-for-tests-of-commands-only"
Prom = Callable[..., Result]

CLINIC = (
    *("clinic", "add", "north", "--organisation", "Group", "--name", "North", "--time-zone", "Europe/London"),
    *("--phone", "020 7946 0000", "--reply-hours", "Weekdays", "--urgent-text", "Call 999."),
)


def caller(database_url: str, folder: Path) -> Prom:
    """Return what runs a command on this database."""
    settings = {
        "PROM_ENV": "test",
        "PROM_DATABASE_URL": database_url,
        "PROM_SECRET_KEY": SECRET,
        "PROM_MAILBOX_DIR": str(folder / "mailbox"),
    }

    def run(*arguments: str, text: str = "", encoding: str = "utf-8", **changed: str | None) -> Result:
        runner = CliRunner(charset=encoding)
        return runner.invoke(main, [*map(str, arguments)], input=text, env={**settings, **changed})

    return run


@pytest.fixture
def prom(sqlite_url: str, tmp_path: Path) -> Prom:
    """Run a command on a fresh SQLite database."""
    return caller(sqlite_url, tmp_path)


@pytest.fixture
def prom_on_both(database_url: str, tmp_path: Path) -> Prom:
    """Run a command on a fresh database, once on each kind."""
    return caller(database_url, tmp_path)


@pytest.fixture
def clinic(prom: Prom) -> str:
    """A clinic with the code ``north`` of the organisation ``Group``."""
    prom("organisation", "add", "Group")
    prom(*CLINIC)
    return "north"
