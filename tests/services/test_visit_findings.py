"""Findings about the number of visits: raised, taken back and raised again as visits are recorded and voided."""

import datetime as dt
import uuid

from prom_service.queries.flags import FlagFilter, list_flags
from prom_service.services import flags, visits
from tests.services.life import Life


def test_the_fifteenth_visit_is_flagged_and_not_the_fourteenth(life: Life) -> None:
    life.answer("baseline", ihot=40)
    seen = {}
    for number in range(1, 16):
        life.visit(number)
        seen[number] = set(life.live())

    assert seen[11] == set()
    assert seen[12] == seen[14] == {("visits_near_threshold", None)}
    assert ("visits_over_threshold", None) in seen[15]


def test_a_visit_taken_back_takes_its_finding_with_it(life: Life) -> None:
    life.answer("baseline", ihot=40)
    for number in range(1, 16):
        life.visit(number)

    with life.runtime.transaction() as session:
        visits.void_visit(session, life.episode, "V15", actor="test", now=life.clock.now())

    assert set(life.live()) == {("visits_near_threshold", None)}


def test_a_resolved_finding_stays_resolved_on_the_same_basis_and_returns_on_a_new_one(life: Life) -> None:
    life.answer("baseline", ihot=40)
    for number in range(1, 16):
        life.visit(number)
    with life.runtime.transaction() as session:
        [first] = list_flags(session, life.clinic.id, FlagFilter(kind="visits_over_threshold"))
        flag = flags.find_for_update(session, life.clinic.id, uuid.UUID(first["id"]))
        assert flag is not None
        flags.resolve(session, flag, "plan_changed", actor="test", now=life.clock.now())

    life.visit(16)
    still = life.live()
    life.clock.advance(days=1)
    with life.runtime.transaction() as session:
        visits.void_visit(session, life.episode, "V15", actor="test", now=life.clock.now())
        [second] = list_flags(session, life.clinic.id, FlagFilter(kind="visits_over_threshold"))

    assert ("visits_over_threshold", None) not in still
    assert second["predecessor_id"] == first["id"]


def test_after_a_visit_is_taken_back_the_next_fifteenth_is_flagged_although_the_last_was_resolved(life: Life) -> None:
    life.answer("baseline", ihot=40)
    for number in range(1, 16):
        life.visit(number)
    with life.runtime.transaction() as session:
        [first] = list_flags(session, life.clinic.id, FlagFilter(kind="visits_over_threshold"))
        flag = flags.find_for_update(session, life.clinic.id, uuid.UUID(first["id"]))
        assert flag is not None
        flags.resolve(session, flag, "reassessed", actor="test", now=life.clock.now())
    life.clock.advance(days=1)
    with life.runtime.transaction() as session:
        visits.void_visit(session, life.episode, "V3", actor="test", now=life.clock.now())
    fourteen = life.live()

    life.visit(16)

    assert ("visits_over_threshold", None) not in fourteen
    assert life.live()["visits_over_threshold", None] == "high"


def test_a_finding_that_goes_back_to_a_resolved_basis_takes_its_later_flag_with_it(life: Life) -> None:
    life.answer("baseline", ihot=40)
    start = life.clock.now().date()
    life.clock.advance(days=30)
    for number in range(15):
        life.visit(number, visited_on=start + dt.timedelta(days=2 * number))
    with life.runtime.transaction() as session:
        [first] = list_flags(session, life.clinic.id, FlagFilter(kind="visits_over_threshold"))
        flag = flags.find_for_update(session, life.clinic.id, uuid.UUID(first["id"]))
        assert flag is not None
        flags.resolve(session, flag, "plan_changed", actor="test", now=life.clock.now())
    life.visit(14, visited_on=start + dt.timedelta(days=28), status="no_show")
    life.visit(99, visited_on=start + dt.timedelta(days=1))
    returned = ("visits_over_threshold", None) in life.live()

    with life.runtime.transaction() as session:
        visits.void_visit(session, life.episode, "V99", actor="test", now=life.clock.now())
    life.visit(14, visited_on=start + dt.timedelta(days=28))

    assert returned
    assert ("visits_over_threshold", None) not in life.live()
