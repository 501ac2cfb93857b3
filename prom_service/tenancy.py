"""Whose rows a session may see and write: those of the clinics it was opened for, and of no other.

A job or a command says that it works over every clinic. A session of the web begins with none: its door lets it in by
``enter`` once the key, the person or the link is known, and before that no row of any clinic is there. The session adds
the condition to every statement itself; on PostgreSQL the database holds the same line by row-level security.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import cache, lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import (
    LoaderCriteriaOption,
    Mapper,
    ORMExecuteState,
    Session,
    SessionTransaction,
    object_session,
    sessionmaker,
    with_loader_criteria,
)

from prom_service.db import Id
from prom_service.errors import PromError
from prom_service.models import Alert, Base, Clinic, Link
from prom_service.models.columns import TenantOwned

WEB_ROLE, WORKER_ROLE = "prom_web", "prom_worker"
"""Roles of PostgreSQL: one sees the clinics that ``app.clinics`` names, the other every clinic."""
UNCONFINED = "prom_unconfined"
"""Execution option of the few statements that find out whose a session is."""
REACH, CRITERIA = "prom.reach", "prom.criteria"


class Every(Enum):
    """The reach of a job or a command."""

    CLINIC = "every clinic"


EVERY_CLINIC: Final = Every.CLINIC
NO_CLINIC: Final[frozenset[uuid.UUID]] = frozenset()
Reach = frozenset[uuid.UUID] | Every


class OutOfReachError(PromError):
    """A row of a clinic was to be written that the session is not for: a fault of ours, never of who asks."""


@lru_cache(maxsize=1024)
def _only(clinic_ids: tuple[uuid.UUID, ...]) -> LoaderCriteriaOption:
    """Return the condition as an option. The code of its lambda is part of a compiled statement, the clinics are not.

    Nearly every session is for one clinic, and equality spares the writing out of a list at every execution.
    """
    if len(clinic_ids) == 1:
        clinic_id = clinic_ids[0]
        return _criteria(lambda table: table.clinic_id == sa.type_coerce(clinic_id, Id()))  # Else it is a plain Uuid.
    return _criteria(lambda table: table.clinic_id.in_(clinic_ids))


def _criteria(condition: Callable[[Any], Any]) -> LoaderCriteriaOption:
    return with_loader_criteria(TenantOwned, condition, include_aliases=True, propagate_to_loaders=False)


sessions = sessionmaker(expire_on_commit=False, info={REACH: NO_CLINIC, CRITERIA: _only(())})
"""Makes every session of the service; one that nobody said more of sees no clinic."""
BEGIN = sa.text(
    """SELECT set_config('app.clinics', :clinics, true), (
        SELECT set_config('role', rolname, true) FROM pg_roles WHERE rolname = :role AND pg_has_role(
            rolname, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)
            AND has_table_privilege(rolname, to_regclass('clinic'), 'SELECT'))"""
)
"""The role is of the whole server: where another database has it and this one does not know it, nothing changes."""
ENTER = sa.text("SELECT set_config('app.clinics', :clinics, true)")
SHOW_LINK = sa.text("SELECT set_config('app.link', :digest, true)")
PROTECTED = sa.text(
    """SELECT count(*) FROM pg_class WHERE relname = ANY(:tables) AND relnamespace = current_schema()::regnamespace
        AND relrowsecurity AND relforcerowsecurity AND (
            SELECT pg_has_role(rolname, 'MEMBER') AND NOT rolsuper AND NOT rolbypassrls
                AND has_table_privilege(rolname, to_regclass('clinic'), 'SELECT')
            FROM pg_roles WHERE rolname = :role)"""
)


def open_session(engine: Engine, reach: Reach) -> Session:
    """Return a session that reaches so far and no farther."""
    session = sessions(bind=engine)
    _confine(session, reach)
    return session


def enter(session: Session, clinic_ids: Iterable[uuid.UUID]) -> None:
    """Let the session see and write the rows of these clinics and of no others, until its transaction ends."""
    reach = frozenset(clinic_ids)
    _confine(session, reach)
    if _is_postgresql(session):
        session.connection().execute(ENTER, {"clinics": _as_setting(reach)})


def enter_by_link(session: Session, digest: str, kind: type[Link | Alert] = Link) -> None:
    """Let a session of the web see the clinic whose link has this digest: none when there is no such link.

    A patient's is a ``Link``; that of a test email to staff is kept with its ``Alert``.
    """
    if session.info[REACH] is EVERY_CLINIC:
        return
    if _is_postgresql(session):
        session.connection().execute(SHOW_LINK, {"digest": digest})
    whose = sa.select(kind.clinic_id).where(kind.digest == digest)
    enter(session, session.scalars(whose, execution_options={UNCONFINED: True}))


def enter_every_clinic(session: Session) -> None:
    """Let a session of the web see every clinic there is: for what counts over all, and for the post that comes in."""
    enter(session, session.scalars(sa.select(Clinic.id)))


@cache
def owned_tables() -> Mapping[str, type[TenantOwned]]:
    """Return the tables whose rows belong to a clinic."""
    mappers = Base.registry.mappers
    return {mapper.local_table.name: mapper.class_ for mapper in mappers if issubclass(mapper.class_, TenantOwned)}  # type: ignore[attr-defined]


def row_security(session: Session) -> str:
    """Say whether the database itself keeps clinics apart: ``in force``, ``not in force``, or ``none`` on SQLite."""
    if not _is_postgresql(session):
        return "none"
    protected = session.connection().execute(PROTECTED, {"tables": list(owned_tables()), "role": WEB_ROLE}).scalar_one()
    return "in force" if protected == len(owned_tables()) else "not in force"


def _confine(session: Session, reach: Reach) -> None:
    session.info[REACH] = reach
    session.info[CRITERIA] = None if reach is EVERY_CLINIC else _only(tuple(sorted(reach)))


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _as_setting(reach: Reach) -> str:
    return ",".join(sorted(map(str, reach))) if reach is not EVERY_CLINIC else ""


@event.listens_for(sessions, "after_begin")
def _tell_database(session: Session, transaction: SessionTransaction, connection: sa.Connection) -> None:
    """Become the role that sees only what ``app.clinics`` names; both end with the transaction, however it ends."""
    reach = session.info[REACH]
    if reach is not EVERY_CLINIC and not transaction.nested and connection.dialect.name == "postgresql":
        connection.execute(BEGIN, {"clinics": _as_setting(reach), "role": WEB_ROLE})


@event.listens_for(sessions, "do_orm_execute")
def _keep_within(state: ORMExecuteState) -> None:
    criteria = state.session.info[CRITERIA]
    if criteria is None or state.execution_options.get(UNCONFINED):
        return
    if state.is_insert:
        _check_inserted(state)
    elif state.is_orm_statement and not state.is_column_load:
        state.statement = state.statement.options(criteria)


def _check_inserted(state: ORMExecuteState) -> None:
    table = state.statement.table.name  # type: ignore[attr-defined]
    if table in owned_tables():
        given = state.parameters or {}
        for row in [given] if isinstance(given, Mapping) else given:
            _check(state.session, table, row.get("clinic_id"))


def _check_row(_mapper: Mapper[Any], _connection: sa.Connection, row: TenantOwned) -> None:
    session = object_session(row)
    if session is not None and REACH in session.info:
        _check(session, type(row).__name__, row.clinic_id)


for _moment in ("before_insert", "before_update", "before_delete"):
    event.listen(TenantOwned, _moment, _check_row, propagate=True)


def _check(session: Session, what: str, clinic_id: uuid.UUID | None) -> None:
    reach = session.info[REACH]
    if reach is not EVERY_CLINIC and clinic_id not in reach:
        raise OutOfReachError(f"a row of {what} belongs to a clinic that this session is not for")
