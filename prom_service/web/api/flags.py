"""Flags: the list, the feed of every change, and the steps staff take with them."""

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError, NotFoundError
from prom_service.models import Flag
from prom_service.queries import flags as queries
from prom_service.queries.guidance import with_guidance_at
from prom_service.services import flags as services
from prom_service.web import audit
from prom_service.web.api import etag, paging
from prom_service.web.api.blueprint import ApiBlueprint
from prom_service.web.api.schemas.flag import (
    AssignSchema,
    FeedQuery,
    FeedSchema,
    FlagPageSchema,
    FlagQuery,
    FlagSchema,
    ResolveSchema,
    SnoozeSchema,
    StepSchema,
)
from prom_service.web.context import own_clinic_id, principal, prom
from prom_service.web.json_provider import json_response

READ, WRITE = "flags:read", "flags:write"
FLAG = FlagSchema()

flags = ApiBlueprint("flags", "Who needs a second look, and why.")


@flags.get("/flags", scope=READ, query=FlagQuery(), answer=FlagPageSchema())
def list_flags(session: Session, query: Mapping[str, Any]) -> Any:
    """List the clinic's flags, newest first; the live ones unless a status is named."""
    wanted = paging.requested(query)
    position = queries.feed_position(session, own_clinic_id())
    chosen = queries.FlagFilter(**wanted.filters)
    found = queries.list_flags(session, own_clinic_id(), chosen, after=wanted.after, limit=wanted.probe)
    rows = [with_guidance_at(flag, prom.now()) for flag in found]
    content, headers = paging.page(wanted, rows)
    return json_response({**content, "feed_position": position}), 200, headers


@flags.get("/flags/<uuid:flag_id>", scope=READ, answer=FLAG)
def show_flag(session: Session, flag_id: uuid.UUID) -> Response:
    """Show a flag with everything that happened to it."""
    return _shown(session, flag_id)


@flags.get("/flag-events", scope=READ, query=FeedQuery(), answer=FeedSchema(), problems=(HTTPStatus.CONFLICT,))
def list_events(session: Session, query: Mapping[str, Any]) -> Response:
    """Show the changes of the clinic's flags numbered above `after`, in order. None is skipped, none shown twice.

    409 (`beyond_the_end`) when the feed does not reach as far as `after`: a backup was put back, and the numbers since
    will be given out again. Read the flags anew, and go on from their `feed_position`.
    """
    after, limit = query["after"], query["limit"]
    position = queries.feed_position(session, own_clinic_id())
    if after > position:
        raise _beyond_the_end(position)
    tag = f"{own_clinic_id().hex}-{after}-{limit}-{position}"  # Events never change, so these say what is shown.
    unchanged = etag.not_modified(tag)
    if unchanged:
        return unchanged
    events = queries.list_events(session, own_clinic_id(), after=after, limit=limit)
    of = [event["flag"] for event in events]
    audit.about(shown=len(of), flag=(one["id"] for one in of), patient=(one["patient"]["id"] for one in of))
    response = json_response({"items": events, "last": events[-1]["number"] if events else after})
    response.set_etag(tag)
    return response


@flags.post("/flags/<uuid:flag_id>/acknowledge", scope=WRITE, body=StepSchema(), answer=FLAG)
def acknowledge(session: Session, body: Mapping[str, Any], flag_id: uuid.UUID) -> Response:
    """Record that somebody has seen the flag. It stays live: seeing is not reviewing."""
    services.acknowledge(session, _held(session, flag_id), **body, **_by_whom())
    return _shown(session, flag_id)


@flags.post("/flags/<uuid:flag_id>/assign", scope=WRITE, body=AssignSchema(), answer=FLAG)
def assign(session: Session, body: Mapping[str, Any], flag_id: uuid.UUID) -> Response:
    """Give the flag to one of the clinic's users."""
    services.assign(session, _held(session, flag_id), **body, **_by_whom())
    return _shown(session, flag_id)


@flags.post("/flags/<uuid:flag_id>/snooze", scope=WRITE, body=SnoozeSchema(), answer=FLAG)
def snooze(session: Session, body: Mapping[str, Any], flag_id: uuid.UUID) -> Response:
    """Put the flag aside until a moment; it wakes as open. An urgent flag cannot be put aside."""
    services.snooze(session, _held(session, flag_id), **body, **_by_whom())
    return _shown(session, flag_id)


@flags.post("/flags/<uuid:flag_id>/resolve", scope=WRITE, body=ResolveSchema(), answer=FLAG)
def resolve(session: Session, body: Mapping[str, Any], flag_id: uuid.UUID) -> Response:
    """Close the flag with a reason; that is what counts as a review of its finding."""
    services.resolve(session, _held(session, flag_id), **body, **_by_whom())
    return _shown(session, flag_id)


def _beyond_the_end(position: int) -> ConflictError:
    said = f"The last event has the number {position}. Read /flags anew and go on from its feed_position."
    return ConflictError("The feed does not reach that far.", "beyond_the_end", {"after": [said]})


def _held(session: Session, flag_id: uuid.UUID) -> Flag:
    flag = services.find_for_update(session, own_clinic_id(), flag_id)
    if flag is None:
        raise NotFoundError("There is no such flag.")
    return flag


def _by_whom() -> dict[str, Any]:
    return {"actor": principal.actor, "now": prom.now()}


def _shown(session: Session, flag_id: uuid.UUID) -> Response:
    return json_response(with_guidance_at(queries.find_flag(session, own_clinic_id(), flag_id), prom.now()))
