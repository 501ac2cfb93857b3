"""What was known at an instant: the append-only facts as they stood then, as selects to build on.

Nothing recorded after ``as_of`` shows. Rows that hold only the present (an episode's dates and names) are taken back
with the first change recorded later, which says what stood before it.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from prom_service.db import Id
from prom_service.models import (
    Administration,
    Clinic,
    Episode,
    EpisodeChange,
    EpisodeVisit,
    Judgement,
    Message,
    MessageEvent,
    Response,
    Visit,
    VisitVersion,
)
from prom_service.reports.planners import checked, usually
from prom_service.reports.query import ReportQuery

Rows = sa.Select[*tuple[Any, ...]]
AT_ONCE = "MATERIALIZED"
"""Both databases compute a part so marked once; left to itself SQLite computes it anew for each row that needs it."""
NOT_RECORDED = "(not recorded)"
TRIED_KINDS = ("committing", "sent", "assumed_sent", "deferred", "failed", "bounced")
DELIVERED_KINDS = ("sent", "assumed_sent")


@dataclass(frozen=True)
class Scope:
    """Whose facts, and as known when."""

    clinics: Rows
    as_of: dt.datetime


FIRST = sa.bindparam("first_clinic", uuid.UUID(int=0), Id())
LAST = sa.bindparam("last_clinic", uuid.UUID(int=2**128 - 1), Id())


def between(first: uuid.UUID, last: uuid.UUID) -> Mapping[str, uuid.UUID]:
    """Return the parameters that narrow a statement about a scope to its clinics from one id to another."""
    return {FIRST.key: first, LAST.key: last}


def scope_of(query: ReportQuery) -> Scope:
    """Return the clinics and the instant of a query."""
    clinics = sa.select(Clinic.id).where(Clinic.id.between(FIRST, LAST))
    if query.organisation_id is not None:
        clinics = clinics.where(Clinic.organisation_id == query.organisation_id)
    if query.clinic_ids:
        clinics = clinics.where(Clinic.id.in_(query.clinic_ids))
    return Scope(clinics, query.as_of)


def later_change(scope: Scope, field: str) -> sa.Subquery:
    """For each episode whose ``field`` was changed after the instant: ``value`` before that, and when (``at``)."""
    before, after = EpisodeChange.before[field].as_string(), EpisodeChange.after[field].as_string()
    order = (EpisodeChange.recorded_at, EpisodeChange.id)
    changes = (
        sa.select(
            EpisodeChange.episode_id,
            before.label("value"),
            EpisodeChange.recorded_at.label("at"),
            sa.func.row_number().over(partition_by=EpisodeChange.episode_id, order_by=order).label("place"),
        )
        .where(EpisodeChange.clinic_id.in_(scope.clinics), EpisodeChange.recorded_at > scope.as_of)
        .where(sa.or_(before.is_not(None), after.is_not(None)))
        .subquery()
    )
    return sa.select(changes.c.episode_id, changes.c.value, changes.c.at).where(changes.c.place == 1).subquery()


def as_it_was(change: sa.Subquery, present: Any) -> sa.ColumnElement[str]:
    """Return what an episode's text was before ``change``, one of ``later_change``; empty where there was none."""
    return sa.func.coalesce(sa.case((change.c.episode_id.is_(None), present), else_=change.c.value), "")


def episodes(scope: Scope, period: tuple[dt.date, dt.date] | None) -> Rows:
    """Select the episodes known at the instant, those started in the half-open ``period`` when one is given.

    Days are text, as ISO writes them; ``closed_on`` is empty while the episode is open.
    """
    start, close = later_change(scope, "started_on"), later_change(scope, "closed_on")
    clinician, diagnosis, side = (later_change(scope, name) for name in ("clinician", "diagnosis", "side"))
    chosen = sa.select(
        Episode.id,
        Episode.clinic_id,
        Clinic.code.label("clinic"),
        Episode.patient_id,
        Episode.pathway,
        as_it_was(clinician, Episode.clinician).label("clinician"),
        as_it_was(diagnosis, Episode.diagnosis).label("diagnosis"),
        as_it_was(side, Episode.side).label("side"),
        as_it_was(start, sa.cast(Episode.started_on, sa.String)).label("started_on"),
        as_it_was(close, sa.cast(Episode.closed_on, sa.String)).label("closed_on"),
        sa.case((close.c.episode_id.is_(None), Episode.closed_on.is_not(None)), else_=close.c.value.is_not(None)).label(
            "closed"
        ),
    ).join(Clinic, Clinic.id == Episode.clinic_id)
    for change in (start, close, clinician, diagnosis, side):
        chosen = chosen.outerjoin(change, change.c.episode_id == Episode.id)
    chosen = chosen.where(Episode.clinic_id.in_(scope.clinics), usually(Episode.enrolled_at <= scope.as_of))
    if period is None:
        return chosen
    first, after = period
    unchanged = sa.and_(start.c.episode_id.is_(None), Episode.started_on >= first, Episode.started_on < after)
    earlier = sa.and_(start.c.value >= first.isoformat(), start.c.value < after.isoformat())
    return chosen.where(usually(sa.or_(unchanged, earlier)))


def attended(scope: Scope) -> Rows:
    """Select which attended visit served which episode at the instant, and what was last reported of it by then.

    A visit voided by then is not among them. A visit's row says what was reported last, unless it was reported again
    since: then its versions do.
    """
    earlier = _reported_again(scope)
    visit = (Visit.id == EpisodeVisit.visit_id, checked(Visit.clinic_id == EpisodeVisit.clinic_id))

    def then(present: Any, name: str) -> sa.ColumnElement[Any]:
        return sa.case((earlier.c.visit_id.is_(None), present), else_=earlier.c[name])

    said = ("visited_on", "clinician", "format", "reassessed", "documentation")
    return (
        sa.select(
            EpisodeVisit.episode_id,
            EpisodeVisit.visit_id,
            *(then(getattr(Visit, name), name).label(name) for name in said),
        )
        .join(Visit, sa.and_(*visit))
        .outerjoin(earlier, earlier.c.visit_id == EpisodeVisit.visit_id)
        .where(EpisodeVisit.clinic_id.in_(scope.clinics), usually(EpisodeVisit.recorded_at <= scope.as_of))
        .where(usually(sa.or_(EpisodeVisit.removed_at.is_(None), EpisodeVisit.removed_at > scope.as_of)))
        .where(usually(~then(Visit.voided_at.is_not(None), "voided")))
        .where(usually(then(Visit.status, "status") == "attended"))
    )


def _reported_again(scope: Scope) -> sa.CTE:
    """Select what stood at the instant of the visits that were corrected, voided or restored since."""
    since = sa.select(VisitVersion.visit_id).where(
        VisitVersion.clinic_id.in_(scope.clinics), VisitVersion.number > 1, VisitVersion.recorded_at > scope.as_of
    )
    stood = sa.select(VisitVersion).where(
        VisitVersion.visit_id.in_(since), _newest(VisitVersion, VisitVersion.visit_id, scope)
    )
    return stood.cte().prefix_with(AT_ONCE)


def responses(scope: Scope) -> Rows:
    """Select the standing responses at the instant: the newest of each administration that is no amendment."""
    return sa.select(
        Response.id,
        Response.episode_id,
        Response.administration_id,
        Response.partial,
        Response.late,
        Response.mode,
        Response.answered_at,
    ).where(_newest(Response, Response.administration_id, scope, no_amendments=True), checked(~Response.amendment))


def baselines(scope: Scope) -> Rows:
    """Select each episode's standing baseline response at the instant, with whether it came late.

    One in time stands before any late one, as in the judgements: change counts from the start.
    """
    other = aliased(Response)
    newer = sa.and_(Response.late == other.late, other.number > Response.number)
    stands_before = sa.exists().where(
        other.administration_id == Response.administration_id,
        ~other.amendment,
        other.recorded_at <= scope.as_of,
        sa.or_(newer, sa.and_(Response.late, ~other.late)),
    )
    return (
        sa.select(Response.episode_id, Response.id, Response.late)
        .join(Administration, Administration.id == Response.administration_id)
        .where(Administration.timepoint == "baseline", Response.clinic_id.in_(scope.clinics))
        .where(usually(sa.and_(~Response.amendment, Response.recorded_at <= scope.as_of, ~stands_before)))
    )


def judgements(scope: Scope, checkpoint: str) -> Rows:
    """Select the judgements of a checkpoint that were in force at the instant."""
    later = aliased(Judgement)
    newer = sa.exists().where(
        later.episode_id == Judgement.episode_id,
        later.checkpoint == Judgement.checkpoint,
        later.number > Judgement.number,
        later.recorded_at <= scope.as_of,
    )
    return sa.select(
        Judgement.episode_id,
        Judgement.outcome,
        Judgement.evidence["wording"].as_string().label("wording"),
        Judgement.pathway,
        Judgement.rule_version,
    ).where(
        Judgement.clinic_id.in_(scope.clinics),
        Judgement.checkpoint == checkpoint,
        usually(sa.and_(Judgement.recorded_at <= scope.as_of, ~newer)),
    )


def emails(scope: Scope) -> Rows:
    """Select the emails that were tried by the instant, and when a mail server took them, or possibly so.

    ``delivered_at`` is missing where none did, or it bounced since.
    """
    taken = sa.func.min(sa.case((MessageEvent.kind.in_(DELIVERED_KINDS), MessageEvent.at)))
    bounced = sa.func.max(sa.case((MessageEvent.kind == "bounced", 1), else_=0))
    return (
        sa.select(
            Message.administration_id,
            Message.ordinal,
            sa.case((bounced == 0, taken)).label("delivered_at"),
        )
        .join(MessageEvent, MessageEvent.message_id == Message.id)
        .where(
            MessageEvent.clinic_id.in_(scope.clinics),
            usually(MessageEvent.recorded_at <= scope.as_of),
            checked(MessageEvent.kind.in_(TRIED_KINDS)),
        )
        .group_by(Message.id, Message.administration_id, Message.ordinal)
    )


def _newest(table: Any, owner: Any, scope: Scope, *, no_amendments: bool = False) -> sa.ColumnElement[bool]:
    """Return the condition that a row is its owner's newest among those recorded by the instant."""
    later = aliased(table)
    newer = sa.exists().where(
        getattr(later, owner.key) == owner, later.number > table.number, later.recorded_at <= scope.as_of
    )
    if no_amendments:
        newer = newer.where(~later.amendment)
    return usually(sa.and_(table.clinic_id.in_(scope.clinics), table.recorded_at <= scope.as_of, ~newer))
