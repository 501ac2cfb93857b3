"""How far each questionnaire of the episodes in a report had come, as cells."""

from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import aliased

from prom_service.models import Administration, Message, Score
from prom_service.reports import known
from prom_service.reports.cohort import Cohort, by, yes


def timepoints(cohort: Cohort) -> pd.DataFrame:
    """Count the episodes by timepoint and by how far their administration came.

    Columns: group, timepoint, sequence, due, excluded, declined, invited, delivered, started, partial, late, mode,
    answered, scorable, baseline (``in_time``, ``late``, ``none``), with_baseline, by_email, episodes.
    """
    flags = ("due", "declined", "invited", "delivered", "started", "partial", "late", "answered", "scorable")
    cells = administrations(cohort).subquery()
    columns = [column for column in cells.c if column.key not in ("episode_id", "answered_at")]
    return cohort.counted(sa.select(*columns), flags=(*flags, "with_baseline", "by_email"))


def attempts(cohort: Cohort) -> pd.DataFrame:
    """Count, for each message of a due administration, how many were delivered and answered before the next.

    Columns: timepoint, sequence, attempt, delivered, answered.
    """
    later, rows = aliased(Message), administrations(cohort)
    answered_at = rows.selected_columns.answered_at
    reminded = sa.exists().where(
        later.administration_id == Administration.id,
        later.ordinal > Message.ordinal,
        known.delivered_at(later, cohort.scope) <= answered_at,
    )
    sent_at = known.delivered_at(Message, cohort.scope)
    sent = (
        rows.join(Message, Message.administration_id == Administration.id)
        .add_columns(Message.ordinal.label("attempt"), sent_at.label("sent_at"), yes(reminded).label("reminded"))
        .subquery()
        .c
    )
    by_it = sa.and_(sent.answered == 1, sent.mode == "web", sent.answered_at >= sent.sent_at, sent.reminded == 0)
    keys = (sent.timepoint, sent.sequence, sent.attempt)
    counts = (sa.func.count().label("delivered"), sa.func.sum(yes(by_it)).label("answered"))
    counted = (
        sa.select(*keys, *counts).where(sent.due == 1, sent.excluded == "", sent.sent_at.is_not(None)).group_by(*keys)
    )
    return cohort.frame(counted, counts=("sequence", "attempt", "delivered", "answered"))


def administrations(cohort: Cohort) -> known.Rows:
    """Select how far each administration of the chosen episodes had come at the instant, one row for each."""
    chosen, as_of = cohort.chosen, cohort.scope.as_of
    answer = known.responses(cohort.scope).subquery()
    baseline = known.baselines(cohort.scope).subquery()
    mail = known.mailings(cohort.scope).subquery()
    answered = answer.c.id.is_not(None)
    started = sa.or_(answered, by(Administration.started_at, as_of))
    with_baseline = sa.and_(sa.not_(baseline.c.late), _scored(cohort, answer.c.id, baseline.c.id))
    cells = {
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
        "scorable": yes(_scored(cohort, answer.c.id)),
        "baseline": sa.case((baseline.c.id.is_(None), "none"), (baseline.c.late, "late"), else_="in_time"),
        "with_baseline": yes(with_baseline),
        "by_email": yes(mail.c.delivered == 1),
        "answered_at": answer.c.answered_at,
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
    """Why an administration was not to be answered at all; empty when it was."""
    cancelled = by(Administration.cancelled_at, cohort.scope.as_of)
    return sa.case(
        (cancelled, sa.func.coalesce(Administration.cancelled_reason, "cancelled")),
        (cohort.windows.was_not_asked(), "not_asked"),
        else_="",
    )


def _scored(cohort: Cohort, response: Any, baseline: Any = None) -> sa.ColumnElement[bool]:
    """Return whether a primary scale of the response has a score, and of the baseline too when one is given."""
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
    )
