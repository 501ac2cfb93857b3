"""What is put on record of patients and episodes: a row for each change, and none of them ever changes."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from prom_service.models import Clinic, Episode, EpisodeChange, Patient, PatientChange
from prom_service.services.clinics import today_at


def note_patient(
    session: Session,
    patient: Patient,
    kind: str,
    *,
    effective_on: dt.date | None = None,
    note: str = "",
    actor: str,
    now: dt.datetime,
) -> None:
    """Put on record that something of the patient has changed, in force since ``effective_on`` (None: today there)."""
    clinic = session.get_one(Clinic, patient.clinic_id)
    session.add(
        PatientChange(
            clinic_id=patient.clinic_id,
            patient_id=patient.id,
            kind=kind,
            effective_on=effective_on or today_at(clinic, now=now),
            note=note,
            actor=actor,
            recorded_at=now,
        )
    )
    session.flush()


def note_episode(
    session: Session,
    episode: Episode,
    kind: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any],
    actor: str,
    now: dt.datetime,
) -> None:
    """Put on record what has changed of the episode; days are written as ISO dates."""
    session.add(
        EpisodeChange(
            clinic_id=episode.clinic_id,
            episode_id=episode.id,
            kind=kind,
            before=_plain(before or {}),
            after=_plain(after),
            actor=actor,
            recorded_at=now,
        )
    )
    session.flush()


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, dt.date) else value for name, value in values.items()}
