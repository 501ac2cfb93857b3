"""When improvement was demonstrated, by the scores known at the instant.

The rule is ``pathway.judgement.judge_function``: the full 3-month criterion of a function scale, at any response, and
the first that reaches it. The flags and the trajectory ask that function of one episode; a report asks the database
the same of all of them, and ``tests/reports/test_demonstration.py`` holds the one against the other.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

import instruments
from instruments import derived_from
from instruments.compare import TOLERANCE
from prom_service.db import local_day
from prom_service.models import AnswerSet, Clinic, Score
from prom_service.pathway.shape import GROC, FunctionCriterion, Pathway
from prom_service.queries.activities import rated
from prom_service.reports import known
from prom_service.reports.activities import rates_others
from prom_service.reports.cohort import Cohort
from prom_service.reports.planners import checked, of_one_found

Condition = sa.ColumnElement[bool]
Criteria = Mapping[tuple[int, FunctionCriterion], list[str]]
"""The pathways that have each criterion, and its place among theirs."""


def demonstrations(cohort: Cohort, asked: sa.CTE) -> sa.CTE:
    """Select the chosen episodes with improvement demonstrated: episode_id, group, closed, on, wording.

    ``asked`` are their administrations, as in ``denominators.Administrations``.
    ``on`` is the day, by the clinic's clock, on which the first such response was answered; ``wording`` is ``official``
    or ``own``.
    """
    criteria = _criteria(cohort.pathways)
    measured = {criterion.measure.instrument for _, criterion in criteria}
    reached = _reached(cohort, asked, criteria).subquery()
    place = sa.func.row_number().over(partition_by=reached.c.episode_id, order_by=(reached.c.sequence, reached.c.place))
    numbered = sa.select(reached, place.label("in_order")).subquery()
    one = numbered.c
    official = sa.and_(*(_is_official(given, one.instrument, measured) for given in (one.before, one.after)))
    first = (  # Day and wording are asked of the first alone.
        sa.select(
            one.episode_id,
            one.group,
            one.closed,
            local_day(one.answered_at, one.zone).label("on"),
            sa.case((official, "official"), else_="own").label("wording"),
        )
        .select_from(numbered)
        .where(one.in_order == 1)
    )
    return cohort.part("demonstration", first)


def _reached(cohort: Cohort, asked: sa.CTE, criteria: Criteria) -> known.Rows:
    """Every response of the chosen episodes and every criterion of their pathway that it reaches."""
    scope, chosen = cohort.scope, cohort.chosen
    before = cohort.part("before", _before(cohort, {criterion.measure.key for _, criterion in criteria}))
    after, groc = aliased(Score, name="after"), _groc(asked.c.response, scope)
    met = [
        (
            sa.and_(
                chosen.c.pathway.in_(refs),
                after.instrument == criterion.measure.instrument,
                after.scale == criterion.measure.scale,
                _is_reached(criterion, before.c, after, groc),
            ),
            place,
        )
        for (place, criterion), refs in criteria.items()
    ]
    same = sa.and_(after.instrument == before.c.instrument, after.scale == before.c.scale)
    recorded = of_one_found(after.recorded_at <= scope.as_of, asked.c.response)
    return (
        sa.select(
            chosen.c.id.label("episode_id"),
            cohort.group().label("group"),
            chosen.c.closed,
            asked.c.sequence,
            sa.case(*met).label("place"),
            asked.c.answered_at,
            Clinic.time_zone.label("zone"),
            before.c.response_id.label("before"),
            after.response_id.label("after"),
            after.instrument,
        )
        .select_from(before)
        .join(chosen, chosen.c.id == before.c.episode_id)
        .join(Clinic, Clinic.id == chosen.c.clinic_id)
        .join(asked, asked.c.episode_id == chosen.c.id)
        .join(after, sa.and_(after.response_id == asked.c.response, same, recorded))
        .where(asked.c.timepoint != "baseline")
        .where(sa.or_(sa.false(), *(condition for condition, _ in met)))
    )


def _before(cohort: Cohort, measured: Collection[tuple[str, str]]) -> known.Rows:
    """The scores from which change is counted: those of a baseline in time, of the scales that are measured."""
    baseline = cohort.baselines
    scales = [sa.and_(Score.instrument == instrument, Score.scale == scale) for instrument, scale in sorted(measured)]
    return (
        sa.select(
            baseline.c.episode_id, Score.response_id, Score.instrument, Score.scale, Score.value, Score.recorded_at
        )
        .select_from(baseline)
        .join(Score, sa.and_(Score.response_id == baseline.c.id, checked(sa.or_(sa.false(), *scales))))
        .where(sa.not_(baseline.c.late), Score.recorded_at <= cohort.scope.as_of)
    )


def _is_reached(criterion: FunctionCriterion, before: Any, after: Any, groc: Any) -> Condition:
    rises = criterion.measure.best > criterion.measure.worst
    change = after.value - before.value if rises else before.value - after.value
    reached = change >= criterion.change.value - TOLERANCE
    if criterion.measure.instrument in rated():
        reached = sa.and_(reached, ~rates_others(after, before))
    return reached if criterion.groc is None else sa.and_(reached, groc >= criterion.groc.value - TOLERANCE)


def _groc(response: Any, scope: known.Scope) -> sa.ColumnElement[float]:
    """The global rating of change of a response, looked up where a criterion asks for it."""
    instrument, scale = GROC
    given = sa.select(Score.value).where(
        Score.response_id == response,
        Score.instrument == instrument,
        Score.scale == scale,
        Score.recorded_at <= scope.as_of,
    )
    return given.scalar_subquery()


def _is_official(response_id: Any, instrument: Any, measured: Iterable[str]) -> Condition:
    """Whether a response gave the instrument, or the longer one from which it is derived, in its official wording."""
    given = [sa.and_(instrument == ref, AnswerSet.instrument.in_(_sources(ref))) for ref in sorted(measured)]
    return sa.exists().where(
        AnswerSet.response_id == response_id, AnswerSet.wording == "official", sa.or_(sa.false(), *given)
    )


def _sources(ref: str) -> list[str]:
    longer = (one for one in instruments.all_instruments() if ref in {short.ref for short in derived_from(one)})
    return [ref, *(one.ref for one in longer)]


def _criteria(pathways: Iterable[Pathway]) -> Criteria:
    """Versions of a clinic mostly share them."""
    found: dict[tuple[int, FunctionCriterion], list[str]] = defaultdict(list)
    for pathway in pathways:
        for place, criterion in enumerate(pathway.function):
            found[place, criterion].append(pathway.ref)
    return found
