"""Real scheduler processes, killed while they make reports: each report is made in the end, whole, and once."""

import datetime as dt
import json
import random
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from prom_service.models import AuditEntry, ReportTask
from prom_service.reports import ReportQuery, make_report
from prom_service.reports.forms import export
from prom_service.runtime import Runtime
from prom_service.services import report_tasks
from tests import mailroom
from tests.fakes import Clock
from tests.scheduler.fast_process import NINE, Pace
from tests.scheduler.test_killed import running, wait_until

REPORT, FORM = "utilization", "xlsx"
PACE = Pace(speed=150, batch=5)
"""A claim of ten minutes lapses within four seconds."""


def asked(prom: Runtime, number: int) -> list[uuid.UUID]:
    """Ask for some reports of a new clinic."""
    with prom.transaction() as session:
        clinic = mailroom.clinic(session)
        query = ReportQuery((clinic.id,), clinic.organisation_id, dt.date(2025, 3, 1), dt.date(2026, 3, 1), prom.now())
        return [
            report_tasks.ask(
                session,
                report=REPORT,
                form=FORM,
                parameters=query.parameters(),
                organisation_id=clinic.organisation_id,
                clinic_ids=query.clinic_ids,
                requested_by="user:test",
                now=prom.now(),
            ).id
            for _ in range(number)
        ]


def tasks(prom: Runtime) -> Sequence[ReportTask]:
    with prom.reading() as session:
        return session.scalars(select(ReportTask).order_by(ReportTask.id)).all()


def in_hand(prom: Runtime, pid: int | None) -> bool:
    """Whether that process makes a report that may be begun once more."""
    claims = [task for task in tasks(prom) if task.status == "running" and task.attempts < report_tasks.MOST_ATTEMPTS]
    return any(f":{pid}#" in (task.claimed_by or "") for task in claims)


def made_under_fire(url: str, folder: Path, *, reports: int, kills: int) -> None:
    """Have reports made while the process that makes them is killed, and see what has come of them."""
    draw = random.Random(20260303)
    with mailroom.mail_runtime(url, folder, Clock(NINE), tick_seconds=1) as prom:
        ids = asked(prom, reports)
        with running(prom, 1, PACE) as started:
            for _ in range(kills):
                wait_until(lambda: in_hand(prom, started.pid(0)), 120)
                time.sleep(draw.uniform(0, 0.3))
                started.kill(0)
            wait_until(lambda: all(task.status not in ("queued", "running") for task in tasks(prom)), 60 + 10 * reports)
            assert started.stop() == [0]
        assert [(task.id, task.status, task.progress) for task in tasks(prom)] == [(one, "done", 100) for one in ids]
        assert sum(task.attempts for task in tasks(prom)) > reports
        with prom.reading() as session:
            noted = session.scalars(select(AuditEntry.subjects).where(AuditEntry.act == f"report {REPORT}")).all()
            files = session.scalars(select(ReportTask.content)).all()
            first = tasks(prom)[0]
            query = ReportQuery.from_parameters(
                first.parameters, clinic_ids=first.clinic_ids, organisation_id=first.organisation_id
            )
            whole = export.render(make_report(session, REPORT, query), FORM)
        assert sorted(json.loads(one)["task"] for one in noted) == [[str(one)] for one in ids]
        assert set(files) == {whole}


def test_a_report_whose_process_is_killed_on_sqlite_is_made_by_the_next(
    sqlite_url: str, tmp_path: Path, full: bool
) -> None:
    reports, kills = (20, 20) if full else (1, 1)

    made_under_fire(sqlite_url, tmp_path, reports=reports, kills=kills)


def test_a_report_whose_process_is_killed_on_postgresql_is_made_by_the_next(
    postgres_url: str, tmp_path: Path, full: bool
) -> None:
    reports, kills = (20, 20) if full else (1, 1)

    made_under_fire(postgres_url, tmp_path, reports=reports, kills=kills)
