"""What the comparison report rests on: outcomes and visits by unit, and who answered, counted by the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.models import AnswerSet, Patient, Score
from prom_service.reports import denominators, known
from prom_service.reports.cohort import Cells, Cohort, count_cells, yes
from prom_service.reports.known import AT_ONCE
from prom_service.reports.planners import usually
from prom_service.reports.query import ReportQuery

CHECKPOINT = "3-months"
WHOLE = 1_000_000
"""Values are counted in whole millionths, so that both databases tell equal ones apart in the same way."""
ASSESSED = ("improved", "uncertain", "not_improved", "worse")


@dataclass(frozen=True)
class Extract:
    """What a comparison rests on.

    ``units``: group, closed, over, due, eligible, responded, wording, improved, episodes. Wording is ``official`` or
    ``own`` where the checkpoint was judged, else empty.
    ``people``: responded, characteristic, category, value, episodes; eligible and due only. A value of 0 where the
    characteristic is a word.
    ``rules``: pathway, rule_version of the judgements used. ``clinics``: code, name.
    """

    units: pd.DataFrame
    people: pd.DataFrame
    rules: pd.DataFrame
    clinics: pd.DataFrame

    def frames(self) -> Mapping[str, pd.DataFrame]:
        """Return every frame under its name."""
        return vars(self)


def extract(session: Session, query: ReportQuery) -> Extract:
    """Return the counted facts of ``query``; a fixed number of statements, whatever the number of patients."""
    cohort = Cohort(session, query)
    asked = denominators.response(cohort, CHECKPOINT).cte("asked").prefix_with(AT_ONCE)
    visited = cohort.visits_of_each()
    frames = cohort.frames({"units": _units(cohort, asked, visited), "people": _people(cohort, asked, visited)})
    people = frames["people"].astype({"responded": "bool"})
    people["value"] /= WHOLE
    return Extract(units=frames["units"], people=people, rules=cohort.rules(CHECKPOINT), clinics=cohort.clinics())


def _units(cohort: Cohort, asked: sa.CTE, visited: sa.Subquery) -> Cells:
    """Count the episodes by unit, visits against the limit, how far the checkpoint came, and its judgement."""
    chosen, judged = cohort.chosen, known.judgements(cohort.scope, CHECKPOINT).subquery()
    assessed = sa.and_(judged.c.outcome.in_(ASSESSED), asked.c.eligible == 1)
    cells = (
        sa.select(
            cohort.group().label("group"),
            chosen.c.closed,
            yes(_over_limit(cohort, visited.c.visits)).label("over"),
            sa.func.coalesce(asked.c.due, 0).label("due"),
            sa.func.coalesce(asked.c.eligible, 0).label("eligible"),
            sa.func.coalesce(asked.c.responded, 0).label("responded"),
            sa.case((assessed & (judged.c.wording == "official"), "official"), (assessed, "own"), else_="").label(
                "wording"
            ),
            yes(sa.and_(assessed, judged.c.outcome == "improved")).label("improved"),
        )
        .select_from(chosen)
        .outerjoin(judged, judged.c.episode_id == chosen.c.id)
        .outerjoin(visited, visited.c.episode_id == chosen.c.id)  # Later: SQLite takes it for several of each.
        .outerjoin(asked, asked.c.episode_id == chosen.c.id)
    )
    return count_cells(cells, flags=("closed", "over", "due", "eligible", "responded", "improved"))


def _people(cohort: Cohort, asked: sa.CTE, visited: sa.Subquery) -> Cells:
    """Count who answered and who did not by age, sex, visits and each primary score at baseline."""
    eligible = _eligible(cohort, asked, visited).cte("eligible").prefix_with(AT_ONCE)
    told = sa.union_all(
        _told(eligible, "age", value=eligible.c.age),
        _told(eligible, "sex", category=eligible.c.sex),
        _told(eligible, "visits", value=eligible.c.visits),
        _baselines(cohort, eligible),
    ).subquery()
    counted = sa.select(*told.c, sa.func.count().label("episodes")).group_by(*told.c)
    return Cells(counted, counts=("value", "episodes", "responded"), added=("episodes",))


def _eligible(cohort: Cohort, asked: sa.CTE, visited: sa.Subquery) -> known.Rows:
    """Select age, sex and visits of each eligible episode."""
    chosen = cohort.chosen
    births, sexes = (known.later_change(cohort.scope, name) for name in ("date_of_birth", "sex"))
    born = known.as_it_was(births, sa.cast(Patient.date_of_birth, sa.String))
    return (
        sa.select(
            chosen.c.id,
            asked.c.responded,
            _age(chosen.c.started_on, born).label("age"),
            known.as_it_was(sexes, Patient.sex).label("sex"),
            sa.func.coalesce(visited.c.visits, 0).label("visits"),
        )
        .join(asked, asked.c.episode_id == chosen.c.id)
        .join(Patient, Patient.id == chosen.c.patient_id)
        .outerjoin(births, births.c.episode_id == chosen.c.id)
        .outerjoin(sexes, sexes.c.episode_id == chosen.c.id)
        .outerjoin(visited, visited.c.episode_id == chosen.c.id)
        .where(asked.c.eligible == 1)
    )


def _told(eligible: sa.CTE, characteristic: str, *, category: Any = None, value: Any = None) -> known.Rows:
    """Select one characteristic of each eligible episode, its value in whole millionths."""
    return sa.select(
        eligible.c.responded,
        sa.literal(characteristic).label("characteristic"),
        (sa.literal("") if category is None else category).label("category"),
        (sa.literal(0) if value is None else sa.cast(sa.func.round(value * WHOLE), sa.BigInteger)).label("value"),
    )


def _baselines(cohort: Cohort, eligible: sa.CTE) -> known.Rows:
    """Select the primary scores of each timely baseline, under the name of the scale and its wording."""
    baseline = cohort.baselines
    measure = Score.instrument + " " + Score.scale + " / " + AnswerSet.wording
    primary = cohort.on_primary(Score.instrument, Score.scale)
    scored = (primary, Score.value.is_not(None), Score.recorded_at <= cohort.scope.as_of)
    return (
        _told(eligible, "baseline", category=measure, value=Score.value)
        .join(cohort.chosen, cohort.chosen.c.id == eligible.c.id)
        .join(baseline, baseline.c.episode_id == eligible.c.id)
        .join(Score, Score.response_id == baseline.c.id)
        .join(AnswerSet, sa.and_(AnswerSet.response_id == Score.response_id, AnswerSet.instrument == Score.instrument))
        .where(usually(~baseline.c.late), usually(sa.and_(*scored)))
    )


def _over_limit(cohort: Cohort, visits: Any) -> sa.ColumnElement[bool]:
    """Return whether the visits of a chosen episode are more than its pathway's limit."""
    of = cohort.chosen.c.pathway
    return sa.or_(*((of == pathway.ref) & (visits > pathway.visit_limit) for pathway in cohort.pathways))


def _age(on: Any, born: Any) -> sa.ColumnElement[int]:
    """Return the whole years between two days written as ISO text."""
    on_year, born_year = (sa.cast(sa.func.substr(day, 1, 4), sa.Integer) for day in (on, born))
    return on_year - born_year - yes(sa.func.substr(on, 6, 5) < sa.func.substr(born, 6, 5))
