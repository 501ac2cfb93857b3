"""Every job, how often it runs, and whether one process at a time is enough. Read it from top to bottom."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from prom_service.runtime import Runtime
from scheduler import jobs, keeping, reporting
from scheduler.jobs import KeepGoing

FIVE_MINUTES = dt.timedelta(minutes=5)


@dataclass(frozen=True)
class Job:
    """A job of every scheduler process. ``every`` counts ticks of PROM_TICK_SECONDS."""

    run: Callable[[Runtime, KeepGoing], int]
    every: int
    lease: dt.timedelta | None = None
    """While a process has it for so long, the others leave it alone; None lets all do it at once."""

    @property
    def name(self) -> str:
        """What it is called in the tables and in the log."""
        return self.run.__name__


JOBS = (
    Job(jobs.beat, every=1),
    Job(jobs.open_due_administrations, every=4, lease=FIVE_MINUTES),
    Job(jobs.send_due_messages, every=1),
    Job(jobs.deliver_webhooks, every=1),
    Job(jobs.settle_committing, every=4, lease=FIVE_MINUTES),
    Job(jobs.close_late_administrations, every=4, lease=FIVE_MINUTES),
    Job(jobs.wake_snoozed_flags, every=4, lease=FIVE_MINUTES),
    Job(jobs.assess_due_episodes, every=4, lease=FIVE_MINUTES),
    Job(jobs.escalate_flags, every=2, lease=FIVE_MINUTES),
    Job(jobs.send_alerts, every=1),
    Job(reporting.plan_monthly_reports, every=4, lease=FIVE_MINUTES),
    Job(reporting.make_reports, every=1),
    Job(reporting.send_report_letters, every=1),
    Job(jobs.fetch_delivery_reports, every=8, lease=FIVE_MINUTES),
    Job(jobs.seal_audit, every=1),
    Job(jobs.publish_audit_heads, every=4),
    Job(jobs.purge_passing_rows, every=240, lease=FIVE_MINUTES),
    Job(jobs.gather_statistics, every=240, lease=FIVE_MINUTES),
    Job(jobs.measure_pace, every=240, lease=FIVE_MINUTES),
    Job(keeping.keep_counts, every=20, lease=FIVE_MINUTES),
)
