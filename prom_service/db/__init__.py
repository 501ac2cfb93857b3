"""The database: what tables are made of, engines, and the few statements that know which of the two kinds they are for.

The kinds are SQLite (embedded) and PostgreSQL. What differs between them is in this package, and what their planners
must be told of a report in ``reports.planners``; nowhere else.
"""

from prom_service.db.base import NAMING, Base
from prom_service.db.engines import (
    WRITERS,
    for_reading,
    gather_statistics,
    look_anew,
    make_engine,
    reads_abreast,
    writers_abreast,
)
from prom_service.db.faults import cause, why_unreachable
from prom_service.db.ids import Id, IdText, RisingIds, id_among, id_read_as_text, id_text, new_id
from prom_service.db.migrating import (
    NotMigratedError,
    alembic_config,
    check,
    check_known,
    check_revision,
    current_revision,
    downgrade,
    revisions,
    upgrade,
)
from prom_service.db.times import UtcDateTime, has_come, local_day, months_later
from prom_service.db.turns import AlreadyRunningError, alone_on_sqlite, writing_turn
from prom_service.db.writing import insert_if_absent, update_each

__all__ = [
    "NAMING",
    "WRITERS",
    "AlreadyRunningError",
    "Base",
    "Id",
    "IdText",
    "NotMigratedError",
    "RisingIds",
    "UtcDateTime",
    "alembic_config",
    "alone_on_sqlite",
    "cause",
    "check",
    "check_known",
    "check_revision",
    "current_revision",
    "downgrade",
    "for_reading",
    "gather_statistics",
    "has_come",
    "id_among",
    "id_read_as_text",
    "id_text",
    "insert_if_absent",
    "local_day",
    "look_anew",
    "make_engine",
    "months_later",
    "new_id",
    "reads_abreast",
    "revisions",
    "update_each",
    "upgrade",
    "why_unreachable",
    "writers_abreast",
    "writing_turn",
]
