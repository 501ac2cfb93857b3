"""A session reaches the clinics it was opened for: by its own conditions, and on PostgreSQL by the database's."""

import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session, aliased

from prom_service import tenancy
from prom_service.db import insert_if_absent, new_id
from prom_service.models import ClinicText, Episode, Link, Patient
from prom_service.runtime import Runtime
from prom_service.services import access
from prom_service.tenancy import NO_CLINIC, OutOfReachError
from tests import builders
from tests.fakes import Clock


class Two:
    """Two clinics with a patient and an episode each; sessions of the web are for the first."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self.now = clock.now()
        with runtime.transaction() as session:
            self.ours, self.theirs = (builders.a_clinic(session, now=self.now) for _ in range(2))
            self.mine = builders.an_episode(session, self.ours, now=self.now)
            self.foreign = builders.an_episode(session, self.theirs, now=self.now)
            baseline = builders.the_administration(session, self.foreign, "baseline")
            self.token = access.issue_link(session, baseline, secret=builders.SECRET, now=self.now)
        self.every = runtime
        self.web = runtime.confined(lambda: frozenset((self.ours.id,)))
        self.stranger = runtime.confined(lambda: NO_CLINIC)


@pytest.fixture
def two(runtime: Runtime, clock: Clock) -> Two:
    return Two(runtime, clock)


def test_a_select_finds_the_rows_of_its_clinics_only(two: Two) -> None:
    again = aliased(Episode)
    queries = [
        select(Episode.id),
        select(again.id),
        select(Episode.id).join(Patient, Patient.id == Episode.patient_id),
        select(sa.select(Episode.id).subquery().c.id),
        select(sa.select(Episode.id).cte().c.id),
        select(Episode.id).union_all(select(Episode.id)).limit(1),
    ]

    with two.web.reading() as session:
        found = [session.scalars(query).all() for query in queries]

    assert found == [[two.mine.id]] * len(queries)


def test_a_row_of_another_clinic_is_not_got_by_its_key(two: Two) -> None:
    with two.web.reading() as session:
        got = [session.get(Episode, two.mine.id), session.get(Episode, two.foreign.id)]

    assert [one and one.id for one in got] == [two.mine.id, None]


def test_an_update_and_a_delete_leave_the_rows_of_another_clinic_alone(two: Two) -> None:
    with two.web.transaction() as session:
        session.execute(sa.update(Patient).values(name="Changed"))
        session.execute(sa.delete(Link))

    with two.every.reading() as session:
        names = set(session.execute(select(Patient.clinic_id, Patient.name)))
        links = session.scalars(select(Link.clinic_id)).all()
    assert names == {(two.ours.id, "Changed"), (two.theirs.id, "Alex Example")}
    assert links == [two.theirs.id]


def a_text(clinic_id: uuid.UUID) -> dict[str, Any]:
    return {"id": new_id(), "clinic_id": clinic_id, "language": "es", "reply_hours": "x", "urgent_text": "x"}


def add(session: Session, row: dict[str, Any]) -> None:
    session.add(ClinicText(**row))
    session.flush()


def insert(session: Session, row: dict[str, Any]) -> None:
    session.execute(sa.insert(ClinicText), [row])


def insert_once(session: Session, row: dict[str, Any]) -> None:
    insert_if_absent(session, ClinicText, row, unique=["clinic_id", "language"])


@pytest.mark.parametrize("write", [add, insert, insert_once])
def test_a_row_of_another_clinic_is_not_written(write: Any, two: Two) -> None:
    with two.web.transaction() as session:
        write(session, a_text(two.ours.id))

    with pytest.raises(OutOfReachError), two.web.transaction() as session:
        write(session, a_text(two.theirs.id))


def test_a_session_that_never_said_whose_it_is_sees_and_writes_nothing(two: Two) -> None:
    with two.stranger.transaction() as session:
        seen = [session.scalars(select(table)).all() for table in tenancy.owned_tables().values()]
        got = session.get(Episode, two.mine.id)

    assert (any(seen), got) == (False, None)
    with pytest.raises(OutOfReachError), two.stranger.transaction() as session:
        add(session, a_text(two.ours.id))
    with pytest.raises(OutOfReachError), tenancy.sessions(bind=two.every.engine) as session:
        add(session, a_text(two.ours.id))


def test_a_link_lets_in_to_its_own_clinic(two: Two) -> None:
    with two.stranger.reading() as session:
        target = access.find_link(session, two.token, secret=builders.SECRET)
        seen = session.scalars(select(Episode.id)).all()

    assert target is not None
    assert (target.episode.id, seen) == (two.foreign.id, [two.foreign.id])


def test_a_link_that_was_never_issued_lets_in_nowhere(two: Two) -> None:
    with two.web.reading() as session:
        target = access.find_link(session, two.token[:-1] + "x", secret=builders.SECRET)
        seen = session.scalars(select(Episode.id)).all()

    assert (target, seen) == (None, [])


def test_a_statement_is_compiled_once_for_all_clinics(two: Two) -> None:
    found, compiled = [], []
    two.every.engine.clear_compiled_cache()

    for episode in (two.mine, two.foreign):
        with two.every.confined(lambda clinic=episode.clinic_id: frozenset((clinic,))).reading() as session:
            found.append(session.scalars(select(Episode.id)).all())
        compiled.append(len(two.every.engine._compiled_cache or ()))

    assert found == [[two.mine.id], [two.foreign.id]]
    assert len(set(compiled)) == 1


def test_a_session_may_be_for_several_clinics(two: Two, clock: Clock) -> None:
    with two.every.transaction() as session:
        third = builders.an_episode(session, builders.a_clinic(session, now=two.now), now=two.now)

    with two.stranger.reading() as session:
        tenancy.enter(session, [two.ours.id, third.clinic_id])
        found = set(session.scalars(select(Episode.id)))

    assert found == {two.mine.id, third.id}


class TestOnPostgresql:
    """What the database holds when nothing of ours does."""

    @pytest.fixture
    def database_url(self, postgres_url: str) -> str:
        return postgres_url

    def test_the_web_is_a_role_that_neither_owns_the_tables_nor_passes_their_policies(self, two: Two) -> None:
        who = "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"

        with two.web.reading() as session:
            role = session.connection().exec_driver_sql(who).one()
            owner = session.connection().exec_driver_sql(owners).scalar_one()
            said = tenancy.row_security(session)

        assert tuple(role) == (tenancy.WEB_ROLE, False, False)
        assert owner != tenancy.WEB_ROLE
        assert said == "in force"

    def test_where_the_role_may_do_nothing_the_session_alone_keeps_clinics_apart(self, two: Two) -> None:
        with two.every.transaction() as session:
            session.connection().exec_driver_sql(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {tenancy.WEB_ROLE}")

        with two.web.reading() as session:
            role = session.connection().exec_driver_sql("SELECT current_user").scalar_one()
            found = session.scalars(select(Episode.id)).all()
            said = tenancy.row_security(session)

        assert (role != tenancy.WEB_ROLE, found, said) == (True, [two.mine.id], "not in force")

    def test_plain_sql_finds_and_writes_no_row_of_another_clinic(self, two: Two) -> None:
        with two.web.transaction() as session:
            connection = session.connection()
            counted = connection.exec_driver_sql("SELECT count(*) FROM episode").scalar_one()
            changed = connection.exec_driver_sql("UPDATE patient SET name = 'Changed'").rowcount
        with two.stranger.reading() as session:
            unseen = session.connection().exec_driver_sql("SELECT count(*) FROM episode").scalar_one()

        assert (counted, changed, unseen) == (1, 1, 0)
        with pytest.raises(ProgrammingError, match="row-level security"), two.web.transaction() as session:
            session.connection().execute(ClinicText.__table__.insert(), a_text(two.theirs.id))

    @pytest.mark.parametrize("fails", [False, True])
    def test_nothing_of_a_transaction_stays_on_its_connection(self, fails: bool, two: Two) -> None:
        settings = "SELECT current_user, current_setting('app.clinics', true), current_setting('app.link', true)"
        with two.every.engine.connect() as connection:
            plain = connection.exec_driver_sql(settings).one()
        two.every.engine.dispose()

        try:
            with two.web.transaction() as session:
                access.find_link(session, two.token, secret=builders.SECRET)
                inside = session.connection().exec_driver_sql(settings).one()
                used = session.connection().connection.dbapi_connection
                session.connection().exec_driver_sql("SELECT 1 / 0" if fails else "SELECT 1")
        except sa.exc.DataError:
            pass
        with two.every.engine.connect() as connection:
            left = connection.exec_driver_sql(settings).one()
            same = connection.connection.dbapi_connection is used

        assert tuple(inside[:2]) == (tenancy.WEB_ROLE, str(two.theirs.id))
        assert same
        assert (left[0], left[1] or "", left[2] or "") == (plain[0], "", "")
