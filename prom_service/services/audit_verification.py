"""Is the audit what was written? Every digest is computed again, every number counted, every outside head compared."""

import hmac
import uuid
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import RowMapping
from sqlalchemy.orm import Session

from prom_service.models import AuditChain
from prom_service.queries import audit as queries
from prom_service.services.audit import entry_digest, seal_digest
from prom_service.services.audit_heads import Head

Entry = RowMapping
Heads = Mapping[int, set[str]]
"""Hashes that were written outside the database, by number."""


@dataclass(frozen=True)
class Break:
    """The first place at which a chain is not what was written. ``number`` and ``entry_id`` are None at its end."""

    clinic_id: uuid.UUID
    number: int | None
    entry_id: uuid.UUID | None
    problem: str


@dataclass(frozen=True)
class Verified:
    """What was found in the chain of a clinic."""

    clinic_id: uuid.UUID
    sealed: int
    unsealed: int
    broken: Break | None


class _BrokenError(Exception):
    """Verifying a chain ends at its first break."""

    def __init__(self, problem: str, row: Entry | None = None, number: int | None = None) -> None:
        self.problem, self.row, self.number = problem, row, number
        super().__init__(problem)

    def at(self, clinic_id: uuid.UUID) -> Break:
        """Return what is told of it."""
        if self.row is None:
            return Break(clinic_id, self.number, None, self.problem)
        return Break(clinic_id, self.number or self.row["number"], self.row["id"], self.problem)


def verify(
    session: Session, heads: Iterable[Head], *, clinic_id: uuid.UUID | None = None, secret: bytes
) -> list[Verified]:
    """Return what was found in every chain there is, by clinic, or in that of one clinic.

    A chain is known by its entries, by its end and by its outside heads: one that has gone altogether is still asked
    for.
    """
    outside: dict[uuid.UUID, dict[int, set[str]]] = {}
    for head in heads:
        outside.setdefault(uuid.UUID(head.clinic), {}).setdefault(head.number, set()).add(head.hash)
    ends = {end.clinic_id: end for end in queries.chains(session)}
    known = {clinic_id} if clinic_id else queries.audited_clinics(session) | set(ends) | set(outside)
    return [_verify(session, one, ends.get(one), outside.get(one, {}), secret) for one in sorted(known)]


def _verify(session: Session, clinic_id: uuid.UUID, end: AuditChain | None, heads: Heads, secret: bytes) -> Verified:
    sealed = unsealed = 0
    previous = ""
    try:
        with closing(queries.entries_in_order(session, clinic_id)) as rows:
            for row in rows:
                _check_content(row, secret)
                if row["number"] is None:
                    unsealed += 1
                    continue
                _check_place(row, sealed + 1, previous, heads, secret)
                sealed, previous = sealed + 1, row["hash"]
        _check_end(sealed, previous, end, heads)
    except _BrokenError as found:
        return Verified(clinic_id, sealed, unsealed, found.at(clinic_id))
    return Verified(clinic_id, sealed, unsealed, None)


def _check_content(row: Entry, secret: bytes) -> None:
    if not hmac.compare_digest(row["mac"].encode(), entry_digest(row, secret=secret).encode()):
        raise _BrokenError("was edited, or was not written by this service", row)


def _check_place(row: Entry, number: int, previous: str, heads: Heads, secret: bytes) -> None:
    if row["number"] != number:
        raise _BrokenError("is missing" if row["number"] > number else "is there twice", row, number)
    expected = seal_digest(previous, row["mac"], number, row["sealed_at"], secret=secret)
    if not hmac.compare_digest(row["hash"].encode(), expected.encode()):
        raise _BrokenError("does not follow from the one before it", row)
    if heads.get(number, {row["hash"]}) != {row["hash"]}:
        raise _BrokenError("is another than the head outside the database says", row)


def _check_end(sealed: int, previous: str, end: AuditChain | None, heads: Heads) -> None:
    furthest = max((*heads, end.number if end else 0))
    if furthest > sealed:
        raise _BrokenError(f"and all behind it, up to {furthest}, are missing", number=sealed + 1)
    if (end.number, end.hash) != (sealed, previous) if end else sealed > 0:
        raise _BrokenError("The end of the chain is not where it was noted")
