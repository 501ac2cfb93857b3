"""What is planned for an episode: making its administrations and messages, moving them, cancelling them."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from prom_service.models import Administration, Clinic, Episode, Message, Patient
from prom_service.models.message import DELIVERED_PHASES, PENDING_PHASES
from prom_service.pathway import definition as pathways
from prom_service.pathway.plan import PlannedAdministration, plan_administrations, plan_messages
from prom_service.pathway.shape import Pathway
from prom_service.services import messages
from prom_service.services.clinics import zone_of

ANSWERED = ("completed", "partial")
PENDING = ("planned", "open", "started")


@dataclass(frozen=True)
class Move:
    """What a new start does to one administration. ``planned`` is None when it stays where it is."""

    administration: Administration
    planned: PlannedAdministration | None
    reason: str
    """``moved``, ``unchanged``, ``answered`` (answered administrations never move) or ``cancelled``."""


@dataclass(frozen=True)
class StartChange:
    """What a new start would do: the moves, the messages it cancels, and those that would then be due at once."""

    started_on: dt.date
    moves: tuple[Move, ...]
    cancelled_messages: int
    due_messages: int
    """At most one: of several that are due the newest is sent."""


def plan_episode(session: Session, episode: Episode, pathway: Pathway, zone: ZoneInfo, *, now: dt.datetime) -> None:
    """Write the administrations of ``episode`` and their messages. What is over already is not asked."""
    for planned in plan_administrations(pathway, episode.started_on, zone, enrolled_at=now):
        administration = Administration(
            clinic_id=episode.clinic_id,
            episode_id=episode.id,
            timepoint=planned.timepoint,
            sequence=planned.sequence,
            state=_state_at(planned, now),
            **_window(planned),
        )
        session.add(administration)
        session.flush()
        if not planned.not_asked:
            steps = plan_messages(pathway, planned, enrolled_at=now, zone=zone)
            messages.plan_messages(session, administration, steps)


def preview_start(session: Session, episode: Episode, started_on: dt.date, *, now: dt.datetime) -> StartChange:
    """Return what moving the start to ``started_on`` would do; nothing is written."""
    patient = session.get_one(Patient, episode.patient_id)
    pathway = pathways.find(episode.pathway)
    zone = zone_of(patient, session.get_one(Clinic, episode.clinic_id))
    administrations = session.scalars(_administrations([episode.id])).all()
    moves = _moves(administrations, pathway, started_on, zone, now)
    moving = [move.administration.id for move in moves if move.planned]
    pending = session.scalar(
        select(func.count())
        .select_from(Message)
        .where(Message.administration_id.in_(moving), Message.phase.in_(PENDING_PHASES))
    )
    due = any(
        step.planned_for <= now
        for move in moves
        if move.planned and not move.planned.not_asked
        for step in plan_messages(pathway, move.planned, enrolled_at=now, zone=zone)
    )
    return StartChange(started_on, tuple(moves), pending or 0, int(due))


def move_start(
    session: Session, episode: Episode, patient: Patient, started_on: dt.date, *, actor: str, now: dt.datetime
) -> None:
    """Move the episode to its new start. Answered administrations stay; the others get new windows and messages.

    A message already delivered inside the new window counts as its step, so a small correction asks nobody twice.
    With the same start it re-plans by the zone the patient is in now.
    """
    administrations = hold_administrations(session, [episode.id])
    pathway = pathways.find(episode.pathway)
    zone = zone_of(patient, session.get_one(Clinic, episode.clinic_id))
    moves = _moves(administrations, pathway, started_on, zone, now)
    episode.started_on = started_on
    for move in moves:
        if move.planned is None:
            continue
        administration = move.administration
        for name, value in _window(move.planned).items():
            setattr(administration, name, value)
        if administration.state != "started" or move.planned.not_asked:
            administration.state = _state_at(move.planned, now)
        administration.missed_at = None
        session.flush()
        messages.cancel_pending(session, [administration.id], "start_changed", actor=actor, now=now)
        if not move.planned.not_asked:
            delivered = _delivered_within(session, move.planned, administration.id)
            steps = plan_messages(pathway, move.planned, enrolled_at=now, zone=zone)[delivered:]
            messages.plan_messages(session, administration, steps)
    session.flush()


def cancel_pending(
    session: Session, episode_ids: Iterable[uuid.UUID], reason: str, *, actor: str, now: dt.datetime
) -> None:
    """Cancel every administration of these episodes that is still to be answered, and every message still to go."""
    pending = hold_administrations(session, episode_ids)
    for administration in pending:
        if administration.state in PENDING:
            administration.state = "cancelled"
            administration.cancelled_at = now
            administration.cancelled_reason = reason
    session.flush()
    held = [administration.id for administration in pending]
    messages.cancel_pending(session, held, reason, actor=actor, now=now)


def hold_administrations(session: Session, episode_ids: Iterable[uuid.UUID]) -> Sequence[Administration]:
    """Return the administrations of these episodes as they are now, held until the transaction ends.

    Everybody takes rows in one order, so that nobody waits for somebody who waits: patient, administrations,
    messages or visit, episode, and last the clinic's counter of flag events.
    """
    held = _administrations(episode_ids).with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.scalars(held).all()


def resume_messages(session: Session, patient: Patient, *, now: dt.datetime) -> None:
    """Plan the messages again that were cancelled while the patient could not be mailed; what is over stays over."""
    zone = zone_of(patient, session.get_one(Clinic, patient.clinic_id))
    episodes = session.scalars(
        select(Episode).where(Episode.patient_id == patient.id, Episode.closed_on.is_(None)).order_by(Episode.id)
    ).all()
    by_id = {episode.id: episode for episode in episodes}
    for administration in hold_administrations(session, by_id):
        if administration.state in PENDING:
            episode = by_id[administration.episode_id]
            pathway = pathways.find(episode.pathway)
            planned = next(
                one
                for one in plan_administrations(pathway, episode.started_on, zone, enrolled_at=episode.enrolled_at)
                if one.timepoint == administration.timepoint
            )
            steps = plan_messages(pathway, planned, enrolled_at=episode.enrolled_at, zone=zone)
            coming = [step for step in steps if step.planned_for > now]
            missed = [step for step in steps if step.planned_for <= now]
            unasked = _delivered_within(session, planned, administration.id) == 0
            messages.plan_messages(session, administration, [*(missed[-1:] if unasked else []), *coming])


def _administrations(episode_ids: Iterable[uuid.UUID]) -> Select[Administration]:
    return (
        select(Administration)
        .where(Administration.episode_id.in_(list(episode_ids)))
        .order_by(Administration.episode_id, Administration.sequence)
    )


def _moves(
    administrations: Iterable[Administration],
    pathway: Pathway,
    started_on: dt.date,
    zone: ZoneInfo,
    now: dt.datetime,
) -> list[Move]:
    planned = {one.timepoint: one for one in plan_administrations(pathway, started_on, zone, enrolled_at=now)}
    return [_move(administration, planned[administration.timepoint]) for administration in administrations]


def _move(administration: Administration, planned: PlannedAdministration) -> Move:
    if administration.state in ANSWERED:
        return Move(administration, None, "answered")
    if administration.state == "cancelled":
        return Move(administration, None, "cancelled")
    if all(getattr(administration, name) == value for name, value in _window(planned).items()):
        return Move(administration, None, "unchanged")
    return Move(administration, planned, "moved")


def _delivered_within(session: Session, planned: PlannedAdministration, administration_id: uuid.UUID) -> int:
    count = session.scalar(
        select(func.count())
        .select_from(Message)
        .where(
            Message.administration_id == administration_id,
            Message.phase.in_(DELIVERED_PHASES),
            Message.planned_for >= planned.opens_at,
        )
    )
    return count or 0


def _state_at(planned: PlannedAdministration, now: dt.datetime) -> str:
    if planned.not_asked:
        return "not_asked"
    return "open" if planned.opens_at <= now else "planned"


def _window(planned: PlannedAdministration) -> dict[str, dt.datetime]:
    return {
        "opens_at": planned.opens_at,
        "target_at": planned.target_at,
        "late_after": planned.late_after,
        "closes_at": planned.closes_at,
    }
