"""`prom organisation` and `prom clinic`: who uses the service."""

import dataclasses
import datetime as dt
from typing import Any

import click

from prom_service.cli import door
from prom_service.cli.output import json_option, show_json, show_table
from prom_service.models import Clinic
from prom_service.models.clinic import IDENTITY_CHECKS
from prom_service.queries.directory import find_clinic_by_code
from prom_service.queries.registry import find_organisation, list_clinics, list_texts
from prom_service.queries.wording import list_own_wording
from prom_service.services import clinics
from prom_service.services.clinic_texts import write_texts
from prom_service.services.clinics import Activation

ACTIVATION = {
    "owner": "Who answers for the clinic's part, by name.",
    "owner_email": "The owner's address.",
    "deputy": "Who stands in for the owner, by name.",
    "deputy_email": "The deputy's address.",
    "approved_by": "Clinician who approved pathway texts, symptom tiers and thresholds.",
    "own_wording_accepted_by": "Clinician who accepted the service's own wording in place of the official one.",
    "escalation_tested_on": "Day on which escalation was tried out, YYYY-MM-DD.",
}


@click.group()
def organisation() -> None:
    """Add organisations."""


@organisation.command("add")
@click.argument("name")
@json_option
def add_organisation(name: str, as_json: bool) -> None:
    """Add an organisation: the owner of clinics, with one quality team."""
    with door.runtime() as prom, prom.transaction() as session:
        added = clinics.add_organisation(session, name, now=prom.now())
    if as_json:
        show_json({"id": added.id, "name": added.name})
    else:
        click.echo(f"Added the organisation {added.name}, {added.id}.")


@click.group()
def clinic() -> None:
    """Add, activate and list clinics, and write their texts."""


@clinic.command()
@click.argument("code")
@click.option("--organisation", required=True, help="Name or id of the organisation it belongs to.")
@click.option("--name", required=True, help="The neutral name patients see: no body part, no condition.")
@click.option("--time-zone", required=True, help="IANA zone of its days, such as Europe/London.")
@click.option("--phone", required=True, help="Number patients may call.")
@click.option("--reply-hours", required=True, help="When answers are read, in words for patients.")
@click.option("--urgent-text", required=True, help="What a patient should do at once when a symptom is urgent.")
@click.option("--language", default="en", show_default=True, help="Language its patients are written to in.")
@click.option(
    "--identity-check",
    type=click.Choice(IDENTITY_CHECKS),
    default="year",
    show_default=True,
    help="What is asked of the birth before answers of an earlier day are shown again.",
)
@json_option
def add(code: str, organisation: str, as_json: bool, **details: str) -> None:
    """Add a clinic under a short CODE for commands and files. In production it mails nobody until it is activated."""
    with door.runtime() as prom, prom.transaction() as session:
        owner = find_organisation(session, organisation)
        added = clinics.add_clinic(session, organisation_id=owner.id, code=code, **details, now=prom.now())
    if as_json:
        show_json(_shown(added, owner.name))
    else:
        click.echo(f"Added the clinic {added.code}, {added.id}. `prom clinic activate {added.code}` lets it go live.")


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _activation_options(command: click.decorators.FC) -> click.decorators.FC:
    for name, meaning in reversed(ACTIVATION.items()):
        kind = click.DateTime(["%Y-%m-%d"]) if name.endswith("_on") else None
        command = click.option(_option(name), type=kind, help=meaning)(command)
    return command


@clinic.command()
@click.argument("code")
@_activation_options
def activate(code: str, **given: Any) -> None:
    """Let a clinic mail real patients. Everything below is needed, and all that is missing is named at once.

    Nobody has to accept own wording where every questionnaire is asked in official words.
    """
    tested: dt.datetime | None = given.pop("escalation_tested_on")
    values = {**given, "escalation_tested_on": tested and tested.date()}
    with door.runtime() as prom, prom.transaction() as session:
        found = find_clinic_by_code(session, code)
        own_wording = list_own_wording(session, found)
        optional = () if own_wording else ("own_wording_accepted_by",)
        needed = [field.name for field in dataclasses.fields(Activation) if field.name not in optional]
        missing = [_option(name) for name in needed if not values[name]]
        if missing:
            unaccepted = own_wording and not values["own_wording_accepted_by"]
            asked = f"Asked in own words: {', '.join(own_wording)}. " if unaccepted else ""
            raise click.UsageError(f"{asked}Needed before the clinic can go live: {', '.join(missing)}.")
        accepted_by = values.pop("own_wording_accepted_by") or ""
        activation = Activation(**values, own_wording_accepted_by=accepted_by)
        clinics.activate_clinic(session, found, activation, now=prom.now())
    click.echo(f"The clinic {found.code} is live.")


@clinic.command()
@click.argument("code")
@click.option("--language", help="Language the texts are in.")
@click.option("--reply-hours", help="When answers are read, in words for patients.")
@click.option("--urgent-text", help="What a patient should do at once when a symptom is urgent.")
@json_option
def texts(code: str, language: str | None, reply_hours: str | None, urgent_text: str | None, as_json: bool) -> None:
    """Write what a clinic says to patients in a --language, or list it.

    Patients who read a language without texts see them in the clinic's own.
    """
    if (language is None) != (reply_hours is None and urgent_text is None):
        raise click.UsageError("--language goes with --reply-hours, --urgent-text or both.")
    with door.runtime() as prom, prom.transaction() as session:
        found = find_clinic_by_code(session, code)
        if language is not None:
            write_texts(session, found, language, reply_hours=reply_hours, urgent_text=urgent_text)
        header = ("language", "reply_hours", "urgent_text")
        rows = [(said, *(getattr(row, name, None) for name in header[1:])) for said, row in list_texts(session, found)]
    if as_json:
        show_json([dict(zip(header, row, strict=True)) for row in rows])
    else:
        show_table(header, rows)


@clinic.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the clinics."""
    with door.runtime() as prom, prom.reading() as session:
        rows = [_shown(found, name) for found, name in list_clinics(session)]
    if as_json:
        show_json(rows)
    else:
        header = ("code", "name", "organisation", "time_zone", "activated_at", "id")
        show_table(header, ([row[column] for column in header] for row in rows))


def _shown(found: Clinic, organisation: str) -> dict[str, object]:
    names = ("id", "code", "name", "time_zone", "language", "activated_at")
    return {**{name: getattr(found, name) for name in names}, "organisation": organisation}
