"""What the planners of both databases are told of the statements of a report.

Neither knows how many rows a part of a statement has that is computed on the way. It takes it for few, and then goes
through all of it for each row of another part. Nothing here changes what a statement finds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.sql.visitors import iterate


class usually(GenericFunction[Any]):  # noqa: N801
    """The condition itself, for one that nearly every row meets.

    SQLite takes a condition on no index for one that few rows meet, PostgreSQL one on what it has no statistics of;
    after a few of them they take what is left for a handful, and go through all of it for each row it is joined to.
    PostgreSQL takes a CASE for one that half of the rows meet. What asks whether there is another row it has to see.
    SQLite would take an AND apart and forget of each part what it was told; of what IS TRUE it does not.
    """

    type = sa.types.NullType()  # Of a truth SQLAlchemy would ask whether it is 1, and hide the hint.
    inherit_cache = True


@compiles(usually, "postgresql")
def _usually_on_postgresql(call: usually, compiler: Any, **options: Any) -> str:
    (condition,) = call.clauses
    text = compiler.process(condition, **options)
    if any(isinstance(part, sa.Exists) for part in iterate(condition)):
        return f"({text})"
    return f"(CASE WHEN {text} THEN TRUE ELSE FALSE END)"


@compiles(usually, "sqlite")
def _usually_on_sqlite(call: usually, compiler: Any, **options: Any) -> str:
    (condition,) = call.clauses
    return f"likely(({compiler.process(condition, **options)}) IS TRUE)"


class checked(GenericFunction[Any]):  # noqa: N801
    """The condition itself, which SQLite does not look anything up by: it checks what another one has found."""

    type = sa.types.NullType()
    inherit_cache = True


class gone_through(GenericFunction[Any]):  # noqa: N801
    """The condition itself, on a large part of a statement that SQLite is to go through, and look the others up by it.

    It takes the part for a small one. Else it makes an index of the part, larger than all it is joined to.
    """

    type = sa.types.NullType()
    inherit_cache = True


class of_one_found(GenericFunction[Any]):  # noqa: N801
    """The first condition itself, on rows that are looked up by the second value, which is not missing.

    Where SQLite takes a part for larger than a table that it looks up by it, it first makes a filter of all rows of the
    table, of every clinic, that meet conditions on nothing else. This one it takes for one on both.
    """

    type = sa.types.NullType()
    inherit_cache = True


@compiles(of_one_found)
def _of_one_found(call: of_one_found, compiler: Any, **options: Any) -> str:
    condition, _ = call.clauses
    return f"({compiler.process(condition, **options)})"


@compiles(of_one_found, "sqlite")
def _of_one_found_on_sqlite(call: of_one_found, compiler: Any, **options: Any) -> str:
    condition, found_by = (compiler.process(clause, **options) for clause in call.clauses)
    return f"iif({found_by} IS NULL, NULL, {condition})"


@compiles(gone_through)
@compiles(checked)
def _untold(call: checked | gone_through, compiler: Any, **options: Any) -> str:
    (condition,) = call.clauses
    return f"({compiler.process(condition, **options)})"


@compiles(checked, "sqlite")
def _checked_on_sqlite(call: checked, compiler: Any, **options: Any) -> str:
    return f"({_untold(call, compiler, **options)} IS TRUE)"


@compiles(gone_through, "sqlite")
def _gone_through_on_sqlite(call: gone_through, compiler: Any, **options: Any) -> str:
    return f"unlikely({_untold(call, compiler, **options)} IS TRUE)"


def at_most(session: Session, part: sa.FromClause, rows: int) -> sa.FromClause:
    """Return the part of a statement, which has no more than so many rows: SQLite is told.

    A part that a statement uses again SQLite takes for a million rows. Of what it is joined to, it then looks through
    all there is of every clinic beforehand, so as to pass over what is not there.
    """
    if session.get_bind().dialect.name != "sqlite":
        return part
    return sa.select(part).limit(sa.literal_column(str(rows))).subquery()


def as_many(session: Session, rows: sa.Select[*tuple[Any, ...]]) -> sa.Select[*tuple[Any, ...]]:
    """Return the same rows, and have PostgreSQL take them for a thousand times as many as it reckons.

    Rows of one clinic that are joined to others of the same clinic it takes for a handful: it multiplies the share that
    the clinic has of either. It then goes through all of them for each row of another part. A function that returns
    rows counts for a thousand with it; this one returns one.
    """
    if session.get_bind().dialect.name != "postgresql":
        return rows
    thousand = sa.func.jsonb_path_query(sa.literal_column("'1'"), sa.literal_column("'$'")).table_valued("one")
    return rows.join(thousand.alias("thousand"), sa.true())


@contextmanager
def joining_many(session: Session) -> Iterator[None]:
    """Have PostgreSQL join by hash or merge, not row by row, while the block runs: for statements about many rows."""
    if session.get_bind().dialect.name != "postgresql":
        yield
        return
    session.execute(sa.text("SET LOCAL enable_nestloop = off"))
    yield
    session.execute(sa.text("SET LOCAL enable_nestloop = on"))
