"""Episodes: enrolling, changing and closing them, and what is planned, sent and scored in them."""

import datetime as dt
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError, NotFoundError
from prom_service.models import Clinic, Episode, Patient
from prom_service.queries import directory
from prom_service.queries.timeline import timeline
from prom_service.queries.trajectory import trajectory
from prom_service.services import enrolment
from prom_service.services.clinics import today_at
from prom_service.services.enrolment import EpisodeDetails
from prom_service.services.planning import Move, StartChange
from prom_service.web.api import etag, paging
from prom_service.web.api.answers import created
from prom_service.web.api.blueprint import ApiBlueprint
from prom_service.web.api.schemas.episode import (
    CloseSchema,
    EpisodeChangeQuery,
    EpisodeChangeSchema,
    EpisodeQuery,
    EpisodeSchema,
    NewEpisodeSchema,
    StartChangeSchema,
    TimelineSchema,
    TrajectorySchema,
)
from prom_service.web.context import own_clinic_id, principal, prom
from prom_service.web.json_provider import json_response

READ, WRITE = "episodes:read", "episodes:write"
EPISODE = EpisodeSchema()
START_CHANGE = StartChangeSchema()
WINDOW = ("opens_at", "target_at", "late_after", "closes_at")

episodes = ApiBlueprint("episodes", "Courses of care, from the start to the close.")


@episodes.get("/episodes", scope=READ, query=EpisodeQuery(), answer=paging.page_of(EpisodeSchema))
def list_episodes(session: Session, query: Mapping[str, Any]) -> Any:
    """List the clinic's episodes in the order they were enrolled."""
    wanted = paging.requested(query)
    rows = directory.list_episodes(session, own_clinic_id(), after=wanted.after, limit=wanted.probe, **wanted.filters)
    return paging.page(wanted, rows)


@episodes.post("/episodes", scope=WRITE, body=NewEpisodeSchema(), answer=EPISODE, status=HTTPStatus.CREATED)
def add_episode(session: Session, body: Mapping[str, Any]) -> Any:
    """Enrol a patient. A second open episode of the same side on the same pathway is a conflict."""
    values = dict(body)
    patient = _find_named_patient(session, values.pop("patient"))
    clinic = session.get_one(Clinic, own_clinic_id())
    details = EpisodeDetails(**values)
    episode = enrolment.enrol(session, clinic, patient, details, actor=principal.actor, now=prom.now())
    return created(_with_patient(session, episode), ".show_episode", episode_id=episode.id)


@episodes.get("/episodes/<uuid:episode_id>", scope=READ, answer=EPISODE)
def show_episode(session: Session, episode_id: uuid.UUID) -> Episode:
    """Show an episode."""
    return directory.find_episode(session, own_clinic_id(), episode_id)


@episodes.patch(
    "/episodes/<uuid:episode_id>",
    scope=WRITE,
    query=EpisodeChangeQuery(),
    body=EpisodeChangeSchema(),
    answer={"oneOf": [EpisodeSchema, StartChangeSchema]},
)
def change_episode(
    session: Session, query: Mapping[str, Any], body: Mapping[str, Any], episode_id: uuid.UUID
) -> Response:
    """Change what is said of an episode. With `dry_run` say what a new `started_on` would do, and do nothing."""
    episode = directory.find_episode(session, own_clinic_id(), episode_id)
    etag.require_match(EPISODE, episode)
    if query["dry_run"]:
        return _preview(session, episode, body)
    enrolment.change_episode(session, episode, body, actor=principal.actor, now=prom.now())
    return json_response(EPISODE.dump(_with_patient(session, episode)))


@episodes.post("/episodes/<uuid:episode_id>/close", scope=WRITE, body=CloseSchema(), answer=EPISODE)
def close_episode(session: Session, body: Mapping[str, Any], episode_id: uuid.UUID) -> Episode:
    """Close an episode; what is still pending is cancelled. Closing again changes nothing; on another day it is a 409.

    A day before a visit that was attended is refused. With `correct` another day is put in its place: the first stays
    on record, what was cancelled stays cancelled, and answers and visits up to the new day are taken.
    """
    episode = directory.find_episode(session, own_clinic_id(), episode_id)
    clinic = session.get_one(Clinic, own_clinic_id())
    closed_on = body.get("closed_on") or episode.closed_on or today_at(clinic, now=prom.now())
    act = enrolment.correct_close if body["correct"] else enrolment.close_episode
    act(session, episode, closed_on=closed_on, reason=body["reason"], actor=principal.actor, now=prom.now())
    return _with_patient(session, episode)


@episodes.get("/episodes/<uuid:episode_id>/timeline", scope=READ, answer=TimelineSchema())
def show_timeline(session: Session, episode_id: uuid.UUID) -> Response:
    """Show what was asked, sent and answered, what will be sent, and why something was not."""
    episode = directory.find_episode(session, own_clinic_id(), episode_id)
    return json_response(timeline(session, episode.id, now=prom.now()))


@episodes.get("/episodes/<uuid:episode_id>/trajectory", scope=READ, answer=TrajectorySchema())
def show_trajectory(session: Session, episode_id: uuid.UUID) -> Response:
    """Show every score with its change since baseline, the judgements with their evidence, and the visits."""
    episode = directory.find_episode(session, own_clinic_id(), episode_id)
    return json_response(trajectory(session, episode.id))


def _find_named_patient(session: Session, named: Mapping[str, Any]) -> Patient:
    if "id" in named:
        return directory.find_patient(session, own_clinic_id(), named["id"])
    found = directory.list_patients(session, own_clinic_id(), external_id=named["external_id"], limit=1)
    if not found:
        raise NotFoundError("There is no such patient.")
    return found[0]


def _with_patient(session: Session, episode: Episode) -> Episode:
    return directory.find_episode(session, episode.clinic_id, episode.id)


def _preview(session: Session, episode: Episode, changes: Mapping[str, Any]) -> Response:
    if "started_on" not in changes:
        raise InvalidInputError({"started_on": ["A dry run shows what a new started_on would do; name it."]})
    preview = enrolment.preview_start(session, episode, changes["started_on"], now=prom.now())
    return json_response(START_CHANGE.dump(_start_change(preview)))


def _start_change(change: StartChange) -> dict[str, Any]:
    return {
        "started_on": change.started_on,
        "moves": [_move(move) for move in change.moves],
        "cancelled_messages": change.cancelled_messages,
        "due_messages": change.due_messages,
        "earlier": change.earlier,
    }


def _move(move: Move) -> dict[str, Any]:
    return {
        "administration_id": move.administration.id,
        "timepoint": move.administration.timepoint,
        "moves": move.planned is not None,
        "reason": move.reason,
        "before": _window(move.administration),
        "after": _window(move.planned) if move.planned else None,
    }


def _window(planned: Any) -> dict[str, dt.datetime]:
    return {name: getattr(planned, name) for name in WINDOW}
