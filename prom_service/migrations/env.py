"""Alembic's entrance: one history for SQLite and PostgreSQL, in batch mode."""

from alembic import context
from sqlalchemy.engine import Engine

from prom_service import models
from prom_service.db import make_engine

LOCK = 7_011_421  # Any number, the same for every process that migrates this service.


def run(engine: Engine) -> None:
    """Migrate in one transaction; on PostgreSQL one process at a time, the others wait their turn."""
    with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:  # A table is rebuilt by batch mode, and must not take its children's rows with it.
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")  # Within a transaction it says nothing.
        context.configure(
            connection=connection,
            target_metadata=models.Base.metadata,
            render_as_batch=True,
            compare_type=True,
            compare_server_default=True,
        )
        with context.begin_transaction():
            if not sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            context.run_migrations()
    engine.dispose()


run(make_engine(context.config.attributes["url"]))
