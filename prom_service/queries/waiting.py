"""Which questionnaires are waiting to be answered."""

import datetime as dt
import uuid
from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from prom_service.models import Administration, Episode, Patient
from prom_service.models.administration import ANSWERABLE_STATES


def find_waiting(session: Session, administration: Administration, *, now: dt.datetime) -> Administration | None:
    """Return the patient's other administration that takes answers at ``now``, the one closing first; or None."""
    patient_id = select(Episode.patient_id).where(Episode.id == administration.episode_id).scalar_subquery()
    return session.scalar(
        _waiting(now)
        .where(
            Episode.clinic_id == administration.clinic_id,
            Episode.patient_id == patient_id,
            Administration.id != administration.id,
        )
        .limit(1)
    )


def waiting_in_episode(session: Session, episode_id: uuid.UUID, *, now: dt.datetime) -> Sequence[Administration]:
    """Return the administrations of an episode that take answers at ``now``, in the order in which they close."""
    return session.scalars(_waiting(now).where(Administration.episode_id == episode_id)).all()


def _waiting(now: dt.datetime) -> Select[Administration]:
    return (
        select(Administration)
        .join(Episode, Episode.id == Administration.episode_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(
            Episode.closed_on.is_(None),
            Patient.status.in_(("active", "paused")),
            Administration.state.in_(ANSWERABLE_STATES),
            Administration.opens_at <= now,
            Administration.closes_at > now,
        )
        .order_by(Administration.closes_at, Administration.id)
    )
