"""The visits of a course of care with every state they were reported in."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import NotFoundError
from prom_service.models import Episode, EpisodeVisit, Visit, VisitVersion
from prom_service.queries.pathways import find_pathway

ATTENDED = "attended"


@dataclass(frozen=True)
class ShownVisit:
    """One visit that served the episode once. ``place`` counts from 1 among those that count; None: it does not."""

    visit: Visit
    place: int | None
    serving: bool
    """False when it was taken off this episode, or is void."""
    versions: tuple[VisitVersion, ...]


def visits_of(session: Session, episode: Episode) -> list[ShownVisit]:
    """Return the episode's visits by their day, void ones and those taken off included."""
    rows = session.execute(
        select(Visit, EpisodeVisit.removed_at)
        .join(EpisodeVisit, EpisodeVisit.visit_id == Visit.id)
        .where(EpisodeVisit.clinic_id == episode.clinic_id, EpisodeVisit.episode_id == episode.id)
        .order_by(Visit.visited_on, Visit.id, EpisodeVisit.recorded_at)
    ).all()
    newest = {visit: removed_at is None and visit.voided_at is None for visit, removed_at in rows}
    versions = _versions(session, episode, [visit.id for visit in newest])
    counted = find_pathway(session, episode.pathway).counted_formats
    places = iter(range(1, len(newest) + 1))
    shown = []
    for visit, serving in newest.items():
        counts = serving and visit.status == ATTENDED and visit.format in counted
        shown.append(ShownVisit(visit, next(places) if counts else None, serving, tuple(versions[visit.id])))
    return shown


def serving_visits(session: Session, episode: Episode) -> Sequence[Visit]:
    """Return the visits that serve the episode now, void ones left out, by their day."""
    query = (
        select(Visit)
        .join(EpisodeVisit, EpisodeVisit.visit_id == Visit.id)
        .where(
            EpisodeVisit.clinic_id == episode.clinic_id,
            EpisodeVisit.episode_id == episode.id,
            EpisodeVisit.removed_at.is_(None),
            Visit.voided_at.is_(None),
        )
    )
    return session.scalars(query.order_by(Visit.visited_on, Visit.id)).all()


def last_attended_on(session: Session, episode: Episode) -> dt.date | None:
    """Return the day of the last visit that was attended in the episode; None when there is none."""
    attended = [visit.visited_on for visit in serving_visits(session, episode) if visit.status == ATTENDED]
    return attended[-1] if attended else None


def find_visit(session: Session, episode: Episode, visit_id: uuid.UUID) -> Visit:
    """Return a visit that serves the episode, or did once; raise ``NotFoundError`` otherwise."""
    visit = session.scalars(
        select(Visit)
        .join(EpisodeVisit, EpisodeVisit.visit_id == Visit.id)
        .where(EpisodeVisit.clinic_id == episode.clinic_id, EpisodeVisit.episode_id == episode.id, Visit.id == visit_id)
    ).first()
    if visit is None:
        raise NotFoundError("There is no such visit.")
    return visit


def find_by_number(session: Session, clinic_id: uuid.UUID, external_id: str) -> Visit | None:
    """Return the visit of that number of the clinic's own, void or not, or None."""
    return session.scalar(select(Visit).where(Visit.clinic_id == clinic_id, Visit.external_id == external_id))


def _versions(
    session: Session, episode: Episode, visit_ids: list[uuid.UUID]
) -> defaultdict[uuid.UUID, list[VisitVersion]]:
    query = select(VisitVersion).where(
        VisitVersion.clinic_id == episode.clinic_id, VisitVersion.visit_id.in_(visit_ids)
    )
    versions: defaultdict[uuid.UUID, list[VisitVersion]] = defaultdict(list)
    for version in session.scalars(query.order_by(VisitVersion.number)):
        versions[version.visit_id].append(version)
    return versions
