"""Writing a row whose uniqueness the database decides."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from prom_service.db import Base
from prom_service.errors import ConflictError


def add_or_conflict(session: Session, row: Base, message: str) -> None:
    """Write ``row``, or raise ``ConflictError(message)`` when a unique key says it is there already.

    Two callers may race: the database decides, the loser gets the same answer as a late-comer.
    """
    with or_conflict(session, message):
        session.add(row)


@contextmanager
def or_conflict(session: Session, message: str) -> Iterator[None]:
    """Flush what the block changes, or raise ``ConflictError(message)`` when a unique key is against it."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError:
        raise ConflictError(message) from None
