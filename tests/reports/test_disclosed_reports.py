"""A whole report for readers outside the clinic: no row, group or sentence of it gives a patient away."""

import datetime as dt
import json

import pytest

from prom_service.models import Episode, Response
from prom_service.reports import known, make_report
from prom_service.reports.forms import export
from prom_service.reports.layout import COUNT, POOLED
from prom_service.reports.query import GROUPINGS, REPORTS
from prom_service.reports.utilization.layouts import LAYOUTS
from tests.reports.builders import Record
from tests.reports.cohort import START, a_cohort
from tests.support.paper import Sheets


@pytest.mark.parametrize(
    ("as_of", "told"),
    [
        (
            dt.datetime(2026, 12, 31, tzinfo=dt.UTC),
            "at its end, when part of it was not yet due. Asked for from 2027-01-01 on",
        ),
        (dt.datetime(2027, 1, 1, tzinfo=dt.UTC), "6 months after its end, for good"),
    ],
)
def test_a_reader_outside_the_clinic_is_told_whether_the_figures_will_change(session, record, as_of, told):
    cohort = a_cohort(record)

    outside, inside = (
        make_report(session, "utilization", cohort.query(audience=audience, as_of=as_of)).notes
        for audience in ("quality", "clinic")
    )

    assert [note for note in outside if f"The period is shown as it stood {told}" in note]
    assert not [note for note in inside if "The period is shown" in note]


def test_no_table_of_a_quality_report_shows_a_small_or_an_exact_count(session, record):
    cohort = a_cohort(record)
    for _ in range(13):
        record.episode(cohort.clinic, START, visits=3, clinician="A")

    report = make_report(session, "utilization", cohort.query(audience="quality", group_by="clinic"))

    shown = {
        value
        for layout in LAYOUTS
        for column in layout.columns
        if column.kind == COUNT
        for value in report.tables[layout.name][column.key]
    }
    assert "<10" in shown
    assert all(value in ("<10", "hidden") or (value >= 10 and value % 5 == 0) for value in shown)
    assert report.tables["visits_per_episode"]["group"].tolist() == ["All", "north"]
    assert json.loads(export.render(report, "json"))["tables"]["visits_per_episode"]["rows"][0]["over"] == "<10"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # Which rows there are is the same on either.
@pytest.mark.parametrize("name", REPORTS)
def test_no_patient_more_adds_a_row_or_a_sentence(session, record, full, name):
    cohort = a_cohort(record)
    for _ in range(20):
        record.judged(*with_answers(record, record.episode(cohort.clinic, START, visits=3, clinician="A")), "improved")
    for group_by in (None, *GROUPINGS) if full else ("clinician",):
        query = cohort.query(audience="quality", group_by=group_by)
        before = make_report(session, name, query)

        one_more = session.begin_nested()  # One for each grouping, or their group would become large enough.
        odd = record.episode(cohort.clinic, dt.date(2026, 3, 3), visits=29, clinician="Z", diagnosis="Z", side="left")
        answered = with_answers(record, odd, mode="phone", wording="own", partial=True, value=0.0)
        record.judged(*answered, "worse", wording="own")
        record.flag(odd, "deterioration", "3-months", answered[1].recorded_at, wording="own")
        after = make_report(session, name, query)

        assert sum(map(len, before.tables.values())) > 10
        assert (after.notes, after.parameters, after.versions) == (before.notes, before.parameters, before.versions)
        for layout in after.kind.layouts:
            names = [one.key for one in layout.columns if one.kind in ("text", "key") and not one.derived]
            assert after.tables[layout.name][names].equals(before.tables[layout.name][names]), layout.name
        one_more.rollback()


def test_a_table_that_shows_no_row_says_why_and_is_not_drawn(session, record):
    few = a_cohort(record).query(audience="quality")
    report = make_report(session, "utilization", few)

    page, sheets = export.render(report, "html").decode(), Sheets(export.render(report, "pdf"))

    for text in (page, sheets.text):
        assert "No row to show. Rows without a count that may be shown are left out." in text
    assert "Visits of one episode</text>" not in page


def with_answers(record: Record, episode: Episode, **how: object) -> tuple[Episode, Response]:
    """The episode with answers at its start and at 3 months."""
    baseline = record.administration(episode, "baseline")
    record.answers(episode, "baseline", baseline.opens_at + dt.timedelta(hours=1))
    target = record.administration(episode, "3-months").target_at
    return episode, record.answers(episode, "3-months", target, **how)


def test_the_checksum_outside_the_clinic_is_that_of_what_is_shown(session, record):
    cohort = a_cohort(record)
    queries = [cohort.query(audience=audience) for audience in ("clinic", "quality")]
    before = [make_report(session, "utilization", query).checksum for query in queries]

    cohort.episodes[1].closed_on = None
    session.flush()
    after = [make_report(session, "utilization", query).checksum for query in queries]

    assert after[0] != before[0]
    assert after[1] == before[1]


def test_groups_are_named_from_10_patients_and_diagnoses_from_2_clinicians_on(session, record):
    cohort = a_cohort(record)
    for number in range(20):
        who = ("First", "Second")[number % 2]
        record.episode(cohort.clinic, START, visits=1, clinician=who, diagnosis="Common")
    for _ in range(10):
        record.episode(cohort.clinic, START, visits=1, clinician="Third", diagnosis="Of one clinician")
    for _ in range(9):
        record.episode(cohort.clinic, START, visits=1, clinician="Rare", diagnosis="Rare")
    named = {"clinician": {"First", "Second", "Third"}, "diagnosis": {"Common", known.NOT_RECORDED}}

    for group_by, expected in named.items():
        report = make_report(session, "utilization", cohort.query(audience="quality", group_by=group_by))

        for form in ("csv", "json", "html"):
            assert b"Rare" not in export.render(report, form)
        groups = {group.rpartition(" / ")[2] for group in report.tables["activity"]["group"]}
        assert groups == {"All", POOLED, *expected}
