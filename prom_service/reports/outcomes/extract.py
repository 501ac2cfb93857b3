"""What an outcomes report rests on: scores beside their baselines, counted, and a few single courses to draw."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from prom_service.models import Administration, AnswerSet, Score
from prom_service.pathway.shape import PASS, Measure
from prom_service.reports import denominators, known
from prom_service.reports.cohort import Cohort
from prom_service.reports.known import AT_ONCE
from prom_service.reports.outcomes.scales import Comparison, comparisons_of, measures_of
from prom_service.reports.query import ReportQuery

AT_A_TIME = 50_000
"""Rows held in memory before they are counted."""
LINES = 30
"""Courses drawn of one pathway, at most."""
TEXTS = ("group", "pathway", "timepoint")
COUNTS = ("sequence", "scale", "own", "own_baseline")
SCORES = ("value", "baseline")


@dataclass(frozen=True)
class Extract:
    """What an outcomes report rests on.

    ``scores``: group, pathway, timepoint, sequence, scale, own, own_baseline, value, baseline, episodes. ``scale`` is a
    place in ``measures``, or the one after them for the acceptable state question. ``own`` says that the answers were
    given in our own wording; ``baseline`` is missing without a timely one.
    ``courses``: pathway, course, timepoint, sequence, scale, own, value of a few episodes, for the clinic itself.
    ``timepoints`` and ``attempts``: as in ``denominators.cells``.
    ``rules``: pathway, rule_version of the judgements used. ``clinics``: code, name.
    """

    measures: tuple[Measure, ...]
    comparisons: tuple[Comparison, ...]
    scores: pd.DataFrame
    courses: pd.DataFrame
    timepoints: pd.DataFrame
    attempts: pd.DataFrame
    rules: pd.DataFrame
    clinics: pd.DataFrame

    def frames(self) -> Mapping[str, pd.DataFrame]:
        """Return every frame under its name; of the scores, which may be millions, their digest."""
        small = ("courses", "timepoints", "attempts", "rules", "clinics")
        return {"scores": _digest(self.scores), **{name: getattr(self, name) for name in small}}


def extract(session: Session, query: ReportQuery) -> Extract:
    """Return the counted facts of ``query``; a fixed number of statements, whatever the number of patients."""
    cohort = Cohort(session, query)
    measures = measures_of(cohort.pathways)
    checkpoints = dict.fromkeys(one.key for pathway in cohort.pathways for one in pathway.checkpoints)
    rules = pd.concat([cohort.rules(checkpoint) for checkpoint in checkpoints]).drop_duplicates()
    return Extract(
        measures=measures,
        comparisons=comparisons_of(cohort.pathways, measures),
        scores=_counted_scores(cohort, measures),
        courses=drawn_courses(cohort, measures),
        **cohort.frames(denominators.cells(cohort)),
        rules=rules.sort_values(list(rules.columns), ignore_index=True),
        clinics=cohort.clinics(),
    )


def _counted_scores(cohort: Cohort, measures: tuple[Measure, ...]) -> pd.DataFrame:
    """Count equal scores with equal baselines, reading a bounded number of rows at a time.

    The database does not count them: a mean of twelve lines has so many values that sorting costs more than reading.
    """
    rows = _scores(cohort, measures).subquery()
    found = cohort.session.execute(
        sa.select(*(rows.c[name] for name in (*TEXTS, *COUNTS, *SCORES))), execution_options={"yield_per": AT_A_TIME}
    )
    parts = [_counted(_typed(list(part)).assign(episodes=1)) for part in found.partitions()]
    return _counted(pd.concat(parts or [_typed([]).assign(episodes=0)]))


def _typed(rows: list[Any]) -> pd.DataFrame:
    kinds = dict.fromkeys(TEXTS, "object") | dict.fromkeys(COUNTS, "int16") | dict.fromkeys(SCORES, "float64")
    columns = zip(*rows, strict=True) if rows else ((),) * len(kinds)
    return pd.DataFrame({name: np.array(of, kinds[name]) for name, of in zip(kinds, columns, strict=True)})


def _counted(cells: pd.DataFrame) -> pd.DataFrame:
    keys = [*TEXTS, *COUNTS, *SCORES]
    return cells.groupby(keys, as_index=False, dropna=False)["episodes"].sum().astype({"episodes": "int64"})


def _scores(cohort: Cohort, measures: tuple[Measure, ...]) -> known.Rows:
    """Select the standing scores of the chosen episodes, each beside that of the timely baseline."""
    as_of, given, given_before, before = cohort.scope.as_of, aliased(AnswerSet), aliased(AnswerSet), aliased(Score)
    standing, scale = _standing(cohort).cte("standing").prefix_with(AT_ONCE), _place(measures)
    columns = {
        "scale": scale,
        "own": _own(given),
        "own_baseline": sa.case((before.id.is_(None), 0), else_=_own(given_before)),
        "value": Score.value,
        "baseline": before.value,
    }
    return (
        sa.select(standing, *(column.label(name) for name, column in columns.items()))
        .select_from(standing)
        .join(Score, sa.and_(Score.response_id == standing.c.response_id, _stands(Score, as_of)))
        .outerjoin(given, _words_of(given, Score.response_id))
        .outerjoin(
            before, sa.and_(before.response_id == standing.c.start_id, _same_scale(before), _stands(before, as_of))
        )
        .outerjoin(given_before, _words_of(given_before, before.response_id))
        .where(scale.is_not(None))
    )


def _standing(cohort: Cohort) -> known.Rows:
    """Select what stands for each timepoint of the chosen episodes, and their timely baseline; a late one is none.

    Windows still open are left out: who answers early is not like the others.
    """
    chosen = cohort.chosen
    answer, start = known.responses(cohort.scope).subquery(), cohort.baselines
    response = sa.case((Administration.sequence == 0, start.c.id), else_=answer.c.id)
    columns = {
        "episode_id": chosen.c.id,
        "group": cohort.group(),
        "pathway": chosen.c.pathway,
        "timepoint": Administration.timepoint,
        "sequence": Administration.sequence,
        "response_id": response,
        "start_id": start.c.id,
    }
    return (
        sa.select(*(column.label(name) for name, column in columns.items()))
        .select_from(chosen)
        .join(Administration, Administration.episode_id == chosen.c.id)
        .join(answer, answer.c.administration_id == Administration.id)
        .outerjoin(start, sa.and_(start.c.episode_id == chosen.c.id, ~start.c.late))
        .where(cohort.windows.was_due() == 1, response.is_not(None))
    )


def _place(measures: tuple[Measure, ...]) -> sa.ColumnElement[int]:
    """Return the number of the scale; nothing for a scale that the report is not about."""
    keys = (*(measure.key for measure in measures), PASS)
    return sa.case(
        *(
            (sa.and_(Score.instrument == instrument, Score.scale == scale), place)
            for place, (instrument, scale) in enumerate(keys)
        )
    )


def _own(given: Any) -> sa.ColumnElement[int]:
    """Return 0 where the answers were given in the official wording, else 1."""
    return sa.case((given.wording == "official", 0), else_=1)


def _stands(score: Any, as_of: Any) -> sa.ColumnElement[bool]:
    return sa.and_(score.value.is_not(None), score.recorded_at <= as_of)


def _same_scale(before: Any) -> sa.ColumnElement[bool]:
    return sa.and_(before.instrument == Score.instrument, before.scale == Score.scale)


def _words_of(given: Any, response: Any) -> sa.ColumnElement[bool]:
    return sa.and_(given.response_id == response, given.instrument == Score.instrument)


def drawn_courses(cohort: Cohort, measures: tuple[Measure, ...], *, most: int = LINES) -> pd.DataFrame:
    """Return the scores of at most so many episodes of each pathway, evenly spread over those with two timepoints.

    On the scales by which their pathway judges. They are for the clinic itself: nobody else sees the course of one
    person. The same record gives the same ones.
    """
    names = ("pathway", "timepoint", "sequence", "scale", "own", "value")
    if cohort.query.audience != "clinic":
        return pd.DataFrame(columns=["course", *names])
    scores = _scores(cohort, measures).cte("scored").prefix_with(AT_ONCE)
    judged = _judged(cohort, measures, scores.c)
    followed = sa.and_(judged, scores.c.baseline.is_not(None), scores.c.sequence > 0)
    several = sa.select(scores.c.pathway, scores.c.episode_id).where(followed).distinct().subquery()
    numbered = sa.select(
        several.c.episode_id,
        sa.func.row_number().over(partition_by=several.c.pathway, order_by=several.c.episode_id).label("place"),
        sa.func.count().over(partition_by=several.c.pathway).label("all"),
    ).subquery()
    step = (numbered.c.all + (most - 1)) // most
    course = ((numbered.c.place - 1) // step + 1).label("course")
    drawn = sa.select(numbered.c.episode_id, course).where((numbered.c.place - 1) % step == 0).subquery()
    rows = sa.select(drawn.c.course, *(scores.c[name] for name in names)).join(
        scores, scores.c.episode_id == drawn.c.episode_id
    )
    return cohort.frame(rows.where(judged), counts=("course", "sequence", "scale", "own"))


def _judged(cohort: Cohort, measures: tuple[Measure, ...], scores: Any) -> sa.ColumnElement[bool]:
    """Return whether the pathway of the episode judges by the scale."""
    places = {measure.key: place for place, measure in enumerate(measures)}
    return sa.or_(
        *(
            sa.and_(scores.pathway == pathway.ref, scores.scale == places[primary.measure.key])
            for pathway in cohort.pathways
            for primary in pathway.primary
        )
    )


def _digest(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the number of cells and the SHA-256 over them, in their order."""
    rows = pd.util.hash_pandas_object(scores, index=False).to_numpy()
    return pd.DataFrame({"cells": [len(scores)], "sha256": [hashlib.sha256(rows.tobytes()).hexdigest()]})
