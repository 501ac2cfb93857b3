"""From one version of the tables to another."""

from functools import cache
from importlib.resources import files
from typing import Any

import sqlalchemy as sa

from prom_service.errors import PromError


class NotMigratedError(PromError):
    """The database has no tables, or not those of this version."""


def upgrade(url: str | sa.URL, revision: str = "head") -> None:
    """Bring the database at ``url`` to ``revision`` (the newest by default)."""
    from alembic import command  # Slow to import, and only the commands that migrate need it.

    command.upgrade(alembic_config(url), revision)


def downgrade(url: str | sa.URL, revision: str) -> None:
    """Take the database at ``url`` back to ``revision``; ``base`` is the empty database."""
    from alembic import command

    command.downgrade(alembic_config(url), revision)


def check(url: str | sa.URL) -> None:
    """Raise ``alembic.util.exc.CommandError`` when the tables are not what the models say."""
    from alembic import command

    command.check(alembic_config(url))


def alembic_config(url: str | sa.URL) -> Any:
    """Return Alembic's configuration for ``url``; there is no ini file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "prom_service:migrations")
    config.attributes["url"] = sa.engine.make_url(url)
    return config


@cache
def revisions() -> tuple[str, ...]:
    """Return the revisions this version knows, the newest last: each is the head of a file's name. Alembic is slow."""
    names = (file.name for file in files("prom_service.migrations").joinpath("versions").iterdir())
    return tuple(sorted(name.partition("_")[0] for name in names if name[0].isdigit()))


def check_revision(connection: sa.Connection) -> None:
    """Raise ``NotMigratedError`` unless the database is at the newest revision this version knows.

    Beside tables of another version nothing may be written: what a later migration finds it could not read.
    """
    check_known(connection)
    at, newest = current_revision(connection), revisions()[-1]
    if at is None:
        raise NotMigratedError("The database has no tables yet. Run `prom db upgrade` first.")
    if at != newest:
        raise NotMigratedError(f"The database is at revision {at}, not at {newest}. Run `prom db upgrade` first.")


def check_known(connection: sa.Connection) -> None:
    """Raise ``NotMigratedError`` when a newer version than this one made the tables."""
    at = current_revision(connection)
    if at is not None and at not in revisions():
        raise NotMigratedError(f"The database is at revision {at}, which only a newer version of the service knows.")


def current_revision(connection: sa.Connection) -> str | None:
    """Return the revision the database is at, or None when it was never migrated."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
