"""What is said of an error of the database, and what is not."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from prom_service import db

MISTAKES = {
    "a row twice": "INSERT INTO heartbeat VALUES ('hush', '', '2026-01-01'), ('hush', '', '2026-01-01')",
    "no such table": "SELECT 'hush' FROM nowhere",
}


@pytest.mark.parametrize(
    ("mistake", "names"),
    [
        ("a row twice", {"SQLITE_CONSTRAINT_PRIMARYKEY", "UniqueViolation"}),
        ("no such table", {"SQLITE_ERROR", "UndefinedTable"}),
    ],
)
def test_a_statement_that_fails_is_named_as_its_driver_does_and_no_row_is_shown(
    database_url: str, mistake: str, names: set[str]
) -> None:
    engine = db.make_engine(database_url)

    with pytest.raises(SQLAlchemyError) as raised, engine.begin() as connection:
        connection.execute(sa.text(MISTAKES[mistake]))
    engine.dispose()

    assert db.cause(raised.value) in names
    assert db.why_unreachable(raised.value) is None


def test_any_other_error_is_named_by_its_kind() -> None:
    assert db.cause(ValueError("hush")) == "ValueError"
    assert db.why_unreachable(ValueError("hush")) is None
