"""Counted visits after a day that matters, as cells: those after improvement, and those without review."""

import sqlalchemy as sa

from prom_service.reports.cohort import Cells, Cohort, count_cells, yes
from prom_service.reports.demonstration import demonstrations
from prom_service.reports.findings import findings


def improved(cohort: Cohort, asked: sa.CTE) -> Cells:
    """Count the episodes with improvement demonstrated by their counted visits since.

    ``asked`` are their administrations, as in ``denominators.Administrations``.
    Columns: group, wording, closed, visits, episodes.
    """
    shown, served = demonstrations(cohort, asked), cohort.ever_served
    after = (
        sa.select(shown.c.episode_id, sa.func.count().label("visits"))
        .join(served, sa.and_(served.c.episode_id == shown.c.episode_id, served.c.visited_on > shown.c.on))
        .group_by(shown.c.episode_id)
        .subquery()
    )
    visits = sa.func.coalesce(after.c.visits, 0).label("visits")
    cells = sa.select(shown.c.group, shown.c.wording, shown.c.closed, visits).outerjoin(
        after, after.c.episode_id == shown.c.episode_id
    )
    return count_cells(cells, flags=("closed",))


def flagged(cohort: Cohort) -> Cells:
    """Count the episodes with a finding that asks for a review by the counted visits that went without one.

    Those are the visits after the day on which a finding was first flagged and before that of its review; without a
    review, all after it. An episode is reviewed at a checkpoint when each of its flags there is.
    Columns: group, checkpoint, wording, closed, reviewed, visits, episodes.
    """
    found, served = findings(cohort), cohort.ever_served
    unseen = sa.or_(found.c.reviewed_on.is_(None), served.c.visited_on < found.c.reviewed_on)
    keys = (found.c.episode_id, found.c.checkpoint)
    without = (
        sa.select(*keys, sa.func.count(sa.distinct(served.c.visit_id)).label("visits"))
        .join(served, served.c.episode_id == found.c.episode_id)
        .where(served.c.visited_on > found.c.first_raised_on, unseen)
        .group_by(*keys)
        .subquery()
    )
    reviewed = sa.func.min(yes(found.c.reviewed_on.is_not(None)))
    whose = (*keys, found.c.group, found.c.closed)
    each = (
        sa.select(*whose, sa.func.max(found.c.wording).label("wording"), reviewed.label("reviewed"))
        .group_by(*whose)
        .subquery()
    )
    same = sa.and_(without.c.episode_id == each.c.episode_id, without.c.checkpoint == each.c.checkpoint)
    visits = sa.func.coalesce(without.c.visits, 0).label("visits")
    columns = (each.c.group, each.c.checkpoint, each.c.wording, each.c.closed, each.c.reviewed, visits)
    cells = sa.select(*columns).outerjoin(without, same)
    return count_cells(cells, flags=("closed", "reviewed"))
