"""Row-level security of PostgreSQL: the last of the layers that keep clinics apart.

Every table whose rows belong to a clinic is protected from everybody, its owner included. Who is ``prom_web`` sees the
clinics that the setting ``app.clinics`` names in its transaction; who is ``prom_worker``, as the owner is, sees all.
A migration that makes such a table calls ``protect`` for it; SQLite has nothing like it.
"""

import logging
from collections.abc import Iterable

import sqlalchemy as sa

from prom_service.tenancy import WEB_ROLE, WORKER_ROLE

log = logging.getLogger("alembic.prom_service")

OWN = (
    "clinic_id = ANY ((SELECT string_to_array(nullif(current_setting('app.clinics', true), ''), ',')::uuid[])::uuid[])"
)
"""The select within is computed once for a statement, not for each row."""
OF_TEAMS = ("report_subscription", "report_task")
"""Tables whose rows belong to a clinic, or to several of one organisation: these are seen by who sees one of them."""
OF_TEAM = f"organisation_id IN (SELECT organisation_id FROM clinic WHERE {OWN.removeprefix('clinic_')})"  # noqa: S608
OWN_OR_TEAM = f"({OWN} OR clinic_id IS NULL AND {OF_TEAM})"
OF_THE_LINK = "digest = (SELECT nullif(current_setting('app.link', true), ''))"
WRITTEN_ONLY = "audit_entry"
"""Whoever is ``prom_web`` adds to the audit and reads nothing of it."""
WITH_LINKS = ("link", "alert")
"""Tables in which a link is looked up before it is known whose it is."""
MAKE_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL; -- Another database was faster.
END $$"""
TAKE_ROLE = """
DO $$ BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN GRANT {role} TO CURRENT_USER; END IF;
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN NULL; -- Whoever runs the server has to do it.
END $$"""
USABLE = """
SELECT count(*) = 2 FROM pg_roles WHERE rolname IN (:web, :worker) AND pg_has_role(rolname, 'USAGE')"""
OWNED = """
SELECT table_name FROM information_schema.columns WHERE table_schema = current_schema()
    AND column_name = 'clinic_id' AND (is_nullable = 'NO' OR table_name IN ('report_subscription', 'report_task'))
    AND table_name IN (
        SELECT table_name FROM information_schema.columns WHERE table_schema = current_schema() AND column_name = 'id')
ORDER BY table_name"""
MISSING = f"""Row-level security is not in force: this login may not make roles. Whoever runs the server can:
    CREATE ROLE {WEB_ROLE} NOLOGIN; CREATE ROLE {WORKER_ROLE} NOLOGIN;
    GRANT {WEB_ROLE}, {WORKER_ROLE} TO the_login_that_owns_the_tables;
then run `prom db protect`."""


def protect_all(connection: sa.Connection) -> bool:
    """Protect every table there is that belongs to clinics; say so and return False where the roles are wanting."""
    if connection.dialect.name != "postgresql":
        return False
    if not _make_roles(connection):
        log.warning(MISSING)
        return False
    _let_in(connection)
    for table in connection.scalars(sa.text(OWNED)).all():
        protect(connection, table)
    return True


def protect(connection: sa.Connection, table: str) -> None:
    """Let nobody see the rows of ``table`` but those whose clinic they are; repeating it changes nothing."""
    if connection.dialect.name != "postgresql" or not _has_roles(connection):
        return
    unprotect(connection, table)
    whose = OWN_OR_TEAM if table in OF_TEAMS else OWN
    own = f"FOR INSERT TO {WEB_ROLE} WITH CHECK (true)" if table == WRITTEN_ONLY else f"TO {WEB_ROLE} USING ({whose})"
    policies = [("own_clinics", own), ("every_clinic", f"TO {WORKER_ROLE} USING (true)")]
    if table in WITH_LINKS:
        policies.append(("own_link", f"FOR SELECT TO {WEB_ROLE} USING ({OF_THE_LINK})"))
    for name, rule in policies:
        connection.exec_driver_sql(f'CREATE POLICY {name} ON "{table}" {rule}')
    for act in ("ENABLE", "FORCE"):
        connection.exec_driver_sql(f'ALTER TABLE "{table}" {act} ROW LEVEL SECURITY')


def unprotect(connection: sa.Connection, table: str) -> None:
    """Take the protection off ``table``."""
    for name in ("own_clinics", "every_clinic", "own_link"):
        connection.exec_driver_sql(f'DROP POLICY IF EXISTS {name} ON "{table}"')
    for act in ("NO FORCE", "DISABLE"):
        connection.exec_driver_sql(f'ALTER TABLE "{table}" {act} ROW LEVEL SECURITY')


def unprotect_all(connection: sa.Connection) -> None:
    """Take the protection off every table. The roles stay: other databases of the server may rest on them."""
    if connection.dialect.name == "postgresql":
        for table in connection.scalars(sa.text(OWNED)).all():
            unprotect(connection, table)
        if _has_roles(connection):
            _shut_out(connection)


def _make_roles(connection: sa.Connection) -> bool:
    for role in (WEB_ROLE, WORKER_ROLE):
        connection.exec_driver_sql(MAKE_ROLE.format(role=role))
        connection.exec_driver_sql(TAKE_ROLE.format(role=role))
    return _has_roles(connection)


def _has_roles(connection: sa.Connection) -> bool:
    return bool(connection.scalar(sa.text(USABLE), {"web": WEB_ROLE, "worker": WORKER_ROLE}))


def _let_in(connection: sa.Connection) -> None:
    """Let both roles work with the tables there are and those that come."""
    _run(
        connection,
        (
            "GRANT USAGE ON SCHEMA {schema} TO {roles}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {roles}",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {roles}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {roles}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {roles}",
        ),
    )


def _shut_out(connection: sa.Connection) -> None:
    _run(
        connection,
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON SEQUENCES FROM {roles}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON TABLES FROM {roles}",
            "REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {roles}",
            "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {roles}",
        ),
    )


def _run(connection: sa.Connection, statements: Iterable[str]) -> None:
    schema = connection.scalar(sa.text("SELECT quote_ident(current_schema())"))
    for statement in statements:
        connection.exec_driver_sql(statement.format(schema=schema, roles=f"{WEB_ROLE}, {WORKER_ROLE}"))
