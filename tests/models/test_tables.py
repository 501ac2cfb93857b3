"""What the tables refuse, whoever asks: these hold when every line of code above them is wrong."""

import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from prom_service.db import Base
from prom_service.models import Administration, Episode, Flag, Message, Patient, Response, Score
from prom_service.runtime import Runtime
from prom_service.services import submission
from tests import builders
from tests.fakes import Clock

FACTS = (
    "saved_answer",
    "response",
    "answer_set",
    "score",
    "judgement",
    "visit_version",
    "patient_change",
    "episode_change",
    "message_event",
    "flag_event",
    "wording_pack",
    "wording_withdrawal",
    "pinned_pack",
    "clinic_pathway",
    "pathway_preview",
    "pathway_activation",
    "audit_entry",
)
NOT_OF_A_CLINIC = {
    "brake",
    "organisation",
    "clinic",
    "user",
    "membership",
    "staff_session",
    "throttle",
    "api_key",
    "idempotent_request",
    "lease",
    "heartbeat",
    "job_run",
    "pace",
    "recovery_code",
    "report_letter",
}
OF_A_PERSON = {"report_subscription", "report_task"}
"""Of whoever asked for it, about one clinic or several: the clinic is named where it is one."""


@pytest.fixture
def answered(runtime: Runtime, clock: Clock) -> Episode:
    """An episode with an urgent symptom at baseline and no change at 6 weeks, in words that were withdrawn since, at a
    clinic that has changed its pathway.
    """
    from prom_service.services import visits, wording_packs
    from prom_service.services.visits import VisitDetails

    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        episode = builders.an_episode(session, clinic, now=clock.now())
        builders.a_pack(session, clinic, "nprs-1.0", now=clock.now())
        for timepoint in ("baseline", "6-weeks"):
            administration = builders.the_administration(session, episode, timepoint)
            submission.start(session, administration, now=clock.now())
            answers = builders.complete_answers(administration, episode, ihot=40)
            submission.submit(session, administration, answers=answers, now=clock.now())
            clock.advance(days=42)
        wording_packs.withdraw_pack(session, clinic, "nprs-1.0", "en", actor="test", now=clock.now())
        visits.record_visit(session, episode, "V1", VisitDetails(clock.now().date()), actor="test", now=clock.now())
        builders.a_pathway(session, clinic, {"limit": "20"}, now=clock.now())
    return episode


def test_every_table_with_a_clinic_s_rows_names_the_clinic() -> None:
    without = {name for name, table in Base.metadata.tables.items() if "clinic_id" not in table.c}

    assert without == NOT_OF_A_CLINIC - {"membership", "api_key"}


def test_every_reference_between_a_clinic_s_rows_carries_the_clinic() -> None:
    owned = {name for name in Base.metadata.tables if name not in NOT_OF_A_CLINIC | OF_A_PERSON}
    loose = [
        f"{name}.{key.parent.name}"
        for name in owned
        for constraint in Base.metadata.tables[name].foreign_key_constraints
        for key in constraint.elements
        if key.column.table.name in owned and "clinic_id" not in constraint.column_keys
    ]

    assert loose == []


def test_every_table_of_facts_says_when_it_was_recorded() -> None:
    silent = [name for name in FACTS if "recorded_at" not in Base.metadata.tables[name].c]

    assert silent == ["answer_set"]  # It is part of its response, which says so.


def test_no_index_leads_where_another_leads_already() -> None:
    """An index costs a page of the disk for every row that is written; a partial one is smaller than its like."""
    needless = []
    for name, table in Base.metadata.tables.items():
        keys = [one for one in table.constraints if isinstance(one, sa.UniqueConstraint | sa.PrimaryKeyConstraint)]
        leads = [[column.name for column in one.columns] for one in (*keys, *table.indexes) if not _is_partial(one)]
        for index in table.indexes:
            columns = [column.name for column in index.columns]
            alike = sum(other[: len(columns)] == columns for other in leads)
            if not index.unique and not _is_partial(index) and alike > 1:
                needless.append(f"{name}.{index.name}")

    assert needless == []


def _is_partial(key: sa.Index | sa.Constraint) -> bool:
    return isinstance(key, sa.Index) and key.dialect_options["sqlite"]["where"] is not None


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("table", FACTS)
def test_a_fact_is_written_once(runtime: Runtime, table: str) -> None:
    with runtime.reading() as session:
        assert session.scalar(sa.text(f"SELECT count(*) FROM {table}")) > 0

    with pytest.raises(DBAPIError, match="a fact is written once"), runtime.transaction() as session:
        session.execute(sa.text(f"UPDATE {table} SET clinic_id = clinic_id"))


def test_a_reference_to_another_clinic_s_row_cannot_be_stored(
    runtime: Runtime, clock: Clock, answered: Episode
) -> None:
    with runtime.transaction() as session:
        other = builders.a_clinic(session, now=clock.now())
        patient = builders.a_patient(session, other, now=clock.now())

    with pytest.raises(IntegrityError), runtime.transaction() as session:
        session.execute(sa.update(Episode).where(Episode.id == answered.id).values(patient_id=patient.id))


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (Patient, {"status": "asleep"}),
        (Episode, {"side": "up"}),
        (Administration, {"state": "late"}),
        (Message, {"phase": "lost"}),
        (Flag, {"severity": "dire"}),
        (Flag, {"status": "resolved"}),
    ],
)
def test_a_word_that_is_not_on_the_list_is_refused(
    runtime: Runtime, answered: Episode, table: Any, values: dict[str, str]
) -> None:
    with pytest.raises(IntegrityError), runtime.transaction() as session:
        session.execute(sa.update(table).where(table.clinic_id == answered.clinic_id).values(**values))


def test_a_score_that_is_not_finite_is_refused(runtime: Runtime, clock: Clock, answered: Episode) -> None:
    with runtime.reading() as session:
        response = session.scalars(sa.select(Response)).first()
        assert response is not None
    row = {"id": uuid.uuid4(), "clinic_id": answered.clinic_id, "episode_id": answered.id, "response_id": response.id}
    score = {"instrument": "x", "scale": "total", "answered": 1, "items": 1, "derived": False, "engine": "1"}
    with pytest.raises(IntegrityError), runtime.transaction() as session:
        session.execute(sa.insert(Score).values(**row, **score, value=float("inf"), recorded_at=clock.now()))


def test_a_window_that_closes_before_it_turns_late_is_refused(runtime: Runtime, answered: Episode) -> None:
    with pytest.raises(IntegrityError), runtime.transaction() as session:
        session.execute(
            sa.update(Administration)
            .where(Administration.episode_id == answered.id)
            .values(closes_at=Administration.opens_at)
        )
