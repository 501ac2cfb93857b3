"""An episode's past and future: what was asked, sent and answered, what will be sent, and why something was not."""

import datetime as dt
import uuid
from collections import defaultdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import Administration, Episode, Message, MessageEvent, PatientChange, Response
from prom_service.models.message import PENDING_PHASES
from prom_service.queries.amendments import Change, changes_of
from prom_service.queries.facts import grouped, missed_cause
from prom_service.queries.instants import written
from prom_service.queries.locks import locked_until


def timeline(session: Session, episode_id: uuid.UUID, *, now: dt.datetime) -> dict[str, Any]:
    """Return the administrations of an episode in order, each with its messages and with what came in.

    Beside them stands what was recorded of the patient: it is why emails stop, start again, or never go out.
    """
    administrations = session.scalars(
        select(Administration).where(Administration.episode_id == episode_id).order_by(Administration.sequence)
    ).all()
    asked = [administration.id for administration in administrations]
    messages = session.scalars(
        select(Message).where(Message.administration_id.in_(asked)).order_by(Message.ordinal)
    ).all()
    responses = session.scalars(
        select(Response).where(Response.episode_id == episode_id).order_by(Response.number)
    ).all()
    sent, came_in = grouped(messages, "administration_id"), grouped(responses, "administration_id")
    events = _events(session, [message.id for message in messages])
    changes = changes_of(session, responses)
    locks = locked_until(session, asked, now=now)
    return {
        "administrations": [
            {
                **_administration(one),
                "cause": missed_cause(one, sent[one.id]) if one.state in ("missed", "partial") else None,
                "identity_locked_until": written(locks.get(one.id)),
                "messages": [_message(message, events[message.id]) for message in sent[one.id]],
                "responses": [_response(response, changes.get(response.id, [])) for response in came_in[one.id]],
            }
            for one in administrations
        ],
        "patient_changes": _patient_changes(session, episode_id),
    }


def _events(session: Session, message_ids: list[uuid.UUID]) -> defaultdict[uuid.UUID, list[MessageEvent]]:
    query = select(MessageEvent).where(MessageEvent.message_id.in_(message_ids))
    return grouped(session.scalars(query.order_by(MessageEvent.at, MessageEvent.id)), "message_id")


def _patient_changes(session: Session, episode_id: uuid.UUID) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(PatientChange)
        .join(
            Episode, (Episode.clinic_id == PatientChange.clinic_id) & (Episode.patient_id == PatientChange.patient_id)
        )
        .where(Episode.id == episode_id)
        .order_by(PatientChange.recorded_at, PatientChange.id)
    )
    return [
        {
            "kind": change.kind,
            "effective_on": change.effective_on.isoformat(),
            "note": change.note,
            "actor": change.actor,
            "recorded_at": written(change.recorded_at),
        }
        for change in rows
    ]


def _administration(administration: Administration) -> dict[str, Any]:
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
    }


def _message(message: Message, events: list[MessageEvent]) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "kind": message.kind,
        "ordinal": message.ordinal,
        "planned_for": written(message.planned_for),
        "due_at": written(message.due_at) if message.phase in PENDING_PHASES else None,
        "phase": message.phase,
        "reason": message.reason,
        "sent_at": written(message.sent_at),
        "bounced_at": written(message.bounced_at),
        "events": [_event(event) for event in events],
    }


def _event(event: MessageEvent) -> dict[str, Any]:
    return {"kind": event.kind, "at": written(event.at), "actor": event.actor, "reason": event.reason}


def _response(response: Response, changes: list[Change]) -> dict[str, Any]:
    return {
        "id": str(response.id),
        "number": response.number,
        "mode": response.mode,
        "answered_by": response.answered_by,
        "entered_by": response.entered_by,
        "answered_at": written(response.answered_at),
        "recorded_at": written(response.recorded_at),
        "late": response.late,
        "partial": response.partial,
        "amendment": response.amendment,
        "changes": changes,
    }
