"""Which flags the address of a page asks for. The same words stand in the worklist's address and in a flag's."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest

from prom_service.models.flag import QUEUES, SEVERITIES
from prom_service.pathway.shape import FLAG_KINDS
from prom_service.queries.flags import FlagFilter
from prom_service.queries.worklist import LISTED, Place
from prom_service.web.dashboard.staff_session import person

LONGEST = 100
CHOICES: Mapping[str, Sequence[str]] = {
    "queue": QUEUES,
    "kind": tuple(FLAG_KINDS),
    "severity": SEVERITIES,
    "status": LISTED,
    "mine": ("yes",),
}
RANKS = {str(rank): rank for rank in range(len(SEVERITIES))}
FREE = ("clinician", "patient")
NAMES = (*CHOICES, *FREE)


def kept_filters() -> dict[str, Any]:
    """Return what the address asks for, to go into the addresses of links and forms; 400 for what there is not."""
    given = {name: request.args.get(name, "").strip() for name in NAMES}
    for name, text in given.items():
        if len(text) > LONGEST or "\0" in text:
            raise BadRequest(f"The {name} to look for has at most {LONGEST} characters.")
        if text and name in CHOICES and text not in CHOICES[name]:
            raise BadRequest(f"The address asks for a {name} there is none of. Choose one on the worklist.")
    return {name: text for name, text in given.items() if text}


def wanted_flags(kept: Mapping[str, str]) -> FlagFilter:
    """Return the flags that ``kept_filters`` ask for."""
    mine = person.user_id if "mine" in kept else None
    plain: dict[str, Any] = {name: text for name, text in kept.items() if name != "mine"}
    return FlagFilter(**plain, assignee_id=mine)


def wanted_place() -> Place | None:
    """Return the row behind which the page begins; None at the start of the list."""
    text = request.args.get("after")
    if not text:
        return None
    rank, _, flag_id = text.partition(".")
    try:
        return Place(RANKS[rank], uuid.UUID(flag_id))
    except (KeyError, ValueError):
        raise BadRequest("The address of this page is not complete.") from None
