"""`prom score`: answers in a file, scores beside them."""

import csv
import io
from pathlib import Path

import click

import instruments
from instruments import table
from instruments.errors import BadTableError, UnknownInstrumentError
from instruments.table import AnswerTable
from prom_service.cli import files
from prom_service.cli.output import show_table


class Reference(click.ParamType[instruments.Instrument]):
    """The reference of a shipped instrument, such as hoos-2.0."""

    name = "ref"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> instruments.Instrument:
        """Return the instrument."""
        try:
            return instruments.find(value)
        except UnknownInstrumentError:
            known = ", ".join(instrument.ref for instrument in instruments.all_instruments())
            self.fail(f"There is no instrument {value!r}. There are {known}.", param, ctx)


@click.command()
@click.argument("instrument", metavar="REF", type=Reference())
@click.argument("file", metavar="FILE.csv", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the scores go.")
def score(instrument: instruments.Instrument, file: str, output: Path | None) -> None:
    """Score a CSV file of answers: one row for each response, one column for each item.

    Out come the same rows with a column for each scale and one for how many of its items were answered. An empty cell
    was skipped, NA does not apply; a score is empty when too little was answered. Every bad cell is named, and then
    nothing is written. FILE.csv may be - for standard input.
    """
    text = _read(file)
    try:
        answers = table.read_table(instrument, io.StringIO(text, newline=""))
    except BadTableError as error:
        _show(error)
        raise click.ClickException(f"Faults found: {len(error.cells)}. Nothing was scored.") from None
    first = text.split("\n", 1)[0]
    _write(instrument, answers, output, delimiter=";" if first.count(";") > first.count(",") else ",")


def _read(file: str) -> str:
    with click.open_file(file, "rb") as stream:
        content: bytes = stream.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise click.ClickException(f"Row {line} is not UTF-8. Save the file as UTF-8.") from None


def _show(error: BadTableError) -> None:
    rows = ((cell.row, cell.column, cell.problem, cell.allowed) for cell in error.cells)
    show_table(("row", "column", "problem", "allowed"), rows, err=True)


def _write(instrument: instruments.Instrument, answers: AnswerTable, output: Path | None, *, delimiter: str) -> None:
    with files.writing(output) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(table.score_table(instrument, answers))
        text.flush()
        text.detach()  # The stream stays open: it may be standard output.
