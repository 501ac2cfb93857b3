"""A group of commands that are imported when they are called, so that `prom --help` does not wait for all of them."""

import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from prom_service.cli import failure


@dataclass(frozen=True)
class Lazy:
    """A command that is not imported yet: its name, the module that has it under that name, its help in one line."""

    name: str
    module: str
    help: str

    def load(self) -> click.Command:
        """Return the command."""
        for command in vars(import_module(self.module)).values():
            if isinstance(command, click.Command) and command.name == self.name:
                return command
        raise LookupError(f"{self.module} has no command {self.name}")


class LazyGroup(click.Group):
    """The root of the commands. Whatever one of them raises ends as one plain sentence and an exit code."""

    def __init__(self, *arguments: Any, commands_listed: Iterable[Lazy], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.listed = {lazy.name: lazy for lazy in commands_listed}

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run the program. A letter that the terminal's encoding lacks is shown as its number and stops nothing."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return super().main(*arguments, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.listed)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, or None."""
        return self.listed[cmd_name].load() if cmd_name in self.listed else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(lazy.name, lazy.help) for lazy in self.listed.values()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; raise only what click turns into a message and an exit code."""
        with failure.told_plainly():
            return super().invoke(ctx)
