"""`prom import`: files of patients, visits and answers."""

from collections.abc import Callable
from pathlib import Path

import click

from prom_service.cli import door
from prom_service.cli.output import json_option, show_json, show_table, with_progress
from prom_service.queries.directory import find_clinic_by_code
from prom_service.services.importing import Imported, import_patients, import_visits
from prom_service.services.redcap import import_answers

FAULT = ("row", "column", "problem", "allowed")


@click.group("import")
def import_() -> None:
    """Import patients, visits or answers from a CSV file: UTF-8, comma or semicolon.

    All or nothing, unless --keep-going. What is on record already is left alone, so a file may be sent again.
    """


def _options(command: click.decorators.FC) -> click.decorators.FC:
    command = json_option(command)
    command = click.option("--dry-run", is_flag=True, help="Say what the file would do; keep nothing.")(command)
    command = click.option("--keep-going", is_flag=True, help="Keep the good rows though others have faults.")(command)
    command = click.option("--clinic", "code", required=True, help="Clinic the rows belong to.")(command)
    kind = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.argument("file", metavar="FILE.csv", type=kind)(command)


@import_.command()
@_options
def patients(file: Path, code: str, keep_going: bool, dry_run: bool, as_json: bool) -> None:
    """Register patients, and enrol those whose row has an episode_external_id."""
    _run(import_patients, file, code, keep_going=keep_going, dry_run=dry_run, as_json=as_json)


@import_.command()
@_options
def visits(file: Path, code: str, keep_going: bool, dry_run: bool, as_json: bool) -> None:
    """Record visits, or correct them; each is known by its visit_external_id."""
    _run(import_visits, file, code, keep_going=keep_going, dry_run=dry_run, as_json=as_json)


@import_.command()
@_options
def redcap(file: Path, code: str, keep_going: bool, dry_run: bool, as_json: bool) -> None:
    """Enter answers that were given in REDCap: its export of raw data, by record and event."""
    _run(import_answers, file, code, keep_going=keep_going, dry_run=dry_run, as_json=as_json)


def _run(
    act: Callable[..., Imported], file: Path, code: str, *, keep_going: bool, dry_run: bool, as_json: bool
) -> None:
    content = file.read_bytes()
    with door.runtime() as prom, prom.transaction() as session:
        clinic = find_clinic_by_code(session, code)
        imported = act(session, clinic, content, actor=door.ACTOR, now=prom.now(), progress=with_progress("Importing"))
        kept = not dry_run and (keep_going or not imported.faults)
        if not kept:
            session.rollback()
    _show(imported, kept=kept, as_json=as_json)
    if imported.faults:
        raise click.ClickException(f"Faults found: {len(imported.faults)}. {_fate(imported, kept)}")


def _show(imported: Imported, *, kept: bool, as_json: bool) -> None:
    rows = [(fault.row, fault.column, fault.problem, fault.allowed) for fault in imported.faults]
    if as_json:
        faults = [dict(zip(FAULT, row, strict=True)) for row in rows]
        show_json({"kept": kept, "counts": dict(imported.counts), "errors": faults})
        return
    if rows:
        show_table(FAULT, rows, err=True)
    counts = ", ".join(f"{count} {word}" for word, count in sorted(imported.counts.items())) or "nothing to do"
    click.echo(f"{counts}." if kept else f"Not kept: {counts}.")


def _fate(imported: Imported, kept: bool) -> str:
    return "The other rows were kept." if kept else "Nothing was kept."
