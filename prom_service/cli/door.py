"""The runtime a command works in, from the settings of its environment."""

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator, Mapping

from sqlalchemy.orm import Session

from prom_service import db, settings
from prom_service.errors import PromError
from prom_service.runtime import Runtime, build
from prom_service.services import audit

ACTOR = "command"
"""How a command is named in the record."""
NOBODY: Mapping[str, uuid.UUID | None] = {}


class NotMigratedError(PromError):
    """The database has no tables, or not those of this version."""


def note(
    session: Session,
    clinic_id: uuid.UUID,
    act: str,
    whom: Mapping[str, uuid.UUID | None] = NOBODY,
    *,
    shown: int | None = None,
    detail: str = "",
    now: dt.datetime,
) -> None:
    """Put on record that a command read or changed something of a clinic; ``whom`` says of whom, by kind."""
    named = {kind: [one] for kind, one in whom.items() if one}
    audit.note_about(session, clinic_id, named, actor=ACTOR, act=f"prom {act}", shown=shown, detail=detail, now=now)


@contextlib.contextmanager
def runtime() -> Iterator[Runtime]:
    """Yield the runtime of this process; raise ``NotMigratedError`` when its database has no tables yet."""
    prom = build(settings.from_process())
    try:
        with db.for_reading(prom.engine).connect() as connection:
            if db.current_revision(connection) is None:
                raise NotMigratedError("The database has no tables yet. Run `prom db upgrade` first.")
        yield prom
    finally:
        prom.mail.close()
        prom.engine.dispose()
