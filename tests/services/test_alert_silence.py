"""Somebody is told when flags wait and nobody looks."""

import pytest
from sqlalchemy import select, update

from prom_service.models import Alert, Clinic, EscalationPlan
from prom_service.runtime import Runtime
from prom_service.services import alerts
from scheduler import jobs
from tests import builders
from tests.fakes import Clock
from tests.services.alerting import MINUTE, an_urgent_flag, another_clinic, seen, told, walk


@pytest.fixture
def clinic(runtime: Runtime, clock: Clock) -> Clinic:
    """A clinic with an owner, a deputy and a manager, at half past eight on a Tuesday."""
    clock.advance(days=1, minutes=30)
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        builders.a_plan(session, made, now=clock.now())
    return made


def test_somebody_is_told_when_nobody_looks_and_no_more_once_somebody_does(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        an_urgent_flag(session, clinic, now=clock.now())
    opening = clock.now() + 30 * MINUTE
    walk(runtime, clock, hours=1)
    first = told(runtime, "silence")
    with runtime.transaction() as session:
        alerts.note_look(session, clinic.id, actor="key:1", now=clock.now())
    looked = clock.now()
    walk(runtime, clock, hours=1.25)

    assert first == [("owner", opening + 30 * MINUTE)]
    assert told(runtime, "silence")[1:] == [
        ("owner", looked + 30 * MINUTE),
        ("deputy", looked + 60 * MINUTE),
    ]


def test_a_clinic_without_a_flag_that_waits_is_left_in_peace(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        flag = an_urgent_flag(session, clinic, now=clock.now())
    seen(runtime, clinic, flag, clock)
    walk(runtime, clock, hours=12)

    assert told(runtime, "silence") == []


def test_silence_is_noticed_at_every_clinic_however_many_others_wait(
    runtime: Runtime, clock: Clock, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ROWS_AT_ONCE", 1)
    with runtime.transaction() as session:
        waiting = [clinic, *(another_clinic(session, now=clock.now()) for _ in range(2))]
        for one in waiting:
            an_urgent_flag(session, one, now=clock.now())
        late = {"closed_on": [clock.now().date().isoformat()]}
        session.execute(update(EscalationPlan).where(EscalationPlan.clinic_id != waiting[-1].id).values(**late))
    clock.advance(hours=1)
    jobs.escalate_flags(runtime)

    with runtime.reading() as session:
        assert session.scalars(select(Alert.clinic_id).where(Alert.kind == "silence")).all() == [waiting[-1].id]


def test_nobody_is_told_of_silence_that_ended_before_the_email_left(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        an_urgent_flag(session, clinic, now=clock.now())
    clock.advance(hours=1)
    jobs.escalate_flags(runtime)
    with runtime.transaction() as session:
        alerts.note_look(session, clinic.id, actor="key:1", now=clock.advance(minutes=1))
    jobs.send_alerts(runtime)

    with runtime.reading() as session:
        silence = session.scalars(select(Alert).where(Alert.kind == "silence")).one()
    assert (silence.sent_at, silence.due_at, silence.reason) == (None, None, "somebody_looked")
