"""Monthly reports: to whom they may go, when they are due, once each, and what their email says."""

import datetime as dt
import email
import email.policy
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from prom_service.errors import ConflictError, NotFoundError, PromError
from prom_service.models import Clinic, Membership, ReportLetter, ReportSubscription, ReportTask, User
from prom_service.reports.forms import export
from prom_service.runtime import Runtime
from prom_service.services import accounts, report_letters, report_subscriptions, report_tasks
from prom_service.services.staff import StaffPrincipal
from scheduler import reporting
from tests import builders, mailroom
from tests.fakes import Clock
from tests.support.smtp import SmtpServer

MARCH = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
FIRST_OF_APRIL = dt.datetime(2026, 3, 31, 23, tzinfo=dt.UTC)
"""Midnight in London, where summer time has begun."""
FIRST_OF_APRIL_IN_UTC = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
"""When the month begins for whoever gets a report of several clinics."""


@pytest.fixture
def clock() -> Clock:
    return Clock(MARCH)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, clock) as prom:
        yield prom


@pytest.fixture
def prom_by_smtp(database_url: str, tmp_path: Path, clock: Clock, smtp: SmtpServer) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, clock, smtp_url=smtp.url) as prom:
        yield prom


@pytest.fixture
def clinic(prom: Runtime) -> Clinic:
    with prom.transaction() as session:
        return builders.a_clinic(session, now=MARCH)


def someone(prom: Runtime, clinic: Clinic, role: str = "clinic_admin") -> User:
    with prom.transaction() as session:
        return builders.a_colleague(session, clinic, now=prom.now(), role=role)


def subscribed(prom: Runtime, user: User, clinic: Clinic | None, **changes: Any) -> uuid.UUID:
    values = {"report": "utilization", "form": "csv", "by": "command", "now": prom.now(), **changes}
    with prom.transaction() as session:
        return report_subscriptions.subscribe(session, user, clinic=clinic, **values).id


def rows(prom: Runtime, table: Any) -> list[Any]:
    with prom.reading() as session:
        return list(session.scalars(select(table).order_by(table.id)))


def letters_in(folder: Path) -> list[Any]:
    """Read the emails that were sent."""
    return [email.message_from_bytes(one.read_bytes(), policy=email.policy.default) for one in folder.glob("new/*")]


def person(user: User, clinic: Clinic, role: str) -> StaffPrincipal:
    return StaffPrincipal(user.id, user.name, user.organisation_id, {clinic.id: role})


@pytest.mark.parametrize("role", ["clinician", "quality_analyst", "operator"])
def test_a_report_of_a_clinic_takes_its_administrator(prom: Runtime, clinic: Clinic, role: str) -> None:
    with pytest.raises(ConflictError, match="is no clinic admin at"):
        subscribed(prom, someone(prom, clinic, role), clinic)


@pytest.mark.parametrize("role", ["clinician", "clinic_admin", "operator"])
def test_a_report_of_the_organisation_takes_a_quality_analyst(prom: Runtime, clinic: Clinic, role: str) -> None:
    with pytest.raises(ConflictError, match="is no quality analyst at any clinic"):
        subscribed(prom, someone(prom, clinic, role), None)


def test_nobody_gets_the_same_report_twice(prom: Runtime, clinic: Clinic) -> None:
    user = someone(prom, clinic)
    subscribed(prom, user, clinic)

    subscribed(prom, user, clinic, form="pdf")
    with pytest.raises(ConflictError, match="already"):
        subscribed(prom, user, clinic)


def test_it_is_due_when_the_month_begins_where_the_clinic_is(prom: Runtime, clinic: Clinic, clock: Clock) -> None:
    user = someone(prom, clinic)
    subscribed(prom, user, clinic, group_by="clinician")

    clock.move_to(FIRST_OF_APRIL - dt.timedelta(seconds=1))
    early = reporting.plan_monthly_reports(prom)
    clock.advance(seconds=1)

    assert (early, reporting.plan_monthly_reports(prom), reporting.plan_monthly_reports(prom)) == (0, 1, 0)
    [task] = rows(prom, ReportTask)
    assert (task.month, task.requested_by, task.form) == (dt.date(2026, 4, 1), f"user:{user.id}", "csv")
    assert task.parameters == {
        "from": "2025-04-01",
        "to": "2026-04-01",
        "as_of": FIRST_OF_APRIL.isoformat(),
        "basis": "episodes",
        "group_by": "clinician",
        "audience": "clinic",
    }


def test_after_an_outage_the_newest_month_is_made_up_for(prom: Runtime, clinic: Clinic, clock: Clock) -> None:
    subscribed(prom, someone(prom, clinic), clinic)

    clock.move_to(dt.datetime(2026, 6, 20, tzinfo=dt.UTC))
    made = [reporting.plan_monthly_reports(prom) for _ in range(2)]

    assert made == [1, 0]
    [task] = rows(prom, ReportTask)
    assert (task.month, task.parameters["as_of"]) == (dt.date(2026, 6, 1), "2026-05-31T23:00:00+00:00")
    assert rows(prom, ReportSubscription)[0].next_due_at == dt.datetime(2026, 6, 30, 23, tzinfo=dt.UTC)


def test_no_month_is_made_twice_though_it_fell_due_twice(prom: Runtime, clinic: Clinic, clock: Clock) -> None:
    subscribed(prom, someone(prom, clinic), clinic)
    clock.move_to(FIRST_OF_APRIL)
    reporting.plan_monthly_reports(prom)
    with prom.transaction() as session:
        session.scalars(select(ReportSubscription)).one().next_due_at = FIRST_OF_APRIL

    reporting.plan_monthly_reports(prom)

    assert len(rows(prom, ReportTask)) == 1


@pytest.mark.parametrize("how", ["deactivated", "without the role"])
def test_whoever_has_left_gets_none(prom: Runtime, clinic: Clinic, clock: Clock, how: str) -> None:
    user = someone(prom, clinic)
    subscribed(prom, user, clinic)
    with prom.transaction() as session:
        if how == "deactivated":
            accounts.deactivate(session, session.get_one(User, user.id), now=clock.now())
        else:
            session.execute(delete(Membership).where(Membership.user_id == user.id))

    clock.move_to(FIRST_OF_APRIL)
    reporting.plan_monthly_reports(prom)

    assert (rows(prom, ReportTask), rows(prom, ReportSubscription)) == ([], [])


def test_the_email_leads_to_the_report_and_holds_nothing_of_it(
    prom: Runtime, clinic: Clinic, clock: Clock, tmp_path: Path
) -> None:
    user = someone(prom, clinic)
    subscribed(prom, user, clinic)
    clock.move_to(FIRST_OF_APRIL)
    reporting.plan_monthly_reports(prom)
    before = reporting.send_report_letters(prom)

    reporting.make_reports(prom)
    sent = [reporting.send_report_letters(prom) for _ in range(2)]

    assert (before, sent) == (0, [1, 0])
    [task] = rows(prom, ReportTask)
    [letter] = letters_in(tmp_path / "mailbox")
    assert letter["To"] == user.email
    assert letter["Subject"] == f"Monthly report of {clinic.name}: utilization"
    link = f"{prom.settings.base_url.rstrip('/')}/reports/tasks/{task.id}"
    for kind in ("plain", "html"):
        body = letter.get_body((kind,)).get_content()
        assert link in body
        assert "1 April 2025 to 31 March 2026" in body
    assert rows(prom, ReportLetter)[0].sent_at == clock.now()


def test_an_email_claimed_by_a_clock_that_was_ahead_goes_out_once_the_clock_is_right(
    prom: Runtime, clinic: Clinic, clock: Clock
) -> None:
    subscribed(prom, someone(prom, clinic), clinic)
    clock.move_to(FIRST_OF_APRIL)
    reporting.plan_monthly_reports(prom)
    reporting.make_reports(prom)
    ahead = clock.now() + dt.timedelta(hours=5)
    with prom.transaction() as session:
        assert report_letters.claim_due(session, settings=prom.settings, worker="dead", now=ahead)

    assert reporting.send_report_letters(prom) == 1


def test_an_organisation_s_report_hides_small_counts_and_names_it(
    prom: Runtime, clinic: Clinic, clock: Clock, tmp_path: Path
) -> None:
    subscribed(prom, someone(prom, clinic, "quality_analyst"), None)
    clock.move_to(FIRST_OF_APRIL_IN_UTC)
    for job in (reporting.plan_monthly_reports, reporting.make_reports, reporting.send_report_letters):
        job(prom)

    [task] = rows(prom, ReportTask)
    assert (task.clinic_id, task.clinic_ids, task.parameters["audience"]) == (None, [], "quality")
    assert task.parameters["as_of"] == FIRST_OF_APRIL_IN_UTC.isoformat()
    assert task.status == "done"
    assert letters_in(tmp_path / "mailbox")[0]["Subject"].startswith("Monthly report of Organisation")


def test_an_analyst_of_some_clinics_gets_a_report_of_these_alone(prom: Runtime, clinic: Clinic, clock: Clock) -> None:
    with prom.transaction() as session:
        builders.a_clinic(session, now=MARCH, organisation_id=clinic.organisation_id)
    analyst = someone(prom, clinic, "quality_analyst")
    subscribed(prom, analyst, None)
    clock.move_to(FIRST_OF_APRIL_IN_UTC)
    reporting.plan_monthly_reports(prom)

    [task] = rows(prom, ReportTask)
    assert (task.clinic_ids, task.parameters["audience"]) == ([str(clinic.id)], "quality")
    with prom.reading() as session:
        report_tasks.find_task_of_person(session, task.id, person(analyst, clinic, "quality_analyst"))
        with pytest.raises(NotFoundError):
            report_tasks.find_task_of_person(session, task.id, person(analyst, clinic, "clinic_admin"))


def test_a_task_is_its_own_reader_s_as_long_as_the_role_lasts(prom: Runtime, clinic: Clinic, clock: Clock) -> None:
    user, other = someone(prom, clinic), someone(prom, clinic)
    subscribed(prom, user, clinic)
    clock.move_to(FIRST_OF_APRIL)
    reporting.plan_monthly_reports(prom)
    [task] = rows(prom, ReportTask)

    with prom.reading() as session:
        found = report_tasks.find_task_of_person(session, task.id, person(user, clinic, "clinic_admin"))
        for who in (person(other, clinic, "clinic_admin"), person(user, clinic, "quality_analyst")):
            with pytest.raises(NotFoundError):
                report_tasks.find_task_of_person(session, task.id, who)
    assert found.id == task.id


def test_a_report_that_is_stopped_comes_no_more_and_only_its_reader_can_stop_it(
    prom: Runtime, clinic: Clinic, clock: Clock
) -> None:
    user, other = someone(prom, clinic), someone(prom, clinic)
    number = subscribed(prom, user, clinic)

    with prom.transaction() as session:
        with pytest.raises(NotFoundError):
            report_subscriptions.unsubscribe(session, number, user_id=other.id)
        report_subscriptions.unsubscribe(session, number, user_id=user.id)
    clock.move_to(FIRST_OF_APRIL)

    assert reporting.plan_monthly_reports(prom) == 0


def out_of_order(*_: Any) -> bytes:
    raise RuntimeError("no font")


def made_until_given_up(prom: Runtime, clock: Clock) -> None:
    """Let the scheduler try as often as it does within minutes, and once more."""
    for _ in range(report_tasks.MOST_ATTEMPTS + 1):
        reporting.make_reports(prom)
        clock.advance(seconds=report_tasks.PAUSE.seconds)


def test_a_monthly_report_that_cannot_be_made_is_told_of_once_and_tried_again_until_it_is_made(
    prom_by_smtp: Runtime, clinic: Clinic, clock: Clock, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    prom, user = prom_by_smtp, someone(prom_by_smtp, clinic)
    subscribed(prom, user, clinic)
    clock.move_to(FIRST_OF_APRIL)
    reporting.plan_monthly_reports(prom)
    with monkeypatch.context() as broken:
        broken.setattr(export, "render", out_of_order)
        for _ in range(2):
            made_until_given_up(prom, clock)
            reporting.send_report_letters(prom)
            clock.advance(days=1)
    [task] = rows(prom, ReportTask)
    [apology] = (one.message for one in smtp.letters)

    made = reporting.make_reports(prom)
    reporting.send_report_letters(prom)

    assert (task.is_tried_again, task.reason, made) == (True, "gave_up", 1)
    assert apology["Subject"] == f"Monthly report of {clinic.name} could not be made: utilization"
    link = f"{prom.settings.base_url.rstrip('/')}/reports/tasks/{task.id}"
    for kind in ("plain", "html"):
        body = apology.get_body((kind,)).get_content()
        assert [one for one in (link, "until Wednesday 8 April") if one not in body] == []
        assert "no font" not in body
    [_, news] = (one.message for one in smtp.letters)
    assert (news["To"], news["Subject"]) == (user.email, f"Monthly report of {clinic.name}: utilization")
    assert news["Message-ID"] != apology["Message-ID"]
    assert rows(prom, ReportTask)[0].status == "done"


def test_a_monthly_report_that_cannot_be_made_for_a_week_is_given_up(
    prom: Runtime, clinic: Clinic, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribed(prom, someone(prom, clinic), clinic, form="parquet")
    clock.move_to(FIRST_OF_APRIL)
    reporting.plan_monthly_reports(prom)
    reason = "format: This installation writes no Parquet."
    monkeypatch.setattr(export, "render", lambda *_: refused(reason))

    seen = []
    for _ in range(9):
        reporting.make_reports(prom)
        seen.append(rows(prom, ReportTask)[0].status)
        clock.advance(days=1)

    assert seen == ["queued"] * 7 + ["failed"] * 2
    assert len(rows(prom, ReportLetter)) == 1


def refused(reason: str) -> bytes:
    raise PromError(reason)
