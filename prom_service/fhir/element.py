"""The elements that resources are made of."""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any, Final

from instruments.interchange.names import HL7, OURS

Resource = dict[str, Any]

VERSION: Final = "4.0.1"
PATIENT_NUMBER: Final = f"{OURS}:patient-number"
EPISODE_NUMBER: Final = f"{OURS}:episode-number"
VISIT_NUMBER: Final = f"{OURS}:visit-number"
ADMINISTRATION: Final = f"{OURS}:administration"
RESPONSE: Final = f"{OURS}:response"
FLAG_KIND: Final = f"{OURS}:flag-kind"
FLAG_SEVERITY: Final = f"{OURS}:flag-severity"
TAGS: Final = f"{OURS}:tag"
EPISODE_OF_CARE: Final = f"{HL7}/workflow-episodeOfCare"


def coding(system: str, code: str, display: str | None = None) -> Resource:
    """Return a coding."""
    return given(system=system, code=code, display=display)


def concept(*codings: Resource, text: str | None = None) -> Resource:
    """Return a concept with its codings, a text, or both."""
    return given(coding=list(codings), text=text)


def reference(kind: str, row_id: uuid.UUID) -> Resource:
    """Return a reference to another resource of this service."""
    return {"reference": f"{kind}/{row_id}"}


def number_of(system: str, clinic_id: uuid.UUID, value: str) -> Resource:
    """Return a clinic's own number."""
    return {"system": numbers_of(system, clinic_id), "value": value}


def numbers_of(system: str, clinic_id: uuid.UUID) -> str:
    """Return the system of a clinic's own numbers; every clinic numbers by itself."""
    return f"{system}:{clinic_id}"


def to_administration(administration_id: uuid.UUID) -> Resource:
    """Return the reference by which answers name the administration they belong to."""
    return {"type": "ServiceRequest", "identifier": {"system": ADMINISTRATION, "value": str(administration_id)}}


def of_episode(episode_id: uuid.UUID) -> Resource:
    """Return the extension that names the episode."""
    return {"url": EPISODE_OF_CARE, "valueReference": reference("EpisodeOfCare", episode_id)}


def meta(updated_at: dt.datetime, tags: Iterable[str] = ()) -> Resource:
    """Return when the resource last changed, and its tags."""
    return given(lastUpdated=instant(updated_at), tag=[coding(TAGS, tag) for tag in tags])


def instant(moment: dt.datetime | None) -> str | None:
    """Return the moment in FHIR's writing."""
    return moment.isoformat() if moment else None


def day(date: dt.date | None) -> str | None:
    """Return the day in FHIR's writing."""
    return date.isoformat() if date else None


def given(**members: Any) -> Resource:
    """Return the members that say something; FHIR knows no empty value."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}
