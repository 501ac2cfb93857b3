"""The page of the reports: whose care somebody may report on, what is asked, and the same as a file."""

import csv
import io
import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import func, select

from prom_service.models import AuditEntry, ReportTask
from prom_service.reports import kinds
from prom_service.runtime import Runtime
from prom_service.services import accounts
from prom_service.web.dashboard.report_form import REPORT_WORDS
from scheduler.reporting import make_reports
from tests import builders
from tests.fakes import Clock
from tests.web.dashboard.desk import Desk, text_of

ASKED = "/reports?report=utilization"
NAMED = "utilization-2025-03-01-to-2026-03-01-as-of-2026-03-02"


@pytest.fixture
def analyst(runtime: Runtime, clock: Clock, client: Any) -> Desk:
    """A quality analyst of the clinic and of a second one, logged in."""
    desk = Desk(runtime, clock, client, role="quality_analyst")
    with runtime.transaction() as session:
        second = builders.a_clinic(
            session, now=clock.now(), name="Southside Clinic", organisation_id=desk.clinic.organisation_id
        )
        accounts.set_role(session, desk.user, second, "quality_analyst")
    desk.later(days=31)  # Across clinics a report knows what was known when its period ended.
    return desk


def rows_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_page_first_asks_and_reports_nothing(staffed: Desk) -> None:
    page = staffed.shown("/reports")

    assert "What to report" in page
    assert "How it was made" not in page


def test_a_report_is_chosen_by_the_title_it_has() -> None:
    assert {name: kind.title for name, kind in kinds.REPORTS.items()} == REPORT_WORDS


def test_a_clinician_reads_the_exact_numbers_of_the_own_clinic(staffed: Desk) -> None:
    for _ in range(3):
        staffed.episode(started_on=staffed.clock.now().date())
    period = f"&from={staffed.clock.now().date()}&to=2027-01-01"

    page = text_of(staffed.get(ASKED + period))

    assert "Visits per episode beside the limit" in page
    assert "Closed 0, open 3 drawn." in staffed.get(ASKED + period).text
    assert "fewer" not in page


def test_an_analyst_reads_all_clinics_of_the_role_with_small_counts_hidden(analyst: Desk) -> None:
    page = analyst.get("/reports").text
    shown = analyst.shown(ASKED)

    assert "2 clinics together, small counts hidden" in page
    assert "Northside Clinic</option>" not in page
    assert "Southside Clinic" in shown
    assert "small counts hidden" in analyst.get(ASKED).text


def test_who_may_not_read_answers_is_not_told_to_read_them(analyst: Desk) -> None:
    assert "read the answers yourself" not in analyst.get("/reports").text


def test_who_may_read_answers_is_told_to_read_them(staffed: Desk) -> None:
    assert "read the answers yourself" in staffed.get("/reports").text


def test_a_page_of_a_clinic_is_read_in_its_zone_and_one_across_clinics_in_utc(analyst: Desk) -> None:
    with analyst.runtime.transaction() as session:
        organisation_id = analyst.clinic.organisation_id
        eastern = builders.a_clinic(
            session, now=analyst.clock.now(), organisation_id=organisation_id, time_zone="America/New_York"
        )
        accounts.set_role(session, analyst.user, eastern, "clinician")
    listed = f"/reports/episodes?visits=over&outcome=worse&{ASKED.partition('?')[2]}&whose={eastern.id}"

    pages = ["/reports", ASKED, f"{ASKED}&whose={eastern.id}", listed, "/account"]
    zones = [re.findall(r"Shown as of [^.]+ (\w+)\.", analyst.shown(page)) for page in pages]

    assert zones == [["UTC"], ["UTC"], ["EDT"], ["EDT"], ["UTC"]]


def test_what_an_analyst_may_not_ask_is_said_beside_the_field(analyst: Desk) -> None:
    answer = analyst.get(f"{ASKED}&from=2026-01-02&to=2026-02-01")

    assert answer.status_code == 422
    assert 'id="from-error"' in answer.text


def test_an_analyst_is_told_that_a_period_is_not_over(analyst: Desk) -> None:
    answer = analyst.get(f"{ASKED}&period=2026-01-01/2027-01-01")

    assert answer.status_code == 422
    assert 'id="as_of-error"' in answer.text
    assert "once it is over" in answer.text


def test_a_period_that_runs_is_offered_to_the_clinic_alone(staffed: Desk) -> None:
    this_month = f"{staffed.clock.now():%B %Y}"

    assert f"{this_month}, so far</option>" in staffed.get("/reports").text


def test_an_analyst_is_offered_only_periods_that_are_over(analyst: Desk) -> None:
    page = analyst.get("/reports").text

    assert "so far" not in page
    assert f"{analyst.clock.now():%B %Y}" not in page


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("report=nothing", "report"),
        ("report=utilization&whose=00000000-0000-0000-0000-000000000000", "whose"),
        ("report=utilization&period=never/ever", "period"),
        ("report=utilization&period=zzz", "period"),
        ("report=utilization&period=2026-01-01", "period"),
        ("report=utilization&period=2026-01-01/", "period"),
        ("report=utilization&from=yesterday&to=2026-01-01", "from"),
        ("report=utilization&from=2026-02-01&to=2026-01-01", "to"),
        ("report=utilization&as_of=soon", "as_of"),
        ("report=utilization&as_of=2026-03-03", "as_of"),
        ("report=utilization&group_by=shoe", "group_by"),
        ("report=utilization&basis=luck", "basis"),
    ],
)
def test_a_question_that_cannot_be_answered_names_the_field(staffed: Desk, asked: str, field: str) -> None:
    answer = staffed.get(f"/reports?{asked}")

    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert staffed.get(f"/reports/file?format=csv&{asked}").status_code == 400


def test_nobody_reports_on_another_clinic(staffed: Desk) -> None:
    with staffed.runtime.transaction() as session:
        other = builders.a_clinic(session, now=staffed.clock.now(), name="Elsewhere")

    assert staffed.get(f"{ASKED}&whose={other.id}").status_code == 422
    assert staffed.get(f"{ASKED}&whose=team").status_code == 422


@pytest.mark.parametrize("form", ["csv", "xlsx", "json", "html"])
def test_each_form_of_the_report_is_a_file(staffed: Desk, form: str) -> None:
    answer = staffed.get(f"/reports/file?report=utilization&format={form}")

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{NAMED}.{form}"'
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_file_says_what_the_page_says(staffed: Desk) -> None:
    staffed.episode(started_on=staffed.clock.now().date())
    period = f"&from={staffed.clock.now().date()}&to=2027-01-01"

    rows = rows_of(staffed.get(f"/reports/file?report=utilization&format=csv{period}"))

    one = next(row for row in rows if row["table"] == "visits_per_episode")
    assert (one["group"], one["episodes"], one["open"]) == ("All", "1", "1")


def test_there_is_no_other_form(staffed: Desk) -> None:
    assert staffed.get("/reports/file?report=utilization&format=docx").status_code == 400


def test_a_report_across_clinics_is_on_record_at_each_of_them(analyst: Desk) -> None:
    assert analyst.get(ASKED).status_code == 200

    with analyst.runtime.reading() as session:
        entries = session.execute(select(AuditEntry.clinic_id, AuditEntry.act, AuditEntry.detail)).all()
    of_reports = {(one.clinic_id, one.detail.split()[-1]) for one in entries if one.act == "GET /reports"}
    assert len(of_reports) == 2
    assert {detail for _, detail in of_reports} == {"audience=quality"}


def test_the_style_of_a_report_is_no_entry_in_the_record(staffed: Desk) -> None:
    with staffed.runtime.reading() as session:
        before = session.scalar(select(func.count()).select_from(AuditEntry))

    style = staffed.get("/reports/style.css")

    assert (style.status_code, style.content_type) == (200, "text/css; charset=utf-8")
    with staffed.runtime.reading() as session:
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == before


def test_an_analyst_of_some_clinics_reads_of_these_alone(analyst: Desk) -> None:
    with analyst.runtime.transaction() as session:
        organisation_id = analyst.clinic.organisation_id
        builders.a_clinic(session, now=analyst.clock.now(), name="Third Clinic", organisation_id=organisation_id)
    analyst.later(days=31)

    shown = analyst.shown(ASKED)

    assert ("Northside Clinic" in shown, "Southside Clinic" in shown, "Third Clinic" in shown) == (True, True, False)


def the_task(desk: Desk) -> ReportTask:
    with desk.runtime.reading() as session:
        return session.scalars(select(ReportTask)).one()


def test_a_report_is_made_in_the_background_and_found_by_who_asked(staffed: Desk) -> None:
    asked = staffed.post(f"/reports/tasks?{ASKED.partition('?')[2]}", format="csv")
    waiting = staffed.shown(asked.location)

    make_reports(staffed.runtime)

    assert "It waits to be made." in waiting
    assert "Download the file" in staffed.shown(asked.location)
    assert asked.location in staffed.get("/reports").text
    file = staffed.get(f"{asked.location}/file")
    assert file.headers["Content-Disposition"] == f'attachment; filename="{NAMED}.csv"'
    assert "visit_distribution" in {row["table"] for row in rows_of(file)}


def test_a_monthly_report_that_could_not_be_made_so_far_says_so(staffed: Desk) -> None:
    asked = staffed.post(f"/reports/tasks?{ASKED.partition('?')[2]}", format="csv")
    with staffed.runtime.transaction() as session:
        session.get_one(ReportTask, the_task(staffed).id).reason = "gave_up"

    assert "It could not be made so far. It is tried again every day for a week" in staffed.shown(asked.location)
    assert "could not be made so far, tried again" in staffed.shown("/reports")


def test_asking_in_the_background_and_fetching_are_on_record_at_every_clinic(analyst: Desk) -> None:
    asked = f"/reports/tasks?{ASKED.partition('?')[2]}"
    task = analyst.client.post(asked, data={"format": "csv", "csrf_token": token(analyst)}).location
    make_reports(analyst.runtime)
    assert analyst.get(f"{task}/file").status_code == 200

    with analyst.runtime.reading() as session:
        entries = session.execute(select(AuditEntry.clinic_id, AuditEntry.act)).all()
    for act in ("POST /reports/tasks", "GET /reports/tasks/<uuid:task_id>/file"):
        assert len({one.clinic_id for one in entries if one.act == act}) == 2, act


def test_a_report_of_somebody_else_is_not_there(staffed: Desk) -> None:
    asked = staffed.post(f"/reports/tasks?{ASKED.partition('?')[2]}", format="csv")
    with staffed.runtime.transaction() as session:
        session.get_one(ReportTask, the_task(staffed).id).requested_by = "user:somebody-else"

    assert [staffed.get(path).status_code for path in (asked.location, f"{asked.location}/file")] == [404, 404]
    assert staffed.post(f"{asked.location}/cancel").status_code == 404


def test_who_loses_the_role_loses_the_file(staffed: Desk) -> None:
    asked = staffed.post(f"/reports/tasks?{ASKED.partition('?')[2]}", format="csv")
    with staffed.runtime.transaction() as session:
        accounts.set_role(session, staffed.user, staffed.clinic, "quality_analyst")

    assert staffed.get(asked.location).status_code == 404


def test_a_report_that_waits_can_be_cancelled(staffed: Desk) -> None:
    asked = staffed.post(f"/reports/tasks?{ASKED.partition('?')[2]}", format="csv")

    staffed.post(f"{asked.location}/cancel")

    assert make_reports(staffed.runtime) == 0
    assert "It was cancelled." in staffed.shown(asked.location)


def test_an_analyst_gets_a_report_every_month_and_ends_it(analyst: Desk) -> None:
    asked = "report=comparison&group_by=clinic"
    first = analyst.client.post(f"/reports/monthly?{asked}", data={"format": "pdf", "csrf_token": token(analyst)})
    again = analyst.client.post(f"/reports/monthly?{asked}", data={"format": "pdf", "csrf_token": token(analyst)})
    listed = analyst.shown("/reports")
    end = re.search(r"/reports/monthly/[\w-]+/end", analyst.get("/reports").text)

    assert (first.status_code, again.status_code) == (303, 303)
    assert "This person gets that report already." in listed
    assert "comparison, all clinics of your role, divided by clinic, as PDF" in listed
    assert end is not None
    analyst.client.post(end[0], data={"csrf_token": token(analyst)})
    assert "comparison, all clinics" not in analyst.shown("/reports")


def token(desk: Desk) -> str:
    return desk.get("/account").text.split('name="csrf_token" value="')[1].split('"')[0]


def test_the_episodes_behind_a_number_lead_to_their_courses_of_care(staffed: Desk) -> None:
    episode = staffed.episode(started_on=staffed.clock.now().date())
    period = f"&from={staffed.clock.now().date()}&to=2027-01-01"

    offered = staffed.get(ASKED + period).text
    ways = re.findall(r'<a href="(/reports/episodes[^"]+)" aria-label="([^"]+)">(.*?)</a>', offered)
    listed = staffed.get(unescape(ways[0][0])).text
    others = staffed.shown(f"/reports/episodes?visits=over&outcome=worse&{ASKED.partition('?')[2]}{period}")

    assert [way[1:] for way in ways] == [("1 Episodes: within, not yet due", "1")]  # From a count of nobody none leads.
    assert 'href="/reports?' in listed
    assert "#visits_by_outcome" in listed
    assert f'href="/episodes/{episode.id}"' in listed
    assert "No episode is counted there." in others
    with staffed.runtime.reading() as session:
        subjects = session.scalars(select(AuditEntry.subjects).where(AuditEntry.act == "GET /reports/episodes")).all()
    assert str(episode.id) in str(subjects[0])
    assert str(episode.patient_id) in str(subjects[0])


def test_a_number_there_is_none_of_lists_nothing(staffed: Desk) -> None:
    assert staffed.get(f"/reports/episodes?visits=many&outcome=worse&{ASKED.partition('?')[2]}").status_code == 400


def test_the_way_to_the_episodes_of_a_group_names_the_group(staffed: Desk) -> None:
    for side in ("left", "right"):
        staffed.episode(started_on=staffed.clock.now().date(), side=side)
    asked = f"{ASKED}&group_by=side&from={staffed.clock.now().date()}&to=2027-01-01"

    ways = re.findall(r'href="(/reports/episodes[^"]+)"', staffed.get(asked).text)
    listed = [staffed.get(unescape(way)).text for way in ways]

    assert [re.findall("group=(\\w+)", way) for way in ways] == [[], ["left"], ["right"]]
    assert [page.count('href="/episodes/') for page in listed] == [2, 1, 1]


def test_no_file_leads_to_an_episode(staffed: Desk) -> None:
    staffed.episode(started_on=staffed.clock.now().date())
    period = f"&from={staffed.clock.now().date()}&to=2027-01-01"

    files = [staffed.get(f"/reports/file?format={form}&{ASKED.partition('?')[2]}{period}") for form in ("html", "csv")]

    assert [file.status_code for file in files] == [200, 200]
    assert not any("/reports/episodes" in file.text or str(staffed.clinic.id) in file.text for file in files)


def test_no_episode_is_listed_to_an_analyst(analyst: Desk) -> None:
    for _ in range(12):
        analyst.episode(started_on=analyst.clock.now().date())
    analyst.later(days=365)

    table = analyst.get(f"{ASKED}&period=2026-01-01/2027-01-01").text.split('id="visits_by_outcome"')[1]

    assert "not assessable" in table.split("</table>")[0]
    assert "/reports/episodes" not in table
    assert analyst.get(f"/reports/episodes?visits=over&outcome=worse&{ASKED.partition('?')[2]}").status_code == 403
