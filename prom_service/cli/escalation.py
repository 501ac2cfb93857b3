"""`prom clinic escalation`, `prom clinic test-escalation`: who is told of a flag that waits."""

import datetime as dt
from typing import Any

import click
from sqlalchemy.orm import Session

from prom_service.cli import door
from prom_service.cli.output import json_option, show_json, show_table
from prom_service.errors import NotFoundError
from prom_service.models import Clinic
from prom_service.models.escalation import STEPS
from prom_service.queries.directory import find_clinic_by_code
from prom_service.services import escalation as plans
from prom_service.services.escalation import PlanDetails
from prom_service.services.working_time import read_hours, write_hours


@click.command("escalation")
@click.argument("code")
@click.option("--owner", help="Who answers for the clinic's flags and is told first, by name.")
@click.option("--owner-email", help="The owner's address.")
@click.option("--deputy", help="Who is told when the owner has not acknowledged a flag, by name.")
@click.option("--deputy-email", help="The deputy's address.")
@click.option("--manager", help="Who is told last, by name.")
@click.option("--manager-email", help="The manager's address.")
@click.option("--working-hours", help="When somebody is there, such as: mon-thu 09:00-17:00, fri 09:00-13:00.")
@click.option("--closed-on", multiple=True, type=click.DateTime(["%Y-%m-%d"]), help="A day off; may be repeated.")
@json_option
def escalation(
    code: str, working_hours: str | None, closed_on: tuple[dt.datetime, ...], as_json: bool, **people: str | None
) -> None:
    """Write who is told of flags that nobody has acknowledged, or show it.

    Given in part, the rest stays as it was.
    """
    with door.runtime() as prom, prom.transaction() as session:
        clinic = find_clinic_by_code(session, code)
        if working_hours or closed_on or any(people.values()):
            _write(session, clinic, people, working_hours, closed_on, prom.now())
            door.note(session, clinic.id, "clinic escalation", now=prom.now())
        rows = _rows(session, clinic, prom.now())
        hours = _hours(session, clinic)
    if as_json:
        show_json({"people": [dict(zip(HEADER, row, strict=True)) for row in rows], **hours})
    else:
        show_table(HEADER, rows)
        click.echo(f"working hours: {hours['working_hours']}")
        click.echo(f"closed on: {', '.join(hours['closed_on']) or 'no other day'}")


HEADER = ("step", "name", "email", "confirmed")


def _write(
    session: Session,
    clinic: Clinic,
    people: dict[str, str | None],
    working_hours: str | None,
    closed_on: tuple[dt.datetime, ...],
    now: dt.datetime,
) -> None:
    known = plans.find_plan(session, clinic)
    named = {name: value if value is not None else getattr(known, name, "") for name, value in people.items()}
    hours = read_hours(working_hours) if working_hours else (known.working_hours if known else {})
    days = [day.date().isoformat() for day in closed_on] or (known.closed_on if known else [])
    details = PlanDetails(**named, working_hours=hours, closed_on=days)
    plans.write_plan(session, clinic, details, actor=door.ACTOR, now=now)


def _rows(session: Session, clinic: Clinic, now: dt.datetime) -> list[tuple[str, str, str, str]]:
    plan = plans.find_plan(session, clinic)
    if plan is None:
        raise NotFoundError(f"{clinic.code} has no escalation yet. Name owner, deputy, manager and working hours.")
    silent = plans.unconfirmed(session, plan, now=now)
    return [(step, getattr(plan, step), plans.address_of(plan, step), _yes(step not in silent)) for step in STEPS]


def _hours(session: Session, clinic: Clinic) -> dict[str, Any]:
    plan = plans.find_plan(session, clinic)
    return {"working_hours": write_hours(plan.working_hours), "closed_on": plan.closed_on} if plan else {}


def _yes(true: bool) -> str:
    return "yes" if true else "no"


@click.command("test-escalation")
@click.argument("code")
def test_escalation(code: str) -> None:
    """Email owner, deputy and manager a test; each presses the button on the page that it links to."""
    with door.runtime() as prom, prom.transaction() as session:
        clinic = find_clinic_by_code(session, code)
        planned = plans.plan_test(session, clinic, now=prom.now())
        door.note(session, clinic.id, "clinic test-escalation", now=prom.now())
    click.echo(f"The scheduler sends {len(planned)} test emails. `prom clinic escalation {code}` shows who confirmed.")
