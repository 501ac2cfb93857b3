"""`prom audit`: who read and changed what, and whether that record is what was written."""

import json
import uuid
from pathlib import Path
from typing import Any

import click
from sqlalchemy import RowMapping
from sqlalchemy.orm import Session

from prom_service.cli import door
from prom_service.cli.output import json_option, show_json, show_table
from prom_service.errors import NotFoundError
from prom_service.models import Clinic, Patient
from prom_service.models.audit import SERVICE
from prom_service.queries.audit import list_entries
from prom_service.queries.directory import find_clinic_by_code, find_patient, list_patients
from prom_service.queries.registry import as_id
from prom_service.runtime import Runtime
from prom_service.services.audit_heads import HeadLine, read_heads
from prom_service.services.audit_verification import Verified
from prom_service.services.audit_verification import verify as verify_chains

VERIFIED = ("clinic", "sealed", "not_yet_sealed", "problem")
ENTRY = ("number", "recorded_at", "actor", "act", "shown", "detail", "subjects")


@click.group()
def audit() -> None:
    """Verify who read and changed what, or list it."""


@audit.command()
@click.option("--clinic", "code", help="Only the chain of this clinic.")
@click.option(
    "--head-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Heads written outside the database.  [default: PROM_AUDIT_HEAD_FILE]",
)
@json_option
def verify(code: str | None, head_file: Path | None, as_json: bool) -> None:
    """Say whether every entry is what was written and none is missing; exit 1 and name the first that is not."""
    with door.runtime() as prom:
        lines = _head_lines(prom, head_file)
        with prom.reading() as session:
            clinic_id = find_clinic_by_code(session, code).id if code else None
            heads = [one.head for one in lines if one.head]
            found = verify_chains(session, heads, clinic_id=clinic_id, secret=prom.settings.secret)
            rows = [_verified(session, one) for one in found]
    forged = [one.line for one in lines if one.fault == "forged"]
    torn = [one.line for one in lines if one.fault == "torn"]
    _show_verified(rows, forged, torn, len(heads), as_json=as_json)
    broken = sum(one.broken is not None for one in found)
    if broken or forged:
        raise click.ClickException(f"The audit is not what was written: {broken} chains, {len(forged)} outside heads.")


@audit.command("list")
@click.option("--clinic", "code", help="Clinic whose entries are listed.  [default: acts that belong to no clinic]")
@click.option("--patient", help="Only what concerns this patient: the id, or the clinic's own number.")
@json_option
def list_(code: str | None, patient: str | None, as_json: bool) -> None:
    """List who read or changed what, in the order it happened; with --patient, who saw that patient's data."""
    if patient is not None and code is None:
        raise click.UsageError("--patient needs --clinic.")
    with door.runtime() as prom:
        with prom.reading() as session:
            clinic_id = find_clinic_by_code(session, code).id if code else SERVICE
            patient_id = _find_patient(session, clinic_id, patient).id if patient else None
            rows = [_entry(row) for row in list_entries(session, clinic_id, patient_id)]
        with prom.transaction() as session:
            door.note(session, clinic_id, "audit list", {"patient": patient_id}, shown=len(rows), now=prom.now())
    if as_json:
        show_json(rows)
    else:
        show_table(ENTRY, ([_cell(row[column]) for column in ENTRY] for row in rows))


def _head_lines(prom: Runtime, head_file: Path | None) -> list[HeadLine]:
    """Return the outside heads; none when no file was named and none has been written yet."""
    path = head_file or prom.settings.audit_heads
    if path is None or (head_file is None and not path.exists()):
        return []
    return read_heads(path, secret=prom.settings.secret)


def _verified(session: Session, one: Verified) -> dict[str, object]:
    clinic = session.get(Clinic, one.clinic_id)
    broken = one.broken
    where = "" if broken is None else f"Entry {broken.number}: " if broken.number else ""
    named = f" ({broken.entry_id})" if broken and broken.entry_id else ""
    return {
        "clinic": clinic.code if clinic else "service" if one.clinic_id == SERVICE else str(one.clinic_id),
        "sealed": one.sealed,
        "not_yet_sealed": one.unsealed,
        "problem": broken and f"{where}{broken.problem}{named}",
    }


def _show_verified(
    rows: list[dict[str, object]], forged: list[int], torn: list[int], heads: int, *, as_json: bool
) -> None:
    if as_json:
        show_json({"chains": rows, "outside_heads": heads, "forged_lines": forged, "torn_lines": torn})
        return
    show_table(VERIFIED, ([row[column] for column in VERIFIED] for row in rows))
    if not heads:
        click.echo("There is no head outside the database: if the end of a chain was cut off, this does not show it.")
    if torn:
        click.echo(f"Not whole, as a process leaves it that is killed: line {', '.join(map(str, torn))} of the heads.")
    if forged:
        click.echo(f"Not signed by this service: line {', '.join(map(str, forged))} of the heads.")


def _find_patient(session: Session, clinic_id: uuid.UUID, patient: str) -> Patient:
    for found in list_patients(session, clinic_id, external_id=patient, limit=1):
        return found
    number = as_id(patient)
    if number is None:
        raise NotFoundError("There is no such patient.")
    return find_patient(session, clinic_id, number)


def _entry(row: RowMapping) -> dict[str, Any]:
    names = ("number", "recorded_at", "actor", "act", "shown", "detail", "request_id", "id")
    return {**{name: row[name] for name in names}, "subjects": json.loads(row["subjects"])}


def _cell(value: object) -> object:
    if isinstance(value, dict):
        return " ".join(f"{kind}:{','.join(ids)}" for kind, ids in value.items())
    return value
