"""Counts are kept once a month, of the clinics of large organisations, and made up for wherever they were not."""

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from prom_service.models import KeptCounts
from prom_service.runtime import Runtime
from prom_service.services import kept_counts
from scheduler import jobs, keeping
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON

THIS_MONTH, LAST_MONTH, NEXT_MONTH = (dt.datetime(2026, month, 1, tzinfo=dt.UTC) for month in (3, 2, 4))
SETTLED = THIS_MONTH + kept_counts.SETTLED_AFTER
LEAST = 2


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, clock, kept_from_episodes=LEAST) as prom:
        yield prom


def organisation(prom: Runtime, *episodes: int) -> list[uuid.UUID]:
    """Write clinics of one organisation with so many episodes each."""
    with prom.transaction() as session:
        first = mailroom.clinic(session)
        others = [mailroom.clinic(session, organisation_id=first.organisation_id) for _ in episodes[1:]]
        for clinic, many in zip((first, *others), episodes, strict=True):
            for _ in range(many):
                mailroom.administration(session, mailroom.patient(session, clinic))
        return [clinic.id for clinic in (first, *others)]


def kept(prom: Runtime) -> dict[uuid.UUID, dt.datetime]:
    """Of which instant the counts of each clinic are."""
    with prom.reading() as session:
        return {one.clinic_id: one.as_of for one in session.scalars(sa.select(KeptCounts))}


def test_every_clinic_of_a_large_organisation_is_done_once_a_month(prom: Runtime, clock: Clock) -> None:
    large, _small = organisation(prom, LEAST, 0), organisation(prom, LEAST - 1)

    counts = [keeping.keep_counts(prom) for _ in range(2)]
    before = kept(prom)
    clock.move_to(NEXT_MONTH + kept_counts.SETTLED_AFTER)
    counts.append(keeping.keep_counts(prom))

    assert counts == [2, 0, 2]
    assert before == dict.fromkeys(large, THIS_MONTH)
    assert kept(prom) == dict.fromkeys(large, NEXT_MONTH)


@pytest.mark.parametrize(
    ("now", "as_of"), [(SETTLED - dt.timedelta(microseconds=1), LAST_MONTH), (SETTLED, THIS_MONTH)]
)
def test_a_month_is_counted_once_all_that_came_before_it_is_committed(now: dt.datetime, as_of: dt.datetime) -> None:
    assert kept_counts.newest_month(now) == as_of


def test_a_job_that_is_stopped_goes_on_where_it_was(prom: Runtime) -> None:
    clinics = organisation(prom, LEAST, 0, 0)
    asked = itertools.count()

    first = keeping.keep_counts(prom, lambda: next(asked) < 2)
    second = keeping.keep_counts(prom)

    assert (first, second) == (2, 1)
    assert kept(prom) == dict.fromkeys(clinics, THIS_MONTH)


def test_a_clinic_counted_by_another_version_is_counted_again(prom: Runtime) -> None:
    clinics = organisation(prom, LEAST, 0)
    keeping.keep_counts(prom)
    with prom.transaction() as session:
        session.execute(sa.update(KeptCounts).where(KeptCounts.clinic_id == clinics[0]).values(version="another"))

    assert keeping.keep_counts(prom) == 1


def test_what_is_not_made_anew_goes_after_45_days(prom: Runtime, clock: Clock) -> None:
    clinics = organisation(prom, LEAST)
    keeping.keep_counts(prom)

    clock.move_to(THIS_MONTH + dt.timedelta(days=45))
    jobs.purge_passing_rows(prom)
    before = kept(prom)
    clock.advance(seconds=1)
    jobs.purge_passing_rows(prom)

    assert before == {clinics[0]: THIS_MONTH}
    assert kept(prom) == {}


def test_what_is_newer_stays(prom: Runtime) -> None:
    clinics = organisation(prom, LEAST)
    keeping.keep_counts(prom)

    with prom.transaction() as session:
        empty = {"words": {}, "episodes": b"", "cells": b"", "services": b""}
        kept_counts.keep(session, clinics[0], as_of=LAST_MONTH, **empty)

    assert kept(prom) == {clinics[0]: THIS_MONTH}
