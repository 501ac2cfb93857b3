"""The runtime a command works in, from the settings of its environment."""

import contextlib
from collections.abc import Iterator

from prom_service import db, settings
from prom_service.errors import PromError
from prom_service.runtime import Runtime, build

ACTOR = "command"
"""How a command is named in the record."""


class NotMigratedError(PromError):
    """The database has no tables, or not those of this version."""


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
