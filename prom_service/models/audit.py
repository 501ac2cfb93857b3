"""The audit: who read or changed what of whom, in a chain that shows when somebody has edited it since."""

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, Key, RecordedAt

SERVICE = uuid.UUID(int=0)
"""Stands for the clinic in the chain of acts that belong to no clinic, such as a log-in."""
UNSEALED = sa.text("number IS NULL")


class AuditEntry(Base):
    """One act. It names whom it concerns by ids and says nothing else of them: no name, address, answer or token.

    It is written with the act, under a digest of its own (``mac``), and sealed soon after: the sealer gives it the
    next number of its clinic and a hash over everything up to it. Then nothing of it changes again, and nothing of it
    but these three changes before. It refers to no other table, because it outlives what it speaks of.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        sa.UniqueConstraint("clinic_id", "number"),
        sa.CheckConstraint(
            "(number IS NULL) = (hash IS NULL) AND (number IS NULL) = (sealed_at IS NULL)", name="sealed_whole"
        ),
        sa.Index("ix_audit_entry_unsealed", "clinic_id", "id", sqlite_where=UNSEALED, postgresql_where=UNSEALED),
    )

    id: Mapped[Key]
    clinic_id: Mapped[uuid.UUID]
    """The clinic whose patients it concerns, or ``SERVICE``."""
    recorded_at: Mapped[RecordedAt]
    actor: Mapped[Actor]
    act: Mapped[str] = mapped_column(sa.String(200))
    """A route, such as ``GET /api/v1/patients/<uuid:patient_id>``, a command, or a word such as ``message.sent``."""
    subjects: Mapped[str] = mapped_column(sa.Text())
    """Ids by what they are of, as canonical JSON: ``{"episode":["…"],"patient":["…"]}``."""
    shown: Mapped[int | None]
    """How many rows a list or report showed."""
    detail: Mapped[str] = mapped_column(sa.String(400))
    """What was asked for, where that is words from fixed lists and days: the parameters of a report."""
    request_id: Mapped[str | None] = mapped_column(sa.String(40))
    """By which the request is found in the log."""
    mac: Mapped[str] = mapped_column(sa.String(64))
    number: Mapped[int | None] = mapped_column(sa.BigInteger())
    """1, 2, 3 … in the chain of its clinic, without a gap; None until it is sealed."""
    hash: Mapped[str | None] = mapped_column(sa.String(64))
    sealed_at: Mapped[dt.datetime | None]


class AuditChain(Base):
    """Where the chain of a clinic ends. Whoever seals holds the row, so that no chain ever forks."""

    __tablename__ = "audit_chain"

    clinic_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(sa.BigInteger(), default=0)
    hash: Mapped[str] = mapped_column(sa.String(64), default="")
    """Of the last sealed entry; empty before the first."""
    sealed_at: Mapped[dt.datetime | None]
