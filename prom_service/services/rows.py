"""Writing a row whose uniqueness the database decides."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from prom_service.db import Base
from prom_service.errors import ConflictError, StaleVersionError
from prom_service.models import Clinic, Episode, EscalationPlan, Patient


def add_or_conflict(session: Session, row: Base, message: str) -> None:
    """Write ``row``, or raise ``ConflictError(message)`` when a unique key says it is there already.

    Two callers may race: the database decides, the loser gets the same answer as a late-comer.
    """
    with or_conflict(session, message):
        session.add(row)


def hold(session: Session, row: Patient | Episode | Clinic | EscalationPlan) -> None:
    """Hold the row until the transaction ends, as it is now: of two that come together the second sees the first."""
    session.flush()
    table = type(row)
    held = select(table).where(table.id == row.id).with_for_update(of=table, key_share=True)
    session.scalars(held.execution_options(populate_existing=True)).one()


def hold_unchanged(session: Session, row: Patient | Episode) -> None:
    """Hold the row until the transaction ends; raise ``StaleVersionError`` when it was changed since it was read."""
    table = type(row)
    version = session.scalar(select(table.version).where(table.id == row.id).with_for_update(key_share=True))
    if version != row.version:
        raise StaleVersionError("It was changed by someone else meanwhile. Read it again and retry.")


@contextmanager
def or_conflict(session: Session, message: str) -> Iterator[None]:
    """Flush what the block changes, or raise ``ConflictError(message)`` when a unique key is against it."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError:
        raise ConflictError(message) from None
