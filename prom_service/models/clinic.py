"""Organisations own clinics; a clinic is the tenant."""

import datetime as dt
import secrets
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Code, Key, Name, TenantOwned, Word, one_of, tenant_key

IDENTITY_CHECKS = ("none", "year", "date")
URGENT_TEXT_LENGTH = 1000


class Organisation(Base):
    """A group of clinics with one quality team."""

    __tablename__ = "organisation"

    id: Mapped[Key]
    name: Mapped[Name] = mapped_column(unique=True)
    created_at: Mapped[dt.datetime]
    rounding_key: Mapped[str] = mapped_column(sa.String(64), default=lambda: secrets.token_hex(32))
    """Decides which way the counts of reports are rounded; whoever knows it knows them more exactly."""


class Clinic(Base):
    """A clinic: whose patients are asked, in whose zone the days are counted, and who reads the answers."""

    __tablename__ = "clinic"
    __table_args__ = (
        sa.CheckConstraint("flag_event_count >= 0", name="flag_event_count"),
        one_of("identity_check", IDENTITY_CHECKS),
    )

    id: Mapped[Key]
    organisation_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    code: Mapped[Code] = mapped_column(unique=True)
    """Short name for commands and files, such as ``northside``."""
    name: Mapped[Name]
    """The neutral name that patients see; it names no body part and no condition."""
    time_zone: Mapped[Word]
    """IANA zone in which the clinic's days begin and end."""
    language: Mapped[Word] = mapped_column(default="en")
    phone: Mapped[Word]
    reply_hours: Mapped[Name]
    """When answers are read, in words for patients, such as ``Monday to Friday, 9:00 to 17:00``."""
    urgent_text: Mapped[str] = mapped_column(sa.String(URGENT_TEXT_LENGTH))
    """What a patient should do at once when a symptom is urgent, in the clinic's own words."""
    weekend_mail: Mapped[bool] = mapped_column(default=True)
    identity_check: Mapped[Word] = mapped_column(default="year")
    """What is asked before answers given more than a day earlier are shown: nothing, the year or the date of birth."""
    show_trend: Mapped[bool] = mapped_column(default=False)
    """Whether patients see their own scores over time when they have answered."""
    activated_at: Mapped[dt.datetime | None]
    """Since when real patients may be mailed; set by the activation gate only."""
    activation: Mapped[dict[str, Any] | None]
    """Who approved what at activation: owner, deputy, clinician, texts, wording, escalation."""
    flag_event_count: Mapped[int] = mapped_column(default=0)
    """Number of the newest flag event. Raised in the writing transaction, so numbers become visible in order."""
    created_at: Mapped[dt.datetime]


class ClinicText(TenantOwned, Base):
    """What a clinic says itself to patients who read another language than its own."""

    __tablename__ = "clinic_text"
    __table_args__ = (tenant_key(), sa.UniqueConstraint("clinic_id", "language"))

    language: Mapped[Word]
    reply_hours: Mapped[Name]
    urgent_text: Mapped[str] = mapped_column(sa.String(URGENT_TEXT_LENGTH))
