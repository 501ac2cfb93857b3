"""The runtime a command works in, from the settings of its environment."""

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator, Mapping

from sqlalchemy.orm import Session

from prom_service import db, settings
from prom_service.runtime import Runtime, build
from prom_service.services import audit

ACTOR = "command"
"""How a command is named in the record."""
NOBODY: Mapping[str, uuid.UUID | None] = {}


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
    """Yield the runtime of this process; raise ``NotMigratedError`` unless its database is of this version."""
    prom = build(settings.from_process())
    try:
        with db.for_reading(prom.engine).connect() as connection:
            db.check_revision(connection)
        yield prom
    finally:
        prom.mail.close()
        prom.engine.dispose()
