"""Findings that ask for a review, as their flags stood at the instant, and how soon somebody looked."""

from typing import Any

import sqlalchemy as sa

from prom_service.db import local_day
from prom_service.models import Clinic, Flag, FlagEvent
from prom_service.pathway.visit_rules import REVIEWABLE
from prom_service.reports import known
from prom_service.reports.cohort import Cohort, yes

CHECKPOINTS = ("6-weeks", "3-months")
REASSESSED = "reassessed"


def findings(cohort: Cohort) -> sa.CTE:
    """Select the standing findings of the checkpoints that ask for a review, one row for each flag.

    Columns: flag_id, episode_id, group, closed, checkpoint, kind, wording (``official`` or ``own``), first_raised_on,
    reassessed_on (first visit after it at which the clinician reassessed), resolved_on, resolution, reviewed_on (the
    earlier of the two).
    Days are those of the clinic, as visits are dated. A superseded finding does not stand any more; the flag that took
    its place on the spot says since when the two of them wait, as ``pathway.visit_rules`` counts: ``first_raised_on``.
    """
    flags = _in_turn(cohort).subquery()
    on, resolved_on = flags.c.reassessed_on, flags.c.resolved_on
    earlier = sa.case((resolved_on < on, resolved_on), else_=sa.func.coalesce(on, resolved_on))
    found = sa.select(*flags.c, earlier.label("reviewed_on")).where(flags.c.superseded_at.is_(None))
    return cohort.part("finding", found)


def _in_turn(cohort: Cohort) -> known.Rows:
    """Select every flag, superseded or not, with the day of the first of the unbroken run that it ends.

    A run goes on where one flag is superseded and the next raised at the same instant, of the same kind and checkpoint,
    and nobody had reassessed at a visit in between.
    """
    flags = cohort.part("raised", _flags(cohort))
    reassessed = _reassessed(cohort, flags).subquery()
    seen_on = reassessed.c.on
    superseded_at, seen_before = (_over_alike(sa.func.lag(one), flags.c) for one in (flags.c.superseded_at, seen_on))
    unseen = sa.or_(seen_before.is_(None), seen_before > flags.c.raised_on)
    goes_on = yes(sa.and_(superseded_at == flags.c.raised_at, unseen)).label("goes_on")
    each = (
        sa.select(*flags.c, seen_on.label("reassessed_on"), goes_on)
        .select_from(flags)
        .outerjoin(reassessed, reassessed.c.flag_id == flags.c.flag_id)
        .subquery()
    )
    begun_on = sa.case((each.c.goes_on == 0, each.c.raised_on))
    return sa.select(*each.c, _over_alike(sa.func.max(begun_on), each.c).label("first_raised_on"))


def _over_alike(function: Any, flags: Any) -> Any:
    """Return the window function over the flags of the same kind and checkpoint, as they were raised."""
    return function.over(partition_by=(flags.episode_id, flags.kind, flags.checkpoint), order_by=flags.number)


def _flags(cohort: Cohort) -> known.Rows:
    scope, chosen = cohort.scope, cohort.chosen
    newest = (
        sa.select(
            FlagEvent.clinic_id,
            FlagEvent.flag_id,
            sa.func.min(FlagEvent.number).label("first"),
            sa.func.max(FlagEvent.number).label("number"),
        )
        .join(Flag, Flag.id == FlagEvent.flag_id)
        .where(FlagEvent.clinic_id.in_(scope.clinics), FlagEvent.recorded_at <= scope.as_of)
        .where(Flag.kind.in_(REVIEWABLE), Flag.checkpoint.in_(CHECKPOINTS))
        .group_by(FlagEvent.clinic_id, FlagEvent.flag_id)
        .subquery()
    )
    same = sa.and_(FlagEvent.clinic_id == newest.c.clinic_id, FlagEvent.number == newest.c.number)
    resolved, superseded = FlagEvent.type == "resolved", FlagEvent.type == "superseded"
    official = FlagEvent.flag[("evidence", "wording")].as_string() == "official"
    return (
        sa.select(
            Flag.id.label("flag_id"),
            Flag.episode_id,
            cohort.group().label("group"),
            chosen.c.closed,
            Flag.checkpoint,
            Flag.kind,
            sa.case((official, "official"), else_="own").label("wording"),
            newest.c.first.label("number"),
            Flag.raised_at,
            local_day(Flag.raised_at, Clinic.time_zone).label("raised_on"),
            sa.case((superseded, FlagEvent.at)).label("superseded_at"),
            sa.case((resolved, local_day(FlagEvent.at, Clinic.time_zone))).label("resolved_on"),
            sa.case((resolved, FlagEvent.detail["reason"].as_string())).label("resolution"),
        )
        .select_from(Flag)
        .join(newest, newest.c.flag_id == Flag.id)
        .join(FlagEvent, same)
        .join(Clinic, Clinic.id == Flag.clinic_id)
        .join(chosen, chosen.c.id == Flag.episode_id)
    )


def _reassessed(cohort: Cohort, flags: Any) -> known.Rows:
    """Select, by ``flag_id``, the day of the first attended visit after it at which the clinician reassessed."""
    visits = cohort.attended
    return (
        sa.select(flags.c.flag_id, sa.func.min(visits.c.visited_on).label("on"))
        .select_from(flags)
        .join(visits, visits.c.episode_id == flags.c.episode_id)
        .where(visits.c.reassessed, visits.c.visited_on > flags.c.raised_on)
        .group_by(flags.c.flag_id)
    )
