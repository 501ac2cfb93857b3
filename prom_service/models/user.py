"""People who log in, and their sessions."""

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Key, Name, Word, one_of

ROLES = ("clinician", "clinic_admin", "quality_analyst", "operator")
READING_ROLES = ("clinician", "clinic_admin")
"""Roles that read a clinic's flags."""
REPORT_ROLES = (*READING_ROLES, "quality_analyst")
"""Roles that read reports: of the own clinic in exact numbers, or as a quality analyst with small counts hidden."""


class User(Base):
    """A staff account. Flags are assigned to users."""

    __tablename__ = "user"

    id: Mapped[Key]
    organisation_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    email: Mapped[Name] = mapped_column(unique=True)
    """Lower case."""
    name: Mapped[Name]
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    """argon2id."""
    created_at: Mapped[dt.datetime]
    deactivated_at: Mapped[dt.datetime | None]
    code_generation: Mapped[int] = mapped_column(default=0)
    """How often the second factor was reset; the secret of its codes is derived from it and rests nowhere."""
    codes_since: Mapped[dt.datetime | None]
    """Since when a log-in needs a code beside the password; None before a first code was shown."""
    last_code_step: Mapped[int | None]
    """The step of 30 seconds of the last code taken: none is taken twice."""


class RecoveryCode(Base):
    """A code that opens an account once in place of the app that was lost. Only its keyed digest is kept."""

    __tablename__ = "recovery_code"

    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("user.id"), index=True)
    used_at: Mapped[dt.datetime | None]


class Membership(Base):
    """A user's role at one clinic; without a row the clinic does not exist for that user."""

    __tablename__ = "membership"
    __table_args__ = (one_of("role", ROLES),)

    user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("user.id"), primary_key=True)
    clinic_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("clinic.id"), primary_key=True, index=True)
    role: Mapped[Word]


class StaffSession(Base):
    """One log-in. The cookie carries a token, the table only its keyed digest: a stolen copy opens nothing."""

    __tablename__ = "staff_session"

    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("user.id"), index=True)
    created_at: Mapped[dt.datetime]
    last_seen_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    confirmed_at: Mapped[dt.datetime | None]
    """When everything asked for had been shown; until then only the page that asks for the code is open."""


class Throttle(Base):
    """Tries in one window of time, such as failed log-ins to one account; shared by all processes."""

    __tablename__ = "throttle"

    bucket: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    """What is counted: an action and a keyed digest of whom, never an address in clear."""
    window_start: Mapped[dt.datetime] = mapped_column(primary_key=True)
    tries: Mapped[int]
