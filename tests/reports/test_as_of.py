"""A report of the past is the same report again, whatever was recorded since."""

import datetime as dt
import io
import random
import zipfile
from itertools import cycle
from typing import Any

import openpyxl
import pytest
from arro3.io import read_parquet
from sqlalchemy import select

from prom_service.models import Episode, EpisodeVisit, Patient, Visit
from prom_service.reports import make_report
from prom_service.reports.forms import export
from prom_service.reports.query import GROUPINGS, REPORTS
from prom_service.reports.report import Report
from prom_service.services import enrolment, standing
from tests.builders import SECRET
from tests.reports.builders import Record, instant
from tests.reports.cohort import AS_OF, START, Cohort, a_cohort
from tests.reports.later import CHANGES as CHANGES_AT_RANDOM
from tests.reports.later import Later
from tests.support.paper import Sheets

LATER = AS_OF + dt.timedelta(days=1)
JUST_LATER = AS_OF + dt.timedelta(microseconds=1)


def more_visits(record: Record, cohort: Cohort) -> None:
    for _ in range(5):
        record.visit(dt.date(2026, 5, 1), cohort.episodes[1], at=JUST_LATER)


def a_voided_visit(record: Record, cohort: Cohort) -> None:
    record.void(a_visit_of(record, cohort.episodes[1]), JUST_LATER)


def a_visit_corrected(record: Record, cohort: Cohort) -> None:
    visit = a_visit_of(record, cohort.episodes[1])
    visit.number, visit.status = 2, "no_show"
    record.version(visit, JUST_LATER)


def a_visit_taken_off_an_episode(record: Record, cohort: Cohort) -> None:
    link = EpisodeVisit.episode_id == cohort.episodes[1].id
    record.session.scalars(select(EpisodeVisit).where(link).limit(1)).one().removed_at = JUST_LATER


def a_late_answer(record: Record, cohort: Cohort) -> None:
    record.administration(cohort.episodes[6], "3-months").started_at = JUST_LATER
    response = record.answers(cohort.episodes[6], "3-months", JUST_LATER)
    record.judged(cohort.episodes[6], response, "worse")


def another_judgement(record: Record, cohort: Cohort) -> None:
    response = record.answers(cohort.episodes[4], "3-months", JUST_LATER, number=2)
    record.judged(cohort.episodes[4], response, "improved", number=2)


def a_closing(record: Record, cohort: Cohort) -> None:
    cohort.episodes[6].closed_on = dt.date(2026, 7, 2)
    record.change(cohort.episodes[6], "closed", {}, {"closed_on": "2026-07-02", "reason": "done"}, JUST_LATER)


def a_reopening_and_closing(record: Record, cohort: Cohort) -> None:
    cohort.episodes[1].closed_on = None
    record.change(cohort.episodes[1], "changed", {"closed_on": "2026-06-01"}, {"closed_on": None}, JUST_LATER)


def other_names(record: Record, cohort: Cohort) -> None:
    episode = cohort.episodes[5]
    for before, after in (("B", "C"), ("C", "D")):
        record.change(episode, "changed", {"clinician": before}, {"clinician": after}, JUST_LATER)
    episode.clinician = "D"


def another_side(record: Record, cohort: Cohort) -> None:
    cohort.episodes[5].side = "left"
    record.change(cohort.episodes[5], "changed", {"side": "none"}, {"side": "left"}, JUST_LATER)


def a_withdrawal(record: Record, cohort: Cohort) -> None:
    administration = record.administration(cohort.episodes[6], "3-months")
    administration.state, administration.cancelled_reason = "cancelled", "withdrawn"
    administration.cancelled_at = JUST_LATER


def a_bounce(record: Record, cohort: Cohort) -> None:
    record.email(cohort.episodes[6], "6-weeks", 0, JUST_LATER, "sent", "bounced")


def a_new_episode(record: Record, cohort: Cohort) -> None:
    episode = record.episode(cohort.clinic, START, visits=0)
    episode.enrolled_at = JUST_LATER


def a_start_moved_out_of_the_period(record: Record, cohort: Cohort) -> None:
    move_start(record, cohort, 6, dt.date(2025, 12, 1))


def a_start_moved_within_the_period(record: Record, cohort: Cohort) -> None:
    move_start(record, cohort, 6, dt.date(2026, 6, 20))


def move_start(record: Record, cohort: Cohort, number: int, started_on: dt.date) -> None:
    """Move the start with the windows of what is not answered, as the service does."""
    episode = cohort.episodes[number]
    record.change(
        episode,
        "start_changed",
        {"started_on": episode.started_on.isoformat()},
        {"started_on": started_on.isoformat()},
        JUST_LATER,
    )
    moved = started_on - episode.started_on
    episode.started_on = started_on
    for timepoint in ("baseline", "6-weeks", "3-months"):
        administration = record.administration(episode, timepoint)
        for name in ("opens_at", "target_at", "late_after", "closes_at"):
            setattr(administration, name, getattr(administration, name) + moved)


CHANGES = [
    more_visits,
    a_voided_visit,
    a_visit_corrected,
    a_visit_taken_off_an_episode,
    a_late_answer,
    another_judgement,
    a_closing,
    a_reopening_and_closing,
    other_names,
    a_withdrawal,
    a_bounce,
    a_new_episode,
    a_start_moved_out_of_the_period,
    a_start_moved_within_the_period,
]


def test_a_side_corrected_later_changes_a_later_report_and_not_one_of_the_past(session, record):
    cohort = a_cohort(record)
    query = cohort.query(group_by="side")
    before = make_report(session, "utilization", query)

    another_side(record, cohort)
    session.flush()

    assert files(make_report(session, "utilization", query)) == files(before)
    later = make_report(session, "utilization", cohort.query(group_by="side", as_of=LATER))
    assert later.tables["visits_per_episode"]["group"].tolist() == ["All", "left", "none"]


def test_a_patient_who_moves_elsewhere_later_is_not_asked_later_in_a_report_of_the_past(session, record):
    """The 6-weeks window of a start on 4 May ends with 29 June in London, an hour before the report; west, after it."""
    cohort = a_cohort(record)
    episode = record.episode(cohort.clinic, dt.date(2026, 5, 4), visits=3)
    asked = record.administration(episode, "6-weeks")
    assert asked.late_after == AS_OF - dt.timedelta(days=1, hours=1)
    query = cohort.query(as_of=AS_OF - dt.timedelta(days=1))
    before = make_report(session, "utilization", query)

    zone = "America/Los_Angeles"
    record.change(episode, "patient_moved", {"time_zone": None}, {"time_zone": zone}, JUST_LATER)
    record.move(episode, zone)

    assert asked.late_after > query.as_of
    assert files(make_report(session, "utilization", query)) == files(before)


def test_a_closing_day_corrected_later_changes_a_later_report_and_not_one_of_the_past(session, record):
    """The care of episode 3 had lasted for three months on 1 June; on 9 April, a day before they passed, it had not."""
    session.info["secret"] = SECRET
    cohort = a_cohort(record)
    asked = [(name, cohort.query(audience=who)) for name in REPORTS for who in ("clinic", "quality")]
    before = [files(make_report(session, *one)) for one in asked]
    later = cohort.query(as_of=LATER)
    short_before = make_report(session, "process", later).tables["short_programmes"]

    enrolment.correct_close(
        session, cohort.episodes[3], closed_on=dt.date(2026, 4, 9), reason="Mistyped", actor="test", now=JUST_LATER
    )

    assert [files(make_report(session, *one)) for one in asked] == before
    short = make_report(session, "process", later).tables["short_programmes"]
    assert [set(one["short"]) for one in (short_before, short)] == [set(), {1}]


def test_a_death_that_is_taken_back_changes_no_report_of_the_past_and_none_of_what_it_ended(session, record):
    session.info["secret"] = SECRET
    cohort = a_cohort(record)
    patient = session.get_one(Patient, cohort.episodes[6].patient_id)
    alive = make_report(session, "utilization", cohort.query(as_of=LATER)).checksum
    standing.mark_deceased(session, patient, actor="test", now=AS_OF)
    asked = [(name, cohort.query()) for name in REPORTS]
    asked += [("utilization", cohort.query(**how)) for how in ({"audience": "quality"}, {"as_of": LATER})]
    before = [files(make_report(session, *one)) for one in asked]
    dead = make_report(session, "utilization", cohort.query(as_of=LATER)).checksum

    standing.resume(session, patient, note="Wrong patient", actor="test", now=JUST_LATER)

    assert patient.status == "active"
    assert dead != alive
    assert [files(make_report(session, *one)) for one in asked] == before


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_is_recorded_later_changes_a_later_report_and_not_one_of_the_past(session, record, change):
    cohort = a_cohort(record)
    query = cohort.query(group_by="clinician")
    before = make_report(session, "utilization", query)

    change(record, cohort)
    session.flush()

    assert files(make_report(session, "utilization", query)) == files(before)
    assert (
        make_report(session, "utilization", cohort.query(group_by="clinician", as_of=LATER)).checksum != before.checksum
    )


def test_no_report_of_the_past_is_changed_by_anything_that_happens_later(session, record, full):
    cohort = a_cohort(record)
    record.flag(cohort.episodes[4], "non_responder", "6-weeks", instant(dt.date(2026, 3, 1)))
    later = Later(record, cohort, AS_OF, random.Random(1))
    readers = ({"audience": "clinic"}, {"audience": "quality"}, {"basis": "activity"})
    every = [(name, group_by, how) for name in REPORTS for group_by in (None, *GROUPINGS) for how in readers]
    some = zip(REPORTS, ("clinician", None, "side", "diagnosis"), cycle(readers), strict=False)
    asked = [(name, cohort.query(group_by=group_by, **how)) for name, group_by, how in (every if full else some)]
    before = [files(make_report(session, name, query)) for name, query in asked]
    read = {name: (name, query) for name, query in reversed(asked)} if full else {"utilization": asked[0]}
    contents = {name: contents_of(make_report(session, *one)) for name, one in read.items()}

    made = {later.change() for _ in range(1000 if full else 80)}

    assert len(made) == len(CHANGES_AT_RANDOM)
    for (name, query), past in zip(asked, before, strict=True):
        assert files(make_report(session, name, query)) == past, (name, query.in_words())
    assert {name: contents_of(make_report(session, *one)) for name, one in read.items()} == contents


def test_a_report_says_as_of_when_it_holds(session, record):
    cohort = a_cohort(record)

    report = make_report(session, "utilization", cohort.query())

    assert report.as_of == AS_OF
    assert report.parameters["as_of"] == "2026-07-01T00:00:00+00:00"


def a_visit_of(record: Record, episode: Episode) -> Visit:
    served = select(EpisodeVisit.visit_id).where(EpisodeVisit.episode_id == episode.id)
    return record.session.scalars(select(Visit).where(Visit.id.in_(served)).order_by(Visit.visited_on).limit(1)).one()


def files(report: Report) -> dict[str, bytes]:
    """The forms that come out the same to the byte."""
    return {form: export.render(report, form) for form in ("csv", "json", "html")}


def contents_of(report: Report) -> dict[str, Any]:
    """What the other forms say to an independent reader: every cell, every column, every word."""
    book = openpyxl.load_workbook(io.BytesIO(export.render(report, "xlsx")))
    cells = {sheet.title: [[(one.value, one.number_format) for one in row] for row in sheet] for sheet in book}
    with zipfile.ZipFile(io.BytesIO(export.render(report, "parquet"))) as archive:
        tables = {name: read_parquet(io.BytesIO(archive.read(name))).read_all() for name in archive.namelist()}
    columns = {name: {one: table[one].to_pylist() for one in table.column_names} for name, table in tables.items()}
    words = Sheets(export.render(report, "pdf")).pages
    assert report.checksum in str(cells)
    assert report.checksum in " ".join(words)
    assert columns.keys() == {f"{layout.name}.parquet" for layout in report.kind.layouts}
    return {"xlsx": cells, "parquet": columns, "pdf": words}
