"""What the database layer promises to whoever writes through it."""

import datetime as dt
import threading
import time
import uuid
from collections.abc import Iterable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, StatementError

from prom_service import db
from prom_service.db import (
    AlreadyRunningError,
    IdText,
    RisingIds,
    alone_on_sqlite,
    id_among,
    id_read_as_text,
    insert_if_absent,
    local_day,
    months_later,
    update_each,
    writing_turn,
)
from prom_service.models import Base, Clinic, Organisation, Throttle
from prom_service.runtime import Runtime
from tests import builders
from tests.fakes import Clock


def test_ids_are_version_7_and_say_when_they_were_made() -> None:
    made = RisingIds(milliseconds=lambda: 1_772_438_400_000)()

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == 1_772_438_400_000


@pytest.mark.parametrize("milliseconds", [[7] * 1000, range(1000, 0, -1)], ids=["one millisecond", "clock put back"])
def test_ids_rise_in_the_order_in_which_they_are_made(milliseconds: Iterable[int]) -> None:
    ids = RisingIds(milliseconds=iter(milliseconds).__next__)

    made = [ids() for _ in range(1000)]

    assert made == sorted(set(made))


def test_an_instant_comes_back_as_it_was_in_utc(runtime: Runtime) -> None:
    at = dt.datetime(2026, 3, 29, 1, 30, 15, 123456, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=45)))
    with runtime.transaction() as session:
        kept = builders.an_organisation(session, now=at)

    with runtime.reading() as session:
        found = session.get_one(Organisation, kept.id).created_at
    assert found == at
    assert found.utcoffset() == dt.timedelta(0)


def test_an_instant_without_a_zone_is_refused(runtime: Runtime) -> None:
    with runtime.transaction() as session, pytest.raises(StatementError, match="without a time zone"):
        builders.an_organisation(session, now=dt.datetime(2026, 3, 2, 8))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("at", "zone", "day"),
    [
        ("2026-03-29T22:59:59.999999+00:00", "Europe/London", dt.date(2026, 3, 29)),
        ("2026-03-29T23:00:00+00:00", "Europe/London", dt.date(2026, 3, 30)),  # Summer time has begun.
        ("2026-01-01T04:59:00+00:00", "America/New_York", dt.date(2025, 12, 31)),
    ],
)
def test_the_day_of_an_instant_is_told_by_the_clock_of_its_zone(
    runtime: Runtime, at: str, zone: str, day: dt.date
) -> None:
    with runtime.transaction() as session:
        kept = builders.an_organisation(session, now=dt.datetime.fromisoformat(at))

        found = session.scalar(sa.select(local_day(Organisation.created_at, zone)).where(Organisation.id == kept.id))

    assert found == day


@pytest.mark.parametrize(
    ("day", "later"),
    [
        ("2025-11-30", "2026-02-28"),
        ("2027-11-30", "2028-02-29"),
        ("2026-01-31", "2026-04-30"),
        ("2026-10-10", "2027-01-10"),
    ],
)
def test_three_months_later_is_the_last_day_of_a_month_that_lacks_the_day(
    runtime: Runtime, day: str, later: str
) -> None:
    with runtime.reading() as session:
        assert session.scalar(sa.select(months_later(sa.literal(day), 3))) == later


def test_a_pattern_is_replaced_wherever_it_matches(runtime: Runtime) -> None:
    with runtime.reading() as session:
        found = session.scalar(sa.select(sa.func.regexp_replace("a ; b,, c", " *[,;][,; ]*", ",", "g")))

    assert found == "a,b,c"


def test_a_row_is_inserted_once(runtime: Runtime, clock: Clock) -> None:
    row = {"bucket": "login:x", "window_start": clock.now(), "tries": 0}
    with runtime.transaction() as session:
        inserted = [insert_if_absent(session, Throttle, row, unique=["bucket", "window_start"]) for _ in range(2)]

    assert inserted == [True, False]


def test_ids_are_found_among_those_given(runtime: Runtime, clock: Clock) -> None:
    as_text = sa.type_coerce(Clinic.id, IdText())
    with runtime.transaction() as session:
        clinics = sorted(builders.a_clinic(session, now=clock.now()).id for _ in range(3))

        def found(column: object, wanted: list[object]) -> list[str]:
            rows = sa.select(id_read_as_text(Clinic.id)).where(id_among(column, "clinics")).order_by(Clinic.id)
            return list(session.scalars(rows, {"clinics": wanted}))

        assert found(Clinic.id, clinics[1:]) == [str(one) for one in clinics[1:]]
        assert found(as_text, [str(one) for one in clinics[:2]]) == [str(one) for one in clinics[:2]]
        assert found(Clinic.id, []) == []


def test_each_row_is_given_what_is_meant_for_it(runtime: Runtime, clock: Clock) -> None:
    table, now = Base.metadata.tables["episode"], clock.now()
    later = now + dt.timedelta(hours=1)
    each = sa.select(table.c.id, table.c.assess_after, table.c.assessed_at)
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        here, there, _elsewhere = (builders.an_episode(session, clinic, now=now).id for _ in range(3))
        session.flush()
        before = {id_: times for id_, *times in session.execute(each)}
        new = {here: [now, later], there: [None, later]}

        update_each(session, table, [])
        update_each(
            session,
            table,
            [{"id": id_, "assess_after": again, "assessed_at": at} for id_, (again, at) in new.items()],
        )

        after = {id_: times for id_, *times in session.execute(each)}
    assert after == before | new


def test_a_block_that_fails_leaves_nothing_behind(runtime: Runtime, clock: Clock) -> None:
    def fail_half_way() -> None:
        with runtime.transaction() as session:
            builders.an_organisation(session, now=clock.now())
            raise TimeoutError

    with pytest.raises(TimeoutError):
        fail_half_way()

    with runtime.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Organisation)) == 0


def test_reading_sees_one_snapshot_whatever_others_commit(runtime: Runtime, clock: Clock) -> None:
    count = sa.select(sa.func.count()).select_from(Organisation)
    with runtime.reading() as session:
        before = session.scalar(count)
        with runtime.transaction() as other:
            builders.an_organisation(other, now=clock.now())
        after = session.scalar(count)

    assert (before, after) == (0, 0)


def test_reading_cannot_write_on_postgresql(postgres_url: str, clock: Clock) -> None:
    from prom_service.runtime import build
    from prom_service.settings import Settings

    runtime = build(Settings(env="test", database_url=postgres_url))
    with pytest.raises(DBAPIError, match="read-only"), runtime.reading() as session:
        builders.an_organisation(session, now=clock.now())
    runtime.engine.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_process_of_a_kind_works_on_a_sqlite_database(runtime: Runtime) -> None:
    with alone_on_sqlite(runtime.engine, "web"):
        with pytest.raises(AlreadyRunningError, match="Another web process"), alone_on_sqlite(runtime.engine, "web"):
            pytest.fail("a second one came in")
        with alone_on_sqlite(runtime.engine, "scheduler"):
            pass

    with alone_on_sqlite(runtime.engine, "web"):
        pass


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_any_number_of_processes_work_on_postgresql(runtime: Runtime) -> None:
    with alone_on_sqlite(runtime.engine, "web"), alone_on_sqlite(runtime.engine, "web"):
        pass


def test_a_commit_on_sqlite_waits_for_the_disk(
    sqlite_url: str, durable_commits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "SYNCHRONOUS", durable_commits)
    engine = db.make_engine(sqlite_url)

    with engine.connect() as connection:
        [waits] = connection.exec_driver_sql("PRAGMA synchronous").one()
    engine.dispose()

    assert waits == 2  # FULL; OFF is 0, NORMAL is 1 and loses the last commits in a power cut


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_writers_take_turns_on_sqlite(runtime: Runtime) -> None:
    held = threading.Event()
    order: list[str] = []

    def second() -> None:
        held.wait()
        with writing_turn(runtime.engine):
            order.append("second")

    waiting = threading.Thread(target=second)
    waiting.start()
    with writing_turn(runtime.engine):
        held.set()
        time.sleep(0.05)
        order.append("first")
    waiting.join()

    assert order == ["first", "second"]


def test_every_id_of_the_tables_is_of_the_type_that_sqlite_finds_again():
    ids = [
        column for table in db.Base.metadata.tables.values() for column in table.c if isinstance(column.type, sa.Uuid)
    ]

    assert len(ids) > 100
    assert [str(column) for column in ids if not isinstance(column.type, db.Id)] == []
