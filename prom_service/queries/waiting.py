"""Which questionnaire of the same patient is waiting to be answered."""

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import Administration, Episode, Patient
from prom_service.models.administration import ANSWERABLE_STATES


def find_waiting(session: Session, administration: Administration, *, now: dt.datetime) -> Administration | None:
    """Return the patient's other administration that takes answers at ``now``, the one closing first; or None."""
    patient_id = select(Episode.patient_id).where(Episode.id == administration.episode_id).scalar_subquery()
    return session.scalar(
        select(Administration)
        .join(Episode, Episode.id == Administration.episode_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(
            Episode.clinic_id == administration.clinic_id,
            Episode.patient_id == patient_id,
            Episode.closed_on.is_(None),
            Patient.status.in_(("active", "paused")),
            Administration.id != administration.id,
            Administration.state.in_(ANSWERABLE_STATES),
            Administration.opens_at <= now,
            Administration.closes_at > now,
        )
        .order_by(Administration.closes_at, Administration.id)
        .limit(1)
    )
