"""Ids: how they are made, kept and read, and what a statement says of them."""

import secrets
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


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
