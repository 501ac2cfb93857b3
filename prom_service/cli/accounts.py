"""`prom user` and `prom apikey`: who may come in."""

import datetime as dt
import sys
import uuid
from typing import Any

import click
from sqlalchemy.orm import Session

from prom_service.cli import door
from prom_service.cli.output import json_option, show_json, show_table
from prom_service.models import ApiKey
from prom_service.models.api_key import SCOPES
from prom_service.models.audit import SERVICE
from prom_service.models.user import ROLES
from prom_service.queries.directory import find_clinic_by_code
from prom_service.queries.registry import find_key, find_organisation, list_keys
from prom_service.services import access, accounts, api_keys, second_factor, staff


@click.group()
def user() -> None:
    """Add staff accounts and look after them."""


@user.command("add")
@click.argument("email")
@click.option("--name", required=True, help="Name as colleagues see it.")
@click.option("--clinic", "codes", multiple=True, required=True, help="Clinic the account is for; may be repeated.")
@click.option("--role", type=click.Choice(ROLES), required=True, help="Role at these clinics.")
@json_option
def add_user(email: str, name: str, codes: tuple[str, ...], role: str, as_json: bool) -> None:
    """Add a staff account. The password is asked for on a terminal, and otherwise read from standard input."""
    password = _password()
    with door.runtime() as prom, prom.transaction() as session:
        clinics = [find_clinic_by_code(session, code) for code in codes]
        if len({clinic.organisation_id for clinic in clinics}) > 1:
            raise click.UsageError("The clinics belong to different organisations; an account belongs to one.")
        added = staff.add_user(
            session,
            organisation_id=clinics[0].organisation_id,
            email=email,
            name=name,
            password=password,
            memberships={clinic.id: role for clinic in clinics},
            now=prom.now(),
        )
        for one in clinics:
            door.note(session, one.id, "user add", {"user": added.id}, detail=role, now=prom.now())
    if as_json:
        show_json({"id": added.id, "name": added.name, "role": role, "clinics": [clinic.code for clinic in clinics]})
    else:
        click.echo(f"Added the account {added.id}.")


@user.command("set-role")
@click.argument("email")
@click.option("--clinic", "code", required=True, help="Clinic at which the account has the role.")
@click.option("--role", type=click.Choice(ROLES), required=True, help="Role at this clinic.")
def set_role(email: str, code: str, role: str) -> None:
    """Give an account a role at a clinic, in place of the one it had there. Its next request is judged by it."""
    with door.runtime() as prom, prom.transaction() as session:
        account, clinic = accounts.find_account(session, email), find_clinic_by_code(session, code)
        accounts.set_role(session, account, clinic, role)
        door.note(session, clinic.id, "user set-role", {"user": account.id}, detail=role, now=prom.now())
    click.echo(f"The account is {role} at {code}.")


@user.command("set-password")
@click.argument("email")
def set_password(email: str) -> None:
    """Give an account another password, asked for as by `user add`, and log it out everywhere."""
    password = _password()
    with door.runtime() as prom, prom.transaction() as session:
        account = accounts.find_account(session, email)
        accounts.set_password(session, account, password, now=prom.now())
        door.note(session, SERVICE, "user set-password", {"user": account.id}, now=prom.now())
    click.echo("The password is set. The account is logged out everywhere.")


@user.command("reset-totp")
@click.argument("email")
def reset_totp(email: str) -> None:
    """Forget the app and the recovery codes of an account and log it out; the next log-in sets up an app anew."""
    with door.runtime() as prom, prom.transaction() as session:
        account = accounts.find_account(session, email)
        second_factor.reset(session, account, now=prom.now())
        door.note(session, SERVICE, "user reset-totp", {"user": account.id}, now=prom.now())
    click.echo("The account is logged out and has no second factor until its next log-in.")


@user.command()
@click.argument("email")
def deactivate(email: str) -> None:
    """Close an account at once. What it did stays on record."""
    with door.runtime() as prom, prom.transaction() as session:
        account = accounts.find_account(session, email)
        accounts.deactivate(session, account, now=prom.now())
        door.note(session, SERVICE, "user deactivate", {"user": account.id}, now=prom.now())
    click.echo("The account is closed.")


@user.command("list")
@click.option("--clinic", "code", help="Only the accounts of this clinic.")
@json_option
def list_users(code: str | None, as_json: bool) -> None:
    """List the accounts with their roles, closed ones included."""
    with door.runtime() as prom, prom.reading() as session:
        found = accounts.list_accounts(session, find_clinic_by_code(session, code).id if code else None)
    rows = [
        {
            **{name: getattr(account, name) for name in ("id", "email", "name", "codes_since", "deactivated_at")},
            "clinic": clinic,
            "role": role,
        }
        for account, role, clinic in found
    ]
    if as_json:
        show_json(rows)
    else:
        header = ("clinic", "email", "name", "role", "codes_since", "deactivated_at")
        show_table(header, ([row[column] for column in header] for row in rows))


def _password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


@click.group()
def apikey() -> None:
    """Create, list, rotate and revoke API keys."""


@apikey.command()
@click.option("--clinic", "code", help="Clinic the key is for.")
@click.option("--organisation", help="Organisation whose reports the key may read.")
@click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, required=True, help="May be repeated.")
@click.option("--name", default="", help="What the key is for.")
@click.option(
    "--expires-on",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First day (UTC) on which it no longer works; a year from now when left out.",
)
@json_option
def create(
    code: str | None,
    organisation: str | None,
    scopes: tuple[str, ...],
    name: str,
    expires_on: dt.datetime | None,
    as_json: bool,
) -> None:
    """Create a key and print it. It is shown this once and kept nowhere."""
    if (code is None) == (organisation is None):
        raise click.UsageError("Give either --clinic or --organisation.")
    with door.runtime() as prom, prom.transaction() as session:
        owner, clinic_id = _owner(session, code, organisation)
        key, text = access.create_api_key(
            session,
            organisation_id=owner,
            clinic_id=clinic_id,
            name=name,
            scopes=scopes,
            expires_at=expires_on.replace(tzinfo=dt.UTC) if expires_on else None,
            secret=prom.settings.secret,
            now=prom.now(),
        )
        door.note(session, clinic_id or SERVICE, "apikey create", {"key": key.id}, now=prom.now())
    if as_json:
        show_json({"id": key.id, "prefix": key.prefix, "key": text, "scopes": key.scopes})
    else:
        click.echo(text)


def _owner(session: Session, code: str | None, organisation: str | None) -> tuple[uuid.UUID, uuid.UUID | None]:
    """Return whose key it is: organisation and clinic, the clinic None for a key of the quality team."""
    if code is not None:
        clinic = find_clinic_by_code(session, code)
        return clinic.organisation_id, clinic.id
    return find_organisation(session, organisation or "").id, None


@apikey.command("list")
@click.option("--clinic", "code", help="Only the keys of this clinic.")
@click.option("--organisation", help="Only the keys of this organisation and its clinics.")
@json_option
def list_(code: str | None, organisation: str | None, as_json: bool) -> None:
    """List the keys by their public parts, revoked ones included."""
    with door.runtime() as prom, prom.reading() as session:
        clinic_id = find_clinic_by_code(session, code).id if code else None
        organisation_id = find_organisation(session, organisation).id if organisation else None
        found = list_keys(session, organisation_id=organisation_id, clinic_id=clinic_id)
    rows = [_shown(key, owner, clinic, prom.now()) for key, owner, clinic in found]
    if as_json:
        show_json(rows)
    else:
        header = ("prefix", "name", "organisation", "clinic", "scopes", "state", "expires_at", "last_used_at")
        show_table(header, ([_cell(row[column]) for column in header] for row in rows))
    for row in rows:
        if row["state"] == "expires_soon":
            click.echo(f"Warning: {row['prefix']} ends on {row['expires_at']:%Y-%m-%d}; rotate it.", err=True)


@apikey.command()
@click.argument("prefix")
@json_option
def rotate(prefix: str, as_json: bool) -> None:
    """Create a successor of a key and print it; the key with this public part (or id) ends in seven days."""
    with door.runtime() as prom, prom.transaction() as session:
        old = find_key(session, prefix)
        key, text = api_keys.rotate(session, old, secret=prom.settings.secret, now=prom.now())
        said = f"successor of {old.id}"
        door.note(session, key.clinic_id or SERVICE, "apikey rotate", {"key": key.id}, detail=said, now=prom.now())
    if as_json:
        show_json({"id": key.id, "prefix": key.prefix, "key": text, "scopes": key.scopes})
    else:
        click.echo(text)
    click.echo(f"The key {old.prefix} works until {old.expires_at:%Y-%m-%d %H:%M} UTC.", err=True)


@apikey.command()
@click.argument("prefix")
def revoke(prefix: str) -> None:
    """End the key with this public part (or id) at once. Revoking it again changes nothing."""
    with door.runtime() as prom, prom.transaction() as session:
        key = find_key(session, prefix)
        access.revoke_key(session, key, now=prom.now())
        door.note(session, key.clinic_id or SERVICE, "apikey revoke", {"key": key.id}, now=prom.now())
    click.echo(f"The key {key.prefix} is revoked.")


def _shown(key: ApiKey, organisation: str, clinic: str | None, now: dt.datetime) -> dict[str, Any]:
    names = ("id", "prefix", "name", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    return {**{name: getattr(key, name) for name in names}, "organisation": organisation, "clinic": clinic} | {
        "state": api_keys.state_of(key, now=now)
    }


def _cell(value: object) -> object:
    return " ".join(value) if isinstance(value, list) else value
