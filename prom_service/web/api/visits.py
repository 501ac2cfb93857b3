"""Visits of an episode, under the clinic's own numbers."""

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError
from prom_service.queries import directory
from prom_service.services.visits import VisitDetails, record_visit, void_visit
from prom_service.web.api import paging
from prom_service.web.api.blueprint import ApiBlueprint
from prom_service.web.api.schemas.visit import VisitDetailsSchema, VisitNumberSchema, VisitSchema
from prom_service.web.api.strict_json import flatten
from prom_service.web.context import own_clinic_id, principal, prom

READ, WRITE = "episodes:read", "episodes:write"
NUMBER = VisitNumberSchema()
UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""Stands in a path for bytes that are no UTF-8, whichever they were."""

visits = ApiBlueprint("visits", "Treatment sessions, reported under the clinic's own visit numbers.")


@visits.get(
    "/episodes/<uuid:episode_id>/visits",
    scope=READ,
    query=paging.PageQuery(),
    answer=paging.page_of(VisitSchema),
)
def list_visits(session: Session, query: Mapping[str, Any], episode_id: uuid.UUID) -> Any:
    """List the visits of an episode, voided ones included, in the order they were first reported."""
    wanted = paging.requested(query)
    episode = directory.find_episode(session, own_clinic_id(), episode_id)
    return paging.page(wanted, directory.list_visits(session, episode, after=wanted.after, limit=wanted.probe))


@visits.put(
    "/episodes/<uuid:episode_id>/visits/<code:external_id>",
    scope=WRITE,
    body=VisitDetailsSchema(),
    answer=VisitSchema(),
    or_status=HTTPStatus.CREATED,
)
def put_visit(session: Session, body: VisitDetails, episode_id: uuid.UUID, external_id: str) -> Any:
    """Record a visit, correct it, or bring a voided one back, on this episode alone. The same again changes nothing."""
    episode = directory.find_episode(session, own_clinic_id(), episode_id)
    visit, is_new = record_visit(session, episode, _number(external_id), body, actor=principal.actor, now=prom.now())
    return visit, HTTPStatus.CREATED if is_new else HTTPStatus.OK


@visits.delete("/episodes/<uuid:episode_id>/visits/<code:external_id>", scope=WRITE)
def delete_visit(session: Session, episode_id: uuid.UUID, external_id: str) -> str:
    """Take a visit off the episode. It stays on record as voided, and a later PUT brings it back where it is put."""
    episode = directory.find_episode(session, own_clinic_id(), episode_id)
    void_visit(session, episode, _number(external_id), actor=principal.actor, now=prom.now())
    return ""


def _number(external_id: str) -> str:
    """Return the number that a path names, as one from a file is kept; raise ``InvalidInputError`` if it is none."""
    if UNREADABLE in external_id:
        raise InvalidInputError({"external_id": ["Must be UTF-8."]})
    try:
        kept: str = NUMBER.load({"external_id": external_id})["external_id"]
    except ValidationError as error:
        raise InvalidInputError(dict(flatten(error.messages))) from None
    return kept
