"""Organisations, clinics and API keys, as those who run the service look them up: across tenants."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import NotFoundError
from prom_service.models import ApiKey, Clinic, ClinicText, Episode, Organisation, Patient


def find_organisation(session: Session, name: str) -> Organisation:
    """Return the organisation of this name, or this id; raise ``NotFoundError`` otherwise."""
    found = session.scalar(select(Organisation).where(Organisation.name == name))
    number = as_id(name)
    if found is None and number is not None:
        found = session.get(Organisation, number)
    if found is None:
        raise NotFoundError(f"There is no organisation {name!r}.")
    return found


def list_clinics(session: Session) -> Sequence[tuple[Clinic, str]]:
    """Return every clinic with the name of its organisation, by code."""
    query = select(Clinic, Organisation.name).join(Organisation, Organisation.id == Clinic.organisation_id)
    return [(clinic, name) for clinic, name in session.execute(query.order_by(Clinic.code))]


def clinics_of(session: Session, organisation_id: uuid.UUID | None) -> list[uuid.UUID]:
    """Return the clinics of an organisation."""
    return list(session.scalars(select(Clinic.id).where(Clinic.organisation_id == organisation_id)))


def list_languages(session: Session, clinic: Clinic) -> list[str]:
    """Return the languages in which the clinic asks: its own first, then those of its patients."""
    spoken = select(Patient.language).where(Patient.clinic_id == clinic.id, Patient.status.in_(("active", "paused")))
    return [clinic.language, *sorted(set(session.scalars(spoken.distinct())) - {clinic.language})]


def list_texts(session: Session, clinic: Clinic) -> list[tuple[str, Clinic | ClinicText | None]]:
    """Return what the clinic says itself, its own language first; None in a language of its patients without texts."""
    written: dict[str, Clinic | ClinicText] = {
        texts.language: texts for texts in session.scalars(select(ClinicText).where(ClinicText.clinic_id == clinic.id))
    }
    written[clinic.language] = clinic
    languages = dict.fromkeys([*list_languages(session, clinic), *sorted(written)])
    return [(language, written.get(language)) for language in languages]


def list_keys(
    session: Session, *, organisation_id: uuid.UUID | None = None, clinic_id: uuid.UUID | None = None
) -> Sequence[tuple[ApiKey, str, str | None]]:
    """Return the keys, revoked ones included, in the order they were created, each with its organisation and clinic."""
    query = (
        select(ApiKey, Organisation.name, Clinic.code)
        .join(Organisation, Organisation.id == ApiKey.organisation_id)
        .outerjoin(Clinic, Clinic.id == ApiKey.clinic_id)
    )
    if organisation_id is not None:
        query = query.where(ApiKey.organisation_id == organisation_id)
    if clinic_id is not None:
        query = query.where(ApiKey.clinic_id == clinic_id)
    return [(key, name, code) for key, name, code in session.execute(query.order_by(ApiKey.id))]


def find_key(session: Session, prefix: str) -> ApiKey:
    """Return the key with this public part, or this id; raise ``NotFoundError`` otherwise."""
    found = session.scalar(select(ApiKey).where(ApiKey.prefix == prefix))
    number = as_id(prefix)
    if found is None and number is not None:
        found = session.get(ApiKey, number)
    if found is None:
        raise NotFoundError("There is no such key.")
    return found


def find_episode_anywhere(session: Session, episode_id: uuid.UUID) -> Episode:
    """Return the episode of this id, whichever clinic's it is; raise ``NotFoundError`` otherwise."""
    found = session.get(Episode, episode_id)
    if found is None:
        raise NotFoundError("There is no such episode.")
    return found


def as_id(text: str) -> uuid.UUID | None:
    """Return the id that ``text`` writes, or None when it is something else."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
