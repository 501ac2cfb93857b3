"""Visits under the clinic's own number: recorded once, corrected, taken back, and one for two episodes."""

import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError, InvalidInputError, NotFoundError
from prom_service.models import Clinic, Episode, EpisodeVisit, Patient, Visit, VisitVersion
from prom_service.queries.history import histories
from prom_service.queries.trajectory import trajectory
from prom_service.reports import known
from prom_service.runtime import Runtime
from prom_service.services import enrolment, visits
from prom_service.services.visits import VisitDetails
from tests import builders
from tests.fakes import Clock


@pytest.fixture
def clinic(runtime: Runtime, clock: Clock) -> Clinic:
    with runtime.transaction() as session:
        return builders.a_clinic(session, now=clock.now())


@pytest.fixture
def episode(runtime: Runtime, clock: Clock, clinic: Clinic) -> Episode:
    with runtime.transaction() as session:
        return builders.an_episode(session, clinic, now=clock.now())


def record(runtime: Runtime, clock: Clock, episode: Episode, number: str = "V1", **changes: object) -> bool:
    details = VisitDetails(**{"visited_on": clock.now().date(), **changes})  # type: ignore[arg-type]
    with runtime.transaction() as session:
        return visits.record_visit(session, episode, number, details, actor="test", now=clock.now())[1]


def void(runtime: Runtime, clock: Clock, episode: Episode, number: str = "V1") -> None:
    with runtime.transaction() as session:
        visits.void_visit(session, episode, number, actor="test", now=clock.now())


def second_side(session: Session, clinic: Clinic, episode: Episode, clock: Clock) -> Episode:
    patient = session.get_one(Patient, episode.patient_id)
    return builders.an_episode(session, clinic, patient, now=clock.now(), side="right")


def counted(runtime: Runtime, episode: Episode) -> int:
    with runtime.reading() as session:
        return int(trajectory(session, episode.id)["visits"]["counted"])


def known_at(session: Session, clinic: Clinic, at: dt.datetime) -> list[uuid.UUID]:
    """The episodes that the attended visits served, as a report of that instant counts them."""
    scope = known.Scope(select(Clinic.id).where(Clinic.id == clinic.id), at)
    return [row.episode_id for row in session.execute(known.attended(scope))]


def test_the_same_visit_again_changes_nothing(runtime: Runtime, clock: Clock, episode: Episode) -> None:
    added = [record(runtime, clock, episode), record(runtime, clock, episode)]

    with runtime.reading() as session:
        versions = session.scalar(select(func.count()).select_from(VisitVersion))
    assert (added, versions, counted(runtime, episode)) == ([True, False], 1, 1)


def test_a_correction_a_void_and_a_restoration_are_kept_as_versions(
    runtime: Runtime, clock: Clock, episode: Episode
) -> None:
    record(runtime, clock, episode)
    record(runtime, clock, episode, clinician="PT-2")
    void(runtime, clock, episode)
    voided = counted(runtime, episode)
    void(runtime, clock, episode)
    record(runtime, clock, episode, clinician="PT-2")

    with runtime.reading() as session:
        versions = session.execute(
            select(VisitVersion.number, VisitVersion.clinician, VisitVersion.voided).order_by(VisitVersion.number)
        ).all()
        visit = session.scalars(select(Visit)).one()
    assert [tuple(row) for row in versions] == [
        (1, "", False),
        (2, "PT-2", False),
        (3, "PT-2", True),
        (4, "PT-2", False),
    ]
    assert (voided, counted(runtime, episode), visit.restorations) == (0, 1, 1)


@pytest.mark.parametrize("status", ["cancelled", "no_show"])
def test_a_visit_that_was_not_attended_is_not_counted(
    runtime: Runtime, clock: Clock, episode: Episode, status: str
) -> None:
    record(runtime, clock, episode, status=status)

    assert counted(runtime, episode) == 0


def test_group_visits_are_kept_and_not_counted_unless_the_pathway_says_so(
    runtime: Runtime, clock: Clock, episode: Episode
) -> None:
    for number, format_ in enumerate(("individual", "telehealth", "group")):
        record(runtime, clock, episode, f"V{number}", format=format_)

    assert counted(runtime, episode) == 2


def test_a_visit_that_serves_two_episodes_is_one_visit_until_it_serves_none(
    runtime: Runtime, clock: Clock, clinic: Clinic, episode: Episode
) -> None:
    with runtime.transaction() as session:
        other = second_side(session, clinic, episode, clock)
    record(runtime, clock, episode)
    record(runtime, clock, other)
    both = counted(runtime, episode), counted(runtime, other)
    void(runtime, clock, other)
    one = counted(runtime, episode), counted(runtime, other)
    void(runtime, clock, episode)

    with runtime.reading() as session:
        visit = session.scalars(select(Visit)).one()
    assert (both, one) == ((1, 1), (1, 0))
    assert visit.voided_at is not None


def test_a_visit_put_on_an_episode_again_leaves_its_absence_on_record(
    runtime: Runtime, clock: Clock, clinic: Clinic, episode: Episode
) -> None:
    with runtime.transaction() as session:
        other = second_side(session, clinic, episode, clock)
    record(runtime, clock, episode)
    record(runtime, clock, other)
    removed_at = clock.advance(days=1)
    void(runtime, clock, other)
    again_at = clock.advance(days=1)
    record(runtime, clock, other)

    with runtime.reading() as session:
        served = session.execute(
            select(EpisodeVisit.recorded_at, EpisodeVisit.removed_at)
            .where(EpisodeVisit.episode_id == other.id)
            .order_by(EpisodeVisit.recorded_at)
        ).all()
    assert [row.removed_at for row in served] == [removed_at, None]
    assert served[1].recorded_at == again_at


def test_a_visit_taken_back_comes_back_only_on_the_episode_it_is_put_on_and_the_past_stays_known(
    runtime: Runtime, clock: Clock, clinic: Clinic, episode: Episode
) -> None:
    with runtime.transaction() as session:
        other = second_side(session, clinic, episode, clock)
    on = clock.now().date()
    record(runtime, clock, episode)
    voided_at = clock.advance(days=1)
    void(runtime, clock, episode)
    moved_at = clock.advance(days=1)
    record(runtime, clock, other, visited_on=on)

    moment = dt.timedelta(microseconds=1)
    with runtime.reading() as session:
        instants = (voided_at - moment, voided_at, moved_at - moment, moved_at)
        served = [known_at(session, clinic, at) for at in instants]
        [left] = (
            one
            for one in histories(session, clinic.id, "hip-related-pain", since=clock.now())
            if one.episode_id == str(episode.id)
        )
    assert (counted(runtime, episode), counted(runtime, other)) == (0, 1)
    assert served == [[episode.id], [], [], [other.id]]
    assert [change.at for change in left.changes if change.counts] == [voided_at - dt.timedelta(days=1)]
    assert left.changes[-1].at == moved_at


def test_a_visit_taken_back_on_both_sides_comes_back_on_the_one_it_is_put_on(
    runtime: Runtime, clock: Clock, clinic: Clinic, episode: Episode
) -> None:
    with runtime.transaction() as session:
        other = second_side(session, clinic, episode, clock)
    for one in (episode, other):
        record(runtime, clock, one)
    for one in (episode, other):
        void(runtime, clock, one)
    record(runtime, clock, episode)
    alone = counted(runtime, episode), counted(runtime, other)
    record(runtime, clock, other)

    assert alone == (1, 0)
    assert (counted(runtime, episode), counted(runtime, other)) == (1, 1)


def test_what_another_episode_s_visit_is_called_is_not_found(
    runtime: Runtime, clock: Clock, clinic: Clinic, episode: Episode
) -> None:
    with runtime.transaction() as session:
        other = second_side(session, clinic, episode, clock)
    record(runtime, clock, episode)

    with pytest.raises(NotFoundError):
        void(runtime, clock, other)


@pytest.mark.parametrize(
    ("days", "allowed"), [(-1, False), (0, True), (1, True), (2, False)], ids=["before", "start", "tomorrow", "later"]
)
def test_a_visit_that_was_called_off_lies_between_the_start_and_tomorrow(
    runtime: Runtime, clock: Clock, episode: Episode, days: int, allowed: bool
) -> None:
    on = clock.now().date() + dt.timedelta(days=days)
    if allowed:
        assert record(runtime, clock, episode, visited_on=on, status="cancelled")
    else:
        with pytest.raises(InvalidInputError, match="date"):
            record(runtime, clock, episode, visited_on=on, status="cancelled")


@pytest.mark.parametrize(
    ("zone", "today"),
    [
        ("Europe/London", "2026-03-02"),
        ("Pacific/Auckland", "2026-03-03"),
        ("Pacific/Kiritimati", "2026-03-03"),
        ("Pacific/Honolulu", "2026-03-01"),
    ],
)
def test_a_visit_is_attended_until_today_where_the_clinic_is(
    runtime: Runtime, clock: Clock, zone: str, today: str
) -> None:
    last = dt.date.fromisoformat(today)
    clock.advance(hours=1 if last.day == 1 else 4)
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now(), time_zone=zone)
        episode = builders.an_episode(session, clinic, now=clock.now(), started_on=dt.date(2026, 2, 27))

    assert record(runtime, clock, episode, visited_on=last)
    with pytest.raises(InvalidInputError, match="date"):
        record(runtime, clock, episode, "V2", visited_on=last + dt.timedelta(days=1))
    assert counted(runtime, episode) == 1


def test_a_visit_to_come_is_not_attended_by_a_correction(runtime: Runtime, clock: Clock, episode: Episode) -> None:
    tomorrow = clock.now().date() + dt.timedelta(days=1)
    record(runtime, clock, episode, visited_on=tomorrow, status="cancelled")

    with pytest.raises(InvalidInputError, match="has not been attended"):
        record(runtime, clock, episode, visited_on=tomorrow)

    clock.advance(days=1)
    record(runtime, clock, episode, visited_on=tomorrow)
    assert counted(runtime, episode) == 1


def test_a_visit_after_the_episode_was_closed_is_refused(runtime: Runtime, clock: Clock, episode: Episode) -> None:
    closed_on = clock.advance(days=5).date()
    with runtime.transaction() as session:
        held = session.get_one(Episode, episode.id)
        enrolment.close_episode(session, held, closed_on=closed_on, reason="done", actor="test", now=clock.now())
    clock.advance(days=1)
    with runtime.reading() as session:
        closed = session.get_one(Episode, episode.id)

    assert record(runtime, clock, closed, visited_on=closed_on)
    with pytest.raises(InvalidInputError, match="closed"):
        record(runtime, clock, closed, "V2")


def test_what_is_recorded_is_taken_again_after_the_episode_was_closed_before_it_and_nothing_else_is(
    runtime: Runtime, clock: Clock, clinic: Clinic, episode: Episode
) -> None:
    missed = {"visited_on": clock.advance(days=5).date(), "status": "no_show"}
    record(runtime, clock, episode, "V1", **missed)
    record(runtime, clock, episode, "V2", **missed)
    void(runtime, clock, episode, "V2")
    with runtime.transaction() as session:
        other = second_side(session, clinic, episode, clock)
        close: dict[str, Any] = {"closed_on": episode.started_on, "reason": "done", "actor": "test", "now": clock.now()}
        closed = enrolment.close_episode(session, session.get_one(Episode, episode.id), **close)
    record(runtime, clock, other, "V3", **missed)

    again = record(runtime, clock, closed, "V1", **missed)

    assert not again
    for number, changes in (("V1", {"clinician": "DR-2"}), ("V2", {}), ("V3", {}), ("V4", {})):
        with pytest.raises(InvalidInputError, match="closed"):
            record(runtime, clock, closed, number, **{**missed, **changes})


def test_the_number_of_another_patient_s_visit_is_refused_until_that_visit_is_taken_back(
    runtime: Runtime, clock: Clock, clinic: Clinic, episode: Episode
) -> None:
    with runtime.transaction() as session:
        somebody_else = builders.an_episode(session, clinic, now=clock.now())
    record(runtime, clock, episode, clinician="PT-1")

    with pytest.raises(ConflictError):
        record(runtime, clock, somebody_else, clinician="PT-2")
    kept = counted(runtime, episode), counted(runtime, somebody_else)
    void(runtime, clock, episode)
    record(runtime, clock, somebody_else, clinician="PT-2")

    assert kept == (1, 0)
    assert (counted(runtime, episode), counted(runtime, somebody_else)) == (0, 1)
