"""Every checkpoint of every clinic judged again, clinic by clinic. Asked for by hand, never due by itself."""

import uuid
from collections.abc import Iterator, Sequence

from sqlalchemy import select

from prom_service.models import Clinic
from prom_service.runtime import Runtime
from prom_service.services import assessment, reassessment
from scheduler import jobs


def clinics(prom: Runtime) -> Sequence[uuid.UUID]:
    """Return every clinic."""
    with prom.reading() as session:
        return session.scalars(select(Clinic.id).order_by(Clinic.code)).all()


def assess_stale_episodes(prom: Runtime, clinic_ids: Sequence[uuid.UUID]) -> Iterator[int]:
    """Assess the episodes whose judgement in force is not what the rules say; yield how many, for each clinic."""
    for clinic_id in clinic_ids:
        with prom.reading() as session:
            stale = [one for some in reassessment.find_stale(session, clinic_id) for one in some]
        for start in range(0, len(stale), jobs.SCORED_AT_ONCE):
            _assess(prom, stale[start : start + jobs.SCORED_AT_ONCE])
        yield len(stale)


def _assess(prom: Runtime, episode_ids: Sequence[uuid.UUID]) -> None:
    """Assess these together, or one by one when one of them cannot be."""
    try:
        with prom.transaction() as session:
            assessment.assess_episodes(session, episode_ids, now=prom.now())
    except Exception:  # noqa: BLE001 (one item must not stop the others)
        for episode_id in episode_ids:
            jobs.assess_alone(prom, episode_id)
