"""Statements that write rows, by a key or by their ids."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.db.base import Base
from prom_service.db.ids import new_id


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
