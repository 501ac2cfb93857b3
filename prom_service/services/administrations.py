"""Administrations moving with time: windows that open, and windows that pass without a complete answer."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from prom_service.models import Administration, Episode
from prom_service.services import assessment, audit, messages, submission
from prom_service.services.planning import PENDING


def open_due(session: Session, *, now: dt.datetime, limit: int) -> int:
    """Open the administrations whose window has begun; return how many. Any number of processes may do so at once."""
    due = (
        select(Administration.id)
        .where(Administration.state == "planned", Administration.opens_at <= now)
        .order_by(Administration.opens_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
        .cte("due")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    opened = session.execute(
        update(Administration)
        .where(Administration.id.in_(select(due.c.id)))
        .values(state="open")
        .returning(Administration.id)
        .execution_options(synchronize_session=False)
    )
    return len(opened.all())


def close_late(session: Session, *, now: dt.datetime, limit: int) -> int:
    """Settle the administrations whose time has passed: scored as partial where a rule allows, else missed.

    What had been saved by then counts, whenever this runs. They may be of any number of clinics, and what another
    process has in hand is passed over. The link goes on taking answers until the window closes for good; a late answer
    completes them all the same.
    """
    passed = _hold(
        session,
        select(Administration)
        .where(Administration.state.in_(PENDING), Administration.late_after <= now)
        .order_by(Administration.late_after),
        limit,
    )
    for administration in passed:
        response = submission.score_partial(session, administration, before=administration.late_after, now=now)
        if response is None:
            administration.state = "missed"
            administration.missed_at = now
        else:
            administration.state = "partial"
            administration.partial_at = now
    session.flush()
    _audit(session, passed, now)
    over = [administration.id for administration in passed]
    messages.cancel_pending(session, over, "window_over", keep_reason=True, actor="sweep", now=now)
    assessment.assess_or_leave_due(session, [one.episode_id for one in passed], now=now)
    return len(passed)


def close_for_good(session: Session, *, now: dt.datetime, limit: int) -> int:
    """Score what was saved late and never sent when the window closed for good; return how many were looked at.

    That adds to what was scored as partial in time, too: late answers are kept and judged at their own checkpoint.
    """
    closed = _hold(
        session,
        select(Administration)
        .where(
            Administration.state.in_(("missed", "partial")),
            Administration.started_at.is_not(None),
            Administration.closed_at.is_(None),
            Administration.closes_at <= now,
        )
        .order_by(Administration.closes_at),
        limit,
    )
    scored = []
    for administration in closed:
        administration.closed_at = now
        if submission.score_partial(session, administration, before=administration.closes_at, now=now) is not None:
            administration.state = "partial"
            administration.partial_at = now
            administration.late = True
            scored.append(administration)
    session.flush()
    _audit(session, scored, now)
    assessment.assess_or_leave_due(session, [one.episode_id for one in closed], now=now)
    return len(closed)


def _audit(session: Session, settled: Sequence[Administration], now: dt.datetime) -> None:
    """Note what became of each, with whose it is."""
    episodes = {administration.episode_id for administration in settled}
    patients = dict(session.execute(select(Episode.id, Episode.patient_id).where(Episode.id.in_(episodes))).all())
    acts = [
        audit.Act(
            one.clinic_id,
            "sweep",
            f"administration.{one.state}",
            {"administration": [one.id], "episode": [one.episode_id], "patient": [patients[one.episode_id]]},
        )
        for one in settled
    ]
    audit.note_all(session, acts, now=now)


def _hold(session: Session, due: Select[Administration], limit: int) -> Sequence[Administration]:
    """Return what is due and nobody else has in hand, held for this transaction."""
    return session.scalars(due.limit(limit).with_for_update(skip_locked=True, key_share=True)).all()
