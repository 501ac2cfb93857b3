"""Reading the audit: what waits for its seal, where the chains end, and who saw a patient."""

import uuid
from collections.abc import Collection, Generator, Iterator, Mapping
from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from prom_service.models import Administration, AuditChain, AuditEntry, Episode, Flag, Message

ENTRY = AuditEntry.__table__
AT_ONCE = 2000
OF_EPISODE = select(Episode.id, Episode.patient_id)
OWNED: dict[str, tuple[Any, Any]] = {
    "flag": (Flag, OF_EPISODE.join(Flag, Flag.episode_id == Episode.id)),
    "administration": (Administration, OF_EPISODE.join(Administration, Administration.episode_id == Episode.id)),
    "message": (
        Message,
        OF_EPISODE.join(Administration, Administration.episode_id == Episode.id).join(
            Message, Message.administration_id == Administration.id
        ),
    ),
    "episode": (Episode, OF_EPISODE),
}
"""What belongs to an episode: its table, and whose episode it is."""


def with_owners(
    session: Session, clinic_id: uuid.UUID, named: Mapping[str, Collection[uuid.UUID | str]]
) -> dict[str, set[str]]:
    """Return the ids in ``named`` and those of the episodes and patients whose they are."""
    found = {kind: {str(one) for one in ids} for kind, ids in named.items()}
    for kind in OWNED.keys() & named.keys():
        table, owners = OWNED[kind]
        for episode_id, patient_id in session.execute(
            owners.where(table.clinic_id == clinic_id, table.id.in_([uuid.UUID(str(one)) for one in named[kind]]))
        ):
            found.setdefault("episode", set()).add(str(episode_id))
            found.setdefault("patient", set()).add(str(patient_id))
    return found


def clinics_with_unsealed(session: Session) -> list[uuid.UUID]:
    """Return the clinics with entries that are not sealed yet."""
    return list(session.scalars(select(AuditEntry.clinic_id).where(AuditEntry.number.is_(None)).distinct()))


def chains(session: Session) -> list[AuditChain]:
    """Return where each chain ends."""
    return list(session.scalars(select(AuditChain).order_by(AuditChain.clinic_id)))


def entries_in_order(session: Session, clinic_id: uuid.UUID) -> Generator[RowMapping, None, None]:
    """Yield every entry of a clinic: the sealed ones by number, then the others. Close it when it is not read out."""
    query = select(ENTRY).where(ENTRY.c.clinic_id == clinic_id)
    sealed = query.where(ENTRY.c.number.is_not(None)).order_by(ENTRY.c.number, ENTRY.c.id)
    for statement in (sealed, query.where(ENTRY.c.number.is_(None)).order_by(ENTRY.c.id)):
        with session.execute(statement.execution_options(yield_per=AT_ONCE)) as found:
            yield from found.mappings()


def audited_clinics(session: Session) -> set[uuid.UUID]:
    """Return every clinic that has an entry."""
    return set(session.scalars(select(AuditEntry.clinic_id).distinct()))


def list_entries(session: Session, clinic_id: uuid.UUID, patient_id: uuid.UUID | None = None) -> Iterator[RowMapping]:
    """Yield the entries of a clinic in the order they were written, or only those that concern a patient."""
    query = select(ENTRY).where(ENTRY.c.clinic_id == clinic_id).order_by(ENTRY.c.recorded_at, ENTRY.c.id)
    if patient_id is not None:
        query = query.where(ENTRY.c.subjects.contains(str(patient_id)))
    yield from session.execute(query.execution_options(yield_per=AT_ONCE)).mappings()
