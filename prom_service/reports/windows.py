"""The windows of administrations as they were before a later change of the start, or of the time zone, moved them.

Windows are not facts of their own: they follow from the start and the zone, so the plan of the earlier ones says what
they were.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.models import Administration, Clinic, Episode, Patient, Response
from prom_service.pathway.plan import PlannedAdministration, plan_administrations
from prom_service.queries.pathways import find_pathway
from prom_service.reports.known import Scope, as_it_was, later_change


@dataclass(frozen=True)
class Windows:
    """The administrations whose rows say something else now than they said at the instant."""

    as_of: dt.datetime
    due: tuple[uuid.UUID, ...] = ()
    not_due: tuple[uuid.UUID, ...] = ()
    asked: tuple[uuid.UUID, ...] = ()
    not_asked: tuple[uuid.UUID, ...] = ()

    def was_due(self) -> sa.ColumnElement[Any]:
        """Return 1 where the window had passed by the instant, else 0."""
        return sa.case(
            (Administration.id.in_(self.due), 1),
            (Administration.id.in_(self.not_due), 0),
            (Administration.late_after <= self.as_of, 1),
            else_=0,
        )

    def was_not_asked(self) -> sa.ColumnElement[bool]:
        """Return whether the window had passed before the patient was enrolled."""
        never = sa.and_(Administration.state == "not_asked", Administration.id.not_in(self.asked))
        return sa.or_(Administration.id.in_(self.not_asked), never)


def windows_at(session: Session, scope: Scope) -> Windows:
    """Return how the windows stood where start or zone were changed after the instant; what was answered stays put."""
    moved = list(_moved(session, scope))
    due = {row.id: then.late_after <= scope.as_of for row, then in moved}
    return Windows(
        as_of=scope.as_of,
        due=tuple(key for key, was in due.items() if was),
        not_due=tuple(key for key, was in due.items() if not was),
        asked=tuple(row.id for row, then in moved if not then.not_asked),
        not_asked=tuple(row.id for row, then in moved if then.not_asked),
    )


def _moved(session: Session, scope: Scope) -> Iterator[tuple[Any, PlannedAdministration]]:
    start, zone = later_change(scope, "started_on"), later_change(scope, "time_zone")
    changed = sa.union(sa.select(start.c.episode_id), sa.select(zone.c.episode_id)).subquery()
    start_first = sa.or_(zone.c.at.is_(None), start.c.at < zone.c.at)
    first = sa.case((start_first, start.c.at), else_=zone.c.at)
    answered = sa.exists().where(Response.administration_id == Administration.id, Response.recorded_at < first)
    cancelled = sa.and_(Administration.cancelled_at.is_not(None), Administration.cancelled_at < first)
    rows = session.execute(
        sa.select(
            Administration.id,
            Administration.timepoint,
            Episode.pathway,
            Episode.enrolled_at,
            as_it_was(start, sa.cast(Episode.started_on, sa.String)).label("started_on"),
            sa.func.coalesce(sa.func.nullif(as_it_was(zone, Patient.time_zone), ""), Clinic.time_zone).label("zone"),
        )
        .join(Episode, Episode.id == Administration.episode_id)
        .join(changed, changed.c.episode_id == Episode.id)
        .outerjoin(start, start.c.episode_id == Episode.id)
        .outerjoin(zone, zone.c.episode_id == Episode.id)
        .join(Patient, Patient.id == Episode.patient_id)
        .join(Clinic, Clinic.id == Episode.clinic_id)
        .where(Episode.enrolled_at <= scope.as_of, ~answered, ~cancelled)
    )
    for row in rows:
        pathway, started_on = find_pathway(session, row.pathway), dt.date.fromisoformat(row.started_on)
        plan = plan_administrations(pathway, started_on, ZoneInfo(row.zone), enrolled_at=row.enrolled_at)
        for planned in plan:
            if planned.timepoint == row.timepoint:
                yield row, planned
