"""Keys of the API."""

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Key, Name, Word

SCOPES = (
    "episodes:read",
    "episodes:write",
    "flags:read",
    "flags:write",
    "reports:read",
    "webhooks:write",
)
QUALITY_SCOPES = ("reports:read",)


class ApiKey(Base):
    """A key of one clinic, or of one organisation for its quality team. Only the keyed digest of its secret is kept."""

    __tablename__ = "api_key"

    id: Mapped[Key]
    organisation_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    clinic_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("clinic.id"), index=True)
    """None for a quality key, which reads reports of the organisation and nothing else."""
    name: Mapped[Name]
    prefix: Mapped[Word] = mapped_column(unique=True)
    """The public part, by which a key is found and named."""
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]
    last_used_at: Mapped[dt.datetime | None]
    """To the hour: a write on every request would be a lock on every request."""


class IdempotentRequest(Base):
    """A POST that was carried out under an ``Idempotency-Key``, with the answer it got; forgotten after 24 hours."""

    __tablename__ = "idempotent_request"

    api_key_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("api_key.id"), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    request_digest: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[int]
    headers: Mapped[list[str]]
    """Name and value in turn."""
    body: Mapped[str] = mapped_column(sa.Text())
    created_at: Mapped[dt.datetime] = mapped_column(index=True)
