"""The life of a key: how it stands, its successor, and who has to be warned that it ends."""

import datetime as dt

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError
from prom_service.models import ApiKey
from prom_service.services import access

OVERLAP = dt.timedelta(days=7)
"""How long a key still works beside its successor."""
WARNED_BEFORE = dt.timedelta(days=14)


def state_of(key: ApiKey, *, now: dt.datetime) -> str:
    """Return ``active``, ``expires_soon``, ``expired`` or ``revoked``; whoever holds the key is not told which."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None or key.expires_at > now + WARNED_BEFORE:
        return "active"
    return "expires_soon" if key.expires_at > now else "expired"


def count_expiring(session: Session, *, now: dt.datetime) -> int:
    """Return how many keys that still work will end within 14 days."""
    ending = select(func.count()).where(
        ApiKey.revoked_at.is_(None), ApiKey.expires_at > now, ApiKey.expires_at <= now + WARNED_BEFORE
    )
    return session.scalar(ending) or 0


def rotate(session: Session, key: ApiKey, *, secret: bytes, now: dt.datetime) -> tuple[ApiKey, str]:
    """Write a successor of the key and return it with its text; the key itself works for seven more days at most."""
    if state_of(key, now=now) in ("revoked", "expired"):
        raise ConflictError("The key does not work any more; create a new one.")
    successor = access.create_api_key(
        session,
        organisation_id=key.organisation_id,
        clinic_id=key.clinic_id,
        name=key.name,
        scopes=key.scopes,
        secret=secret,
        now=now,
    )
    key.expires_at = min(key.expires_at or now + OVERLAP, now + OVERLAP)
    session.flush()
    return successor
