"""How far each questionnaire of the episodes in a report had come, as cells."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from prom_service.models import Administration, Score
from prom_service.reports import known
from prom_service.reports.activities import rates_others
from prom_service.reports.cohort import Cells, Cohort, by, count_cells, yes
from prom_service.reports.known import AT_ONCE

CLOSED = "closed"
"""Why an administration was cancelled with its episode."""
WITH_BASELINE = 2
"""An administration is scored so far when its baseline is scored on the same scale, 1 when only its answer is."""


@dataclass(frozen=True)
class Administrations:
    """Parts of one statement: ``asked`` are the administrations of the chosen episodes, with how far each had come and
    the ``response`` that stands; ``mailed`` the emails that were tried, as in ``known.emails``.
    """

    asked: sa.CTE
    mailed: sa.CTE


def administrations(cohort: Cohort) -> Administrations:
    """Return the administrations of the episodes, for every frame of a statement that rests on them."""
    mailed = known.emails(cohort.scope).cte("mailed").prefix_with(AT_ONCE)
    return Administrations(_asked(cohort, mailed).cte("asked").prefix_with(AT_ONCE), mailed)


def cells(cohort: Cohort, of: Administrations) -> dict[str, Cells]:
    """Return what counts the administrations of the episodes, and the answers to each email; for one statement.

    ``timepoints``: group, timepoint, sequence, due, excluded, declined, invited, delivered, started, partial, late,
    mode, answered, scorable, baseline (``in_time``, ``late``, ``none``), with_baseline, by_email, episodes: how far
    the administrations of each timepoint had come.
    ``attempts``: timepoint, sequence, attempt, delivered, answered: for each message of a due administration, how many
    were delivered, and answered before the next; by ``group`` too where every episode is one.
    """
    return {"timepoints": _timepoints(of.asked), "attempts": _attempts(cohort, of.asked, of.mailed)}


def response(cohort: Cohort, timepoint: str) -> known.Rows:
    """Select whether each chosen episode was ``due``, ``eligible`` and ``responded`` at a timepoint."""
    answer = known.responses(cohort.scope).subquery()
    baseline = cohort.baselines
    asked = sa.or_(answer.c.id.is_not(None), _exclusion(cohort) == "")
    eligible = sa.and_(cohort.windows.was_due() == 1, asked)
    responded = sa.and_(eligible, sa.not_(baseline.c.late), _scored(cohort, answer.c.id, baseline.c.id))
    return (
        sa.select(
            Administration.episode_id,
            cohort.windows.was_due().label("due"),
            yes(eligible).label("eligible"),
            yes(responded).label("responded"),
        )
        .select_from(cohort.chosen)
        .join(Administration, Administration.episode_id == cohort.chosen.c.id)
        .outerjoin(answer, answer.c.administration_id == Administration.id)
        .outerjoin(baseline, baseline.c.episode_id == Administration.episode_id)
        .where(Administration.timepoint == timepoint)
    )


def _timepoints(asked: sa.CTE) -> Cells:
    words = ("group", "timepoint", "sequence", "excluded", "mode", "baseline")
    flags = ("due", "declined", "invited", "delivered", "started", "partial", "late", "answered", "by_email")
    scorable = yes(asked.c.scored > 0).label("scorable")
    with_baseline = yes(asked.c.scored == WITH_BASELINE).label("with_baseline")
    cells = sa.select(*(asked.c[name] for name in (*words, *flags)), scorable, with_baseline)
    return count_cells(cells, flags=(*flags, scorable.key, with_baseline.key))


def _attempts(cohort: Cohort, asked: sa.CTE, mailed: sa.CTE) -> Cells:
    """An answer belongs to the last email delivered before it."""
    next_at = sa.func.min(mailed.c.delivered_at).over(
        partition_by=mailed.c.administration_id, order_by=mailed.c.ordinal, rows=(1, None)
    )
    sent = sa.select(*mailed.c, next_at.label("next_at")).subquery().c
    before_next = sa.or_(sent.next_at.is_(None), sent.next_at > asked.c.answered_at)
    by_it = sa.and_(asked.c.answered == 1, asked.c.mode == "web", asked.c.answered_at >= sent.delivered_at, before_next)
    groups = [asked.c.group] if cohort.of_each else []
    keys = (*groups, asked.c.timepoint, asked.c.sequence, sent.ordinal.label("attempt"))
    counts = (sa.func.count().label("delivered"), sa.func.sum(yes(by_it)).label("answered"))
    counted = (
        sa.select(*keys, *counts)
        .join(asked, asked.c.id == sent.administration_id)
        .where(asked.c.due == 1, asked.c.excluded == "", sent.delivered_at.is_not(None))
        .group_by(*groups, asked.c.timepoint, asked.c.sequence, sent.ordinal)
    )
    added = ("delivered", "answered")
    return Cells(counted, counts=("sequence", "attempt", *added), added=added)


def _asked(cohort: Cohort, mailed: sa.CTE) -> known.Rows:
    chosen, as_of = cohort.chosen, cohort.scope.as_of
    answer = known.responses(cohort.scope).subquery()
    baseline = cohort.baselines
    delivered = sa.func.max(yes(mailed.c.delivered_at.is_not(None))).label("delivered")
    mail = sa.select(mailed.c.administration_id, delivered).group_by(mailed.c.administration_id).subquery()
    answered = answer.c.id.is_not(None)
    started = sa.or_(answered, by(Administration.started_at, as_of))
    with_baseline = sa.and_(sa.not_(baseline.c.late), _scored(cohort, answer.c.id, baseline.c.id))
    scorable = sa.and_(answered, _scored(cohort, answer.c.id))
    cells = {
        "id": Administration.id,
        "episode_id": chosen.c.id,
        "group": cohort.group(),
        "timepoint": Administration.timepoint,
        "sequence": Administration.sequence,
        "due": cohort.windows.was_due(),
        "excluded": sa.case((answered, ""), else_=_exclusion(cohort)),
        "declined": yes(by(Administration.declined_at, as_of)),
        "invited": yes(sa.or_(started, mail.c.delivered.is_not(None))),
        "delivered": yes(sa.or_(started, mail.c.delivered == 1)),
        "started": yes(started),
        "partial": yes(answer.c.partial),
        "late": yes(answer.c.late),
        "mode": sa.func.coalesce(answer.c.mode, ""),
        "answered": yes(answered),
        "scored": sa.case((with_baseline, WITH_BASELINE), (scorable, 1), else_=0),  # The second is asked of few.
        "baseline": sa.case((baseline.c.id.is_(None), "none"), (baseline.c.late, "late"), else_="in_time"),
        "by_email": yes(mail.c.delivered == 1),
        "answered_at": answer.c.answered_at,
        "response": answer.c.id,
    }
    return (
        sa.select(*(column.label(name) for name, column in cells.items()))
        .select_from(chosen)
        .join(Administration, Administration.episode_id == chosen.c.id)
        .outerjoin(answer, answer.c.administration_id == Administration.id)
        .outerjoin(baseline, baseline.c.episode_id == chosen.c.id)
        .outerjoin(mail, mail.c.administration_id == Administration.id)
    )


def _exclusion(cohort: Cohort) -> sa.ColumnElement[str]:
    """Why an administration was not to be answered at all; empty when it was.

    Whoever was silent when the clinic closed the episode had been asked if the day of the questionnaire had come: to
    close an episode must not better the response.
    """
    cancelled = by(Administration.cancelled_at, cohort.scope.as_of)
    day_had_come = Administration.cancelled_at >= Administration.target_at
    return sa.case(
        (sa.and_(cancelled, Administration.cancelled_reason == CLOSED, day_had_come), ""),
        (cancelled, sa.func.coalesce(Administration.cancelled_reason, "cancelled")),
        (cohort.windows.was_not_asked(), "not_asked"),
        else_="",
    )


def _scored(cohort: Cohort, response: Any, baseline: Any = None) -> sa.ColumnElement[bool]:
    """Return whether a primary scale of the response has a score, and of the baseline too when one is given.

    A score of other activities than the baseline's is none that can be put beside it.
    """
    scored = sa.exists().where(
        Score.response_id == response,
        Score.value.is_not(None),
        Score.recorded_at <= cohort.scope.as_of,
        cohort.on_primary(Score.instrument, Score.scale),
    )
    if baseline is None:
        return scored
    earlier = aliased(Score)
    return scored.where(
        earlier.response_id == baseline,
        earlier.value.is_not(None),
        earlier.recorded_at <= cohort.scope.as_of,
        earlier.instrument == Score.instrument,
        earlier.scale == Score.scale,
        ~rates_others(Score, earlier),
    )
