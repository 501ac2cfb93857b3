"""From one version of the tables to another."""

from typing import Any

import sqlalchemy as sa


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


def current_revision(connection: sa.Connection) -> str | None:
    """Return the revision the database is at, or None when it was never migrated."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
