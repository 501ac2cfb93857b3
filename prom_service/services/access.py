"""Who may come in without a log-in: patients by the link of a message, programs by a key."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from prom_service import tenancy
from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Administration, ApiKey, Clinic, ClinicText, Episode, Link, Organisation, Patient
from prom_service.models.api_key import QUALITY_SCOPES, SCOPES
from prom_service.services.clinic_texts import ClinicTexts, texts_for_patient
from prom_service.services.key_text import is_key_text, new_key_text
from prom_service.services.tokens import digest, new_token

LONGEST_LIFE = dt.timedelta(days=365)
KEYS_OF_A_NAME = 2
"""Keys of one name that may work at a time: one and its successor."""
NAME_LENGTH = 200
"""Characters; PostgreSQL keeps no more."""
KEY_USE_NOTED_EVERY = dt.timedelta(hours=1)
TARGET = (
    select(Link, Administration, Episode, Patient, Clinic, ClinicText)
    .join(Administration, Administration.id == Link.administration_id)
    .join(Episode, Episode.id == Administration.episode_id)
    .join(Patient, Patient.id == Episode.patient_id)
    .join(Clinic, Clinic.id == Link.clinic_id)
    .outerjoin(ClinicText, (ClinicText.clinic_id == Clinic.id) & (ClinicText.language == Patient.language))
    .where(Link.digest == bindparam("sought"), Link.revoked_at.is_(None))
)

KEY = select(
    ApiKey.id,
    ApiKey.name,
    ApiKey.organisation_id,
    ApiKey.clinic_id,
    ApiKey.scopes,
    ApiKey.expires_at,
    ApiKey.revoked_at,
).where(ApiKey.digest == bindparam("sought"))


@dataclass(frozen=True)
class LinkTarget:
    """What a link leads to."""

    link: Link
    administration: Administration
    episode: Episode
    patient: Patient
    clinic: Clinic
    clinic_texts: ClinicTexts


@dataclass(frozen=True)
class Principal:
    """The program behind a request: which key it holds and what that key opens."""

    key_id: uuid.UUID
    name: str
    organisation_id: uuid.UUID
    clinic_id: uuid.UUID | None
    """None for a quality key."""
    scopes: frozenset[str]

    @property
    def actor(self) -> str:
        """How this key is named in the record."""
        return f"key:{self.key_id}"


def issue_link(
    session: Session,
    administration: Administration,
    *,
    purpose: str = "survey",
    message_id: uuid.UUID | None = None,
    issued_by: str = "sweep",
    secret: bytes,
    now: dt.datetime,
) -> str:
    """Write a link to ``administration`` and return its token, which exists in clear nowhere else."""
    token = new_token()
    link = Link(
        clinic_id=administration.clinic_id,
        administration_id=administration.id,
        message_id=message_id,
        purpose=purpose,
        digest=digest(token, purpose=purpose, secret=secret),
        issued_at=now,
        issued_by=issued_by,
    )
    session.add(link)
    return token


def find_link(session: Session, token: str, *, purpose: str = "survey", secret: bytes) -> LinkTarget | None:
    """Return what ``token`` leads to, or None when no such link was ever issued or it was revoked.

    A session of the web sees the clinic of the link from then on, and no other.
    """
    sought = digest(token, purpose=purpose, secret=secret)
    tenancy.enter_by_link(session, sought)
    row = session.execute(TARGET, {"sought": sought}).first()
    if row is None:
        return None
    link, administration, episode, patient, clinic, texts = row
    return LinkTarget(link, administration, episode, patient, clinic, texts_for_patient(clinic, texts))


def create_api_key(
    session: Session,
    *,
    organisation_id: uuid.UUID,
    clinic_id: uuid.UUID | None,
    name: str,
    scopes: Iterable[str],
    expires_at: dt.datetime | None = None,
    secret: bytes,
    now: dt.datetime,
) -> tuple[ApiKey, str]:
    """Write a key and return it with its text, which is shown once. A key without a clinic may only read reports.

    It ends after a year, or earlier, and not before it begins. Two of one name may work at a time; a third is a
    ``ConflictError``.
    """
    wanted = sorted(set(scopes))
    allowed = SCOPES if clinic_id else QUALITY_SCOPES
    wrong = [scope for scope in wanted if scope not in allowed]
    if wrong or not wanted:
        raise InvalidInputError({"scopes": [f"{', '.join(wrong) or 'none'}: allowed are {', '.join(allowed)}"]})
    if expires_at is not None and not now < expires_at <= now + LONGEST_LIFE:
        raise InvalidInputError({"expires_at": [f"Later than now, and at most {LONGEST_LIFE.days} days from now."]})
    if len(name) > NAME_LENGTH:
        raise InvalidInputError({"name": [f"At most {NAME_LENGTH} characters."]})
    _check_name(session, organisation_id, clinic_id, name, now)
    prefix, text = new_key_text()
    key = ApiKey(
        organisation_id=organisation_id,
        clinic_id=clinic_id,
        name=name,
        prefix=prefix,
        digest=digest(text, purpose="api", secret=secret),
        scopes=wanted,
        created_at=now,
        expires_at=expires_at or now + LONGEST_LIFE,
    )
    session.add(key)
    session.flush()
    return key, text


def _check_name(
    session: Session, organisation_id: uuid.UUID, clinic_id: uuid.UUID | None, name: str, now: dt.datetime
) -> None:
    """Raise ``ConflictError`` when as many keys of this name work as may; one who asks at the same moment waits."""
    session.execute(select(Organisation.id).where(Organisation.id == organisation_id).with_for_update())
    working = select(func.count()).where(
        ApiKey.organisation_id == organisation_id,
        ApiKey.clinic_id.is_not_distinct_from(clinic_id),
        ApiKey.name == name,
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now),
    )
    if (session.scalar(working) or 0) >= KEYS_OF_A_NAME:
        raise ConflictError(f"{KEYS_OF_A_NAME} keys named {name!r} work already. Revoke one, or choose another name.")


def authenticate_key(session: Session, text: str, *, secret: bytes, now: dt.datetime) -> Principal | None:
    """Return who holds the key ``text``, or None when it is unknown, revoked or has expired. Nothing is written.

    What cannot be a key is turned away before the database is asked.
    """
    if not is_key_text(text):
        return None
    key = session.execute(KEY, {"sought": digest(text, purpose="api", secret=secret)}).first()
    if key is None or key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return None
    return Principal(key.id, key.name, key.organisation_id, key.clinic_id, frozenset(key.scopes))


def clinics_of(session: Session, holder: Principal) -> frozenset[uuid.UUID]:
    """Return the clinics whose rows the key opens: its own, or for a quality key those of its organisation."""
    if holder.clinic_id is not None:
        return frozenset((holder.clinic_id,))
    return frozenset(session.scalars(select(Clinic.id).where(Clinic.organisation_id == holder.organisation_id)))


def note_key_use(session: Session, key_id: uuid.UUID, *, now: dt.datetime) -> None:
    """Note that the key was used, at most once an hour: a write on every request would be a lock on every request."""
    session.execute(
        update(ApiKey)
        .where(
            ApiKey.id == key_id,
            (ApiKey.last_used_at.is_(None)) | (ApiKey.last_used_at <= now - KEY_USE_NOTED_EVERY),
        )
        .values(last_used_at=now)
    )


def revoke_key(session: Session, key: ApiKey, *, now: dt.datetime) -> None:
    """End the key; the next request with it is refused on every process."""
    key.revoked_at = key.revoked_at or now
