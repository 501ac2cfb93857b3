"""An episode's past and future: what was asked and sent, what will be, and why something was not."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import Administration, Message, MessageEvent
from prom_service.queries.instants import written


def timeline(session: Session, episode_id: uuid.UUID) -> dict[str, Any]:
    """Return the administrations of an episode in order, each with its messages and what happened to them."""
    administrations = session.scalars(
        select(Administration).where(Administration.episode_id == episode_id).order_by(Administration.sequence)
    ).all()
    messages = session.scalars(
        select(Message)
        .where(Message.administration_id.in_([administration.id for administration in administrations]))
        .order_by(Message.ordinal)
    ).all()
    events = session.scalars(
        select(MessageEvent)
        .where(MessageEvent.message_id.in_([message.id for message in messages]))
        .order_by(MessageEvent.at, MessageEvent.id)
    ).all()
    return {
        "administrations": [
            _administration(
                one,
                [
                    _message(message, [_event(event) for event in events if event.message_id == message.id])
                    for message in messages
                    if message.administration_id == one.id
                ],
            )
            for one in administrations
        ]
    }


def _administration(administration: Administration, messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": str(administration.id),
        "timepoint": administration.timepoint,
        "state": administration.state,
        "late": administration.late,
        "opens_at": written(administration.opens_at),
        "target_at": written(administration.target_at),
        "late_after": written(administration.late_after),
        "closes_at": written(administration.closes_at),
        "started_at": written(administration.started_at),
        "completed_at": written(administration.completed_at),
        "reason": administration.cancelled_reason,
        "messages": messages,
    }


def _message(message: Message, events: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "kind": message.kind,
        "ordinal": message.ordinal,
        "planned_for": written(message.planned_for),
        "phase": message.phase,
        "reason": message.reason,
        "sent_at": written(message.sent_at),
        "bounced_at": written(message.bounced_at),
        "events": events,
    }


def _event(event: MessageEvent) -> dict[str, Any]:
    return {"kind": event.kind, "at": written(event.at), "actor": event.actor, "reason": event.reason}
