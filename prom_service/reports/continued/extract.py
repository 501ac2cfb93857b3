"""Counted visits after a day that matters, as cells: those after improvement, and those without review."""

import sqlalchemy as sa

from prom_service.reports.cohort import Cells, Cohort, count_cells, yes
from prom_service.reports.demonstration import demonstrations
from prom_service.reports.findings import findings


def improved(cohort: Cohort) -> Cells:
    """Count the episodes with improvement demonstrated by their counted visits since.

    Columns: group, wording, closed, visits, episodes.
    """
    chosen, shown, served = cohort.chosen, demonstrations(cohort), cohort.ever_served()
    after = (
        sa.select(shown.c.episode_id, sa.func.count().label("visits"))
        .join(served, sa.and_(served.c.episode_id == shown.c.episode_id, served.c.visited_on > shown.c.on))
        .group_by(shown.c.episode_id)
        .subquery()
    )
    cells = (
        sa.select(
            cohort.group().label("group"),
            shown.c.wording,
            chosen.c.closed,
            sa.func.coalesce(after.c.visits, 0).label("visits"),
        )
        .select_from(chosen)
        .join(shown, shown.c.episode_id == chosen.c.id)
        .outerjoin(after, after.c.episode_id == chosen.c.id)
    )
    return count_cells(cells, flags=("closed",))


def flagged(cohort: Cohort) -> Cells:
    """Count the episodes with a finding that asks for a review by the counted visits that went without one.

    Those are the visits after the day of a flag and before that of its review; without a review, all after it. An
    episode is reviewed at a checkpoint when each of its flags there is.
    Columns: group, checkpoint, wording, closed, reviewed, visits, episodes.
    """
    chosen, found, served = cohort.chosen, findings(cohort), cohort.ever_served()
    unseen = sa.or_(found.c.reviewed_on.is_(None), served.c.visited_on < found.c.reviewed_on)
    keys = (found.c.episode_id, found.c.checkpoint)
    without = (
        sa.select(*keys, sa.func.count(sa.distinct(served.c.visit_id)).label("visits"))
        .join(served, served.c.episode_id == found.c.episode_id)
        .where(served.c.visited_on > found.c.raised_on, unseen)
        .group_by(*keys)
        .subquery()
    )
    reviewed = sa.func.min(yes(found.c.reviewed_on.is_not(None)))
    each = (
        sa.select(*keys, sa.func.max(found.c.wording).label("wording"), reviewed.label("reviewed"))
        .group_by(*keys)
        .subquery()
    )
    same = sa.and_(without.c.episode_id == each.c.episode_id, without.c.checkpoint == each.c.checkpoint)
    cells = (
        sa.select(
            cohort.group().label("group"),
            each.c.checkpoint,
            each.c.wording,
            chosen.c.closed,
            each.c.reviewed,
            sa.func.coalesce(without.c.visits, 0).label("visits"),
        )
        .select_from(chosen)
        .join(each, each.c.episode_id == chosen.c.id)
        .outerjoin(without, same)
    )
    return count_cells(cells, flags=("closed", "reviewed"))
