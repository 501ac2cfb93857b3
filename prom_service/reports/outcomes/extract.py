"""What an outcomes report rests on: scores beside their baselines, counted, and a few single courses to draw."""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from prom_service.db import id_text
from prom_service.models import Administration, AnswerSet, Score
from prom_service.pathway.shape import PASS, Measure
from prom_service.reports import denominators, known
from prom_service.reports.abreast import Found
from prom_service.reports.activities import rates_others
from prom_service.reports.cohort import Cohort
from prom_service.reports.known import AT_ONCE
from prom_service.reports.outcomes.scales import Comparison, comparisons_of, measures_of
from prom_service.reports.planners import checked, of_one_found, usually
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
    given in our own wording; ``baseline`` is missing without a timely one of the same activities.
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
        **cohort.frames(denominators.cells(cohort, denominators.administrations(cohort))),
        rules=rules.sort_values(list(rules.columns), ignore_index=True),
        clinics=cohort.clinics(),
    )


def _counted_scores(cohort: Cohort, measures: tuple[Measure, ...]) -> pd.DataFrame:
    """Count equal scores with equal baselines, reading a bounded number of rows at a time.

    The database does not count them: a mean of twelve lines has so many values that sorting costs more than reading.
    Several sessions would not do it sooner: they would wait for each other at every row. Of a row come its texts, its
    whole numbers packed in one, and two scores; texts are numbered, so that only numbers are compared.
    """
    rows, scales = _scores(cohort, measures).subquery(), len(measures) + 1
    packed = ((rows.c.sequence * scales + rows.c.scale) * 2 + rows.c.own) * 2 + rows.c.own_baseline
    statement = sa.select(*(rows.c[name] for name in TEXTS), packed, *(rows.c[name] for name in SCORES))
    found = cohort.session.execute(statement, execution_options={"yield_per": AT_A_TIME})
    texts, parts = _numbered(found)
    order = sorted(texts)
    place = {text: number for number, text in enumerate(order)}
    cells = _summed([part.assign(texts=np.array([place[text] for text in texts])[part["texts"]]) for part in parts])
    names = zip(*order, strict=True) if order else ((),) * len(TEXTS)
    named = {name: np.array(of, "object")[cells["texts"]] for name, of in zip(TEXTS, names, strict=True)}
    rest, own_baseline = np.divmod(cells["packed"].to_numpy(), 2)
    rest, own = np.divmod(rest, 2)
    sequence, scale = np.divmod(rest, scales)
    counts = dict(zip(COUNTS, (sequence, scale, own, own_baseline), strict=True))
    whole = {name: of.astype("int16") for name, of in counts.items()}
    return pd.DataFrame(named | whole | {name: cells[name] for name in (*SCORES, "episodes")})


def _numbered(found: Found) -> tuple[list[tuple[str, ...]], list[pd.DataFrame]]:
    """Return the texts that occur, and the cells of each part of the rows with the number of theirs."""
    numbers: dict[tuple[str, ...], int] = {}
    parts = []
    for part in found.partitions():
        *texts, packed, value, baseline = zip(*part, strict=True)
        number = [numbers.setdefault(one, len(numbers)) for one in zip(*texts, strict=True)]
        scores = {"value": np.array(value, "float64"), "baseline": np.array(baseline, "float64")}
        parts.append(_summed([pd.DataFrame({"texts": number, "packed": packed, **scores, "episodes": 1})]))
    return list(numbers), parts


def _summed(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Add up the episodes of equal cells; they come in the order of texts, whole numbers and scores."""
    kinds = {"texts": "int64", "packed": "int64", "value": "float64", "baseline": "float64", "episodes": "int64"}
    cells = pd.concat([pd.DataFrame({name: np.array([], kind) for name, kind in kinds.items()}), *parts])
    return cells.groupby(list(kinds)[:-1], as_index=False, dropna=False)["episodes"].sum()


def _scores(cohort: Cohort, measures: tuple[Measure, ...], of: Sequence[uuid.UUID] | None = None) -> known.Rows:
    """Select the standing scores of the chosen episodes, or of these, each beside that of the timely baseline.

    One of other activities is no baseline.
    """
    as_of, given, given_before, before = cohort.scope.as_of, aliased(AnswerSet), aliased(AnswerSet), aliased(Score)
    rows, scale = _standing(cohort), _place(measures)
    if of is not None:
        rows = rows.where(cohort.chosen.c.id.in_(of))
    standing = rows.cte("standing").prefix_with(AT_ONCE)
    comparable = sa.and_(before.id.is_not(None), ~rates_others(Score, before))
    columns = {
        "scale": scale,
        "own": _own(given),
        "own_baseline": sa.case((comparable, _own(given_before)), else_=0),
        "value": Score.value,
        "baseline": sa.case((comparable, before.value)),
    }
    return (
        sa.select(standing, *(column.label(name) for name, column in columns.items()))
        .select_from(standing)
        .join(Score, Score.response_id == standing.c.response_id)
        .outerjoin(given, _words_of(given, Score.response_id))
        .outerjoin(
            before,
            sa.and_(before.response_id == standing.c.start_id, _same_scale(before), usually(_stands(before, as_of))),
        )
        .outerjoin(given_before, _words_of(given_before, before.response_id))
        .where(of_one_found(sa.and_(_stands(Score, as_of), scale.is_not(None)), standing.c.response_id))
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
        .outerjoin(answer, answer.c.administration_id == Administration.id)
        .outerjoin(start, sa.and_(start.c.episode_id == chosen.c.id, ~start.c.late))
        .where(cohort.windows.was_due() == 1, response.is_not(None), checked(answer.c.id.is_not(None)))
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
    courses = _spread(cohort, measures, most) if cohort.query.audience == "clinic" else {}
    found: list[Any] = []
    if courses:
        scores = _scores(cohort, measures, [uuid.UUID(one) for one in courses]).subquery()
        drawn = sa.select(id_text(scores.c.episode_id), *(scores.c[name] for name in names))
        found = cohort.each(drawn.where(_judged(cohort, measures, scores.c)), sa.Result.all)
    rows = [(courses[episode], *row) for episode, *row in chain.from_iterable(found)]
    frame = pd.DataFrame(rows, columns=["course", *names])
    kinds = dict.fromkeys(("course", "sequence", "scale", "own"), "int64")
    return frame.astype(kinds).sort_values(list(frame.columns), ignore_index=True)


def _spread(cohort: Cohort, measures: tuple[Measure, ...], most: int) -> dict[str, int]:
    """Return the episodes whose courses are drawn, with the number of the course in those of its pathway."""
    scores = _scores(cohort, measures).subquery()
    followed = sa.and_(_judged(cohort, measures, scores.c), scores.c.baseline.is_not(None), scores.c.sequence > 0)
    several = sa.select(scores.c.pathway, id_text(scores.c.episode_id)).where(followed).distinct()
    of: defaultdict[str, list[Any]] = defaultdict(list)
    for pathway, ids in chain.from_iterable(cohort.each(several, _ids_by_pathway, yield_per=AT_A_TIME)):
        of[pathway].append(ids)
    courses: dict[str, int] = {}
    for ids in map(np.concatenate, of.values()):
        step = -(-len(ids) // most)
        courses |= {str(one, "ascii"): number for number, one in enumerate(np.sort(ids)[::step], start=1)}
    return courses


def _ids_by_pathway(found: Found) -> list[tuple[str, Any]]:
    """Return arrays of the ids of episodes, as letters of one byte: there may be as many as a nation has."""
    parts: list[tuple[str, Any]] = []
    for part in found.partitions():
        of: defaultdict[str, list[str]] = defaultdict(list)
        for pathway, episode in part:
            of[pathway].append(episode)
        parts += [(pathway, np.array(ids, "S")) for pathway, ids in of.items()]
    return parts


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
