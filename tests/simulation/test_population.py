"""A population for recounts and benchmarks: the same everywhere, and such as the services would have left it."""

import datetime as dt
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from prom_service.db import make_engine
from prom_service.models import (
    Administration,
    Base,
    Clinic,
    Episode,
    FlagEvent,
    Judgement,
    Response,
    Score,
    VisitVersion,
)
from prom_service.pathway import rules
from prom_service.queries.facts import load_episodes
from prom_service.services.verification import verify_scores
from prom_service.simulation.population import Size, write_population

SIZE = Size(episodes=90, clinics=3, seed=7)
END = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def populated(sqlite_url: str) -> Iterator[Engine]:
    """The rows are the same on both databases, so that one of them tells what they hold."""
    engine = make_engine(sqlite_url)
    write_population(engine, SIZE)
    yield engine
    engine.dispose()


def rows_of(url: str) -> dict[str, list[tuple[object, ...]]]:
    engine = make_engine(url)
    write_population(engine, SIZE)
    with Session(engine) as session:
        tables = Base.metadata.sorted_tables
        found = {
            table.name: sorted((tuple(row) for row in session.execute(sa.select(table))), key=str) for table in tables
        }
    engine.dispose()
    return found


def test_the_same_size_and_seed_give_the_same_rows_on_both_databases(sqlite_url: str, postgres_url: str) -> None:
    assert rows_of(sqlite_url) == rows_of(postgres_url)


def test_no_row_points_to_one_that_is_not_there(populated: Engine) -> None:
    with populated.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_the_episodes_are_those_that_were_asked_for(populated: Engine) -> None:
    with Session(populated) as session:
        per_clinic = session.execute(sa.select(sa.func.count(Episode.id)).group_by(Episode.clinic_id)).scalars().all()

    assert per_clinic == [30, 30, 30]


def test_every_score_is_what_the_stored_answers_give(populated: Engine) -> None:
    with Session(populated) as session:
        batches = list(verify_scores(session))

    assert sum(batch.checked for batch in batches) > 150
    assert [one for batch in batches for one in batch.differences] == []


def test_every_checkpoint_is_judged_as_the_rules_judge_it(populated: Engine) -> None:
    with Session(populated) as session:
        kept = {
            (row.episode_id, row.checkpoint): (str(row.response_id), row.outcome, row.evidence["wording"])
            for row in session.scalars(sa.select(Judgement).order_by(Judgement.number))
        }
        found = {
            (one.id, key): (judged.response_id, judged.outcome, judged.evidence["wording"])
            for one in load_episodes(session, session.scalars(sa.select(Episode.id)))
            for key, judged in rules.judge_episode(one.facts).checkpoints.items()
        }

    assert kept == found
    assert len({outcome for _, outcome, _ in kept.values()}) > 4
    assert {wording for *_, wording in kept.values()} == {"own", "official", "mixed"}


def test_nothing_is_known_before_it_happened_or_after_the_end(populated: Engine) -> None:
    with Session(populated) as session:
        newest = [
            session.scalar(sa.select(sa.func.max(table.recorded_at)))
            for table in (Response, Score, Judgement, VisitVersion, FlagEvent)
        ]
        too_early = session.scalars(
            sa.select(Response.id)
            .join(Administration, Administration.id == Response.administration_id)
            .where(sa.or_(Response.recorded_at < Response.answered_at, Response.answered_at < Administration.opens_at))
        ).all()
        of_the_partial = session.scalars(sa.select(Response.partial).where(Response.partial)).all()

    assert all(moment < END for moment in newest)
    assert len(of_the_partial) > 0
    assert too_early == []


def test_facts_were_corrected_voided_amended_and_came_late(populated: Engine) -> None:
    """Without these, a report that ignores ``as_of`` would look right."""
    with Session(populated) as session:

        def count(*conditions: sa.ColumnElement[bool]) -> int:
            return session.scalar(sa.select(sa.func.count()).where(*conditions)) or 0

        assert count(VisitVersion.number > 1, ~VisitVersion.voided) > 0
        assert count(VisitVersion.voided) > 0
        assert count(Response.amendment) > 0
        assert count(Response.late) > 0
        assert count(Response.number > 1, ~Response.amendment) > 0
        assert count(Score.value.is_(None)) > 0


def test_flag_events_of_a_clinic_are_numbered_without_a_gap(populated: Engine) -> None:
    with Session(populated) as session:
        for clinic in session.scalars(sa.select(Clinic)):
            of_clinic = sa.select(FlagEvent.number).where(FlagEvent.clinic_id == clinic.id)
            numbers = session.scalars(of_clinic.order_by(FlagEvent.at, FlagEvent.number)).all()
            assert list(numbers) == list(range(1, clinic.flag_event_count + 1))


@pytest.mark.parametrize(("wrong", "said"), [({"clinics": 0}, "clinics"), ({"depth": "some"}, "depth")])
def test_a_size_that_makes_no_sense_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Size(**wrong)  # type: ignore[arg-type]
