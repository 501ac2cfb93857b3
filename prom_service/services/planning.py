"""What is planned for an episode: making its administrations and messages, moving them, cancelling them."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from prom_service.models import Administration, Clinic, Episode, Message, Patient
from prom_service.models.message import LEFT_PHASES
from prom_service.pathway.plan import PlannedAdministration, PlannedMessage, plan_administrations, plan_messages
from prom_service.pathway.shape import Pathway
from prom_service.queries.facts import planned_as
from prom_service.queries.pathways import find_pathway
from prom_service.services import messages
from prom_service.services.answer_window import ENDED
from prom_service.services.clinics import zone_of
from prom_service.services.new_start import Earlier, earlier_than

ANSWERED = ("completed", "partial")
PENDING = ("planned", "open", "started")


@dataclass(frozen=True)
class Move:
    """What a new start does to one administration. ``planned`` is None when it stays where it is."""

    administration: Administration
    planned: PlannedAdministration | None
    reason: str
    """``moved``, ``unchanged``, ``answered`` (answered administrations never move), ``cancelled`` or ``ended``."""


@dataclass(frozen=True)
class StartChange:
    """What a new start would do: the moves, the messages it cancels, and those that would then be due at once."""

    started_on: dt.date
    moves: tuple[Move, ...]
    cancelled_messages: int
    due_messages: int
    """At most one: of several that are due the newest is sent."""
    earlier: tuple[Earlier, ...]
    """The answers and visits that would lie before the start."""


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


def preview_start(
    session: Session, episode: Episode, patient: Patient, started_on: dt.date, *, now: dt.datetime
) -> StartChange:
    """Return what moving the start to ``started_on`` would do; nothing is written."""
    zone = zone_of(patient, session.get_one(Clinic, episode.clinic_id))
    pathway = find_pathway(session, episode.pathway)
    moves = _moves(session.scalars(_administrations([episode.id])).all(), episode, pathway, patient, started_on, zone)
    moving = {move.administration.id: move.planned for move in moves if move.planned}
    known = _messages(session, moving)
    steps = [
        step
        for key, planned in moving.items()
        for step in _steps_ahead(planned, known[key], episode, pathway, zone, now)
    ]
    return StartChange(
        started_on,
        tuple(moves),
        cancelled_messages=sum(one.phase in messages.CANCELLABLE_PHASES for of_one in known.values() for one in of_one),
        due_messages=int(any(step.planned_for <= now for step in steps)),
        earlier=tuple(earlier_than(session, episode, patient, started_on)),
    )


def move_start(
    session: Session, episode: Episode, patient: Patient, started_on: dt.date, *, actor: str, now: dt.datetime
) -> None:
    """Move the episode to its new start. Answered administrations stay; the others get new windows and messages.

    What was asked and is over by the new start as well is missed; what was never asked is not asked. With the same
    start it plans anew by the zone the patient is in now. Where nothing is asked any more, nothing moves.
    """
    zone = zone_of(patient, session.get_one(Clinic, episode.clinic_id))
    pathway = find_pathway(session, episode.pathway)
    moves = _moves(hold_administrations(session, [episode.id]), episode, pathway, patient, started_on, zone)
    episode.started_on = started_on
    moving = {move.administration: move.planned for move in moves if move.planned}
    known = _messages(session, [administration.id for administration in moving])
    for administration, planned in moving.items():
        steps = _steps_ahead(planned, known[administration.id], episode, pathway, zone, now)
        _move_to(administration, planned, known[administration.id], now)
        session.flush()
        messages.cancel_pending(session, [administration.id], "start_changed", actor=actor, now=now)
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
    asked = [one for one in hold_administrations(session, by_id) if one.state in PENDING]
    known = _messages(session, [administration.id for administration in asked])
    for administration in asked:
        of_it = known[administration.id]
        waiting = {message.planned_for for message in of_it if message.phase in messages.CANCELLABLE_PHASES}
        episode = by_id[administration.episode_id]
        pathway = find_pathway(session, episode.pathway)
        steps = _steps_ahead(planned_as(administration), of_it, episode, pathway, zone, now)
        messages.plan_messages(session, administration, [step for step in steps if step.planned_for not in waiting])


def _administrations(episode_ids: Iterable[uuid.UUID]) -> Select[Administration]:
    return (
        select(Administration)
        .where(Administration.episode_id.in_(list(episode_ids)))
        .order_by(Administration.episode_id, Administration.sequence)
    )


def _moves(
    administrations: Iterable[Administration],
    episode: Episode,
    pathway: Pathway,
    patient: Patient,
    started_on: dt.date,
    zone: ZoneInfo,
) -> list[Move]:
    ended = episode.closed_on is not None or patient.status in ENDED
    planned = {
        one.timepoint: one for one in plan_administrations(pathway, started_on, zone, enrolled_at=episode.enrolled_at)
    }
    return [_move(administration, planned[administration.timepoint], ended=ended) for administration in administrations]


def _move(administration: Administration, planned: PlannedAdministration, *, ended: bool) -> Move:
    if administration.state in ANSWERED:
        return Move(administration, None, "answered")
    if administration.state == "cancelled":
        return Move(administration, None, "cancelled")
    if ended:
        return Move(administration, None, "ended")
    if all(getattr(administration, name) == value for name, value in _window(planned).items()):
        return Move(administration, None, "unchanged")
    return Move(administration, planned, "moved")


def _move_to(
    administration: Administration, planned: PlannedAdministration, known: Iterable[Message], now: dt.datetime
) -> None:
    """Give an administration its new window, and the state it is in by it."""
    for name, value in _window(planned).items():
        setattr(administration, name, value)
    if now < planned.late_after:
        administration.missed_at = administration.closed_at = None
        administration.state = "started" if administration.started_at else _state_at(planned, now)
    elif administration.state in PENDING and not administration.started_at:
        was_asked = any(message.phase in LEFT_PHASES for message in known)
        administration.state = administration.state if was_asked else "not_asked"


def _messages(session: Session, administration_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Message]]:
    known: dict[uuid.UUID, list[Message]] = defaultdict(list)
    for message in session.scalars(select(Message).where(Message.administration_id.in_(list(administration_ids)))):
        known[message.administration_id].append(message)
    return known


def _steps_ahead(
    planned: PlannedAdministration,
    known: Iterable[Message],
    episode: Episode,
    pathway: Pathway,
    zone: ZoneInfo,
    now: dt.datetime,
) -> list[PlannedMessage]:
    """Return the emails of a window that are still to go: the coming ones, and one for all that were missed.

    An email that has arrived inside the window counts as its step, so a small correction asks nobody twice; after one
    nothing is caught up.
    """
    if now >= planned.late_after:
        return []
    arrived = sum(
        message.phase in LEFT_PHASES
        and message.bounced_at is None
        and message.sent_at is not None
        and message.sent_at >= planned.opens_at
        for message in known
    )
    cadence = plan_messages(pathway, planned, enrolled_at=episode.enrolled_at, zone=zone)
    missed = [step for step in cadence[arrived:] if step.planned_for <= now]
    caught_up = [replace(missed[-1], kind=missed[0].kind, ordinal=missed[0].ordinal)] if missed and not arrived else []
    return caught_up + [step for step in cadence[arrived:] if step.planned_for > now]


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
