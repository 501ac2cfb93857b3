"""A clinic whose flags wait, and what its people are told of them."""

import datetime as dt
import email
from collections.abc import Iterator
from email.policy import default
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from prom_service.models import Alert, Clinic, EscalationPlan, Flag
from prom_service.runtime import Runtime
from prom_service.services import flags, submission
from prom_service.services.working_time import read_hours
from scheduler import jobs
from tests import builders
from tests.fakes import Clock

HOURS = read_hours("mon-fri 09:00-17:00")
LONDON = ZoneInfo("Europe/London")
MINUTE = dt.timedelta(minutes=1)


def an_urgent_flag(session: Session, clinic: Clinic, *, now: dt.datetime, item: str = "R1") -> Flag:
    """The flag of a patient who says yes to an emergency question."""
    episode = builders.an_episode(session, clinic, now=now)
    baseline = builders.the_administration(session, episode, "baseline")
    answers = builders.complete_answers(baseline, episode)
    submission.submit(session, baseline, answers=builders.changed(answers, "safety-1.0", **{item: 1}), now=now)
    return session.scalars(select(Flag).where(Flag.episode_id == episode.id)).one()


def seen(runtime: Runtime, clinic: Clinic, flag: Flag, clock: Clock) -> None:
    """Let a program acknowledge the flag."""
    with runtime.transaction() as session:
        held = flags.find_for_update(session, clinic.id, flag.id)
        assert held is not None
        flags.acknowledge(session, held, actor="key:1", now=clock.now())


def tell(runtime: Runtime) -> None:
    """Let both jobs run once."""
    jobs.escalate_flags(runtime)
    jobs.send_alerts(runtime)


def told(runtime: Runtime, kind: str = "flag") -> list[tuple[str, dt.datetime]]:
    """Return who was told, and when."""
    with runtime.reading() as session:
        rows = session.scalars(select(Alert).where(Alert.kind == kind, Alert.sent_at.is_not(None)).order_by(Alert.id))
        return [(row.step, row.sent_at) for row in rows if row.sent_at]


def letters(runtime: Runtime) -> Iterator[email.message.EmailMessage]:
    """Yield the emails in the mailbox, in the order in which they came."""
    for file in sorted((Path(runtime.settings.mailbox_dir) / "new").iterdir()):
        yield email.message_from_bytes(file.read_bytes(), policy=default)  # type: ignore[misc]


def walk(runtime: Runtime, clock: Clock, *, hours: float) -> None:
    """Let time pass in steps of five minutes, the job running at each."""
    for _ in range(int(hours * 12)):
        clock.advance(minutes=5)
        tell(runtime)


def another_clinic(session: Session, *, now: dt.datetime, **changes: Any) -> Clinic:
    """Write one more clinic with a plan."""
    made = builders.a_clinic(session, now=now)
    builders.a_plan(session, made, **changes, now=now)
    return made


def spoil(runtime: Runtime, clinic: Clinic, **values: Any) -> None:
    """Let the plan hold what is refused today, as one that was written before it was."""
    with runtime.transaction() as session:
        session.execute(update(EscalationPlan).where(EscalationPlan.clinic_id == clinic.id).values(**values))
