"""Leases: one process at a time, and none for ever."""

import datetime as dt
from pathlib import Path

import pytest

from prom_service.runtime import Runtime
from scheduler import lease
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON

MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)
SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("holder", "after", "taken"),
    [("two", 5 * MINUTE - SECOND, False), ("two", 5 * MINUTE, True), ("one", MINUTE, True)],
)
def test_a_lease_is_free_for_others_when_it_has_lapsed(
    database_url: str, tmp_path: Path, holder: str, after: dt.timedelta, taken: bool
) -> None:
    with mailroom.mail_runtime(database_url, tmp_path, Clock(NOON)) as prom:
        assert _take(prom, "one", NOON)

        assert _take(prom, holder, NOON + after) is taken


@pytest.mark.parametrize(("ahead", "taken"), [(5 * MINUTE, False), (5 * MINUTE + SECOND, True), (DAY, True)])
def test_a_lease_taken_by_a_clock_that_was_ahead_is_free_where_none_lasts_so_long(
    database_url: str, tmp_path: Path, ahead: dt.timedelta, taken: bool
) -> None:
    with mailroom.mail_runtime(database_url, tmp_path, Clock(NOON)) as prom:
        assert _take(prom, "one", NOON + ahead)

        assert _take(prom, "two", NOON) is taken


@pytest.mark.parametrize("ahead", [MINUTE, DAY])
def test_a_lease_given_up_by_a_clock_that_was_ahead_is_free(
    database_url: str, tmp_path: Path, ahead: dt.timedelta
) -> None:
    with mailroom.mail_runtime(database_url, tmp_path, Clock(NOON)) as prom:
        _take(prom, "one", NOON + ahead)
        with prom.transaction() as session:
            lease.give_up(session, "sweep", holder="one")

        assert _take(prom, "two", NOON)


def test_a_lease_given_up_is_free_and_only_its_holder_can_give_it_up(database_url: str, tmp_path: Path) -> None:
    with mailroom.mail_runtime(database_url, tmp_path, Clock(NOON)) as prom:
        _take(prom, "one", NOON)

        for holder, free in (("two", False), ("one", True)):
            with prom.transaction() as session:
                lease.give_up(session, "sweep", holder=holder)
            assert _take(prom, "three", NOON) is free


def _take(prom: Runtime, holder: str, now: dt.datetime) -> bool:
    with prom.transaction() as session:
        return lease.take(session, "sweep", holder=holder, lasts=5 * MINUTE, now=now)
