"""Many rows at once into an empty database: COPY on PostgreSQL, one prepared INSERT on SQLite."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count, repeat
from typing import Any

from sqlalchemy.engine import Engine

from prom_service.db import Id
from prom_service.models import Base

NULL = r"\N"
FIRST_MILLISECOND = 1_700_000_000_000
Column = Sequence[Any] | str | int | None


class Bulk:
    """Writes columns of values as rows of a table. A column given as one value is the same in every row."""

    def __init__(self, driver: Any, *, postgresql: bool, seed: int) -> None:
        self._driver, self._postgresql, self._seed = driver, postgresql, seed
        self._numbers = count()
        self.rows = 0

    def ids(self, rows: int) -> list[str]:
        """Return as many new ids, rising, in the form of UUIDs of version 7; the same ones in every run."""
        tail = f"7000{1 << 63 | self._seed:016x}"
        return [f"{FIRST_MILLISECOND + next(self._numbers):012x}{tail}" for _ in range(rows)]

    def add(self, table: type[Base], rows: int, **columns: Column) -> None:
        """Write so many rows."""
        if not rows:
            return
        self.rows += rows
        name = table.__tablename__
        listed: dict[str, Any] = {key: [one] * rows if _is_one(one) else one for key, one in columns.items()}
        if self._postgresql:
            self._copy(name, listed)
        else:
            for key in set(listed) & _ids_of(table):
                listed[key] = [id_ and bytes.fromhex(id_) for id_ in listed[key]]
            marks = ", ".join(repeat("?", len(columns)))
            statement = f'INSERT INTO "{name}" ({", ".join(columns)}) VALUES ({marks})'  # noqa: S608 (names of ours)
            self._driver.executemany(statement, zip(*listed.values(), strict=True))

    def set(self, table: type[Base], id_: str, column: str, value: int) -> None:
        """Change one number of a row that is written already."""
        id_ = f"'{id_}'" if self._postgresql else f"x'{id_}'"
        self._driver.execute(f'UPDATE "{table.__tablename__}" SET {column} = {value:d} WHERE id = {id_}')  # noqa: S608

    def _copy(self, name: str, columns: dict[str, Any]) -> None:
        texts = [list(map(_copied, column)) for column in columns.values()]
        with self._driver.cursor().copy(f'COPY "{name}" ({", ".join(columns)}) FROM STDIN') as copy:
            copy.write("\n".join(map("\t".join, zip(*texts, strict=True))) + "\n")


@contextmanager
def bulk(engine: Engine, *, seed: int) -> Iterator[Bulk]:
    """Yield a writer whose rows are all there afterwards, or none of them. Made for a database that nobody else uses.

    References are not checked while the rows come in, as far as the database lets us.
    """
    postgresql = engine.dialect.name == "postgresql"
    engine.dispose()  # SQLite leaves its log only when nobody else holds the database.
    connection = engine.raw_connection()
    driver: Any = connection.driver_connection
    try:
        _prepare(driver, postgresql=postgresql)
        yield Bulk(driver, postgresql=postgresql, seed=seed)
        driver.execute("COMMIT")
        driver.execute("ANALYZE")
        if not postgresql:
            driver.execute("PRAGMA journal_mode=WAL")
    except BaseException:
        driver.execute("ROLLBACK")
        raise
    finally:
        connection.invalidate()  # Its settings are no others'.


def _prepare(driver: Any, *, postgresql: bool) -> None:
    if postgresql:
        driver.autocommit = True
        driver.execute("SET timezone = 'UTC'")
        if driver.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()[0]:
            driver.execute("SET session_replication_role = replica")
    else:
        # What is new goes to its place at once: a log would hold all of it a second time until the end.
        for pragma in ("journal_mode=TRUNCATE", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-262144"):
            driver.execute(f"PRAGMA {pragma}")
    driver.execute("BEGIN")


def _ids_of(table: type[Base]) -> set[str]:
    return {column.key for column in table.__table__.c if isinstance(column.type, Id)}


def _is_one(column: Column) -> bool:
    return column is None or isinstance(column, str | int)


def _copied(value: Any) -> str:
    """Return a value as COPY reads it; nothing here holds a tab, a line's end or a backslash of its own."""
    if value is None:
        return NULL
    return rf"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
