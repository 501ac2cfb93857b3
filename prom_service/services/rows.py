"""Writing a row whose uniqueness the database decides."""

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from prom_service.db import Base
from prom_service.errors import ConflictError


def add_or_conflict(session: Session, row: Base, message: str) -> None:
    """Write ``row``, or raise ``ConflictError(message)`` when a unique key says it is there already.

    Two callers may race: the database decides, the loser gets the same answer as a late-comer.
    """
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise ConflictError(message) from None
