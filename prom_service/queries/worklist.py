"""The worklist of a clinic: its live flags, the gravest first."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from prom_service.models import Episode, Flag, Patient
from prom_service.models.flag import SEVERITIES
from prom_service.pathway.facts import LIVE_STATUSES


@dataclass(frozen=True)
class WorklistRow:
    """One live flag with what staff need to recognise whose it is. ``rank`` is 0 for urgent to 3 for low."""

    rank: int
    flag: Flag
    patient_name: str
    patient_external_id: str
    clinician: str
    side: str


def worklist(
    session: Session,
    clinic_id: uuid.UUID,
    *,
    queue: str | None = None,
    after: tuple[int, uuid.UUID] | None = None,
    limit: int = 50,
) -> Sequence[WorklistRow]:
    """Return up to ``limit`` live flags, urgent first and the oldest first within a severity, behind row ``after``."""
    rank = case({severity: number for number, severity in enumerate(SEVERITIES)}, value=Flag.severity)
    query = (
        select(rank, Flag, Patient.name, Patient.external_id, Episode.clinician, Episode.side)
        .join(Episode, Episode.id == Flag.episode_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(Flag.clinic_id == clinic_id, Flag.status.in_(LIVE_STATUSES))
        .order_by(rank, Flag.id)
        .limit(limit)
    )
    if queue:
        query = query.where(Flag.queue == queue)
    if after is not None:
        query = query.where(or_(rank > after[0], and_(rank == after[0], Flag.id > after[1])))
    return [WorklistRow(*row) for row in session.execute(query)]


def count_live(session: Session, clinic_id: uuid.UUID) -> dict[str, dict[str, int]]:
    """Return the number of live flags by queue and severity."""
    counts: dict[str, dict[str, int]] = {}
    for queue, severity, number in session.execute(
        select(Flag.queue, Flag.severity, func.count())
        .where(Flag.clinic_id == clinic_id, Flag.status.in_(LIVE_STATUSES))
        .group_by(Flag.queue, Flag.severity)
    ):
        counts.setdefault(queue, {})[severity] = number
    return counts
