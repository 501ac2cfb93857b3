"""Instants, and the days that statements make of them."""

import calendar
import datetime as dt
import functools
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import QueryableAttribute
from sqlalchemy.sql.functions import GenericFunction


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

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], dt.datetime | None]:
        """Return what reads an instant: every episode has dozens, so one call does it, not three."""
        return _read_text if dialect.name == "sqlite" else _read_instant


def _read_text(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text + "+00:00")


def _read_instant(instant: dt.datetime | None) -> dt.datetime | None:
    return None if instant is None else instant.astimezone(dt.UTC)


def has_come(
    at: QueryableAttribute[Any],
    now: dt.datetime | sa.BindParameter[dt.datetime],
    latest: dt.datetime | sa.BindParameter[dt.datetime],
) -> sa.ColumnElement[bool]:
    """Say whether an instant has come, or lies after the ``latest`` to which a clock that is right would set it.

    One that was ahead wrote it and has been set back since: whoever waited for such an instant would wait too long.
    Leave room in ``latest`` for the clocks of two machines, which never agree.
    """
    return (at <= now) | (at > latest)


class local_day(GenericFunction[dt.date]):  # noqa: N801
    """The day of an instant by the clock of an IANA zone; missing when either is."""

    type = sa.Date()
    inherit_cache = True


@compiles(local_day, "postgresql")
def _local_day_on_postgresql(call: local_day, compiler: Any, **options: Any) -> str:
    instant, zone = (compiler.process(clause, **options) for clause in call.clauses)
    return f"CAST(timezone({zone}, {instant}) AS DATE)"


def local_day_on_sqlite(instant: str | None, zone: str | None) -> str | None:
    """Return the same as SQLite's function of that name."""
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
def months_later_on_sqlite(day: str | None, months: int) -> str | None:
    """Return the same as SQLite's function of that name."""
    if day is None:
        return None
    start = dt.date.fromisoformat(day)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return dt.date(year, month + 1, min(start.day, last)).isoformat()
