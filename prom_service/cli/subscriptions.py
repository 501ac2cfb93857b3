"""`prom report subscribe`, `unsubscribe`, `subscriptions`: who gets which report every month."""

import uuid

import click

from prom_service.cli import door
from prom_service.cli.output import json_option, show_json, show_table
from prom_service.models.audit import SERVICE
from prom_service.queries.directory import find_clinic_by_code
from prom_service.reports.query import FORMATS, GROUPINGS, REPORTS
from prom_service.services import accounts, report_subscriptions

COLUMNS = ("id", "email", "clinic", "report", "group_by", "format", "next_due_at")


@click.command()
@click.argument("name", metavar="REPORT", type=click.Choice(list(REPORTS)))
@click.option("--user", "email", required=True, help="Address of the staff account.")
@click.option("--clinic", "code", help="Clinic whose care is reported.  [default: all, small counts hidden]")
@click.option("--group-by", type=click.Choice(GROUPINGS), help="One line for each of these.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="pdf", show_default=True, help="Form of the file."
)
def subscribe(name: str, email: str, code: str | None, group_by: str | None, form: str) -> None:
    """Have a report made on the first of every month, and its reader told by email where it is.

    With a clinic it takes an administrator of it; without one a quality analyst.
    """
    with door.runtime() as prom, prom.transaction() as session:
        account = accounts.find_account(session, email)
        clinic = find_clinic_by_code(session, code) if code else None
        made = report_subscriptions.subscribe(
            session, account, clinic=clinic, report=name, form=form, group_by=group_by, by=door.ACTOR, now=prom.now()
        )
        door.note(
            session, made.clinic_id or SERVICE, "report subscribe", {"user": account.id}, detail=name, now=prom.now()
        )
    click.echo(f"{made.id}: the first one is made on {made.next_due_at:%Y-%m-%d %H:%M} UTC.")


@click.command()
@click.argument("number", metavar="ID", type=click.UUID)
def unsubscribe(number: uuid.UUID) -> None:
    """Stop a monthly report. Files that are made already stay."""
    with door.runtime() as prom, prom.transaction() as session:
        report_subscriptions.unsubscribe(session, number)
        door.note(session, SERVICE, "report unsubscribe", detail=str(number), now=prom.now())
    click.echo("It is stopped.")


@click.command()
@click.option("--user", "email", help="Only those of this staff account.")
@json_option
def subscriptions(email: str | None, as_json: bool) -> None:
    """List who gets which report every month."""
    with door.runtime() as prom, prom.reading() as session:
        user_id = accounts.find_account(session, email).id if email else None
        found = report_subscriptions.list_subscriptions(session, user_id=user_id)
    rows = [
        {
            "id": one.id,
            "email": address,
            "clinic": clinic,
            "report": one.report,
            "group_by": one.group_by or None,
            "format": one.form,
            "next_due_at": one.next_due_at,
        }
        for one, address, clinic in found
    ]
    if as_json:
        show_json(rows)
    else:
        show_table(COLUMNS, ([row[column] for column in COLUMNS] for row in rows))
