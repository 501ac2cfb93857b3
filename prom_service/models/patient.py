"""Patients, and whether and how they may be contacted."""

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, Code, Name, RecordedAt, TenantOwned, Word, belongs_to, one_of, tenant_key

PATIENT_STATUSES = ("active", "paused", "withdrawn", "deceased")
SEXES = ("female", "male", "other", "unknown")


class Patient(TenantOwned, Base):
    """A person treated at one clinic. The row holds the present; ``patient_change`` holds how it came about."""

    __tablename__ = "patient"
    __table_args__ = (
        tenant_key(),
        sa.UniqueConstraint("clinic_id", "external_id"),
        one_of("status", PATIENT_STATUSES),
        one_of("sex", SEXES),
    )

    external_id: Mapped[Code]
    """The clinic's own number for the patient."""
    name: Mapped[Name]
    email: Mapped[Name | None]
    date_of_birth: Mapped[dt.date]
    sex: Mapped[Word] = mapped_column(default="unknown")
    language: Mapped[Word] = mapped_column(default="en")
    time_zone: Mapped[Word | None]
    """IANA zone when it differs from the clinic's."""
    status: Mapped[Word] = mapped_column(default="active")
    paused_until: Mapped[dt.date | None]
    """Last day without mail while paused; None is until resumed."""
    email_allowed: Mapped[bool] = mapped_column(default=True)
    """The clinic's record of the patient's wish to be emailed."""
    unsubscribed_at: Mapped[dt.datetime | None]
    """The patient pressed the stop link. Stops mail, not care."""
    bounced_at: Mapped[dt.datetime | None]
    """The present address was refused for good; cleared when the address changes."""
    created_at: Mapped[dt.datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class PatientChange(TenantOwned, Base):
    """One recorded change of a patient: withdrawn, deceased, paused, resumed, unsubscribed, bounced, renamed …"""

    __tablename__ = "patient_change"
    __table_args__ = (
        tenant_key(),
        belongs_to("patient"),
        sa.Index("ix_patient_change_patient", "clinic_id", "patient_id"),
    )

    patient_id: Mapped[uuid.UUID]
    kind: Mapped[Word]
    effective_on: Mapped[dt.date]
    note: Mapped[str] = mapped_column(sa.String(500), default="")
    actor: Mapped[Actor]
    recorded_at: Mapped[RecordedAt]
