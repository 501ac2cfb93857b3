"""What every page of the staff says first: urgent flags nobody has seen, and whether the service itself is awake."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import Clinic, FlagEvent, JobRun, Response, Webhook
from prom_service.queries.webhooks import disabled_webhooks
from prom_service.queries.worklist import count_unread
from prom_service.services import brake
from prom_service.services.escalation import unproven
from prom_service.web import pulse
from prom_service.web.context import prom
from prom_service.web.dashboard.staff_session import clinics_to_read, person

SWEEP = "assess_due_episodes"


@dataclass(frozen=True)
class Notices:
    """What stands at the head of a page."""

    unread: Sequence[tuple[uuid.UUID, str, int]]
    """Clinics with urgent flags nobody has said to have seen, and how many."""
    silence: dt.timedelta | None
    """Since the scheduler's last sign of life; None when there never was one."""
    awake: bool
    stopped: bool
    """Whether emails have stopped by themselves."""
    unproven: Sequence[tuple[Clinic, Sequence[str]]]
    """Live clinics the person administers where an email about flags may reach nobody, and whose."""
    gone: Sequence[tuple[Clinic, Sequence[Webhook]]]
    """Clinics the person administers whose receivers said that they are gone, and are told no more."""

    @property
    def unread_count(self) -> int:
        """How many urgent flags nobody has said to have seen, at all clinics of the person."""
        return sum(number for _, _, number in self.unread)


@dataclass(frozen=True)
class Freshness:
    """How fresh the list of a clinic is; None for what never happened."""

    answered_at: dt.datetime | None
    """When the last answers of a patient came in."""
    changed_at: dt.datetime | None
    """When a flag last changed."""
    swept_at: dt.datetime | None
    """When it was last asked what time alone has changed."""


def notices() -> Notices:
    """Return what to say to the person of this request."""
    administered = [clinic for clinic in clinics_to_read() if person.roles[clinic] == "clinic_admin"]
    with prom.reading() as session:
        return Notices(
            unread=count_unread(session, person.reads.intersection(clinics_to_read())),
            silence=pulse.silence(session),
            awake=pulse.scheduler_beats(session),
            stopped=brake.in_force(session) is not None,
            unproven=unproven(session, administered, now=prom.now()) if administered else (),
            gone=disabled_webhooks(session, administered) if administered else (),
        )


def freshness(session: Session, clinic_id: uuid.UUID) -> Freshness:
    """Return how fresh what the clinic reads is."""
    position = select(Clinic.flag_event_count).where(Clinic.id == clinic_id).scalar_subquery()
    last = (FlagEvent.clinic_id == clinic_id, FlagEvent.number == position)
    newest = select(Response.recorded_at).where(Response.clinic_id == clinic_id).order_by(Response.id.desc()).limit(1)
    return Freshness(
        answered_at=session.scalar(newest),
        changed_at=session.scalar(select(FlagEvent.at).where(*last)),
        swept_at=session.scalar(select(JobRun.finished_at).where(JobRun.job == SWEEP, JobRun.succeeded.is_(True))),
    )
