"""The database: naming, column types, engines and the one insert that may find its row already there.

There are two kinds, SQLite (embedded) and PostgreSQL. What differs between them is in this module, and what their
planners must be told of a report in ``reports.planners``; nowhere else.
"""

import calendar
import datetime as dt
import functools
import os
import re
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.functions import GenericFunction

from prom_service.errors import PromError

try:
    import fcntl
except ImportError:  # Windows has no flock: SQLite's own time-out queues the writers, and no second process is refused.
    fcntl = None  # type: ignore[assignment]

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class AlreadyRunningError(PromError):
    """Another process of the same kind works on this SQLite database."""


class UtcDateTime(sa.types.TypeDecorator[dt.datetime]):
    """An aware instant, stored in UTC on both databases. A naive one is refused: it would be a guess."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("an instant without a time zone cannot be stored")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class Id(sa.Uuid[uuid.UUID]):
    """An id. SQLite keeps its 16 bytes, where SQLAlchemy would keep 32 letters, in each table and in each index."""

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], Any] | None:
        if dialect.supports_native_uuid:
            return super().bind_processor(dialect)
        return lambda id_: None if id_ is None else id_.bytes

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], Any] | None:
        if dialect.supports_native_uuid:
            return super().result_processor(dialect, coltype)  # type: ignore[no-any-return, no-untyped-call]
        return lambda content: None if content is None else uuid.UUID(bytes=content)

    def literal_processor(self, dialect: sa.Dialect) -> Callable[[Any], str] | None:
        if dialect.supports_native_uuid:
            return super().literal_processor(dialect)  # type: ignore[no-any-return, no-untyped-call]
        return lambda id_: f"x'{id_.hex}'"


class IdText(sa.Uuid[str]):
    """An id read as text, as the rules know it; to make a UUID of each first would take four times as long."""

    def __init__(self) -> None:
        super().__init__(as_uuid=False)

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], Any] | None:
        if dialect.supports_native_uuid:
            return super().bind_processor(dialect)
        return lambda text: None if text is None else bytes.fromhex(text.replace("-", ""))

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], Any] | None:
        if dialect.supports_native_uuid:
            return super().result_processor(dialect, coltype)  # type: ignore[no-any-return, no-untyped-call]
        return _with_hyphens


@compiles(Id, "sqlite")
@compiles(IdText, "sqlite")
def _id_on_sqlite(_type: sa.Uuid[Any], _compiler: Any, **_options: Any) -> str:
    return "BLOB"


def _with_hyphens(content: bytes | None) -> str | None:
    if content is None:
        return None
    digits = content.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class id_text(GenericFunction[str]):  # noqa: N801 (It is written as the function that it is in SQL.)
    """An id as text in a statement; PostgreSQL writes hyphens, SQLite none."""

    type: sa.types.TypeEngine[str] = sa.String()
    inherit_cache = True


@compiles(id_text, "postgresql")
def _id_text_on_postgresql(call: id_text, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(call.clauses, **options)} AS VARCHAR)"


@compiles(id_text, "sqlite")
def _id_text_on_sqlite(call: id_text, compiler: Any, **options: Any) -> str:
    id_ = compiler.process(call.clauses, **options)
    return f"CASE WHEN {id_} IS NOT NULL THEN lower(hex({id_})) END"


class id_read_as_text(id_text):  # noqa: N801
    """An id, to be read as ``IdText``: PostgreSQL sends the text itself, SQLite the bytes that it is made of."""

    type = IdText()
    inherit_cache = True


@compiles(id_read_as_text, "sqlite")
def _id_read_as_text_on_sqlite(call: id_read_as_text, compiler: Any, **options: Any) -> str:
    return str(compiler.process(call.clauses, **options))


class _Ids(sa.types.TypeDecorator[Sequence[Any]]):
    """Ids as PostgreSQL writes an array."""

    impl = sa.String
    cache_ok = True

    def process_bind_param(self, value: Sequence[Any] | None, dialect: sa.Dialect) -> str:
        return f"{{{','.join(map(str, value or ()))}}}"


class id_among(GenericFunction[Any]):  # noqa: N801
    """Whether an id is among those given by this name when the statement is executed.

    PostgreSQL is given one array, so that the statement is the same, and planned once, however many they are; SQLite
    one parameter for each.
    """

    type = sa.types.NullType()  # Of a truth SQLAlchemy would ask SQLite whether it is 1, and hide what to look up by.
    inherit_cache = True

    def __init__(self, column: Any, name: str, **options: Any) -> None:
        super().__init__(column, sa.bindparam(name, type_=_Ids()), **options)


@compiles(id_among, "postgresql")
def _id_among_on_postgresql(call: id_among, compiler: Any, **options: Any) -> str:
    column, ids = (compiler.process(clause, **options) for clause in call.clauses)
    return f"{column} = ANY (CAST({ids} AS UUID[]))"


@compiles(id_among, "sqlite")
def _id_among_on_sqlite(call: id_among, compiler: Any, **options: Any) -> str:
    column, ids = call.clauses
    each = sa.bindparam(ids.key, expanding=True, type_=column.type)
    return str(compiler.process(column.in_(each), **options))


class Base(DeclarativeBase):
    """The tables. Every constraint has a name, so that a migration can find it on both databases."""

    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it once, as a class attribute)
        dt.datetime: UtcDateTime(),
        uuid.UUID: Id(),
        dict[str, Any]: sa.JSON(),
        list[str]: sa.JSON(),
    }


class local_day(GenericFunction[dt.date]):  # noqa: N801
    """The day of an instant by the clock of an IANA zone; missing when either is."""

    type = sa.Date()
    inherit_cache = True


@compiles(local_day, "postgresql")
def _local_day_on_postgresql(call: local_day, compiler: Any, **options: Any) -> str:
    instant, zone = (compiler.process(clause, **options) for clause in call.clauses)
    return f"CAST(timezone({zone}, {instant}) AS DATE)"


def _local_day_on_sqlite(instant: str | None, zone: str | None) -> str | None:
    if instant is None or zone is None:
        return None
    there = dt.datetime.fromisoformat(instant).replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone))
    return there.date().isoformat()


class months_later(GenericFunction[str]):  # noqa: N801
    """The day that many calendar months after a day, both as ISO writes them; the month's last where it lacks it."""

    type = sa.String()
    inherit_cache = True


@compiles(months_later, "postgresql")
def _months_later_on_postgresql(call: months_later, compiler: Any, **options: Any) -> str:
    day, months = (compiler.process(clause, **options) for clause in call.clauses)
    return f"CAST(CAST(CAST({day} AS DATE) + {months} * INTERVAL '1 month' AS DATE) AS VARCHAR)"


@functools.lru_cache(maxsize=10_000)
def _months_later_on_sqlite(day: str | None, months: int) -> str | None:
    if day is None:
        return None
    start = dt.date.fromisoformat(day)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return dt.date(year, month + 1, min(start.day, last)).isoformat()


@functools.lru_cache(maxsize=10_000)
def _replace_on_sqlite(text: str | None, pattern: str, by: str, _flags: str) -> str | None:
    """Replace every match, as PostgreSQL's ``regexp_replace`` does when its flags are ``g``."""
    return None if text is None else re.sub(pattern, by, text)


class RisingIds:
    """Makes UUIDs of version 7 (RFC 9562), each greater than the one before it.

    The first 48 bits are the time in milliseconds, the 74 free bits are random. Within one millisecond, and while the
    clock has been put back, the free bits go up by a random step instead of being drawn anew (RFC 9562, 6.2, method 2).
    """

    def __init__(self, milliseconds: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._milliseconds = milliseconds
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self) -> uuid.UUID:
        """Return the next one."""
        drawn = self._milliseconds() << 74 | secrets.randbits(73)  # The highest free bit is left as room to rise.
        with self._lock:
            self._last = drawn if drawn >> 74 > self._last >> 74 else self._last + 1 + secrets.randbits(32)
            instant, free = divmod(self._last, 1 << 74)
        high, low = divmod(free, 1 << 62)
        return uuid.UUID(int=instant << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


new_id = RisingIds()
"""Return a fresh id: unguessable enough to be public, and rising, so that indexes stay compact and a list ordered by
id is a list in the order of writing, as far as one process wrote it."""


SYNCHRONOUS = "FULL"
"""On SQLite, what is committed is on the disk."""
WRITERS = 4
"""Of more, what they wait less for the disk they wait more for each other: one at a time runs Python."""


def make_engine(url: str | sa.URL) -> Engine:
    """Return an engine whose connections keep the promises the tables rely on.

    SQLite: write-ahead log, foreign keys enforced, writers begin with ``BEGIN IMMEDIATE`` (a late upgrade from
    reading to writing fails at once under SQLite, whatever the time-out says). Errors never show what was written.
    """
    url = sa.engine.make_url(url)
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=10, hide_parameters=True)
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, pool_size=32, max_overflow=32, hide_parameters=True)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # We say BEGIN ourselves.
    connection.create_function("regexp_replace", 4, _replace_on_sqlite, deterministic=True)
    connection.create_function("months_later", 2, _months_later_on_sqlite, deterministic=True)
    connection.create_function("local_day", 2, _local_day_on_sqlite, deterministic=True)
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", f"synchronous={SYNCHRONOUS}", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def gather_statistics(session: Session) -> None:
    """Tell SQLite's planner roughly how many rows an index leads to; PostgreSQL finds out by itself.

    Every statement names its clinic. Untold, SQLite takes whatever index begins with that, and reads all the emails of
    a large clinic to find those of one patient. A few hundred rows of each index are looked at.
    """
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sa.text("PRAGMA analysis_limit=400"))
        session.execute(sa.text("ANALYZE"))


def for_reading(engine: Engine) -> Engine:
    """Return the same engine with transactions that see one snapshot and cannot write."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(reading=True)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def reads_abreast(engine: Engine) -> bool:
    """Return whether a statement over many rows is done sooner in parts, each on a connection of its own.

    SQLite works at a statement with one processor, PostgreSQL with several where that helps. Only for engines
    ``for_reading``: another connection sees nothing of what is not committed yet.
    """
    path = engine.url.database
    reading = engine.get_execution_options().get("reading", False)
    return engine.dialect.name == "sqlite" and bool(path) and path != ":memory:" and reading


def writers_abreast(engine: Engine) -> int:
    """Return how many sessions write sooner side by side than one: a few on PostgreSQL, which wait for the disk apart.

    SQLite lets one write at a time.
    """
    return 1 if engine.dialect.name == "sqlite" else WRITERS


def look_anew(engine: Engine, connections: Sequence[sa.Connection]) -> None:
    """Have all these connections to SQLite, in reading transactions, see one snapshot: that of now."""
    with writing_turn(engine), engine.execution_options(reading=False).begin():  # So that nothing is committed.
        for connection in connections:
            for statement in ("COMMIT", "BEGIN", "SELECT 1 FROM sqlite_master"):  # It is taken at the first look.
                connection.exec_driver_sql(statement)


def writing_turn(engine: Engine) -> AbstractContextManager[None]:
    """Hold this database's turn to write while the block runs.

    SQLite lets one writer in at a time and makes the others poll, unfairly: under load one waits half a second while
    another wins ten times. A lock on a file beside the database queues them, across threads and processes, and
    wakes the next at once. PostgreSQL needs none.
    """
    return _sqlite_lock(engine, "turn", wait=True)


@contextmanager
def alone_on_sqlite(engine: Engine, kind: str) -> Iterator[None]:
    """Be the one process of this ``kind``, such as ``web``, on a SQLite database while the block runs.

    Raise ``AlreadyRunningError`` when there is one. PostgreSQL takes any number.
    """
    with ExitStack() as held:
        try:
            held.enter_context(_sqlite_lock(engine, kind, wait=False))
        except BlockingIOError:
            where = engine.url.database
            raise AlreadyRunningError(
                f"Another {kind} process works on {where}. SQLite takes one; use PostgreSQL for more."
            ) from None
        yield


@contextmanager
def _sqlite_lock(engine: Engine, name: str, *, wait: bool) -> Iterator[None]:
    """Hold the lock ``name`` beside a SQLite database; raise ``BlockingIOError`` if it is taken and is not waited for.

    It ends with the process in any case. Without a file, or without locks on files, there is nothing to hold.
    """
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path or path == ":memory:" or fcntl is None:
        yield
        return
    handle = os.open(f"{path}.{name}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)  # Closing gives the lock up, also when the process dies.


def insert_if_absent(session: Session, table: type[Base], values: Mapping[str, Any], *, unique: Sequence[str]) -> bool:
    """Insert one row unless a row with the same ``unique`` columns is there; return whether it was inserted."""
    row = {"id": new_id(), **values} if "id" in table.__table__.c else dict(values)
    statement = _insert_if_absent(session.get_bind().dialect.name, table, tuple(unique))
    session.flush()  # The row may point to one that is not written yet.
    return session.execute(statement, row).first() is not None


@functools.cache
def _insert_if_absent(dialect: str, table: type[Base], unique: tuple[str, ...]) -> Any:
    """Built once for each table: building a statement costs more than running it."""
    from sqlalchemy.dialects import postgresql, sqlite

    insert: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table.__table__).on_conflict_do_nothing(index_elements=list(unique)).returning(sa.literal(1))


def update_each(session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what each of ``rows`` says into the row of its ``id``; all have the same columns, none of them JSON."""
    if not rows:
        return
    names = tuple(rows[0])
    if session.get_bind().dialect.name == "sqlite":
        session.execute(_update_one(table, names), [{f"new_{name}": row[name] for name in names} for row in rows])
    else:
        session.execute(_update_all(table, names), {f"new_{name}": [row[name] for row in rows] for name in names})


@functools.cache
def _update_one(table: sa.Table, names: tuple[str, ...]) -> sa.Update:
    new = {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    return sa.update(table).where(table.c.id == new.pop("id")).values(new)


@functools.cache
def _update_all(table: sa.Table, names: tuple[str, ...]) -> sa.Update:
    """PostgreSQL is given an array for each column, and does all rows by one statement."""
    arrays = (sa.bindparam(f"new_{name}", type_=sa.ARRAY(table.c[name].type)) for name in names)
    columns = (sa.column(name, table.c[name].type) for name in names)
    new = dict(sa.func.unnest(*arrays).table_valued(*columns, name="new").render_derived().c.items())
    return sa.update(table).where(table.c.id == new.pop("id")).values(new)


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
