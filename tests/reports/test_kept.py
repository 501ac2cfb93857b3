"""What is kept of every clinic as of a month's beginning says the same as the record, to the byte, or nothing."""

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service import __version__
from prom_service.db import make_engine
from prom_service.models import Clinic, Episode, KeptCounts, Organisation
from prom_service.reports import ReportQuery, make_report
from prom_service.reports.cohort import Cohort
from prom_service.reports.forms import export
from prom_service.reports.kept.content import as_kept
from prom_service.reports.kept.reading import kept_frames
from prom_service.reports.known import NOT_RECORDED
from prom_service.reports.layout import POOLED
from prom_service.reports.query import BASES, GROUPINGS
from prom_service.reports.utilization import KIND
from prom_service.reports.utilization.keeping import content_of
from prom_service.services import kept_counts
from prom_service.simulation.population import Size, write_population
from tests.reports.builders import instant
from tests.reports.cohort import AS_OF, CLOSED, START, a_cohort
from tests.reports.later import Later
from tests.support import database

EVERY = [(basis, group_by) for basis in BASES for group_by in (None, *GROUPINGS)]
SOME = [("episodes", None), ("episodes", "clinic"), ("episodes", "diagnosis"), ("activity", "clinician")]
OTHERS = [("episodes", "clinician"), ("episodes", "side"), ("activity", "pathway"), ("activity", "period")]
QUALITY = {"audience": "quality"}


def keep(session: Session, as_of: dt.datetime = AS_OF) -> None:
    """Keep the counts of every clinic."""
    for clinic_id in session.scalars(sa.select(Clinic.id)).all():
        content = as_kept(content_of(session, clinic_id, as_of=as_of))
        kept_counts.keep(session, clinic_id, as_of=as_of, **content)


def forget(session: Session) -> None:
    session.execute(sa.delete(KeptCounts))


def is_kept(session: Session, query: ReportQuery) -> bool:
    return kept_frames(Cohort(session, query)) is not None


def the_same(session: Session, queries: list[ReportQuery]) -> list[pd.DataFrame]:
    """Hold what is kept against the record, question by question; return the episodes of each."""
    kept = [KIND.extract(session, query) for query in queries if is_kept(session, query)]
    forget(session)
    assert len(kept) == len(queries)
    for query, ours in zip(queries, kept, strict=True):
        for name, frame in KIND.extract(session, query).frames().items():
            said = {"obj": f"{name}, {query.in_words()}", "check_dtype": not frame.empty}
            pd.testing.assert_frame_equal(ours.frames()[name], frame, **said)
    return [ours.episodes for ours in kept]


@pytest.fixture
def population(sqlite_template: Path, tmp_path: Path, full: bool) -> Iterator[Session]:
    """The rows are the same on either database."""
    engine = make_engine(database.copy_sqlite(sqlite_template, tmp_path))
    write_population(engine, Size(episodes=5_000 if full else 240, clinics=3, until=dt.date(2026, 1, 1)))
    with Session(engine) as session:
        yield session
    engine.dispose()


def test_a_population_is_counted_the_same_from_what_is_kept_of_it(population, full):
    as_of = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    organisation = population.scalars(sa.select(Organisation.id)).one()
    period = dt.date(2025, 12 if full else 1, 1), dt.date(2026, 1, 1)  # Short enough for groups too small to be named.
    queries = [
        ReportQuery((), organisation, *period, as_of, basis=basis, group_by=group_by, **QUALITY)
        for basis, group_by in (EVERY if full else SOME)
    ]
    keep(population, as_of)

    episodes = the_same(population, queries)

    named = {group for found in episodes for group in found["group"]}
    assert POOLED in named
    assert any(" / " in group for group in named)


def test_what_is_recorded_since_does_not_make_it_different(session, record, full):
    cohort = a_cohort(record)
    record.flag(cohort.episodes[4], "non_responder", "6-weeks", instant(dt.date(2026, 3, 1)))
    record.visit(dt.date(2026, 3, 5), cohort.episodes[2], cohort.episodes[4], clinician="C")
    record.clinic(cohort.organisation, "empty")
    keep(session)
    later = Later(record, cohort, AS_OF, random.Random(3))
    for _ in range(60):
        later.change()

    asked = EVERY if full else OTHERS
    the_same(session, [cohort.query(basis=basis, group_by=group_by, **QUALITY) for basis, group_by in asked])


@pytest.mark.parametrize("year", [2026, 2020], ids=["of some episodes", "of none"])
def test_a_report_from_what_is_kept_is_the_same_file(session, record, year):
    period = {"from_on": dt.date(year, 1, 1), "to_on": dt.date(year, 7, 1)}
    query = a_cohort(record).query(group_by="diagnosis", **period, **QUALITY)
    found = make_report(session, "utilization", query)
    keep(session, query.as_of)

    kept = make_report(session, "utilization", query)

    assert is_kept(session, query)
    assert export.render(kept, "json") == export.render(found, "json")


def test_one_of_some_clinics_rests_on_theirs(session, record):
    cohort = a_cohort(record)
    keep(session)
    session.execute(sa.delete(KeptCounts).where(KeptCounts.clinic_id != cohort.clinic.id))

    some = replace(cohort.query(group_by="clinician", **QUALITY), clinic_ids=(cohort.clinic.id,))

    assert not is_kept(session, cohort.query(**QUALITY))
    the_same(session, [some])


def test_what_is_not_of_the_instant_or_not_for_these_readers_is_not_used(session, record):
    cohort = a_cohort(record)
    ours, before = cohort.query(**QUALITY), dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
    keep(session)
    assert is_kept(session, ours)

    assert not is_kept(session, cohort.query(audience="clinic"))
    assert not is_kept(session, cohort.query(from_on=dt.date(2026, 5, 1), to_on=before.date(), as_of=before, **QUALITY))
    first = sa.select(KeptCounts.id).limit(1).scalar_subquery()
    for changed in ({"version": "another"}, {"version": __version__, "as_of": before}):
        session.execute(sa.update(KeptCounts).where(KeptCounts.id == first).values(**changed))
        assert not is_kept(session, ours)


def test_groups_are_named_from_the_same_number_of_patients_and_clinicians_on(session, record):
    """Ten patients and two clinicians at most: one fewer of either, or one only without a code, is too few."""
    clinic = record.clinic(organisation := record.organisation())
    for diagnosis, clinicians in {
        "enough": "ABABABABAB",
        "nine patients": "ABABABABA",
        "one clinician": "AAAAAAAAAA",
        "one recorded": "AAAAAAAAA ",
        "one twice": "ABABABABAB",
    }.items():
        for code in clinicians:
            last = record.episode(clinic, START, diagnosis=diagnosis, clinician=code.strip(), **CLOSED)
    first = session.scalars(sa.select(Episode).where(Episode.diagnosis == "one twice").limit(1)).one()
    last.patient_id = first.patient_id
    session.flush()
    keep(session)
    period = dt.date(2026, 1, 1), AS_OF.date()

    (episodes,) = the_same(session, [ReportQuery((), organisation.id, *period, AS_OF, group_by="diagnosis", **QUALITY)])

    assert set(episodes["group"]) == {"enough", POOLED}


def test_names_that_a_report_has_rows_of_are_written_the_same(session, record):
    words = ("All", POOLED, NOT_RECORDED, "")
    clinic = record.clinic(organisation := record.organisation(), "All")
    for number in range(48):
        names = {"diagnosis": words[number % 4], "clinician": words[number // 4 % 4]}
        record.episode(clinic, START, visits=1, **names, **CLOSED)
    period = dt.date(2026, 1, 1), AS_OF.date()
    keep(session)

    found = the_same(
        session,
        [
            ReportQuery((), organisation.id, *period, AS_OF, group_by=group_by, **QUALITY)
            for group_by in ("clinic", "clinician", "diagnosis")
        ],
    )

    written = {"“All”", "“(small groups)”", "“(not recorded)”", "(not recorded)"}
    assert [set(episodes["group"]) for episodes in found] == [
        {"“All”"},
        {f"All / {name}" for name in written},
        written,
    ]


def test_nothing_kept_says_who_anybody_is(session, record):
    cohort = a_cohort(record)

    keep(session)

    words = repr(session.scalars(sa.select(KeptCounts.words)).all())
    for episode in cohort.episodes.values():
        assert str(episode.id) not in words
        assert episode.id.hex not in words
        assert episode.patient_id.hex not in words
        assert repr(episode.external_id) not in words
