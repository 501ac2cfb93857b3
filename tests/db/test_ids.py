"""Ids rise, and are found again."""

import uuid
from collections.abc import Iterable

import pytest
import sqlalchemy as sa

from prom_service import db
from prom_service.db import IdText, RisingIds, id_among, id_read_as_text
from prom_service.models import Clinic
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


def test_every_id_of_the_tables_is_of_the_type_that_sqlite_finds_again():
    ids = [
        column for table in db.Base.metadata.tables.values() for column in table.c if isinstance(column.type, sa.Uuid)
    ]

    assert len(ids) > 100
    assert [str(column) for column in ids if not isinstance(column.type, db.Id)] == []
