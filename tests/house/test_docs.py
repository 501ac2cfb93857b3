"""What the documents say of settings and commands, held against the code."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from prom_service.cli import main
from prom_service.models.webhook import EVENT_TYPES
from prom_service.settings import SECRETS, Settings

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"^\| `(PROM_\w+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)
COMMAND = re.compile(r"^### `prom ([a-z -]+)", re.MULTILINE)


def documented_settings() -> dict[str, str]:
    """Return the default that the table gives for each variable."""
    return {name: default for name, default, _ in ROW.findall((DOCS / "settings.md").read_text(encoding="utf-8"))}


def as_documented(value: object) -> str:
    return f"`{value}`" if value not in ("", ()) else "empty"


def test_the_documented_settings_are_those_that_there_are() -> None:
    variables = {f"PROM_{field.name.upper()}" for field in dataclasses.fields(Settings)}

    assert documented_settings().keys() == variables


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_the_documented_default_is_the_one_in_force(field: dataclasses.Field[object]) -> None:
    said = documented_settings()[f"PROM_{field.name.upper()}"]

    assert said == ("a key for development only" if field.name == "secret_key" else as_documented(field.default))


def test_every_setting_that_may_come_from_a_file_is_named() -> None:
    text = (DOCS / "settings.md").read_text(encoding="utf-8")

    assert [name for name in SECRETS if f"`{name}_FILE`" not in text] == []


def test_every_event_that_a_receiver_may_be_told_of_is_named() -> None:
    text = (DOCS / "webhooks.md").read_text(encoding="utf-8")

    assert [name for name in EVENT_TYPES if f"`{name}`" not in text] == []


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with its full name."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        elif command is not None:
            yield " ".join((*path, name)), command


def section(name: str) -> str:
    """Return what the document says of a command."""
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    found = re.search(rf"^### `prom {name}[ `].*?(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


def test_the_documented_commands_are_those_that_there_are() -> None:
    text = (DOCS / "commands.md").read_text(encoding="utf-8")

    assert sorted(name.strip() for name in COMMAND.findall(text)) == sorted(name for name, _ in commands(main))


@pytest.mark.parametrize(("name", "command"), [pytest.param(*pair, id=pair[0]) for pair in commands(main)])
def test_every_option_of_a_command_is_documented_and_no_other(name: str, command: click.Command) -> None:
    said = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", section(name)))
    options = {
        option for parameter in command.params for option in parameter.opts if option.startswith("--")
    } - {"--output"}  # fmt: skip

    assert said - {"--output"} == options
