"""An episode's past and future: what was asked and sent, what will be, and why something was not."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import Administration, Message, MessageEvent


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
        "opens_at": _instant(administration.opens_at),
        "target_at": _instant(administration.target_at),
        "late_after": _instant(administration.late_after),
        "closes_at": _instant(administration.closes_at),
        "started_at": _instant(administration.started_at),
        "completed_at": _instant(administration.completed_at),
        "reason": administration.cancelled_reason,
        "messages": messages,
    }


def _message(message: Message, events: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "kind": message.kind,
        "ordinal": message.ordinal,
        "planned_for": _instant(message.planned_for),
        "phase": message.phase,
        "reason": message.reason,
        "sent_at": _instant(message.sent_at),
        "bounced_at": _instant(message.bounced_at),
        "events": events,
    }


def _event(event: MessageEvent) -> dict[str, Any]:
    return {"kind": event.kind, "at": _instant(event.at), "actor": event.actor, "reason": event.reason}


def _instant(at: dt.datetime | None) -> str | None:
    return at.isoformat() if at else None
