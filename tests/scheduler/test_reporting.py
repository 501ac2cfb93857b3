"""Reports that the scheduler makes: none lost when a process dies, none made against the will of who asked."""

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import AuditEntry, ReportTask
from prom_service.reports import ReportQuery
from prom_service.reports.forms import export
from prom_service.reports.progress import COUNTED, TABULATED, WRITTEN
from prom_service.reports.utilization import KIND as UTILIZATION
from prom_service.runtime import Runtime
from prom_service.services import report_tasks, retention
from scheduler import reporting
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON

ACTOR = f"key:{uuid.UUID(int=1)}"


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, clock) as prom:
        yield prom


@pytest.fixture
def task_id(prom: Runtime) -> uuid.UUID:
    return asked(prom)


def asked(prom: Runtime, form: str = "json") -> uuid.UUID:
    """Ask for a report of a new clinic."""
    with prom.transaction() as session:
        clinic = mailroom.clinic(session)
        query = ReportQuery(
            clinic_ids=(clinic.id,),
            organisation_id=clinic.organisation_id,
            from_on=dt.date(2025, 3, 1),
            to_on=dt.date(2026, 3, 1),
            as_of=prom.now(),
        )
        return report_tasks.ask(
            session,
            report="utilization",
            form=form,
            parameters=query.parameters(),
            organisation_id=clinic.organisation_id,
            clinic_ids=query.clinic_ids,
            requested_by=ACTOR,
            now=prom.now(),
        ).id


def the_task(prom: Runtime, task_id: uuid.UUID) -> ReportTask:
    with prom.reading() as session:
        return report_tasks.find_task(session, task_id, requested_by=ACTOR)


def claim(prom: Runtime) -> ReportTask | None:
    with prom.transaction() as session:
        return report_tasks.claim_due(session, worker="another:1", now=prom.now())


def before(prom: Runtime, place: str, act: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have something happen when a report comes to a place of its making."""
    whole = getattr(reporting, place)

    def first(*given: Any) -> Any:
        act()
        return whole(*given)

    monkeypatch.setattr(reporting, place, first)


def test_a_report_is_made_once_and_put_on_record_for_who_asked(prom: Runtime, task_id: uuid.UUID) -> None:
    assert [reporting.make_reports(prom) for _ in range(2)] == [1, 0]

    task = the_task(prom, task_id)
    assert (task.status, task.progress, task.attempts, task.due_at) == ("done", 100, 1, None)
    with prom.reading() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.act == "report utilization"))
    assert (entry.actor, str(entry.clinic_id)) == (ACTOR, task.clinic_ids[0])
    assert json.loads(entry.subjects) == {"task": [str(task_id)]}
    assert "from=2025-03-01 to=2026-03-01" in entry.detail


def test_the_task_of_a_killed_process_is_taken_up_again(prom: Runtime, task_id: uuid.UUID, clock: Clock) -> None:
    claim(prom)

    clock.move_to(clock.now() + report_tasks.CLAIM - dt.timedelta(seconds=1))
    too_early = reporting.make_reports(prom)
    clock.advance(seconds=1)

    assert (too_early, reporting.make_reports(prom)) == (0, 1)
    assert the_task(prom, task_id).attempts == 2


def test_a_task_put_off_by_a_clock_that_was_ahead_is_taken_up_once_the_clock_is_right(
    prom: Runtime, task_id: uuid.UUID, clock: Clock
) -> None:
    assert claim(prom.under(lambda: clock.now() + dt.timedelta(days=30))) is not None

    assert reporting.make_reports(prom) == 1


def test_a_task_that_ends_every_process_is_given_up(prom: Runtime, task_id: uuid.UUID, clock: Clock) -> None:
    for _ in range(report_tasks.MOST_ATTEMPTS):
        assert claim(prom) is not None
        clock.move_to(clock.now() + report_tasks.CLAIM)

    assert reporting.make_reports(prom) == 0
    assert (the_task(prom, task_id).status, the_task(prom, task_id).reason) == ("failed", "gave_up")


def test_a_process_that_was_thought_dead_writes_nothing(prom: Runtime, task_id: uuid.UUID, clock: Clock) -> None:
    slow = claim(prom)
    assert slow is not None
    clock.move_to(clock.now() + report_tasks.CLAIM)
    claim(prom)

    with prom.transaction() as session:
        assert not report_tasks.advance(session, slow, 50, now=clock.now())
        assert not report_tasks.finish(session, slow, b"old", now=clock.now())

    assert (the_task(prom, task_id).status, the_task(prom, task_id).progress) == ("running", 0)


def test_cancelling_is_seen_between_two_steps(
    prom: Runtime, task_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel() -> None:
        with prom.transaction() as session:
            report_tasks.cancel(session, task_id, requested_by=ACTOR, now=prom.now())

    before(prom, "_step", cancel, monkeypatch)
    monkeypatch.setattr(export, "render", lambda *_: pytest.fail("it was cancelled before"))

    assert reporting.make_reports(prom) == 0
    assert the_task(prom, task_id).status == "cancelled"


def test_progress_follows_the_work_and_is_there_for_who_looks(
    prom: Runtime, task_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    before(prom, "_step", lambda: seen.append(the_task(prom, task_id).progress), monkeypatch)

    reporting.make_reports(prom)

    sent = seen.index(COUNTED) - 2  # Nobody asks for the clinic itself whether counts are kept: fewer than foreseen.
    of_statements = [COUNTED * done // UTILIZATION.statements for done in range(1, sent + 1)]
    assert 3 <= sent < UTILIZATION.statements
    assert seen[: sent + 3] == [0, 0, *of_statements, COUNTED]
    assert [*seen, the_task(prom, task_id).progress][-2:] == [TABULATED - reporting.WORTH_NOTING, WRITTEN]


def test_a_process_that_is_told_to_stop_gives_the_task_back(prom: Runtime, task_id: uuid.UUID) -> None:
    answers = iter([True, False, False])

    assert reporting.make_reports(prom, lambda: next(answers)) == 0

    task = the_task(prom, task_id)
    assert (task.status, task.attempts, task.due_at) == ("queued", 0, NOON)
    assert reporting.make_reports(prom) == 1


def test_one_report_that_goes_wrong_does_not_hold_up_the_next(
    prom: Runtime, task_id: uuid.UUID, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = export.render

    def broken(report: Any, form: str) -> bytes:
        if form == "pdf":
            raise RuntimeError("no font")
        return whole(report, form)

    monkeypatch.setattr(export, "render", broken)
    other = asked(prom, "pdf")

    assert reporting.make_reports(prom) == 1
    assert [the_task(prom, one).status for one in (task_id, other)] == ["done", "queued"]
    assert the_task(prom, other).due_at == clock.now() + report_tasks.PAUSE


def test_files_go_after_a_week_and_tasks_after_three_months(prom: Runtime, task_id: uuid.UUID, clock: Clock) -> None:
    reporting.make_reports(prom)

    def purged_at(instant: dt.datetime) -> int:
        clock.move_to(instant)
        with prom.transaction() as session:
            return retention.purge_passing_rows(session, now=instant, limit=10)

    over, second = NOON + report_tasks.KEPT, dt.timedelta(seconds=1)
    gone = over + report_tasks.ROW_KEPT
    assert [purged_at(one) for one in (over - second, over, gone, gone + second)] == [0, 1, 0, 1]
