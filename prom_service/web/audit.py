"""Who read or changed what through the web: noted here for every room, before the answer leaves.

The entry of a change is in the transaction of the change; that of a read is committed before the answer is handed over.
Whom it concerns follows from the ids in the address and in the answer; a page that shows a list says so itself.
"""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from flask import Response, g, request
from sqlalchemy.orm import Session

from prom_service.models.audit import SERVICE
from prom_service.queries.audit import OWNED, with_owners
from prom_service.queries.registry import clinics_of
from prom_service.services import audit
from prom_service.web.context import prom, request_id

NOUNS = {"patients": "patient", "episodes": "episode", "visits": "visit", "flags": "flag"}
"""What the ``id`` of an answer is of, by the part of the API that gives it."""
NAMED = tuple((f"{kind}_id", kind) for kind in sorted({*OWNED, *NOUNS.values(), "user"}))
PARTS = ("patient", "flag")
"""Members of an answer that are themselves about somebody."""
SHOWING = (HTTPStatus.OK, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
"""Statuses of a page that shows what is on record, be it with what was wrong with a form."""


def about(
    *,
    clinic_id: uuid.UUID | None = None,
    clinics: Iterable[uuid.UUID] = (),
    shown: int | None = None,
    detail: str = "",
    **ids: Iterable[uuid.UUID | str],
) -> None:
    """Add to what the entry of this request will say: ids by kind, how many rows are shown, whose clinic it is.

    What is about several ``clinics`` at once has an entry at each.
    """
    said: dict[str, Any] = _said()
    said["clinic_id"] = clinic_id or said["clinic_id"]
    said["clinics"] = [*clinics] or said["clinics"]
    said["shown"] = said["shown"] if shown is None else shown
    said["detail"] = detail or said["detail"]
    for kind, some in ids.items():
        for one in some:
            _add(kind, one)


@contextmanager
def writing() -> Iterator[Session]:
    """Open a transaction that ends with the entry of what this request did in it."""
    with prom.transaction() as session:
        yield session
        note(session)


def note_answer(response: Response) -> None:
    """Put on record that ``response`` is read; where the caller has it already nothing is."""
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return
    about_answer(response)
    with prom.transaction() as session:
        note(session)


def note_page(response: Response) -> Response:
    """Put on record that a member of the staff read this page, or did a step that is not on record by itself.

    What a page shows beside the step that is on record already, as one that was refused in part does, is noted as well.
    """
    done = request.method == "POST" and response.status_code == HTTPStatus.SEE_OTHER
    if "person" in g and not _said()["noted"] and (done or response.status_code in SHOWING):
        with prom.transaction() as session:
            note(session)
    return response


def about_answer(response: Response) -> None:
    """Add whom the JSON of ``response`` is about: its own ids, and those of each row of a list.

    A view that shows much and knows cheaply says it itself, by ``shown``.
    """
    if _said()["shown"] is not None:
        return
    document = response.get_json(silent=True) if response.is_json else None
    rows = document.get("items") if isinstance(document, dict) else None
    if isinstance(rows, list):
        about(shown=len(rows))
    for row in rows if isinstance(rows, list) else [document]:
        _about_row(row, NOUNS.get(request.blueprint or ""))


def note(session: Session) -> None:
    """Note this request in ``session``. A stranger who is let in nowhere leaves no entry."""
    said, actor = _said(), _actor()
    if actor is None:
        return
    _about_address()
    clinics = _clinics(session)
    for clinic_id in clinics:
        ids = said["ids"] if "patient" in said["ids"] else with_owners(session, clinic_id, said["ids"])
        audit.note(
            session,
            clinic_id,
            actor=actor,
            act=f"{request.method} {request.url_rule}",
            subjects=ids,
            shown=said["shown"],
            detail=said["detail"],
            request_id=request_id(),
            now=prom.now(),
        )
    said["noted"] = True


def _add(kind: str, one: uuid.UUID | str) -> None:
    said = _said()
    known = said["ids"].setdefault(kind, set())
    said["noted"] = said["noted"] and str(one) in known
    known.add(str(one))


def _said() -> dict[str, Any]:
    if "audit" not in g:
        g.audit = {"clinic_id": None, "clinics": [], "shown": None, "detail": "", "ids": {}, "noted": False}
    said: dict[str, Any] = g.audit
    return said


def _actor() -> str | None:
    for holder in ("principal", "person"):
        if holder in g:
            return str(g.get(holder).actor)
    return "patient" if _said()["ids"] else None


def _clinics(session: Session) -> list[uuid.UUID]:
    """Return whose records the request is about: those it named, or for a quality team all of its organisation."""
    if _said()["clinics"]:
        return list(_said()["clinics"])
    clinic_id = _said()["clinic_id"] or getattr(g.get("principal"), "clinic_id", None)
    if clinic_id is not None:
        return [clinic_id]
    return clinics_of(session, g.principal.organisation_id) if "principal" in g else [SERVICE]


def _about_address() -> None:
    for name, value in (request.view_args or {}).items():
        if isinstance(value, uuid.UUID) and name.endswith("_id"):
            _add(name.removesuffix("_id"), value)


def _about_row(row: Any, noun: str | None) -> None:
    if not isinstance(row, dict):
        return
    for name, kind in (("id", noun), *NAMED):
        one = row.get(name)
        if one and kind:
            _add(kind, one)
    for part in PARTS:
        if part in row:
            _about_row(row[part], part)
