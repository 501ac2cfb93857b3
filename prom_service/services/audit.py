"""The audit: one call notes an act in the transaction of the act itself; the sealer chains what was noted.

Writing takes no number and holds no row that another writer wants, so reads do not queue behind each other. An entry
carries a digest under the service's secret from the start: edited before it is sealed, it is found as well.
"""

import datetime as dt
import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, bindparam, insert, select, update
from sqlalchemy.orm import Session

from prom_service.db import insert_if_absent, new_id
from prom_service.models import AuditChain, AuditEntry, Base
from prom_service.queries.audit import with_owners
from prom_service.services.tokens import digest

Id = uuid.UUID | str
Subjects = Mapping[str, Iterable[Id]]
"""Whom an act concerns: ids by ``patient``, ``episode``, ``administration``, ``flag`` …"""

ENTRY = Base.metadata.tables[AuditEntry.__tablename__]
WRITTEN = insert(ENTRY)
UNSEALED = (
    select(AuditEntry.id, AuditEntry.mac)
    .where(AuditEntry.clinic_id == bindparam("clinic"), AuditEntry.number.is_(None))
    .order_by(AuditEntry.id)
)
HELD_CHAIN = (
    select(AuditChain)
    .where(AuditChain.clinic_id == bindparam("clinic"))
    .with_for_update(skip_locked=True, key_share=True)
    .execution_options(populate_existing=True)
)
SEALED = update(ENTRY).where(ENTRY.c.id == bindparam("entry"))


@dataclass(frozen=True, slots=True)
class Act:
    """``actor`` did ``act``. ``clinic_id`` is ``SERVICE`` for what belongs to no clinic."""

    clinic_id: uuid.UUID
    actor: str
    act: str
    subjects: Subjects
    shown: int | None = None
    detail: str = ""
    request_id: str | None = None


def note(session: Session, clinic_id: uuid.UUID, *, now: dt.datetime, **said: Any) -> None:
    """Note one ``Act``; it is on record when the transaction commits, and not otherwise."""
    note_all(session, [Act(clinic_id, **said)], now=now)


def note_all(session: Session, acts: Iterable[Act], *, now: dt.datetime) -> None:
    """Note these acts, in this order, by one statement."""
    secret = _secret(session)
    rows = [_row(act, now) for act in acts]
    if rows:
        session.execute(WRITTEN, [{**row, "mac": entry_digest(row, secret=secret)} for row in rows])


def note_about(session: Session, clinic_id: uuid.UUID, named: Mapping[str, Collection[Id]], **said: Any) -> None:
    """Note an act as ``note`` does; whose flag, message, administration or episode it concerns is looked up."""
    note(session, clinic_id, subjects=with_owners(session, clinic_id, named), **said)


def entry_digest(row: RowMapping | Mapping[str, Any], *, secret: bytes) -> str:
    """Return the digest of everything an entry says before it is sealed."""
    said = (*(row[name] for name in ("actor", "act", "subjects", "shown", "detail", "request_id")),)
    content = [str(row["id"]), str(row["clinic_id"]), _instant(row["recorded_at"]), *said]
    return digest(json.dumps(content, separators=(",", ":")), purpose="audit entry", secret=secret)


def seal_digest(previous: str, mac: str, number: int, sealed_at: dt.datetime, *, secret: bytes) -> str:
    """Return the hash of entry ``number`` of a chain; ``previous`` is that of the one before, empty for the first."""
    content = f"{previous}:{number}:{_instant(sealed_at)}:{mac}"
    return digest(content, purpose="audit seal", secret=secret)


def seal(session: Session, *, clinic_id: uuid.UUID, now: dt.datetime, limit: int) -> int:
    """Chain up to ``limit`` entries of a clinic that are not sealed yet; return how many.

    One sealer at a time: another that comes meanwhile finds the chain held and does nothing.
    """
    if session.get(AuditChain, clinic_id) is None:  # Only then: to insert beside a row that is held is to wait for it.
        insert_if_absent(session, AuditChain, {"clinic_id": clinic_id, "number": 0, "hash": ""}, unique=["clinic_id"])
    chain = session.scalars(HELD_CHAIN, {"clinic": clinic_id}).first()
    if chain is None:
        return 0
    seals = []
    for entry_id, mac in session.execute(UNSEALED.limit(limit), {"clinic": clinic_id}):
        chain.number += 1
        chain.hash = seal_digest(chain.hash, mac, chain.number, now, secret=_secret(session))
        seals.append({"entry": entry_id, "number": chain.number, "hash": chain.hash, "sealed_at": now})
    if seals:
        chain.sealed_at = now
        session.execute(SEALED, seals)
    return len(seals)


def _row(act: Act, now: dt.datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "clinic_id": act.clinic_id,
        "recorded_at": now,
        "actor": act.actor,
        "act": act.act,
        "subjects": _canonical(act.subjects),
        "shown": act.shown,
        "detail": act.detail,
        "request_id": act.request_id,
    }


def _secret(session: Session) -> bytes:
    secret: bytes | None = session.info.get("secret")
    if secret is None:
        raise LookupError("this session has no secret to note an act under: open it with Runtime.transaction")
    return secret


def _canonical(subjects: Subjects) -> str:
    named = {kind: sorted({str(one) for one in ids}) for kind, ids in subjects.items()}
    return json.dumps({kind: ids for kind, ids in sorted(named.items()) if ids}, separators=(",", ":"))


def _instant(instant: object) -> str:
    if not isinstance(instant, dt.datetime):
        raise TypeError("an instant is needed")
    return instant.astimezone(dt.UTC).isoformat(timespec="microseconds")
