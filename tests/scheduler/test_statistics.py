"""A database finds few rows of a large clinic by the index that leads to them, not by one that leads to the clinic."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from prom_service.runtime import Runtime
from scheduler import jobs
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON

MANY = 60
NAMES = ("clinic", "start", "middle", "end")
OF_ONE = "SELECT reason FROM message WHERE clinic_id = :clinic AND administration_id IN (:start, :middle, :end)"


@pytest.fixture
def prom(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, Clock(NOON)) as prom:
        yield prom


def way_to_one(prom: Runtime) -> str:
    """How SQLite finds the emails of one administration."""
    with prom.engine.connect() as connection:
        plan = connection.execute(sa.text(f"EXPLAIN QUERY PLAN {OF_ONE}"), dict.fromkeys(NAMES, ""))
        return " ".join(row.detail for row in plan)


def test_once_it_has_counted_it_finds_the_emails_of_one_patient_without_reading_all(prom: Runtime) -> None:
    mailroom.due_messages(prom, MANY)

    counts = [jobs.gather_statistics(prom) for _ in range(2)]

    assert counts == [1, 1]
    if prom.engine.dialect.name == "sqlite":
        assert "administration_id=?" in way_to_one(prom)
