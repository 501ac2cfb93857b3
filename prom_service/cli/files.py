"""Where a command writes: standard output, or a file that is there only once it is complete; and on which paper."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from prom_service.paper.drawing import PAPERS

Command = TypeVar("Command", bound=Callable[..., Any])


def output_option(command: Command) -> Command:
    """Give a command that makes a file the option ``-o``."""
    path = click.Path(dir_okay=False, path_type=Path, allow_dash=True)
    told = "Where the file goes; - is standard output."
    return click.option("-o", "--output", required=True, type=path, help=told)(command)


def paper_option(command: Command) -> Command:
    """Give a command that makes a file to be printed the option ``--paper``."""
    choice = click.Choice(list(PAPERS))
    return click.option("--paper", type=choice, default="a4", show_default=True, help="What it is printed on.")(command)


def write(output: Path, content: bytes) -> None:
    """Write the file, and say so where that does not disturb it."""
    with writing(output) as file:
        file.write(content)
    if str(output) != "-":
        click.echo(f"Wrote {output}.", err=True)


@contextlib.contextmanager
def writing(output: Path | None) -> Iterator[BinaryIO]:
    """Yield what to write to. The file takes its place when the block ends well; otherwise nothing is left behind.

    None or ``-`` is standard output. A device or a pipe is written to: nothing may take its place. Nor that of a link,
    but of what it leads to.
    """
    if output is None or str(output) == "-":
        yield sys.stdout.buffer
        return
    if output.exists() and not output.is_file():
        with output.open("wb") as file:
            yield file
        return
    output = output.resolve()
    unfinished = output.with_name(f".{output.name}.part")
    try:
        with _stopped_in_order(), unfinished.open("wb") as file:
            yield file
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def _stopped_in_order() -> Iterator[None]:
    """Have whoever ends the process, or closes its terminal, end the block first, as an error would."""

    def stop(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    untaken = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) == signal.SIG_DFL]
    for one in untaken:  # Under nohup a closed terminal ends nothing.
        signal.signal(one, stop)
    try:
        yield
    finally:
        for one in untaken:
            signal.signal(one, signal.SIG_DFL)
