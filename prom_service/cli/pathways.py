"""`prom pathway`: how a clinic changes a pathway, by two persons."""

from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from prom_service.cli import door
from prom_service.cli.output import json_option, show_json, show_table
from prom_service.models import Clinic, ClinicPathway, User
from prom_service.pathway import definition
from prom_service.pathway.variant import differences
from prom_service.queries.directory import find_clinic_by_code
from prom_service.queries.pathways import find_pathway, find_version, in_force, list_versions, refs_in_force
from prom_service.services import pathway_changes
from prom_service.services.pathway_preview import Preview, Side

File = click.Path(exists=True, dir_okay=False, path_type=Path)
clinic_option = click.option("--clinic", "code", required=True, help="Clinic whose pathway it is.")
by_option = click.option("--by", "email", required=True, help="Address of the staff account that does it.")


@click.group()
def pathway() -> None:
    """List, draft, preview and activate a clinic's own versions of a pathway."""


@pathway.command("list")
@clinic_option
@json_option
def list_(code: str, as_json: bool) -> None:
    """List what ships and the clinic's versions, and which of them it enrols on now."""
    with door.runtime() as prom, prom.reading() as session:
        clinic = find_clinic_by_code(session, code)
        current = set(refs_in_force(session, clinic.id).values())
        rows: list[dict[str, Any]] = [
            {"ref": one.ref, "in_force": one.ref in current, "drafted_at": None, "author": None, "note": "ships"}
            for one in definition.all_pathways()
        ]
        rows += [
            {
                "ref": one.ref,
                "in_force": one.ref in current,
                "drafted_at": one.recorded_at,
                "author": session.get_one(User, one.author_id).name,
                "note": one.note,
            }
            for one in list_versions(session, clinic.id)
        ]
    if as_json:
        show_json(rows)
    else:
        header = ("ref", "in_force", "drafted_at", "author", "note")
        show_table(header, ([_cell(row[column]) for column in header] for row in rows))


@pathway.command()
@click.argument("ref")
@clinic_option
def show(ref: str, code: str) -> None:
    """Print the TOML text of REF: what the clinic enrols on under a pathway that ships, or one of its versions."""
    with door.runtime() as prom, prom.reading() as session:
        clinic = find_clinic_by_code(session, code)
        shipped = [one.ref for one in definition.all_pathways()]
        text = in_force(session, clinic.id, ref).text if ref in shipped else find_version(session, clinic.id, ref).text
    click.echo(text.encode(), nl=False)  # A file, whatever the terminal shows.


@pathway.command()
@click.argument("file", type=File)
@clinic_option
@by_option
@click.option("--note", required=True, help="Why it is drafted.")
@json_option
def draft(file: Path, code: str, email: str, note: str, as_json: bool) -> None:
    """Keep the whole definition in FILE as a version for good; it is not in force before it is activated."""
    text = file.read_text(encoding="utf-8")
    with door.runtime() as prom, prom.transaction() as session:
        clinic, person = _who(session, code, email)
        row = pathway_changes.draft(
            session, clinic, text, note=note, author_id=person.id, actor=door.ACTOR, now=prom.now()
        )
        said = differences(in_force(session, clinic.id, row.base).pathway, find_pathway(session, row.ref))
        door.note(session, clinic.id, "pathway draft", {"user": person.id}, detail=row.ref, now=prom.now())
    if as_json:
        show_json({"ref": row.ref, "digest": row.digest, "differences": said})
        return
    click.echo(f"Drafted {row.ref}. Beside what is in force:")
    click.echo("\n".join(f"- {line}" for line in said) or "- Nothing that is read changes.")


@pathway.command()
@click.argument("ref")
@clinic_option
@by_option
@json_option
def preview(ref: str, code: str, email: str, as_json: bool) -> None:
    """Say what the version REF would have flagged in the last 90 days, and put on record who saw it."""
    with door.runtime() as prom:
        with prom.reading() as session:
            clinic, person = _who(session, code, email)
            version = find_version(session, clinic.id, ref)
            seen = pathway_changes.preview(session, version, now=prom.now())
        with prom.transaction() as session:
            pathway_changes.note_preview(
                session, clinic, version, seen, seen_by_id=person.id, actor=door.ACTOR, now=prom.now()
            )
            door.note(session, clinic.id, "pathway preview", {"user": person.id}, detail=ref, now=prom.now())
    if as_json:
        show_json(seen.figures())
    else:
        _show_preview(seen)


@pathway.command()
@click.argument("ref")
@clinic_option
@by_option
def activate(ref: str, code: str, email: str) -> None:
    """Enrol on the version REF from now on. A second person does it, after a look at its preview."""
    with door.runtime() as prom, prom.transaction() as session:
        clinic, person = _who(session, code, email)
        version: ClinicPathway = find_version(session, clinic.id, ref)
        pathway_changes.activate(session, clinic, version, by_id=person.id, actor=door.ACTOR, now=prom.now())
        door.note(session, clinic.id, "pathway activate", {"user": person.id}, detail=ref, now=prom.now())
    click.echo(f"{ref} is in force for whoever is enrolled at {clinic.code} from now on.")


def _who(session: Session, code: str, email: str) -> tuple[Clinic, User]:
    return find_clinic_by_code(session, code), pathway_changes.find_staff(session, email)


def _show_preview(seen: Preview) -> None:
    click.echo(seen.headline)
    for caution in seen.cautions:
        click.echo(caution)
    header = ("kind", "severity", seen.in_force.ref, seen.draft.ref)
    show_table(header, _rows(seen.in_force, seen.draft))
    click.echo(f"Gained {seen.gained}, lost {seen.lost}, of another severity {seen.regraded}.")
    click.echo(f"{seen.basis}, {seen.since[:10]} to {seen.until[:10]}.")


def _rows(before: Side, after: Side) -> list[tuple[object, ...]]:
    keys = {(kind, severity) for side in (before, after) for kind, of in side.kinds.items() for severity in of}
    return [
        (kind, severity, *(side.kinds.get(kind, {}).get(severity, 0) for side in (before, after)))
        for kind, severity in sorted(keys)
    ]


def _cell(value: object) -> object:
    return {True: "yes", False: ""}.get(value, value) if isinstance(value, bool) else value
