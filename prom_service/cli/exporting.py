"""`prom export`: what a clinic keeps, in the layout of others."""

import csv
import io
import secrets
from collections.abc import Iterable
from pathlib import Path

import click

from prom_service.cli import door, files
from prom_service.queries.directory import find_clinic_by_code
from prom_service.services.redcap import export_answers
from prom_service.services.research import count_responses
from prom_service.services.research import export as research_export


@click.group()
def export() -> None:
    """Write a clinic's answers in the layout of another system."""


@export.command()
@click.option("--clinic", "code", required=True, help="Clinic whose answers are written.")
@files.output_option
def redcap(code: str, output: Path) -> None:
    """Write answers for REDCap: a row for each episode and timepoint; empty was skipped, NA does not apply."""
    with door.runtime() as prom:
        with prom.reading() as session:
            clinic = find_clinic_by_code(session, code)
            written = as_csv(export_answers(session, clinic))
        with prom.transaction() as session:
            door.note(session, clinic.id, "export redcap", detail="all answers", now=prom.now())
    files.write(output, written)


@export.command()
@click.option("--clinic", "code", required=True, help="Clinic whose record is written.")
@click.option(
    "--format", "form", type=click.Choice(("csv", "parquet")), default="csv", show_default=True, help="Of the tables."
)
@files.output_option
def research(code: str, form: str, output: Path) -> None:
    """Write a ZIP archive for researchers: one row for each response, under names that nobody can trace.

    Without names, dates, the clinic's own numbers and free text; with a dictionary of every column.
    """
    from prom_service.cli import research_archive  # Only this command needs it.

    with door.runtime() as prom:
        with prom.transaction() as session:  # First: what was given out stays so, however the command ends.
            clinic = find_clinic_by_code(session, code)
            shown = count_responses(session, clinic)
            door.note(session, clinic.id, "export research", shown=shown, detail=form, now=prom.now())
        with prom.reading() as session:
            found = research_export(session, clinic, key=secrets.token_bytes(32))
            with files.writing(output) as file:
                count = research_archive.write(file, found, form=form)
    click.echo(f"Wrote {count} responses.", err=True)


def as_csv(rows: Iterable[Iterable[str]]) -> bytes:
    """Return the rows as a file of comma-separated values in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
