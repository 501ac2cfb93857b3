"""Whatever a superuser does to the audit behind the service's back is found, however small it is."""

import datetime as dt
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.models import AuditChain, AuditEntry
from prom_service.models.audit import SERVICE
from prom_service.queries.audit import chains
from prom_service.runtime import Runtime
from prom_service.services import audit
from prom_service.services.audit_heads import Head
from prom_service.services.audit_verification import Verified, verify
from scheduler import jobs
from tests.fakes import Clock

ENTRY = AuditEntry.__table__
CLINICS = (SERVICE, uuid.uuid4(), uuid.uuid4())
PUBLISHED, LATER, WAITING = 12, 4, 3
"""Entries of each chain: up to the head outside, sealed since, not sealed yet."""
SEAL = ("number", "hash", "sealed_at")
CONTENT = tuple(column.name for column in ENTRY.c if column.name not in SEAL)
Row = dict[str, Any]
Tamper = Callable[[random.Random, Session], str]


@pytest.fixture
def heads(runtime: Runtime, clock: Clock) -> list[Head]:
    """Three chains without their triggers, each with a head outside the database behind which it went on."""
    _write(runtime, clock, PUBLISHED)
    jobs.seal_audit(runtime)
    with runtime.reading() as session:
        published = [Head(str(end.clinic_id), end.number, end.hash, "") for end in chains(session)]
    _write(runtime, clock, LATER)
    jobs.seal_audit(runtime)
    _write(runtime, clock, WAITING)
    with runtime.transaction() as session:
        _drop_triggers(session)
    return published


def test_what_nobody_touched_is_verified(runtime: Runtime, heads: list[Head]) -> None:
    with runtime.reading() as session:
        found = verify(session, heads, secret=runtime.settings.secret)

    assert found == [Verified(clinic, PUBLISHED + LATER, WAITING, None) for clinic in sorted(CLINICS)]


def test_whatever_a_superuser_does_is_found(runtime: Runtime, heads: list[Head], full: bool) -> None:
    chance = random.Random(20260302)
    missed = []

    for _ in range(1000 if full else 60):
        tamper = chance.choice(TAMPERINGS)
        with Session(runtime.engine) as session:
            done = tamper(chance, session)
            found = verify(session, heads, secret=runtime.settings.secret)
            session.rollback()
        if all(one.broken is None for one in found):
            missed.append(done)

    assert missed == []


@pytest.mark.parametrize("number", [1, PUBLISHED, PUBLISHED + LATER])
def test_the_first_entry_that_was_edited_is_named(runtime: Runtime, heads: list[Head], number: int) -> None:
    clinic = CLINICS[1]
    with runtime.transaction() as session:
        where = (ENTRY.c.clinic_id == clinic) & (ENTRY.c.number >= number)
        session.execute(sa.update(ENTRY).where(where).values(actor="somebody else"))
        found = {one.clinic_id: one.broken for one in verify(session, heads, secret=runtime.settings.secret)}

    broken = found.pop(clinic)
    assert broken is not None
    assert broken.number == number
    assert set(found.values()) == {None}


def test_a_chain_that_is_gone_altogether_is_found_by_its_outside_head(runtime: Runtime, heads: list[Head]) -> None:
    with runtime.transaction() as session:
        for table in (AuditEntry, AuditChain):
            session.execute(sa.delete(table).where(table.clinic_id == CLINICS[2]))
        broken = {one.clinic_id: one.broken for one in verify(session, heads, secret=runtime.settings.secret)}

    assert broken[CLINICS[2]] is not None
    assert "missing" in broken[CLINICS[2]].problem  # type: ignore[union-attr]


def test_a_cut_that_only_the_outside_head_shows_is_not_found_without_it(runtime: Runtime, heads: list[Head]) -> None:
    with runtime.transaction() as session:
        _cut(session, CLINICS[1], PUBLISHED)
        without = verify(session, [], secret=runtime.settings.secret)
        with_head = verify(session, heads, secret=runtime.settings.secret)

    assert [one.broken for one in without] == [None, None, None]
    assert [one.clinic_id for one in with_head if one.broken] == [CLINICS[1]]


def test_a_cut_that_the_service_has_written_over_since_is_found(
    runtime: Runtime, clock: Clock, heads: list[Head]
) -> None:
    with runtime.transaction() as session:
        _cut(session, CLINICS[1], PUBLISHED)
    _write(runtime, clock, PUBLISHED)
    jobs.seal_audit(runtime)

    with runtime.reading() as session:
        found = {one.clinic_id: one.broken for one in verify(session, heads, secret=runtime.settings.secret)}

    broken = found[CLINICS[1]]
    assert broken is not None
    assert (broken.number, broken.problem) == (PUBLISHED, "is another than the head outside the database says")


def _write(prom: Runtime, clock: Clock, count: int) -> None:
    for number in range(count):
        clock.advance(seconds=7)
        for clinic in CLINICS:
            patient = {"patient": [uuid.uuid4()]}
            with prom.transaction() as session:
                audit.note(
                    session,
                    clinic,
                    actor=f"key:{number}",
                    act="GET /api/v1/patients",
                    subjects=patient,
                    shown=number,
                    detail="basis=episodes",
                    request_id=str(uuid.uuid4()),
                    now=clock.now(),
                )


def _drop_triggers(session: Session) -> None:
    if session.get_bind().dialect.name == "sqlite":
        for name in ("sealed_once", "never_deleted"):
            session.execute(sa.text(f"DROP TRIGGER tr_audit_entry_{name}"))
        return
    session.execute(sa.text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))


def _rows(session: Session, *conditions: sa.ColumnElement[bool]) -> list[Row]:
    query = sa.select(ENTRY).where(*conditions).order_by(ENTRY.c.clinic_id, ENTRY.c.number, ENTRY.c.id)
    return [dict(row) for row in session.execute(query).mappings()]


def _put(session: Session, row_id: uuid.UUID, values: Row) -> None:
    session.execute(sa.update(ENTRY).where(ENTRY.c.id == row_id).values(**values))


def edit(chance: random.Random, session: Session) -> str:
    row = chance.choice(_rows(session))
    column = chance.choice((*CONTENT, *(SEAL if row["number"] else ())))
    _put(session, row["id"], {column: _other(chance, column, row[column])})
    return f"edit of {column} at {row['number']}"


def delete(chance: random.Random, session: Session) -> str:
    row = chance.choice(_rows(session, ENTRY.c.number.is_not(None)))
    session.execute(sa.delete(ENTRY).where(ENTRY.c.id == row["id"]))
    return f"deletion of {row['number']}"


def swap(chance: random.Random, session: Session) -> str:
    """Exchange the places of two entries, or all that they say."""
    clinic = chance.choice(CLINICS)
    one, other = chance.sample(_rows(session, ENTRY.c.clinic_id == clinic, ENTRY.c.number.is_not(None)), 2)
    columns = chance.choice((SEAL, ("number",), tuple(name for name in CONTENT if name != "id")))
    _put(session, one["id"], {"number": -1})
    for to, source in ((other, one), (one, other)):
        _put(session, to["id"], {"number": to["number"] if to is other else -1, **_of(source, columns)})
    if "number" not in columns:
        _put(session, one["id"], {"number": one["number"]})
    return f"swap of {one['number']} and {other['number']} in {columns}"


def insert(chance: random.Random, session: Session) -> str:
    """Put a copy of an entry in, as it is or somewhat changed, at the end of the chain or as not sealed yet."""
    row = chance.choice(_rows(session, ENTRY.c.number.is_not(None)))
    last = max(one["number"] for one in _rows(session, ENTRY.c.clinic_id == row["clinic_id"]) if one["number"])
    seal = chance.choice((dict.fromkeys(SEAL), {"number": last + 1}))
    changed = chance.choice(({}, {"actor": "key:0000"}, {"shown": 10_000}))
    session.execute(sa.insert(ENTRY), {**row, **seal, **changed, "id": uuid.UUID(int=chance.getrandbits(128))})
    if seal["number"] and chance.random() < 0.5:
        end = {"number": last + 1, "hash": row["hash"]}
        session.execute(sa.update(AuditChain).where(AuditChain.clinic_id == row["clinic_id"]).values(**end))
    return f"insertion of a copy of {row['number']} as {seal['number']} with {changed}"


def cut(chance: random.Random, session: Session) -> str:
    number = chance.randint(1, PUBLISHED)
    _cut(session, chance.choice(CLINICS), number)
    return f"cut from {number} on"


TAMPERINGS: tuple[Tamper, ...] = (edit, edit, edit, delete, swap, insert, cut)


def _cut(session: Session, clinic: uuid.UUID, number: int) -> None:
    """Take an entry and all behind it away, and let the end of the chain agree."""
    where = (ENTRY.c.clinic_id == clinic) & (ENTRY.c.number.is_(None) | (ENTRY.c.number >= number))
    session.execute(sa.delete(ENTRY).where(where))
    left = _rows(session, ENTRY.c.clinic_id == clinic)
    end = {"number": number - 1, "hash": left[-1]["hash"] if left else ""}
    session.execute(sa.update(AuditChain).where(AuditChain.clinic_id == clinic).values(**end))


def _of(row: Row, columns: tuple[str, ...]) -> Row:
    return {name: row[name] for name in columns}


def _other(chance: random.Random, column: str, value: Any) -> Any:
    """Another value of the same kind, as close as can be."""
    if column in ("number", "shown"):
        return value + chance.choice((-1, 1)) * 1000 if column == "number" else value + 1
    if isinstance(value, dt.datetime):
        return value + dt.timedelta(microseconds=1)
    if isinstance(value, uuid.UUID):
        return uuid.UUID(int=value.int ^ 1 << chance.randrange(64))
    place = chance.randrange(len(value))
    return value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
