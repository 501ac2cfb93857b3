"""An episode as it came about: what was known when it was enrolled, and every change since, in the order of time."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from prom_service.pathway.facts import ResponseFacts
from prom_service.pathway.plan import PlannedAdministration


@dataclass(frozen=True, slots=True)
class Asked:
    """One administration with its window as it stands."""

    administration_id: str
    planned: PlannedAdministration


@dataclass(frozen=True, slots=True)
class Settled:
    """An administration was found missed, was scored as partial, or was cancelled."""

    at: datetime
    administration_id: str
    state: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A response came in that is not an amendment."""

    at: datetime
    administration_id: str
    response: ResponseFacts


@dataclass(frozen=True, slots=True)
class SymptomSaved:
    """A safety item that was ever answered yes was answered; ``here`` is false for another episode of the patient."""

    at: datetime
    administration_id: str
    timepoint: str
    item: str
    tier: str
    yes: bool
    here: bool


@dataclass(frozen=True, slots=True)
class VisitReported:
    """A visit was reported, corrected, voided, or put on or taken off the episode; ``counts`` is false once it is off.

    ``returns`` says how often it came back after a void.
    """

    at: datetime
    visit_id: str
    counts: bool
    on: date
    first_reported_at: datetime
    format: str
    reassessed: bool
    returns: int


@dataclass(frozen=True, slots=True)
class StandingChanged:
    """The patient takes part or does not: ``active``, ``withdrawn`` or ``deceased``."""

    at: datetime
    participation: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The episode was closed, as of the end of a day."""

    at: datetime
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class Resolved:
    """Staff resolved a flag."""

    at: datetime
    kind: str
    checkpoint: str


Change = Settled | Answered | SymptomSaved | VisitReported | StandingChanged | Closed | Resolved


@dataclass(frozen=True, slots=True)
class EpisodeHistory:
    """One episode and its changes, the earliest first; those of one instant belong together."""

    episode_id: str
    patient_id: str
    clinician: str
    started_on: date
    enrolled_at: datetime
    zone: ZoneInfo
    asked: tuple[Asked, ...]
    changes: tuple[Change, ...]
