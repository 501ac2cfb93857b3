"""What the utilization report rests on: visits and outcomes of the episodes, already counted by the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.models import Administration, EpisodeVisit
from prom_service.reports import denominators, known
from prom_service.reports.cohort import Cells, Cohort, count_cells
from prom_service.reports.continued.extract import flagged, improved
from prom_service.reports.kept.reading import kept_frames
from prom_service.reports.known import AT_ONCE
from prom_service.reports.query import ReportQuery
from prom_service.reports.rounding import EVERYTHING

CHECKPOINT = "3-months"
ASSESSED = ("improved", "uncertain", "not_improved", "worse")
SERVED, SHARED = ("visits", "served"), ("shared", "again")


@dataclass(frozen=True)
class Extract:
    """What a utilization report rests on.

    ``episodes``: group, pathway, visit_limit, closed, visits, outcome, wording, due, episodes.
    ``improved`` and ``flagged``: as in ``continued.extract``.
    ``timepoints`` and ``attempts``: as in ``denominators.cells``.
    ``activity``: group, visits, shared, served. ``months``: month, visits, shared, served.
    ``rules``: pathway, rule_version of the judgements used. ``clinics``: code, name.
    """

    episodes: pd.DataFrame
    improved: pd.DataFrame
    flagged: pd.DataFrame
    timepoints: pd.DataFrame
    attempts: pd.DataFrame
    activity: pd.DataFrame
    months: pd.DataFrame
    rules: pd.DataFrame
    clinics: pd.DataFrame

    def frames(self) -> Mapping[str, pd.DataFrame]:
        """Return every frame under its name."""
        return vars(self)


def extract(session: Session, query: ReportQuery) -> Extract:
    """Return the counted facts of ``query``; a fixed number of statements, whatever the number of patients.

    They are added up from what is kept of the clinics where that is of this instant, else found in the record.
    """
    cohort = Cohort(session, query)
    frames = kept_frames(cohort)
    if frames is None:
        frames = _found(cohort)
    limits = {pathway.ref: pathway.visit_limit for pathway in cohort.pathways}
    episodes = frames["episodes"]
    episodes.insert(2, "visit_limit", episodes["pathway"].map(limits).astype("int64"))
    activity = [_activity(frames["group"], frames["shared_group"], "group")]
    if query.group_by is not None:
        activity.insert(0, _activity(frames["all"], frames["shared_all"], "group"))
    return Extract(
        episodes=episodes,
        timepoints=frames["timepoints"],
        attempts=frames["attempts"],
        activity=pd.concat(activity, ignore_index=True),
        months=_activity(frames["month"], frames["shared_month"], "month"),
        improved=frames["improved"],
        flagged=frames["flagged"],
        rules=frames["rules"],
        clinics=cohort.clinics(),
    )


def _found(cohort: Cohort) -> dict[str, pd.DataFrame]:
    """Return every frame, counted in the record."""
    of = denominators.administrations(cohort)
    return cohort.frames(
        {
            "rules": cohort.rules_used(CHECKPOINT),
            "improved": improved(cohort, of.asked),
            "flagged": flagged(cohort),
            **denominators.cells(cohort, of),
            **_visit_cells(cohort),
        }
    )


def _visit_cells(cohort: Cohort) -> dict[str, Cells]:
    """Return what counts the visits of the episodes, by group and month, and all together where there are groups."""
    months = by_month(cohort).cte("by_month").prefix_with(AT_ONCE)
    each = summed(months, "episode_id", "group").cte("each").prefix_with(AT_ONCE)
    visited = summed(each, "episode_id").cte("visited").prefix_with(AT_ONCE)
    twice = doubles(cohort).cte("double").prefix_with(AT_ONCE)
    cells = {
        "episodes": episode_cells(cohort, visited),
        "group": _activity_cells(each, sa.func.count(), "group"),
        "month": _activity_cells(months, sa.func.count(sa.distinct(months.c.episode_id)), "month"),
        "shared_group": _shared(twice, "group"),
        "shared_month": _shared(twice, "month"),
    }
    if cohort.query.group_by is not None:
        cells |= {"all": _activity_cells(visited, sa.func.count()), "shared_all": _shared(twice)}
    return cells


def episode_cells(cohort: Cohort, visited: sa.CTE) -> Cells:
    """Count the episodes by what ``courses`` says of them."""
    visits = cohort.visits_of_each() if cohort.query.basis == "activity" else visited
    each = courses(cohort, visits).subquery()
    cells = sa.select(*(column for column in each.c if column.key != "episode_id"))
    return count_cells(cells, flags=("closed", "due"))


def courses(cohort: Cohort, visits: sa.FromClause) -> known.Rows:
    """Select group, visits so far and outcome at the checkpoint of each episode; own or mixed wording is ``own``."""
    chosen, judged = cohort.chosen, known.judgements(cohort.scope, CHECKPOINT).subquery()
    assessed = judged.c.outcome.in_(ASSESSED)
    return (
        sa.select(
            chosen.c.id.label("episode_id"),
            cohort.group().label("group"),
            chosen.c.pathway,
            chosen.c.closed,
            sa.func.coalesce(visits.c.visits, 0).label("visits"),
            sa.case((assessed, judged.c.outcome), else_="not_assessable").label("outcome"),
            sa.case((assessed & (judged.c.wording == "official"), "official"), (assessed, "own"), else_="").label(
                "wording"
            ),
            sa.case((Administration.id.is_(None), 1), else_=cohort.windows.was_due()).label("due"),
        )
        .select_from(chosen)
        .outerjoin(judged, judged.c.episode_id == chosen.c.id)
        .outerjoin(
            Administration,
            sa.and_(Administration.episode_id == chosen.c.id, Administration.timepoint == CHECKPOINT),
        )
        .outerjoin(visits, visits.c.episode_id == chosen.c.id)  # Last: SQLite takes it for several of each.
    )


def by_month(cohort: Cohort) -> known.Rows:
    """Count the visits that served each episode, by group and month."""
    served = cohort.served.c
    month = sa.func.substr(sa.cast(served.visited_on, sa.String), 1, 7).label("month")
    return sa.select(served.episode_id, served.group, month, sa.func.count().label("visits")).group_by(
        served.episode_id, served.group, month
    )


def summed(counted: sa.CTE, *keys: str) -> known.Rows:
    """Add up the visits by these keys."""
    columns = [counted.c[key] for key in keys]
    return sa.select(*columns, sa.func.sum(counted.c.visits).label("visits")).group_by(*columns)


def doubles(cohort: Cohort) -> known.Rows:
    """Select the services of the visits that served several episodes.

    Few visits ever did; they are found among the services on record before anything is asked about them.
    """
    served = cohort.served.c
    several = (
        sa.select(EpisodeVisit.visit_id)
        .where(EpisodeVisit.clinic_id.in_(cohort.scope.clinics))
        .group_by(EpisodeVisit.clinic_id, EpisodeVisit.visit_id)
        .having(sa.func.count() > 1)
    )
    month = sa.func.substr(sa.cast(served.visited_on, sa.String), 1, 7).label("month")
    serves = sa.func.count().over(partition_by=served.visit_id).label("serves")
    columns = (served.visit_id, served.episode_id, served.group, month, serves)
    rows = sa.select(*columns).where(served.visit_id.in_(several)).subquery()
    return sa.select(rows).where(rows.c.serves > 1)


def _activity_cells(counted: sa.CTE, episodes: Any, *keys: str) -> Cells:
    """Count the services and the distinct episodes served, by these keys."""
    columns = [counted.c[key] for key in keys]
    services = sa.func.coalesce(sa.func.sum(counted.c.visits), 0)
    rows = sa.select(*columns, services.label("visits"), episodes.label("served")).select_from(counted)
    return Cells(rows.group_by(*columns), counts=SERVED, added=SERVED)


def _shared(doubles: sa.CTE, *keys: str) -> Cells:
    """Count the distinct visits among services that share one, and by how many more services than visits these are."""
    columns = [doubles.c[key] for key in keys]
    visits = sa.func.count(sa.distinct(doubles.c.visit_id))
    rows = sa.select(*columns, visits.label("shared"), (sa.func.count() - visits).label("again")).select_from(doubles)
    return Cells(rows.group_by(*columns), counts=SHARED, added=SHARED)


def _activity(counted: pd.DataFrame, shared: pd.DataFrame, key: str) -> pd.DataFrame:
    """Put the counts side by side: a visit serving two episodes is one visit."""
    if key not in counted:
        counted, shared = counted.assign(**{key: EVERYTHING}), shared.assign(**{key: EVERYTHING})
    table = counted.merge(shared, on=key, how="left").fillna({"shared": 0, "again": 0})
    table["visits"] -= table["again"].astype("int64")
    return table[[key, "visits", "shared", "served"]].astype({"shared": "int64"})
