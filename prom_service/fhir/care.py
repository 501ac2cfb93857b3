"""Episodes as EpisodeOfCare, and visits as Encounter."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Final

from prom_service.fhir.element import (
    EPISODE_NUMBER,
    VISIT_NUMBER,
    Resource,
    coding,
    concept,
    day,
    given,
    meta,
    number_of,
    reference,
)
from prom_service.models import Episode, Visit

ACT: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SIDES: Final = {"left": "left side", "right": "right side", "both": "both sides", "none": None}
ENCOUNTER_STATUSES: Final = {"attended": "finished", "cancelled": "cancelled", "no_show": "cancelled"}
CLASSES: Final = {"telehealth": coding(ACT, "VR", "virtual")}


def episode_of_care(row: Episode, updated_at: dt.datetime) -> Resource:
    """Return the episode, with its pathway as the type and the diagnosis in the clinic's own words."""
    return given(
        resourceType="EpisodeOfCare",
        id=str(row.id),
        meta=meta(updated_at),
        identifier=[number_of(EPISODE_NUMBER, row.clinic_id, row.external_id)],
        status="finished" if row.closed_on else "active",
        type=[concept(text=text) for text in (row.pathway, SIDES[row.side]) if text],
        diagnosis=[{"condition": {"display": row.diagnosis}}] if row.diagnosis else None,
        patient=reference("Patient", row.patient_id),
        period=given(start=day(row.started_on), end=day(row.closed_on)),
        careManager=given(display=row.clinician),
    )


def encounter(
    row: Visit, patient_id: uuid.UUID | None, updated_at: dt.datetime, episode_ids: Sequence[uuid.UUID]
) -> Resource:
    """Return the visit; one that was taken back was entered in error. Who did not come has a reason beside *cancelled*.

    A visit is known by its day only, so that is the period.
    """
    return {
        **given(
            resourceType="Encounter",
            id=str(row.id),
            meta=meta(updated_at),
            identifier=[number_of(VISIT_NUMBER, row.clinic_id, row.external_id)],
            status="entered-in-error" if row.voided_at else ENCOUNTER_STATUSES[row.status],
            type=[concept(text=row.format)],
        ),
        "class": CLASSES.get(row.format, coding(ACT, "AMB", "ambulatory")),
        **given(
            subject=reference("Patient", patient_id) if patient_id else None,
            episodeOfCare=[reference("EpisodeOfCare", one) for one in episode_ids],
            participant=[{"individual": {"display": row.clinician}}] if row.clinician else None,
            period={"start": day(row.visited_on), "end": day(row.visited_on)},
            reasonCode=[concept(text="no show")] if row.status == "no_show" else None,
        ),
    }
