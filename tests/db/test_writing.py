"""Rows are written once, and each is given what is meant for it."""

import datetime as dt

import sqlalchemy as sa

from prom_service.db import insert_if_absent, update_each
from prom_service.models import Base, Throttle
from prom_service.runtime import Runtime
from tests import builders
from tests.fakes import Clock


def test_a_row_is_inserted_once(runtime: Runtime, clock: Clock) -> None:
    row = {"bucket": "login:x", "window_start": clock.now(), "tries": 0}
    with runtime.transaction() as session:
        inserted = [insert_if_absent(session, Throttle, row, unique=["bucket", "window_start"]) for _ in range(2)]

    assert inserted == [True, False]


def test_each_row_is_given_what_is_meant_for_it(runtime: Runtime, clock: Clock) -> None:
    table, now = Base.metadata.tables["assessment"], clock.now()
    later = now + dt.timedelta(hours=1)
    each = sa.select(table.c.id, table.c.due_at, table.c.assessed_at)
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
            [{"id": id_, "due_at": again, "assessed_at": at} for id_, (again, at) in new.items()],
        )

        after = {id_: times for id_, *times in session.execute(each)}
    assert after == before | new
