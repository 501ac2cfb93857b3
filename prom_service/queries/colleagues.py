"""The people and programs behind what is on record: whom a flag can be given to, and who took a step."""

import uuid
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.models import ApiKey, Membership, User
from prom_service.models.user import READING_ROLES


def list_readers(session: Session, clinic_id: uuid.UUID) -> Sequence[tuple[uuid.UUID, str]]:
    """Return the accounts that may read the clinic's flags, by name."""
    query = (
        select(User.id, User.name)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.clinic_id == clinic_id, Membership.role.in_(READING_ROLES), User.deactivated_at.is_(None))
        .order_by(User.name, User.id)
    )
    return [(user_id, name) for user_id, name in session.execute(query)]


def may_read(session: Session, clinic_id: uuid.UUID, user_id: uuid.UUID) -> bool:
    """Return whether an account may read the clinic's flags."""
    return user_id in {reader for reader, _ in list_readers(session, clinic_id)}


def names_of(session: Session, actors: Iterable[str]) -> dict[str, str]:
    """Return the names of those among ``actors`` that are accounts (``user:…``) or keys (``key:…``) of ours."""
    numbers: dict[str, dict[uuid.UUID, str]] = {"user": {}, "key": {}}
    for actor in set(actors):
        kind, _, number = actor.partition(":")
        if kind in numbers:
            numbers[kind][uuid.UUID(number)] = actor
    names: dict[str, str] = {}
    for kind, table in (("user", User), ("key", ApiKey)):
        rows = session.execute(select(table.id, table.name).where(table.id.in_(numbers[kind])))
        names |= {numbers[kind][number]: name for number, name in rows}
    return names
