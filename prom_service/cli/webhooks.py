"""`prom webhook`: the receivers of a clinic, and telling one of them again."""

import uuid

import click

from prom_service.cli import door
from prom_service.cli.output import json_option, show_json, show_table
from prom_service.queries.directory import find_clinic_by_code
from prom_service.queries.webhooks import find_webhook, list_webhooks
from prom_service.services import webhooks
from prom_service.services.webhooks import MOST_WEBHOOKS

COLUMNS = ("id", "url", "state", "state_reason", "pending", "dead_letters", "last_success_at", "last_failure")


@click.group()
def webhook() -> None:
    """List the receivers of a clinic, or tell one of them again."""


@webhook.command("list")
@click.option("--clinic", "code", required=True, help="Clinic whose receivers are listed.")
@json_option
def list_(code: str, as_json: bool) -> None:
    """List the receivers of a clinic, whether they work and what waits for them."""
    with door.runtime() as prom, prom.reading() as session:
        clinic = find_clinic_by_code(session, code)
        found = list_webhooks(session, clinic.id, limit=MOST_WEBHOOKS, now=prom.now())
    if as_json:
        show_json([{column: one[column] for column in COLUMNS} for one in found])
    else:
        show_table(COLUMNS, ([one[column] for column in COLUMNS] for one in found))


@webhook.command()
@click.argument("webhook_id", metavar="ID", type=click.UUID)
@click.option("--clinic", "code", required=True, help="Clinic whose receiver it is.")
@click.option("--dead-letters", is_flag=True, help="Everything that was given up.")
@click.option("--from", "from_number", type=click.IntRange(1), help="Everything from this event of the feed on.")
@json_option
def replay(webhook_id: uuid.UUID, code: str, dead_letters: bool, from_number: int | None, as_json: bool) -> None:
    """Tell a receiver again, with the next tick; every event keeps its id."""
    if not dead_letters and from_number is None:
        raise click.UsageError("Give --dead-letters or --from.")
    with door.runtime() as prom, prom.transaction() as session:
        clinic = find_clinic_by_code(session, code)
        found = find_webhook(session, clinic.id, webhook_id, lock=True)
        planned = webhooks.replay(session, found, dead_letters=dead_letters, from_number=from_number, now=prom.now())
        door.note(session, clinic.id, "webhook replay", {"webhook": found.id}, now=prom.now())
    if as_json:
        show_json({"planned_again": planned, "position": found.position})
    else:
        click.echo(f"{planned} deliveries are planned again; the feed is told from event {found.position + 1} on.")
