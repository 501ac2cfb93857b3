"""The episodes of one cell of visits beside outcomes, for the clinic's own staff."""

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError
from prom_service.models import Episode, Patient
from prom_service.reports.cell import Cell
from prom_service.reports.cohort import Cohort
from prom_service.reports.query import ReportQuery
from prom_service.reports.rounding import EVERYTHING
from prom_service.reports.utilization.extract import courses
from prom_service.reports.utilization.tables import WORDINGS


def list_episodes(
    session: Session, query: ReportQuery, cell: Cell, *, after: uuid.UUID | None = None, limit: int = 50
) -> Sequence[Any]:
    """Return up to ``limit`` episodes that the report counts in ``cell``, by id, from the one behind ``after``.

    Columns: id, external_id, patient_id, patient_external_id, started_on, side, clinician, closed, visits, outcome,
    wording; all but the numbers of the clinic as they stood at the instant. Raises ``InvalidInputError`` for readers
    outside the clinic.
    """
    if query.audience != "clinic":
        raise InvalidInputError({"audience": ["Episodes are listed for the clinic's own staff only."]})
    cohort = Cohort(session, query)
    chosen, course = cohort.chosen, courses(cohort, cohort.visits_of_each()).subquery()
    found = (
        sa.select(
            chosen.c.id,
            Episode.external_id,
            Patient.id.label("patient_id"),
            Patient.external_id.label("patient_external_id"),
            *(chosen.c[name] for name in ("started_on", "side", "clinician", "closed")),
            *(course.c[name] for name in ("visits", "outcome", "wording")),
        )
        .select_from(chosen)
        .join(course, course.c.episode_id == chosen.c.id)
        .join(Episode, Episode.id == chosen.c.id)
        .join(Patient, Patient.id == chosen.c.patient_id)
        .where(*_conditions(cohort, course, cell))
    )
    if after is not None:
        found = found.where(chosen.c.id > after)
    return session.execute(found.order_by(chosen.c.id).limit(limit)).all()


def _conditions(cohort: Cohort, course: Any, cell: Cell) -> list[sa.ColumnElement[bool]]:
    limits = {pathway.ref: pathway.visit_limit for pathway in cohort.pathways}
    over = course.c.visits > sa.case(limits, value=course.c.pathway)
    waiting = cell.outcome == "not_yet_due"
    met = [over if cell.visits == "over" else sa.not_(over), course.c.due == (0 if waiting else 1)]
    if not waiting:
        met.append(course.c.outcome == cell.outcome)
    if cell.group not in (None, EVERYTHING):
        met.append(course.c.group == cell.group)
    if cell.wording is not None:
        met.append(course.c.wording.in_([key for key, word in WORDINGS.items() if word == cell.wording]))
    return met
