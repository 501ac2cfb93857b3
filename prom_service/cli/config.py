"""`prom config`: the settings of this environment."""

import dataclasses
import re
from pathlib import Path

import click
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from prom_service import settings, tenancy
from prom_service.cli.output import json_option, show_json, show_table
from prom_service.db import make_engine
from prom_service.tenancy import EVERY_CLINIC

PATIENCE_SECONDS = "3"
HIDDEN = "***"
ADDRESSES = ("database_url", "smtp_url", "base_url", "bounce_imap_url")
NO_HEADS = (
    "Warning: PROM_AUDIT_HEAD_FILE names no file. Without one outside the database nobody finds out when the end of "
    "the audit is cut off."
)
NO_FOLDER = "PROM_AUDIT_HEAD_FILE must name a file in a folder that is there"
_PASSWORD = re.compile(r"(^[\w+.-]+://[^:/?@]*:).*@")  # To the last @, since a password may hold one unescaped.
_SECRET_PARAMETER = re.compile(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)


@click.group()
def config() -> None:
    """Check or show the settings."""


@config.command()
def check() -> None:
    """Say whether the settings are in order; exit 1 and name everything that is missing or wrong if not."""
    current = settings.from_process()
    if current.audit_head_file and not Path(current.audit_head_file).parent.is_dir():
        raise settings.SettingsError([NO_FOLDER])
    if current.in_production and current.audit_heads is None:
        click.echo(NO_HEADS, err=True)
    click.echo("The settings are in order.")
    if _row_security(current.database_url) == "not in force":
        click.echo("Warning: row-level security is not in force; `prom db protect` says what it needs.", err=True)


def _row_security(database_url: str) -> str:
    """Return whether the database keeps clinics apart by itself, as far as it answers."""
    url = sa.engine.make_url(database_url)
    if url.get_backend_name() != "postgresql":
        return "none"
    engine = make_engine(url.update_query_dict({"connect_timeout": PATIENCE_SECONDS}))
    try:
        with tenancy.open_session(engine, EVERY_CLINIC) as session:
            return tenancy.row_security(session)
    except SQLAlchemyError:
        return "unknown"
    finally:
        engine.dispose()


@config.command()
@json_option
def show(as_json: bool) -> None:
    """Show every setting as it is in force. Secrets are not shown."""
    shown = redacted(settings.from_process())
    if as_json:
        show_json(shown)
    else:
        show_table(("setting", "value"), ((name, _as_text(value)) for name, value in shown.items()))


def redacted(current: settings.Settings) -> dict[str, object]:
    """Return the settings by the names of their variables, without what is secret in them."""
    values = {field.name: getattr(current, field.name) for field in dataclasses.fields(current)}
    values["secret_key"] = HIDDEN
    values["mail_hook_secret"] = HIDDEN if current.mail_hook_secret else ""
    for name in ADDRESSES:
        values[name] = redacted_address(values[name])
    return {f"PROM_{name.upper()}": value for name, value in values.items()}


def redacted_address(address: str) -> str:
    """Return the address without passwords: neither before the host nor among the parameters."""
    return _SECRET_PARAMETER.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1{HIDDEN}@", address))


def _as_text(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
