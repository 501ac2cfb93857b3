"""`prom brake`: whether sending has stopped by itself, and letting it go on."""

import click

from prom_service.cli import door
from prom_service.cli.output import json_option, show_json
from prom_service.models.audit import SERVICE
from prom_service.services import brake as brakes


@click.group()
def brake() -> None:
    """Show whether sending has stopped by itself, or let it go on."""


@brake.command()
@json_option
def show(as_json: bool) -> None:
    """Say whether emails go out, and if not, why and since when."""
    with door.runtime() as prom, prom.reading() as session:
        pulled = brakes.in_force(session)
    if as_json:
        shown = pulled and {"reason": pulled.reason, "detail": pulled.detail, "pulled_at": pulled.pulled_at}
        show_json({"sending": pulled is None, "brake": shown})
    elif pulled is None:
        click.echo("Emails go out.")
    else:
        click.echo(f"No emails go out since {pulled.pulled_at:%Y-%m-%d %H:%M} UTC: {pulled.detail}.")


@brake.command()
@json_option
def release(as_json: bool) -> None:
    """Let sending go on. First see to what stopped it: the clock, or what makes so many emails due."""
    with door.runtime() as prom, prom.transaction() as session:
        released = brakes.release(session, actor=door.ACTOR, now=prom.now())
        door.note(session, SERVICE, "brake release", now=prom.now())
    if as_json:
        show_json({"released": released})
    else:
        click.echo("Emails go out again." if released else "Nothing was stopped.")
