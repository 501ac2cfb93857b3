"""Reports that are made in the background, and those that come by themselves every month."""

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from prom_service.db import Base
from prom_service.models.columns import Actor, Key, Name, Word, one_of

TASK_STATUSES = ("queued", "running", "done", "failed", "cancelled")
UNFINISHED = ("queued", "running")


class ReportSubscription(Base):
    """A report that a person gets every month: of one clinic, or of all at which the person is a quality analyst."""

    __tablename__ = "report_subscription"
    __table_args__ = (
        sa.UniqueConstraint("user_id", "whose", "report", "group_by", "form"),
        sa.CheckConstraint("(clinic_id IS NULL) = (whose = 'team')", name="whose"),
        sa.Index("ix_report_subscription_due", "next_due_at"),
    )

    id: Mapped[Key]
    organisation_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("organisation.id"))
    clinic_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("clinic.id"))
    """None: the clinics of the team, with small counts hidden."""
    user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("user.id"))
    whose: Mapped[Word]
    """The id of the clinic, or ``team``: a missing value would not be unique."""
    report: Mapped[Word]
    group_by: Mapped[Word] = mapped_column(default="")
    """Empty for none."""
    form: Mapped[Word]
    next_due_at: Mapped[dt.datetime]
    """When the next month begins, where the clinic is; for a team, in UTC."""
    created_by: Mapped[Actor]
    created_at: Mapped[dt.datetime]


class ReportTask(Base):
    """One report as a file, made by the scheduler for whoever asked, and for nobody else.

    queued → running → done, failed or cancelled. A claim whose process died lapses and is taken up again.
    """

    __tablename__ = "report_task"
    __table_args__ = (
        one_of("status", TASK_STATUSES),
        sa.CheckConstraint("(due_at IS NULL) = (status NOT IN ('queued', 'running'))", name="due_at"),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        sa.UniqueConstraint("subscription_id", "month"),
        sa.Index("ix_report_task_due", "due_at"),
        sa.Index("ix_report_task_expiry", "expires_at"),
        sa.Index("ix_report_task_list", "requested_by", "id"),
    )

    id: Mapped[Key]
    organisation_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("organisation.id"))
    clinic_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("clinic.id"))
    """None when it is about several clinics."""
    clinic_ids: Mapped[list[str]]
    """Whose care is reported; none named means all of the organisation."""
    requested_by: Mapped[Actor]
    subscription_id: Mapped[uuid.UUID | None] = mapped_column(
        sa.ForeignKey("report_subscription.id", ondelete="SET NULL")
    )
    month: Mapped[dt.date | None]
    """The month at whose beginning it was due, for a subscription."""
    report: Mapped[Word]
    form: Mapped[Word]
    parameters: Mapped[dict[str, Any]]
    """The question in plain words and dates."""
    status: Mapped[Word] = mapped_column(default="queued")
    progress: Mapped[int] = mapped_column(default=0)
    """Per cent."""
    due_at: Mapped[dt.datetime | None]
    """When it is made; while it is running, when its claim lapses; None once it has ended."""
    attempts: Mapped[int] = mapped_column(default=0)
    claimed_by: Mapped[str | None] = mapped_column(sa.String(80))
    reason: Mapped[str | None] = mapped_column(sa.String(200))
    """Why it failed; of a monthly one that waits to be tried again, why it could not be made so far."""
    created_at: Mapped[dt.datetime]
    finished_at: Mapped[dt.datetime | None]
    expires_at: Mapped[dt.datetime]
    """When the file is deleted, and some time later the row."""
    content: Mapped[bytes | None] = mapped_column(sa.LargeBinary(), deferred=True)

    @property
    def is_tried_again(self) -> bool:
        """Whether it is a monthly one that could not be made so far and waits for the next day."""
        return self.status == "queued" and self.reason is not None


class ReportLetter(Base):
    """The email that says where a monthly report is; sent at least once, and holding no figure of it."""

    __tablename__ = "report_letter"
    __table_args__ = (sa.UniqueConstraint("task_id"), sa.Index("ix_report_letter_due", "due_at"))

    id: Mapped[Key]
    task_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("report_task.id", ondelete="CASCADE"))
    email: Mapped[Name]
    due_at: Mapped[dt.datetime | None]
    """When it is tried next, or when its claim lapses; None once it was sent or given up."""
    attempts: Mapped[int] = mapped_column(default=0)
    claimed_by: Mapped[str | None] = mapped_column(sa.String(80))
    sent_at: Mapped[dt.datetime | None]
    failed_at: Mapped[dt.datetime | None]
    reason: Mapped[str | None] = mapped_column(sa.String(80))
