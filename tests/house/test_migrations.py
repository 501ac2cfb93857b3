"""The migrations: one line of them, in step with the models, and reversible, on both databases."""

import contextlib
import datetime as dt
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from prom_service import db
from prom_service.models import ApiKey, Assessment, FlagEvent
from tests import builders
from tests.support.database import empty_postgres

FACT = "instrument, wording, codes"
OF_A_FLAG = (
    "INSERT INTO flag_event (id, clinic_id, flag_id, number, type, at, actor, detail, flag, recorded_at)"
    " VALUES (?, ?, ?, 1, 'raised', '2026-01-01 00:00:00.000000', 'rules', '{}', '{}', '2026-01-01 00:00:00.000000')"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that was never migrated."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite'}"
    else:
        with empty_postgres(request.getfixturevalue("postgres_server")) as url:
            yield url


def parts(file: Path) -> dict[tuple[str, str], str | None]:
    """Tables, indexes and triggers, and what made them; SQLite quotes a table's name once it was renamed."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        made = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    return {(type_, name): sql and sql.replace('"', "") for type_, name, sql in made}


def tables(url: str) -> set[str]:
    engine = db.make_engine(url)
    try:
        return set(sa.inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_there_is_one_head(sqlite_url: str) -> None:
    script = ScriptDirectory.from_config(db.alembic_config(sqlite_url))

    assert script.get_heads() == [db.revisions()[-1]]
    assert {one.revision for one in script.walk_revisions()} == set(db.revisions())


def test_the_migrated_tables_are_those_of_the_models(database_url: str) -> None:
    db.check(database_url)

    assert tables(database_url) == {*db.Base.metadata.tables, "alembic_version"}


def test_postgresql_fills_the_pages_of_each_table_as_far_as_the_models_say(postgres_url: str) -> None:
    engine = db.make_engine(postgres_url)
    with engine.connect() as connection:
        options = connection.execute(sa.text("SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL"))
        kept = {name: set(of) for name, of in options if name in db.Base.metadata.tables}
    engine.dispose()

    said = {name: table.dialect_options["postgresql"]["with"] for name, table in db.Base.metadata.tables.items()}
    assert kept == {name: {f"{key}={value}" for key, value in of.items()} for name, of in said.items() if of}
    assert "flag" in kept


def test_what_is_on_record_outlives_the_making_anew_of_its_table_and_stays_written_once(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    db.upgrade(f"sqlite:///{file}", "0002")
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:  # Without foreign keys: one row will do.
        connection.execute(
            "INSERT INTO answer_set (id, clinic_id, response_id, instrument, wording, answers, codes)"
            " VALUES (?, ?, ?, 'nprs-1.0', 'own', '{}', x'04')",
            [f"{number:032x}" for number in range(3)],
        )
        before = connection.execute(f"SELECT id, {FACT} FROM answer_set").fetchall()

    for move, id_ in (
        (lambda: db.upgrade(f"sqlite:///{file}"), "lower(hex(id))"),
        (lambda: db.downgrade(f"sqlite:///{file}", "0002"), "id"),
    ):
        move()
        with contextlib.closing(sqlite3.connect(file)) as connection:
            kept = connection.execute(f"SELECT {id_}, {FACT} FROM answer_set").fetchall()
            with pytest.raises(sqlite3.IntegrityError, match="a fact is written once: answer_set"):
                connection.execute("UPDATE answer_set SET wording = 'official'")
        assert kept == before


def test_ids_of_letters_become_bytes_on_sqlite_and_letters_again_with_all_that_belongs_to_a_table(
    tmp_path: Path,
) -> None:
    file, url = tmp_path / "letters.sqlite", f"sqlite:///{tmp_path / 'letters.sqlite'}"
    db.upgrade(url, "0015")
    made_by = parts(file)
    ids = [uuid.UUID(int=number << 64 | number) for number in range(3)]
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:  # Without foreign keys: one row will do.
        connection.execute(
            "INSERT INTO api_key (id, organisation_id, name, prefix, digest, scopes, created_at)"
            " VALUES (?, ?, 'poller', 'p', 'd', '[]', '2026-01-01 00:00:00.000000')",
            [id_.hex for id_ in ids[:2]],
        )
        connection.execute(OF_A_FLAG, [id_.hex for id_ in ids])

    db.upgrade(url, "0016")
    engine = db.make_engine(url)
    with engine.connect() as connection:
        key = connection.execute(sa.select(ApiKey.id, ApiKey.organisation_id, ApiKey.clinic_id, ApiKey.name)).one()
        flags = connection.execute(sa.select(FlagEvent.id).where(FlagEvent.flag_id == ids[2])).scalars().all()
    engine.dispose()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        letters = connection.execute("SELECT count(*) FROM flag_event WHERE typeof(id) <> 'blob'").fetchone()[0]
    db.downgrade(url, "0015")
    made_again = parts(file)
    db.upgrade(url)
    db.check(url)

    assert key == (*ids[:2], None, "poller")
    assert flags == [ids[0]]
    assert not letters
    assert made_again == made_by


def test_each_organisation_on_record_gets_a_key_for_rounding_of_its_own(empty_url: str) -> None:
    db.upgrade(empty_url, "0010")
    engine = db.make_engine(empty_url)
    organisation = sa.table("organisation", *(sa.column(name) for name in ("id", "name", "created_at")))
    with engine.begin() as connection:
        for number in (1, 2):
            day = dt.datetime(2026, 3, number, tzinfo=dt.UTC)
            values = {"id": sa.literal(uuid.UUID(int=number), sa.Uuid()), "name": f"O{number}"}
            connection.execute(sa.insert(organisation).values(**values, created_at=sa.literal(day, db.UtcDateTime())))

    db.upgrade(empty_url)

    with engine.connect() as connection:
        keys = connection.scalars(sa.text("SELECT rounding_key FROM organisation")).all()
    engine.dispose()
    assert len(set(keys)) == 2
    assert all(len(bytes.fromhex(key)) == 32 for key in keys)


def test_when_an_episode_is_due_is_known_with_and_without_a_row_of_its_own(empty_url: str) -> None:
    db.upgrade(empty_url)
    engine, now = db.make_engine(empty_url), dt.datetime(2026, 3, 4, tzinfo=dt.UTC)
    with Session(engine) as session, session.begin():
        clinic = builders.a_clinic(session, now=now)
        for due_at in (now, None):
            episode = builders.an_episode(session, clinic, now=now)
            session.get_one(Assessment, episode.id).due_at = due_at

    known = [times(engine, "due_at", "assessment")]
    db.downgrade(empty_url, "0017")
    known.append(times(engine, "assess_after", "episode"))
    db.upgrade(empty_url)
    known.append(times(engine, "due_at", "assessment"))
    engine.dispose()

    assert known[0] == known[1] == known[2]
    assert len(set(known[0])) == 2


def times(engine: sa.Engine, due: str, table: str) -> list[tuple[str, ...]]:
    """What the database says of each episode, in their order."""
    with engine.connect() as connection:
        rows = connection.execute(sa.text(f"SELECT {due}, assessed_at FROM {table} ORDER BY id"))
        return [tuple(map(str, row)) for row in rows]


def test_a_database_can_be_taken_back_to_nothing_and_up_again(empty_url: str) -> None:
    db.upgrade(empty_url)
    migrated = tables(empty_url)
    db.downgrade(empty_url, "base")
    emptied = tables(empty_url)
    db.upgrade(empty_url)

    assert emptied == {"alembic_version"}
    assert tables(empty_url) == migrated
    db.check(empty_url)
