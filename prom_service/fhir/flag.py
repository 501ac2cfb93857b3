"""A flag of a clinic as a FHIR Flag."""

import uuid
from typing import Final

from prom_service.fhir.element import (
    FLAG_KIND,
    FLAG_SEVERITY,
    Resource,
    coding,
    concept,
    given,
    instant,
    meta,
    of_episode,
    reference,
)
from prom_service.models import Flag
from prom_service.pathway.facts import LIVE_STATUSES

CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/flag-category"
CATEGORIES: Final = {"clinical": ("clinical", "Clinical"), "follow_up": ("admin", "Administrative")}


def flag(row: Flag, patient_id: uuid.UUID) -> Resource:
    """Return the flag with its sentence; it is active as long as it is live."""
    live = row.status in LIVE_STATUSES
    return given(
        resourceType="Flag",
        id=str(row.id),
        meta=meta(row.updated_at),
        extension=[of_episode(row.episode_id)],
        status="active" if live else "inactive",
        category=[
            concept(coding(CATEGORY, *CATEGORIES[row.queue])),
            concept(coding(FLAG_SEVERITY, row.severity)),
        ],
        code=concept(coding(FLAG_KIND, row.kind), text=row.why),
        subject=reference("Patient", patient_id),
        period=given(start=instant(row.raised_at), end=None if live else instant(row.updated_at)),
    )
