"""Finding rows inside one clinic. Another clinic's row is not there: the two cases look the same from outside."""

import uuid
from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.sql.base import ExecutableOption

from prom_service.errors import NotFoundError
from prom_service.models import Administration, Clinic, Episode, EpisodeVisit, Patient, Visit
from prom_service.models.columns import TenantOwned

Row = TypeVar("Row", bound=TenantOwned)


def find_patient(session: Session, clinic_id: uuid.UUID, patient_id: uuid.UUID) -> Patient:
    """Return the clinic's patient; raise ``NotFoundError`` otherwise."""
    return _find(session, Patient, clinic_id, patient_id, "patient")


def find_episode(session: Session, clinic_id: uuid.UUID, episode_id: uuid.UUID) -> Episode:
    """Return the clinic's episode with its patient; raise ``NotFoundError`` otherwise."""
    return _find(session, Episode, clinic_id, episode_id, "episode", joinedload(Episode.patient))


def find_administration(session: Session, clinic_id: uuid.UUID, administration_id: uuid.UUID) -> Administration:
    """Return the clinic's administration; raise ``NotFoundError`` otherwise."""
    return _find(session, Administration, clinic_id, administration_id, "administration")


def find_timepoint(session: Session, episode: Episode, timepoint: str) -> Administration:
    """Return the administration of a timepoint of the episode; raise ``NotFoundError`` naming those there are."""
    query = select(Administration).where(Administration.episode_id == episode.id).order_by(Administration.sequence)
    administrations = {one.timepoint: one for one in session.scalars(query)}
    if timepoint not in administrations:
        raise NotFoundError(f"There is no timepoint {timepoint!r}; there are {', '.join(administrations)}.")
    return administrations[timepoint]


def find_clinic_by_code(session: Session, code: str) -> Clinic:
    """Return the clinic with this code, or this id; raise ``NotFoundError`` otherwise."""
    clinic = session.scalar(select(Clinic).where(Clinic.code == code))
    if clinic is None:
        try:
            clinic = session.get(Clinic, uuid.UUID(code))
        except ValueError:
            clinic = None
    if clinic is None:
        raise NotFoundError(f"There is no clinic {code!r}.")
    return clinic


def list_patients(
    session: Session,
    clinic_id: uuid.UUID,
    *,
    external_id: str | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> Sequence[Patient]:
    """Return up to ``limit`` patients of the clinic in the order they were registered, those behind ``after``."""
    query = select(Patient).where(Patient.clinic_id == clinic_id)
    if external_id is not None:
        query = query.where(Patient.external_id == external_id)
    return _page(session, query, Patient, after, limit)


def list_episodes(
    session: Session,
    clinic_id: uuid.UUID,
    *,
    external_id: str | None = None,
    patient_external_id: str | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> Sequence[Episode]:
    """Return up to ``limit`` episodes of the clinic in the order they were enrolled, from the one behind ``after``."""
    query = select(Episode).where(Episode.clinic_id == clinic_id).options(joinedload(Episode.patient))
    if external_id is not None:
        query = query.where(Episode.external_id == external_id)
    if patient_external_id is not None:
        query = query.join(Patient, Patient.id == Episode.patient_id).where(Patient.external_id == patient_external_id)
    return _page(session, query, Episode, after, limit)


def list_visits(
    session: Session, episode: Episode, *, after: uuid.UUID | None = None, limit: int = 50
) -> Sequence[Visit]:
    """Return up to ``limit`` visits of the episode, voided ones included, in the order they were first recorded."""
    query = (
        select(Visit)
        .join(EpisodeVisit, EpisodeVisit.visit_id == Visit.id)
        .where(EpisodeVisit.episode_id == episode.id, EpisodeVisit.removed_at.is_(None))
    )
    return _page(session, query, Visit, after, limit)


def find_open_episodes(
    session: Session,
    clinic_id: uuid.UUID,
    *,
    episode_external_id: str | None = None,
    patient_external_id: str | None = None,
) -> Sequence[Episode]:
    """Return the open episodes that the clinic's own numbers name; either number may be left out, not both."""
    query = (
        select(Episode)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(Episode.clinic_id == clinic_id, Episode.closed_on.is_(None))
    )
    if episode_external_id:
        query = query.where(Episode.external_id == episode_external_id)
    if patient_external_id:
        query = query.where(Patient.external_id == patient_external_id)
    return session.scalars(query.order_by(Episode.id).limit(3)).all()


def _find(
    session: Session, table: type[Row], clinic_id: uuid.UUID, row_id: uuid.UUID, noun: str, *options: ExecutableOption
) -> Row:
    row = session.scalar(select(table).where(table.clinic_id == clinic_id, table.id == row_id).options(*options))
    if row is None:
        raise NotFoundError(f"There is no such {noun}.")
    return row


def _page(session: Session, query: Select[Row], table: type[Row], after: uuid.UUID | None, limit: int) -> Sequence[Row]:
    if after is not None:
        query = query.where(table.id > after)
    return session.scalars(query.order_by(table.id).limit(limit)).all()
