"""A link that reached the wrong person."""

import datetime as dt

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from prom_service.models import Administration, Episode, Link, Patient
from prom_service.services import history, messages


def report_wrong_person(session: Session, patient: Patient, *, now: dt.datetime) -> None:
    """Stop everything that goes to the patient's present address: whoever opened the link says it is not for them.

    The address counts as refused until the clinic has corrected it, as after a bounce; every link sent so far is dead,
    because it may show earlier answers. The clinic sees who said so and when. Saying it again changes nothing.
    """
    if patient.bounced_at is None:
        patient.bounced_at = now
        history.note_patient(session, patient, "not_me", actor="patient", now=now)
    administrations = list(
        session.scalars(
            select(Administration.id)
            .join(Episode, Episode.id == Administration.episode_id)
            .where(Episode.clinic_id == patient.clinic_id, Episode.patient_id == patient.id)
        )
    )
    session.execute(
        update(Link)
        .where(Link.administration_id.in_(administrations), Link.purpose == "survey", Link.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    messages.cancel_pending(session, administrations, "not_me", actor="patient", now=now)
