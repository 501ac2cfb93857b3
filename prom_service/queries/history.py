"""Episodes as they came about, read for the replay in a fixed number of queries for each batch."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, bindparam, or_, select
from sqlalchemy.orm import Session, aliased

import instruments
from prom_service.models import (
    Administration,
    Clinic,
    Episode,
    EpisodeChange,
    EpisodeVisit,
    Flag,
    FlagEvent,
    Patient,
    PatientChange,
    Response,
    SavedAnswer,
    Score,
    VisitVersion,
)
from prom_service.pathway.dates import start_of_day
from prom_service.pathway.facts import ResponseFacts
from prom_service.pathway.history import (
    Answered,
    Asked,
    Change,
    Closed,
    EpisodeHistory,
    Resolved,
    Settled,
    StandingChanged,
    SymptomSaved,
    VisitReported,
)
from prom_service.pathway.plan import PlannedAdministration
from prom_service.pathway.shape import SAFETY
from prom_service.queries.facts import YES

EPISODES_AT_ONCE = 250
PARTICIPATION = {"withdrawn": "withdrawn", "deceased": "deceased", "resumed": "active"}
Changes = defaultdict[uuid.UUID, list[Change]]

# Written once and kept, as for the facts.
OF_EPISODES: BindParameter[list[uuid.UUID]] = bindparam("episodes", expanding=True)
EPISODES = (
    select(
        Episode.id,
        Episode.patient_id,
        Episode.clinician,
        Episode.started_on,
        Episode.enrolled_at,
        Episode.closed_on,
        Patient.time_zone,
        Clinic.time_zone.label("clinic_zone"),
    )
    .join(Patient, Patient.id == Episode.patient_id)
    .join(Clinic, Clinic.id == Episode.clinic_id)
    .where(Episode.id.in_(OF_EPISODES))
    .order_by(Episode.id)
)
ADMINISTRATIONS = (
    select(
        Administration.id,
        Administration.episode_id,
        Administration.timepoint,
        Administration.sequence,
        Administration.state,
        Administration.opens_at,
        Administration.target_at,
        Administration.late_after,
        Administration.closes_at,
        Administration.missed_at,
        Administration.cancelled_at,
    )
    .where(Administration.episode_id.in_(OF_EPISODES))
    .order_by(Administration.sequence)
)
RESPONSES = (
    select(
        Response.id,
        Response.episode_id,
        Response.administration_id,
        Response.answered_at,
        Response.late,
        Response.partial,
        Response.recorded_at,
    )
    .where(Response.episode_id.in_(OF_EPISODES), Response.amendment.is_(False))
    .order_by(Response.number)
)
SCORES = (
    select(Score.response_id, Score.instrument, Score.scale, Score.value)
    .join(Response, Response.id == Score.response_id)
    .where(Response.episode_id.in_(OF_EPISODES), Response.amendment.is_(False))
)
CLOSINGS = select(EpisodeChange.episode_id, EpisodeChange.recorded_at).where(
    EpisodeChange.episode_id.in_(OF_EPISODES), EpisodeChange.kind == "closed"
)
STANDINGS = (
    select(Episode.id, PatientChange.kind, PatientChange.recorded_at)
    .join(Episode, Episode.patient_id == PatientChange.patient_id)
    .where(Episode.id.in_(OF_EPISODES), PatientChange.kind.in_(tuple(PARTICIPATION)))
)
RESOLVED = (
    select(Flag.episode_id, Flag.kind, Flag.checkpoint, FlagEvent.at)
    .join(FlagEvent, FlagEvent.flag_id == Flag.id)
    .where(Flag.episode_id.in_(OF_EPISODES), FlagEvent.type == "resolved")
)
VISITS = (
    select(
        EpisodeVisit.episode_id,
        EpisodeVisit.recorded_at.label("served_from"),
        EpisodeVisit.removed_at,
        VisitVersion.visit_id,
        VisitVersion.number,
        VisitVersion.voided,
        VisitVersion.visited_on,
        VisitVersion.status,
        VisitVersion.format,
        VisitVersion.reassessed,
        VisitVersion.recorded_at,
    )
    .join(VisitVersion, VisitVersion.visit_id == EpisodeVisit.visit_id)
    .where(EpisodeVisit.episode_id.in_(OF_EPISODES))
    .order_by(EpisodeVisit.episode_id, VisitVersion.visit_id, EpisodeVisit.recorded_at, VisitVersion.number)
)


def _symptoms() -> Any:
    """Select the answers to each safety item that the patients of the episodes ever answered yes, in any episode."""
    yes, theirs = aliased(SavedAnswer), aliased(Episode)
    ever_yes = select(yes.id).where(
        yes.administration_id == SavedAnswer.administration_id,
        yes.instrument == SAFETY,
        yes.item == SavedAnswer.item,
        yes.value == YES,
    )
    return (
        select(
            Episode.id,
            theirs.id.label("asked_in"),
            SavedAnswer.administration_id,
            Administration.timepoint,
            SavedAnswer.item,
            SavedAnswer.value,
            SavedAnswer.recorded_at,
        )
        .join(theirs, theirs.patient_id == Episode.patient_id)
        .join(Administration, Administration.episode_id == theirs.id)
        .join(SavedAnswer, SavedAnswer.administration_id == Administration.id)
        .where(Episode.id.in_(OF_EPISODES), SavedAnswer.instrument == SAFETY, ever_yes.exists())
        .order_by(SavedAnswer.id)
    )


SYMPTOMS = _symptoms()


def histories(
    session: Session, clinic_id: uuid.UUID, pathway_key: str, *, since: dt.datetime
) -> Iterator[EpisodeHistory]:
    """Yield the clinic's episodes on a pathway, whichever version, that were open or moved after ``since``.

    A batch is in memory at a time. Windows are those that stand now.
    """
    recent = select(Response.id).where(Response.episode_id == Episode.id, Response.recorded_at >= since)
    chosen = (
        select(Episode.id)
        .where(
            Episode.clinic_id == clinic_id,
            Episode.pathway_key == pathway_key,
            or_(Episode.closed_on.is_(None), Episode.closed_on >= since.date(), recent.exists()),
        )
        .order_by(Episode.id)
    )
    ids = session.scalars(chosen).all()
    for first in range(0, len(ids), EPISODES_AT_ONCE):
        yield from _batch(session, ids[first : first + EPISODES_AT_ONCE])


def _batch(session: Session, ids: Sequence[uuid.UUID]) -> Iterator[EpisodeHistory]:
    these = {"episodes": list(ids)}
    rows = session.execute(EPISODES, these).all()
    zones = {row.id: ZoneInfo(row.time_zone or row.clinic_zone) for row in rows}
    changes: Changes = defaultdict(list)
    asked: defaultdict[uuid.UUID, list[Asked]] = defaultdict(list)
    for one in session.execute(ADMINISTRATIONS, these):
        asked[one.episode_id].append(Asked(str(one.id), _planned(one)))
        changes[one.episode_id] += _settled(one)
    _add_answers(session, these, changes)
    _add_symptoms(session, these, changes)
    _add_visits(session, these, changes)
    _add_acts(session, these, changes)
    closings = {episode_id: at for episode_id, at in session.execute(CLOSINGS, these)}  # noqa: C416 (no pairs to mypy)
    for row in rows:
        if row.id in closings and row.closed_on is not None:
            end = start_of_day(row.closed_on + dt.timedelta(days=1), zones[row.id])
            changes[row.id].append(Closed(closings[row.id], end))
        yield EpisodeHistory(
            episode_id=str(row.id),
            patient_id=str(row.patient_id),
            clinician=row.clinician,
            started_on=row.started_on,
            enrolled_at=row.enrolled_at,
            zone=zones[row.id],
            asked=tuple(asked[row.id]),
            changes=tuple(sorted(changes[row.id], key=lambda change: change.at)),
        )


def _planned(one: Any) -> PlannedAdministration:
    return PlannedAdministration(
        timepoint=one.timepoint,
        sequence=one.sequence,
        opens_at=one.opens_at,
        target_at=one.target_at,
        late_after=one.late_after,
        closes_at=one.closes_at,
        not_asked=one.state == "not_asked",
    )


def _settled(one: Any) -> Iterator[Settled]:
    for at, state in ((one.missed_at, "missed"), (one.cancelled_at, "cancelled")):
        if at is not None:
            yield Settled(at, str(one.id), state)


def _add_answers(session: Session, these: dict[str, Any], changes: Changes) -> None:
    scores: defaultdict[uuid.UUID, dict[tuple[str, str], float | None]] = defaultdict(dict)
    for response_id, instrument, scale, value in session.execute(SCORES, these):
        scores[response_id][instrument, scale] = value
    for one in session.execute(RESPONSES, these):
        response = ResponseFacts(str(one.id), one.answered_at, one.late, one.partial, scores[one.id])
        changes[one.episode_id].append(Answered(one.recorded_at, str(one.administration_id), response))


def _add_symptoms(session: Session, these: dict[str, Any], changes: Changes) -> None:
    tiers = {item.code: item.tier for item in instruments.find(SAFETY).items}
    for one in session.execute(SYMPTOMS, these):
        changes[one.id].append(
            SymptomSaved(
                at=one.recorded_at,
                administration_id=str(one.administration_id),
                timepoint=one.timepoint,
                item=one.item,
                tier=tiers[one.item],
                yes=one.value == YES,
                here=one.asked_in == one.id,
            )
        )


def _add_visits(session: Session, these: dict[str, Any], changes: Changes) -> None:
    """Add what was known of each visit while it served: the version then in force, and each one after it."""
    served: defaultdict[tuple[uuid.UUID, uuid.UUID, dt.datetime], list[Any]] = defaultdict(list)
    for row in session.execute(VISITS, these):
        served[row.episode_id, row.visit_id, row.served_from].append(row)
    for (episode_id, _, served_from), versions in served.items():
        changes[episode_id] += _reports(versions, served_from, versions[0].removed_at)


def _reports(versions: Sequence[Any], served_from: dt.datetime, removed_at: dt.datetime | None) -> list[VisitReported]:
    reports: list[VisitReported] = []
    returns, voided = 0, False
    for one in versions:
        returns += voided and not one.voided
        voided = one.voided
        at = max(one.recorded_at, served_from)
        if removed_at is None or at < removed_at:
            counts = one.status == "attended" and not one.voided
            reports.append(_report(one, at, versions[0].recorded_at, counts=counts, returns=returns))
    if removed_at is not None:
        reports.append(_report(versions[-1], removed_at, versions[0].recorded_at, counts=False, returns=returns))
    return reports


def _report(one: Any, at: dt.datetime, first: dt.datetime, *, counts: bool, returns: int) -> VisitReported:
    return VisitReported(at, str(one.visit_id), counts, one.visited_on, first, one.format, one.reassessed, returns)


def _add_acts(session: Session, these: dict[str, Any], changes: Changes) -> None:
    for episode_id, kind, at in session.execute(STANDINGS, these):
        changes[episode_id].append(StandingChanged(at, PARTICIPATION[kind]))
    for episode_id, kind, checkpoint, at in session.execute(RESOLVED, these):
        changes[episode_id].append(Resolved(at, kind, checkpoint))
