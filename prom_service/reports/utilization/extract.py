"""What the utilization report rests on: visits and outcomes of the episodes, already counted by the database."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.models import Administration, EpisodeVisit
from prom_service.reports import denominators, known
from prom_service.reports.cohort import AT_ONCE, EVERYTHING, Cells, Cohort, count_cells
from prom_service.reports.continued.extract import flagged, improved
from prom_service.reports.query import ReportQuery

CHECKPOINT = "3-months"
ASSESSED = ("improved", "uncertain", "not_improved", "worse")


@dataclass(frozen=True)
class Extract:
    """What a utilization report rests on.

    ``episodes``: group, pathway, visit_limit, closed, visits, outcome, wording, due, episodes.
    ``improved`` and ``flagged``: as in ``continued.extract``.
    ``timepoints`` and ``attempts``: as in ``denominators.frames``.
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
    """Return the counted facts of ``query``; a fixed number of statements, whatever the number of patients."""
    cohort = Cohort(session, query)
    return Extract(
        **_care(cohort),
        **denominators.frames(cohort),
        improved=improved(cohort),
        flagged=flagged(cohort),
        rules=cohort.rules(CHECKPOINT),
        clinics=cohort.clinics(),
    )


def _care(cohort: Cohort) -> dict[str, pd.DataFrame]:
    """Return ``episodes``, ``activity`` and ``months``, which all rest on the same visits."""
    attended = _attended(cohort).cte("attended").prefix_with(AT_ONCE)
    doubles = _doubles(cohort).cte("double").prefix_with(AT_ONCE)
    frames = cohort.frames(
        {
            "episodes": _episodes(cohort, attended),
            "group": _distinct(attended, "group"),
            "month": _distinct(attended, "month"),
            "all": _distinct(attended, None),
            "shared_group": _shared(doubles, "group"),
            "shared_month": _shared(doubles, "month"),
            "shared_all": _shared(doubles, None),
        }
    )
    limits = {pathway.ref: pathway.visit_limit for pathway in cohort.pathways}
    episodes = frames["episodes"]
    episodes.insert(2, "visit_limit", episodes["pathway"].map(limits).astype("int64"))
    overall = _activity(frames["all"], frames["shared_all"], "group")
    divided = _activity(frames["group"], frames["shared_group"], "group")
    return {
        "episodes": episodes,
        "activity": divided if cohort.query.group_by is None else pd.concat([overall, divided], ignore_index=True),
        "months": _activity(frames["month"], frames["shared_month"], "month"),
    }


def courses(cohort: Cohort, visited: sa.Subquery) -> known.Rows:
    """Select group, visits so far and outcome at the checkpoint of each episode; own or mixed wording is ``own``."""
    chosen, judged = cohort.chosen, known.judgements(cohort.scope, CHECKPOINT).subquery()
    assessed = judged.c.outcome.in_(ASSESSED)
    return (
        sa.select(
            chosen.c.id.label("episode_id"),
            cohort.group().label("group"),
            chosen.c.pathway,
            chosen.c.closed,
            sa.func.coalesce(visited.c.visits, 0).label("visits"),
            sa.case((assessed, judged.c.outcome), else_="not_assessable").label("outcome"),
            sa.case((assessed & (judged.c.wording == "official"), "official"), (assessed, "own"), else_="").label(
                "wording"
            ),
            sa.case((Administration.id.is_(None), 1), else_=cohort.windows.was_due()).label("due"),
        )
        .select_from(chosen)
        .outerjoin(visited, visited.c.episode_id == chosen.c.id)
        .outerjoin(judged, judged.c.episode_id == chosen.c.id)
        .outerjoin(
            Administration,
            sa.and_(Administration.episode_id == chosen.c.id, Administration.timepoint == CHECKPOINT),
        )
    )


def _episodes(cohort: Cohort, attended: sa.CTE) -> Cells:
    """Count the episodes by what ``courses`` says of them."""
    visited = cohort.visits_of_each() if cohort.query.basis == "activity" else _of_each(attended)
    each = courses(cohort, visited).subquery()
    cells = sa.select(*(column for column in each.c if column.key != "episode_id"))
    return count_cells(cells, flags=("closed", "due"))


def _attended(cohort: Cohort) -> known.Rows:
    """Count the visits that served each episode, by group and month."""
    served = cohort.served.c
    month = sa.func.substr(sa.cast(served.visited_on, sa.String), 1, 7).label("month")
    return sa.select(served.episode_id, served.group, month, sa.func.count().label("visits")).group_by(
        served.episode_id, served.group, month
    )


def _of_each(attended: sa.CTE) -> sa.Subquery:
    summed = sa.func.sum(attended.c.visits).label("visits")
    return sa.select(attended.c.episode_id, summed).group_by(attended.c.episode_id).subquery()


def _doubles(cohort: Cohort) -> known.Rows:
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
    rows = sa.select(served.visit_id, served.group, month, serves).where(served.visit_id.in_(several)).subquery()
    return sa.select(rows).where(rows.c.serves > 1)


def _distinct(attended: sa.CTE, key: str | None) -> Cells:
    """Count the services and the distinct episodes served, by ``group`` or ``month``, or of all together."""
    keys = [attended.c[key]] if key else []
    counted = sa.select(
        *keys,
        sa.func.coalesce(sa.func.sum(attended.c.visits), 0).label("visits"),
        sa.func.count(sa.distinct(attended.c.episode_id)).label("served"),
    ).group_by(*keys)
    return Cells(counted, counts=("visits", "served"))


def _shared(doubles: sa.CTE, key: str | None) -> Cells:
    """Count the distinct visits among services that share one, and by how many more services than visits these are."""
    keys = [doubles.c[key]] if key else []
    visits = sa.func.count(sa.distinct(doubles.c.visit_id))
    counted = sa.select(*keys, visits.label("shared"), (sa.func.count() - visits).label("again")).group_by(*keys)
    return Cells(counted, counts=("shared", "again"))


def _activity(counted: pd.DataFrame, shared: pd.DataFrame, key: str) -> pd.DataFrame:
    """Put the counts side by side: a visit serving two episodes is one visit."""
    if key not in counted:
        counted, shared = counted.assign(**{key: EVERYTHING}), shared.assign(**{key: EVERYTHING})
    table = counted.merge(shared, on=key, how="left").fillna({"shared": 0, "again": 0})
    table["visits"] -= table["again"].astype("int64")
    return table[[key, "visits", "shared", "served"]].astype({"shared": "int64"})
