"""`prom organisation` and `prom clinic`: who uses the service."""

import click

from prom_service.cli import door
from prom_service.cli.escalation import escalation, test_escalation
from prom_service.cli.output import json_option, show_json, show_table
from prom_service.models import Clinic
from prom_service.models.audit import SERVICE
from prom_service.models.clinic import IDENTITY_CHECKS
from prom_service.queries.directory import find_clinic_by_code
from prom_service.queries.registry import find_organisation, list_clinics, list_texts
from prom_service.services import clinics
from prom_service.services.clinic_texts import write_texts
from prom_service.services.clinics import Activation


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
        door.note(session, SERVICE, "organisation add", {"organisation": added.id}, now=prom.now())
    if as_json:
        show_json({"id": added.id, "name": added.name})
    else:
        click.echo(f"Added the organisation {added.name}, {added.id}.")


@click.group()
def clinic() -> None:
    """Add, activate and list clinics, write their texts, and say who is told of flags that wait."""


clinic.add_command(escalation)
clinic.add_command(test_escalation)


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
        door.note(session, added.id, "clinic add", now=prom.now())
    if as_json:
        show_json(_shown(added, owner.name))
    else:
        click.echo(f"Added the clinic {added.code}, {added.id}. `prom clinic activate {added.code}` lets it go live.")


@clinic.command()
@click.argument("code")
@click.option("--approved-by", default="", help="Clinician who approved pathway texts, symptom tiers and thresholds.")
@click.option("--own-wording-accepted-by", default="", help="Clinician who accepted own wording for the official.")
def activate(code: str, **given: str) -> None:
    """Let a clinic mail real patients. All that is missing is named at once.

    Owner, deputy and manager are named with `prom clinic escalation` and have each confirmed a test email. Nobody has
    to accept own wording where every questionnaire is asked in official words.
    """
    with door.runtime() as prom, prom.transaction() as session:
        found = find_clinic_by_code(session, code)
        clinics.activate_clinic(session, found, Activation(**given), now=prom.now())
        door.note(session, found.id, "clinic activate", now=prom.now())
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
            door.note(session, found.id, "clinic texts", detail=language, now=prom.now())
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
