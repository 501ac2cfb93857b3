"""The job that keeps what reports count, so that one about many clinics adds up instead of counting."""

import datetime as dt
import logging
import uuid

from prom_service.runtime import Runtime
from prom_service.services import kept_counts
from scheduler.jobs import KeepGoing, always

log = logging.getLogger(__name__)


def keep_counts(prom: Runtime, keep_going: KeepGoing = always) -> int:
    """Keep what is counted of every clinic as of the beginning of the month; return at how many that was done now.

    A clinic is counted in a snapshot and kept in a transaction of its own, which writes one row: nobody waits for it,
    and where it was stopped it goes on.
    """
    as_of = kept_counts.newest_month(prom.now())
    with prom.reading() as session:
        due = kept_counts.clinics_due(session, as_of=as_of, least=prom.settings.kept_from_episodes)
    return sum(_keep(prom, one, as_of) for one in due if keep_going())


def _keep(prom: Runtime, clinic_id: uuid.UUID, as_of: dt.datetime) -> bool:
    from prom_service.reports.kept.content import as_kept  # pandas takes a second, and few ticks need it.
    from prom_service.reports.utilization.keeping import content_of

    try:
        with prom.reading() as session:
            content = as_kept(content_of(session, clinic_id, as_of=as_of))
        with prom.transaction() as session:
            kept_counts.keep(session, clinic_id, as_of=as_of, **content)
    except Exception as error:  # noqa: BLE001 (one clinic must not stop the others)
        log.error("clinic %s: its counts were not kept: %s", clinic_id, type(error).__name__)
        return False
    return True
