"""What the utilization report rests on: visits and outcomes of the episodes, already counted by the database."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.models import Administration
from prom_service.reports import known
from prom_service.reports.cohort import EVERYTHING, Cohort
from prom_service.reports.continued.extract import flagged, improved
from prom_service.reports.denominators.extract import attempts, timepoints
from prom_service.reports.query import ReportQuery

CHECKPOINT = "3-months"
ASSESSED = ("improved", "uncertain", "not_improved", "worse")


@dataclass(frozen=True)
class Extract:
    """What a utilization report rests on.

    ``episodes``: group, pathway, visit_limit, closed, visits, outcome, wording, due, episodes.
    ``improved`` and ``flagged``: as in ``continued.extract``.
    ``timepoints`` and ``attempts``: as in ``denominators.extract``.
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
        episodes=_episodes(cohort),
        improved=improved(cohort),
        flagged=flagged(cohort),
        timepoints=timepoints(cohort),
        attempts=attempts(cohort),
        activity=_activity(cohort, "group"),
        months=_activity(cohort, "month"),
        rules=cohort.rules(CHECKPOINT),
        clinics=cohort.clinics(),
    )


def _episodes(cohort: Cohort) -> pd.DataFrame:
    """Count the episodes by group, visits so far and outcome at the checkpoint; own or mixed wording is ``own``."""
    chosen, judged = cohort.chosen, known.judgements(cohort.scope, CHECKPOINT).subquery()
    visited = cohort.visits_of_each()
    assessed = judged.c.outcome.in_(ASSESSED)
    cells = (
        sa.select(
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
    frame = cohort.counted(cells, flags=("closed", "due"))
    limits = {pathway.ref: pathway.visit_limit for pathway in cohort.pathways}
    frame.insert(2, "visit_limit", frame["pathway"].map(limits).astype("int64"))
    return frame


def _activity(cohort: Cohort, key: str) -> pd.DataFrame:
    """Count distinct visits by ``group`` or by ``month``: a visit serving two episodes is one visit."""
    served = cohort.served
    month = sa.func.substr(sa.cast(served.c.visited_on, sa.String), 1, 7)
    rows = sa.select(
        {"group": served.c.group, "month": month}[key].label(key),
        served.c.visit_id,
        served.c.episode_id,
        sa.func.count().over(partition_by=served.c.visit_id).label("serves"),
    ).subquery()
    shared = sa.case((rows.c.serves > 1, rows.c.visit_id))
    counts = {"visits": rows.c.visit_id, "shared": shared, "served": rows.c.episode_id}
    sums = [sa.func.count(sa.distinct(column)).label(name) for name, column in counts.items()]
    divided = sa.select(rows.c[key], *sums).group_by(rows.c[key])
    if key == "month" or cohort.query.group_by is None:  # Everything is then the one group.
        return cohort.frame(divided, counts=tuple(counts))
    overall = cohort.frame(sa.select(sa.literal(EVERYTHING).label(key), *sums), counts=tuple(counts))
    return pd.concat([overall, cohort.frame(divided, counts=tuple(counts))], ignore_index=True)
