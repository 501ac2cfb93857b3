"""How a command shows what it found: for people as text, for programs as JSON; progress only on a terminal."""

import contextlib
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import click

Step = TypeVar("Step")
Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """Give a command the option ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def show_json(value: Any) -> None:
    """Print ``value`` as JSON, in UTF-8 on any terminal; ids as text, dates and instants in ISO form."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False, default=_plain).encode())


def show_table(header: Sequence[str], rows: Iterable[Sequence[object]], *, err: bool = False) -> None:
    """Print the rows under their header in columns; a missing value is empty, an instant is in UTC to the minute."""
    cells = [list(header), *([as_text(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), err=err)


def with_progress(label: str) -> Callable[[Sequence[Step]], Iterator[Step]]:
    """Return what shows on a terminal how far a loop over steps has come."""

    def shown(steps: Sequence[Step]) -> Iterator[Step]:
        with _bar(label, len(steps)) as bar:
            for step in steps:
                yield step
                bar.update(1)

    return shown


def counted(label: str, total: int, batches: Iterable[Step], size: Callable[[Step], int]) -> Iterator[Step]:
    """Yield the batches and show on a terminal how many of ``total`` they come to."""
    with _bar(label, total) as bar:
        for batch in batches:
            yield batch
            bar.update(size(batch))


@contextlib.contextmanager
def showing(label: str) -> Iterator[Callable[[int], None]]:
    """Yield what to tell how far the work is, in per cent; a terminal shows it, and in the end that it is done."""
    with _bar(label, 100) as bar:
        yield lambda progress: bar.update(progress - bar.pos)
        bar.update(100 - bar.pos)


def _bar(label: str, length: int) -> Any:
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


def as_text(cell: object) -> str:
    """Return a value as a table shows it."""
    if isinstance(cell, dt.datetime):
        return f"{cell.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
    return "" if cell is None else str(cell)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)
