"""What stands in the way of a later start of a course of care, and what would lie before it."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError
from prom_service.models import Clinic, Episode, Patient
from prom_service.pathway.plan import plan_administrations
from prom_service.queries.answers import standing_answers
from prom_service.queries.pathways import find_pathway
from prom_service.queries.visits import ATTENDED, serving_visits
from prom_service.services.clinics import zone_of


@dataclass(frozen=True)
class Earlier:
    """Something on record that lies before a start."""

    kind: str
    """``answers``, or ``visit``."""
    name: str
    """The timepoint that was answered, or the clinic's own number of the visit."""
    on: dt.date
    fault: str | None
    """Why care cannot have started after it; None where it may well have."""


def earlier_than(session: Session, episode: Episode, patient: Patient, started_on: dt.date) -> list[Earlier]:
    """Return the standing answers and the visits before ``started_on``, by their day.

    Answers of the start may come before it as long as their window; any later answer and any treatment come after it.
    """
    zone = zone_of(patient, session.get_one(Clinic, episode.clinic_id))
    pathway = find_pathway(session, episode.pathway)
    start = next(iter(plan_administrations(pathway, started_on, zone, enrolled_at=episode.enrolled_at)))
    found = []
    for timepoint, answered_at in standing_answers(session, episode):
        on = answered_at.astimezone(zone).date()
        earliest = start.opens_at.astimezone(zone).date() if timepoint == start.timepoint else started_on
        fault = f"Too late for the answers to {pathway.timepoint(timepoint).title} of {on}." if on < earliest else None
        found.append(Earlier("answers", timepoint, on, fault))
    for visit in serving_visits(session, episode):
        fault = f"After the visit of {visit.visited_on}, which was attended." if visit.status == ATTENDED else None
        found.append(Earlier("visit", visit.external_id, visit.visited_on, fault))
    return sorted((one for one in found if one.on < started_on), key=lambda one: (one.on, one.kind, one.name))


def check_start(session: Session, episode: Episode, patient: Patient, started_on: dt.date) -> None:
    """Refuse a later start when care had demonstrably begun before it, naming the first day that says so."""
    if started_on <= episode.started_on:
        return
    faults = [one.fault for one in earlier_than(session, episode, patient, started_on) if one.fault]
    if faults:
        raise InvalidInputError({"started_on": faults[:1]})
