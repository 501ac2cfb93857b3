"""How the facts of episodes are found: looked up by what they belong to, whatever there is of others."""

import pytest
import sqlalchemy as sa
from sqlalchemy.sql.visitors import iterate

from prom_service import db
from prom_service.queries import facts
from prom_service.services import assessment, flag_ledger
from prom_service.tenancy import EVERY_CLINIC, open_session


def _asks_for_some(statement: sa.Select[tuple[object, ...]]) -> bool:
    return any(isinstance(part, db.id_among) for part in iterate(statement))


STATEMENTS = {
    f"{room.__name__}.{name}": statement
    for room in (facts, assessment, flag_ledger)
    for name, statement in vars(room).items()
    if name.isupper() and isinstance(statement, sa.Select) and _asks_for_some(statement)
}
IDS = {name: [str(db.new_id())] * 3 for name in ("administrations", "responses")}
IDS |= {name: [db.new_id()] * 3 for name in ("episodes", "judgements", "clinics")}


def test_there_are_statements_to_look_at() -> None:
    assert len(STATEMENTS) >= 10


@pytest.mark.parametrize("name", STATEMENTS)
def test_sqlite_goes_through_no_table(sqlite_url: str, name: str) -> None:
    db.upgrade(sqlite_url)
    sent: list[tuple[str, object]] = []
    engine = db.make_engine(sqlite_url)
    with open_session(engine, EVERY_CLINIC) as session:
        sa.event.listen(engine, "before_cursor_execute", lambda *given: sent.append((given[2], given[3])))
        session.execute(STATEMENTS[name], IDS)
        text, given = sent[-1]
        steps = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given).all()  # type: ignore[arg-type]
    engine.dispose()

    assert [step.detail for step in steps if step.detail.startswith("SCAN")] == []
