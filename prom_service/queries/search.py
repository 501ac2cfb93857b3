"""Searching one clinic's rows by patient, day, change and number, page by page in the order of their ids."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.orm import Session

from instruments import all_instruments
from instruments.answer import SKIPPED
from prom_service.db import UtcDateTime
from prom_service.models import (
    Administration,
    AnswerSet,
    Episode,
    EpisodeChange,
    EpisodeVisit,
    Flag,
    Patient,
    PatientChange,
    Response,
    Score,
    Visit,
    VisitVersion,
)

MOMENTS: Final = ("eq", "ne", "lt", "gt", "ge", "le", "sa", "eb")
NOTHING_ANSWERED: Final = sorted({bytes([SKIPPED % 256]) * len(one.items) for one in all_instruments()})
"""The codes of a set in which every item was skipped."""


@dataclass(frozen=True)
class Moment:
    """A condition on when something was: ``relation`` is one of ``MOMENTS``, to the time from ``start`` to ``end``."""

    relation: str
    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True)
class Wanted:
    """Which rows are wanted: all conditions hold. ``after`` is the last id of the page before."""

    id: uuid.UUID | None = None
    patient: uuid.UUID | None = None
    dates: Sequence[Moment] = ()
    updated: Sequence[Moment] = ()
    values: Mapping[str, str | None] = field(default_factory=dict)
    """Words and numbers by the names that the shelf knows; None is one that no row has."""
    after: uuid.UUID | None = None
    limit: int = 50


@dataclass(frozen=True)
class Shelf:
    """One kind of row, and its columns by which it is found."""

    rows: Select[*tuple[Any, ...]]
    clinic_id: ColumnElement[uuid.UUID]
    id: ColumnElement[uuid.UUID]
    patient_id: ColumnElement[Any]
    updated_at: ColumnElement[Any]
    date: ColumnElement[Any] | None = None
    values: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)


def search(session: Session, shelf: Shelf, clinic_id: uuid.UUID, wanted: Wanted) -> Sequence[Row[Any]]:
    """Return up to ``wanted.limit`` rows of the clinic, in the order of their ids; no page ever shows one twice.

    Each row says whose it is, ``owner_id``, and since when it is as it is, ``updated_at``.
    """
    described = shelf.rows.add_columns(shelf.updated_at.label("updated_at"), shelf.patient_id.label("owner_id"))
    query = described.where(shelf.clinic_id == clinic_id)
    if wanted.id is not None:
        query = query.where(shelf.id == wanted.id)
    if wanted.patient is not None:
        query = query.where(shelf.patient_id == wanted.patient)
    if shelf.date is not None:
        query = query.where(*(_when(shelf.date, moment) for moment in wanted.dates))
    query = query.where(*(_when(shelf.updated_at, moment) for moment in wanted.updated))
    query = query.where(*(_has(shelf.values[name], value) for name, value in wanted.values.items()))
    if wanted.after is not None:
        query = query.where(shelf.id > wanted.after)
    return session.execute(query.order_by(shelf.id).limit(wanted.limit)).all()


def serving(session: Session, clinic_id: uuid.UUID, visit_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Return the episodes that each visit serves."""
    rows = session.execute(
        select(EpisodeVisit.visit_id, EpisodeVisit.episode_id)
        .where(
            EpisodeVisit.clinic_id == clinic_id,
            EpisodeVisit.visit_id.in_(visit_ids),
            EpisodeVisit.removed_at.is_(None),
        )
        .order_by(EpisodeVisit.id)
    )
    served: dict[uuid.UUID, list[uuid.UUID]] = {}
    for visit_id, episode_id in rows:
        served.setdefault(visit_id, []).append(episode_id)
    return served


def answer_sets(
    session: Session, clinic_id: uuid.UUID, response_ids: Sequence[uuid.UUID]
) -> dict[tuple[uuid.UUID, str], tuple[uuid.UUID, str]]:
    """Return for each response and instrument the id of its answers, and in whose words they were given."""
    rows = session.execute(
        select(AnswerSet.response_id, AnswerSet.instrument, AnswerSet.id, AnswerSet.wording).where(
            AnswerSet.clinic_id == clinic_id, AnswerSet.response_id.in_(response_ids)
        )
    )
    return {(response_id, instrument): (id_, wording) for response_id, instrument, id_, wording in rows}


def _has(column: ColumnElement[Any], value: str | None) -> ColumnElement[bool]:
    return sa.false() if value is None else column == value


def _when(column: ColumnElement[Any], moment: Moment) -> ColumnElement[bool]:
    """Return whether the column, an instant or a day, stands in the relation to the moment."""
    by_day = isinstance(column.type, sa.Date)
    start: Any = moment.start.date() if by_day else moment.start
    end: Any = (moment.end - dt.timedelta(microseconds=1)).date() + dt.timedelta(days=1) if by_day else moment.end
    conditions: dict[str, ColumnElement[bool]] = {
        "eq": sa.and_(column >= start, column < end),
        "ne": sa.or_(column < start, column >= end),
        "lt": column < start,
        "eb": column < start,
        "gt": column >= end,
        "sa": column >= end,
        "ge": column >= start,
        "le": column < end,
    }
    return conditions[moment.relation]


def _newest(recorded_at: Any, owner: ColumnElement[bool], otherwise: Any) -> ColumnElement[dt.datetime]:
    """Return when the newest row of a history was recorded, or the other column when there is none."""
    newest = select(func.max(recorded_at)).where(owner).scalar_subquery()
    return func.coalesce(newest, otherwise, type_=UtcDateTime())


_OWNER_OF_VISIT = (
    select(Episode.patient_id)
    .join(EpisodeVisit, EpisodeVisit.episode_id == Episode.id)
    .where(EpisodeVisit.visit_id == Visit.id, EpisodeVisit.removed_at.is_(None), Episode.clinic_id == Visit.clinic_id)
    .limit(1)
    .correlate(Visit)
    .scalar_subquery()
)

_SERVED_AT = func.coalesce(EpisodeVisit.removed_at, EpisodeVisit.recorded_at)
"""When it last changed whether a visit serves an episode."""
_VISIT_CHANGED_AT = sa.case((VisitVersion.recorded_at < _SERVED_AT, _SERVED_AT), else_=VisitVersion.recorded_at)
_OF_VISIT = sa.and_(
    VisitVersion.visit_id == Visit.id,
    EpisodeVisit.visit_id == VisitVersion.visit_id,
    EpisodeVisit.clinic_id == VisitVersion.clinic_id,
)

PATIENTS: Final = Shelf(
    select(Patient),
    clinic_id=Patient.__table__.c.clinic_id,
    id=Patient.__table__.c.id,
    patient_id=Patient.__table__.c.id,
    updated_at=_newest(PatientChange.recorded_at, PatientChange.patient_id == Patient.id, Patient.created_at),
    values={"identifier": Patient.__table__.c.external_id},
)
EPISODES: Final = Shelf(
    select(Episode),
    clinic_id=Episode.__table__.c.clinic_id,
    id=Episode.__table__.c.id,
    patient_id=Episode.__table__.c.patient_id,
    updated_at=_newest(EpisodeChange.recorded_at, EpisodeChange.episode_id == Episode.id, Episode.enrolled_at),
    date=Episode.__table__.c.started_on,
    values={"identifier": Episode.__table__.c.external_id},
)
VISITS: Final = Shelf(
    select(Visit),
    clinic_id=Visit.__table__.c.clinic_id,
    id=Visit.__table__.c.id,
    patient_id=_OWNER_OF_VISIT,
    updated_at=_newest(_VISIT_CHANGED_AT, _OF_VISIT, Visit.recorded_at),
    date=Visit.__table__.c.visited_on,
    values={"identifier": Visit.__table__.c.external_id},
)
FLAGS: Final = Shelf(
    select(Flag).join(Episode, Episode.id == Flag.episode_id),
    clinic_id=Flag.__table__.c.clinic_id,
    id=Flag.__table__.c.id,
    patient_id=Episode.__table__.c.patient_id,
    updated_at=Flag.__table__.c.updated_at,
    date=Flag.__table__.c.raised_at,
)
RESPONSES: Final = Shelf(
    select(AnswerSet, Response, Administration)
    .join(Response, Response.id == AnswerSet.response_id)
    .join(Administration, Administration.id == Response.administration_id)
    .join(Episode, Episode.id == Response.episode_id)
    .where(AnswerSet.codes.not_in(NOTHING_ANSWERED)),
    clinic_id=AnswerSet.__table__.c.clinic_id,
    id=AnswerSet.__table__.c.id,
    patient_id=Episode.__table__.c.patient_id,
    updated_at=Response.__table__.c.recorded_at,
    date=Response.__table__.c.answered_at,
    values={
        "questionnaire": AnswerSet.__table__.c.instrument,
        "based-on": Response.__table__.c.administration_id,
    },
)
SCORES: Final = Shelf(
    select(Score, Response, Administration)
    .join(Response, Response.id == Score.response_id)
    .join(Administration, Administration.id == Response.administration_id)
    .join(Episode, Episode.id == Score.episode_id)
    .where(Score.answered > 0),
    clinic_id=Score.__table__.c.clinic_id,
    id=Score.__table__.c.id,
    patient_id=Episode.__table__.c.patient_id,
    updated_at=Score.__table__.c.recorded_at,
    date=Response.__table__.c.answered_at,
    values={"code": Score.__table__.c.instrument + "." + Score.__table__.c.scale},
)
