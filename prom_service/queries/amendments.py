"""Answers that came in when there were some already: what stands, and what was kept beside it."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import instruments
from prom_service.models import Administration, AnswerSet, Episode, Patient, Response

Change = dict[str, Any]
"""``instrument``, ``item``, ``from`` and ``to``; None is an open answer."""


@dataclass(frozen=True)
class Amended:
    """One amendment, with whose and which questionnaire it is."""

    response: Response
    timepoint: str
    patient_name: str
    patient_external_id: str
    side: str
    clinician: str


def changes_of(session: Session, responses: Sequence[Response]) -> dict[uuid.UUID, list[Change]]:
    """Return for each amendment among ``responses`` which answers it changes, beside the set that stands.

    ``responses`` are all of their administrations', in the order of their numbers.
    """
    pairs = _pairs(responses)
    given = _answers(session, {response.id for pair in pairs for response in pair})
    return {amendment.id: _differences(given[standing.id], given[amendment.id]) for standing, amendment in pairs}


def amendments_of(session: Session, episode_id: uuid.UUID) -> list[tuple[str, dict[str, Any]]]:
    """Return an episode's amendments in the order they came in: the timepoint, and what ``told`` says of it."""
    rows = session.execute(
        select(Response, Administration.timepoint)
        .join(Administration, Administration.id == Response.administration_id)
        .where(Response.episode_id == episode_id)
        .order_by(Administration.sequence, Response.number)
    ).all()
    changes = changes_of(session, [response for response, _ in rows])
    return [(timepoint, told(response, changes)) for response, timepoint in rows if response.id in changes]


def told(response: Response, changes: Mapping[uuid.UUID, list[Change]]) -> dict[str, Any]:
    """Return who entered an amendment, how and when, the day of its answers, and what it changes."""
    said = ("entered_by", "mode", "answered_at", "recorded_at")
    return {name: getattr(response, name) for name in said} | {"changes": changes[response.id]}


def amended_since(session: Session, clinic_id: uuid.UUID, since: dt.datetime) -> list[Amended]:
    """Return the clinic's amendments that came in from ``since`` on, the newest first."""
    rows = session.execute(
        select(
            Response,
            Administration.timepoint,
            Patient.name,
            Patient.external_id,
            Episode.side,
            Episode.clinician,
        )
        .join(Administration, Administration.id == Response.administration_id)
        .join(Episode, Episode.id == Response.episode_id)
        .join(Patient, Patient.id == Episode.patient_id)
        .where(Response.clinic_id == clinic_id, Response.amendment, Response.recorded_at >= since)
        .order_by(Response.id.desc())
    )
    return [Amended(*row) for row in rows]


def _pairs(responses: Sequence[Response]) -> list[tuple[Response, Response]]:
    """Return each amendment with the set it was kept beside: the newest before it that is none itself."""
    standing: dict[uuid.UUID, Response] = {}
    pairs = []
    for response in responses:
        if response.amendment:
            pairs.append((standing[response.administration_id], response))
        else:
            standing[response.administration_id] = response
    return pairs


def _answers(session: Session, response_ids: set[uuid.UUID]) -> Mapping[uuid.UUID, dict[str, dict[str, Any]]]:
    answers: dict[uuid.UUID, dict[str, dict[str, Any]]] = defaultdict(dict)
    if not response_ids:
        return answers
    rows = session.execute(
        select(AnswerSet.response_id, AnswerSet.instrument, AnswerSet.answers)
        .where(AnswerSet.response_id.in_(response_ids))
        .order_by(AnswerSet.id)
    )
    for response_id, instrument, given in rows:
        answers[response_id][instrument] = given
    return answers


def _differences(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[Change]:
    """Return the answers that differ, instrument by instrument, in the order of the items."""
    changes = []
    for ref in dict.fromkeys([*before, *after]):
        was, now = before.get(ref, {}), after.get(ref, {})
        places = {item.code: place for place, item in enumerate(instruments.find(ref).items)}
        for code in sorted({*was, *now}, key=lambda code: (places[code.partition(".")[0]], code)):
            if was.get(code) != now.get(code):
                changes.append({"instrument": ref, "item": code, "from": was.get(code), "to": now.get(code)})
    return changes
