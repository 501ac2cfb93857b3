"""One PostgreSQL database for test after test. Emptying it costs a hundredth of a copy, which writes 600 files.

What a test wrote is deleted. After a test that changed a table, a trigger, a right or the like, or wrote a great deal,
the database is thrown away and the next test gets a new copy: of that the database itself keeps a note.
"""

import contextlib
import time
from collections.abc import Iterator

import psycopg
import sqlalchemy as sa

from tests.support import database

LARGE = 4 * 2**20
"""Bytes of tables that are sooner copied anew than emptied; deleted rows stay in the files, too."""
PATIENCE_SECONDS = 10
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
NOTE_CHANGES = """
    CREATE SCHEMA reused;
    CREATE SEQUENCE reused.changes;
    CREATE FUNCTION reused.note_change() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
        AS $$ BEGIN PERFORM nextval('reused.changes'); END $$;
    CREATE EVENT TRIGGER note_change ON ddl_command_end EXECUTE FUNCTION reused.note_change();
"""
IS_SPOILT = f"""
    SELECT (SELECT is_called FROM reused.changes) OR (
        SELECT sum(pg_relation_size(oid)) > {LARGE} FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace)
"""
SEND_AWAY = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
COUNT_FROM_THE_START = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE schemaname = 'public'
"""


class Reused:
    """A database that is lent to one test at a time, copied from a migrated template when there is none at hand."""

    def __init__(self, server: str, template: str) -> None:
        self._server, self._template = server, template
        self._held = contextlib.ExitStack()
        self._url = ""

    @contextlib.contextmanager
    def lent(self) -> Iterator[str]:
        """Yield the URL of a database as the migrations leave it; whoever is connected afterwards is cut off."""
        if not self._url:
            self._copy()
        try:
            yield self._url
        finally:
            if not self._emptied():
                self.close()

    def close(self) -> None:
        """Drop the database there is."""
        self._held.close()
        self._url = ""

    def _copy(self) -> None:
        self._url = self._held.enter_context(database.copied_postgres(self._server, self._template))
        address = sa.engine.make_url(self._url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._own = self._held.enter_context(contextlib.closing(psycopg.connect(address, autocommit=True)))
        self._empty = "; ".join(_restore(self._own, table) for (table,) in self._own.execute(TABLES).fetchall())
        self._own.execute(NOTE_CHANGES)
        self._own.execute("SET session_replication_role = replica")  # Neither foreign keys nor our own triggers object.

    def _emptied(self) -> bool:
        """Return whether the next test may have the database: empty, and made as it was."""
        try:
            self._send_others_away()
            if self._own.execute(IS_SPOILT).fetchone() != (False,):
                return False
            self._own.execute(self._empty)
            self._own.execute(COUNT_FROM_THE_START)
        except psycopg.OperationalError:  # The test cut every connection, this one too.
            return False
        return True

    def _send_others_away(self) -> None:
        """Wait until nobody else is connected, so that nothing is written any more."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._own.execute(SEND_AWAY).fetchall():
            if time.monotonic() > deadline:
                raise RuntimeError("a connection to the database of a test does not end")
            time.sleep(0.001)


def _restore(connection: psycopg.Connection, table: str) -> str:
    """Return the statements that give ``table`` the rows the migrations put into it; nearly always none."""
    seeded = connection.execute(f'SELECT EXISTS (TABLE "{table}")').fetchone() == (True,)
    if not seeded:
        return f'DELETE FROM "{table}"'
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS seeds; CREATE TABLE seeds."{table}" AS TABLE "{table}"')
    return f'DELETE FROM "{table}"; INSERT INTO "{table}" TABLE seeds."{table}"'
