"""Escalation: who is told of a flag that nobody acknowledges, and when."""

import datetime as dt
import random
import re
import uuid

import pytest
from sqlalchemy import select

from prom_service.errors import ConflictError
from prom_service.mail.transport import Outcome
from prom_service.models import Alert, Clinic, Episode, Flag
from prom_service.queries.flags import FlagFilter, find_flag, list_events, list_flags
from prom_service.runtime import Runtime
from prom_service.services import alerts, flags
from prom_service.services.working_time import after_working
from scheduler import jobs
from tests import builders
from tests.fakes import Clock
from tests.services.alerting import (
    HOURS,
    LONDON,
    MINUTE,
    an_urgent_flag,
    letters,
    seen,
    tell,
    told,
    walk,
)


@pytest.fixture
def clinic(runtime: Runtime, clock: Clock) -> Clinic:
    """A clinic with an owner, a deputy and a manager, at half past eight on a Tuesday."""
    clock.advance(days=1, minutes=30)
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        builders.a_plan(session, made, now=clock.now())
    return made


def _escalations(runtime: Runtime) -> list[dt.datetime]:
    with runtime.reading() as session:
        return [at for at in session.scalars(select(Flag.escalate_at).where(Flag.escalate_at.is_not(None))) if at]


def _due_steps(raised: dt.datetime, acknowledged: dt.datetime) -> dict[str, dt.datetime]:
    deputy = after_working(raised, 60 * MINUTE, HOURS, (), LONDON)
    manager = after_working(deputy, 60 * MINUTE, HOURS, (), LONDON)
    steps = {"owner": raised, "deputy": deputy, "manager": manager}
    return {step: at for step, at in steps.items() if at <= acknowledged}


def test_an_urgent_flag_goes_to_the_owner_at_once_and_on_after_each_working_hour(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        an_urgent_flag(session, clinic, now=clock.now())
    raised = clock.now()
    tell(runtime)
    walk(runtime, clock, hours=4)

    opening = raised + 30 * MINUTE
    assert told(runtime) == [("owner", raised), ("deputy", opening + 60 * MINUTE), ("manager", opening + 120 * MINUTE)]


def test_whoever_acknowledges_it_ends_it(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        flag = an_urgent_flag(session, clinic, now=clock.now())
    tell(runtime)
    seen(runtime, clinic, flag, clock)
    walk(runtime, clock, hours=4)

    with runtime.reading() as session:
        shown = find_flag(session, clinic.id, flag.id)
    assert ([step for step, _ in told(runtime)], shown["escalated_to"]) == (["owner"], None)


def test_each_step_is_an_event_of_the_feed(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        an_urgent_flag(session, clinic, now=clock.now())
    tell(runtime)
    walk(runtime, clock, hours=4)

    with runtime.reading() as session:
        events = list_events(session, clinic.id, after=0, limit=50)
        [flag] = list_flags(session, clinic.id, FlagFilter())
    assert [(one["type"], one["flag"]["escalated_to"]) for one in events] == [
        ("raised", None),
        ("escalated", "owner"),
        ("escalated", "deputy"),
        ("escalated", "manager"),
    ]
    assert [one["detail"] for one in flag["history"][1:]] == [{"to": "owner"}, {"to": "deputy"}, {"to": "manager"}]


def test_a_flag_that_is_neither_urgent_nor_high_is_told_to_nobody(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        flag = an_urgent_flag(session, clinic, now=clock.now())
        flag.severity, flag.escalate_at = "medium", None
    walk(runtime, clock, hours=2)

    assert told(runtime) == []


def test_one_email_tells_of_all_that_waits_for_a_person_and_of_no_patient(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        raised = [an_urgent_flag(session, clinic, now=clock.now()) for _ in range(3)]
        names = [str(session.get_one(Episode, flag.episode_id).external_id) for flag in raised]
    tell(runtime)

    [letter] = letters(runtime)
    text = letter.get_content()
    assert (letter["To"], letter["Subject"]) == (
        "owner@example.org",
        f"Waiting to be acknowledged at {clinic.name}: 3",
    )
    assert {str(flag.id) for flag in raised} == set(re.findall(r"/flags/([0-9a-f-]{36})", text))
    assert not [word for word in (*names, "Alex", "iHOT", "red_flag", "symptom", "pain", "hip") if word in text]


@pytest.mark.parametrize(("outcome", "next_step"), [("refused", "at once"), ("deferred", "in its time")])
def test_an_address_that_refuses_leads_to_the_next_person_at_once(
    runtime: Runtime, clock: Clock, clinic: Clinic, outcome: str, next_step: str
) -> None:
    with runtime.transaction() as session:
        an_urgent_flag(session, clinic, now=clock.now())
    jobs.escalate_flags(runtime)
    with runtime.transaction() as session:
        claimed = alerts.claim_due(session, settings=runtime.settings, worker="w", now=clock.now())
        assert claimed is not None
        alerts.record(session, claimed, Outcome(outcome, "smtp 550"), now=clock.now())  # type: ignore[arg-type]
    tell(runtime)

    assert [step for step, _ in told(runtime)] == (["deputy"] if next_step == "at once" else [])


def test_an_email_whose_sender_died_is_sent_again(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        an_urgent_flag(session, clinic, now=clock.now())
    jobs.escalate_flags(runtime)
    with runtime.transaction() as session:
        alerts.claim_due(session, settings=runtime.settings, worker="dead", now=clock.now())
    jobs.send_alerts(runtime)
    before = told(runtime)
    clock.advance(minutes=6)
    jobs.send_alerts(runtime)

    assert (before, [step for step, _ in told(runtime)]) == ([], ["owner"])


@pytest.mark.parametrize("put_off", [False, True])
def test_an_email_claimed_or_put_off_by_a_clock_that_was_ahead_goes_out_once_the_clock_is_right(
    runtime: Runtime, clock: Clock, clinic: Clinic, put_off: bool
) -> None:
    ahead = clock.now() + dt.timedelta(hours=5)
    with runtime.transaction() as session:
        an_urgent_flag(session, clinic, now=clock.now())
    jobs.escalate_flags(runtime)
    with runtime.transaction() as session:
        claimed = alerts.claim_due(session, settings=runtime.settings, worker="w", now=ahead)
        assert claimed is not None
        if put_off:
            alerts.record(session, claimed, Outcome("deferred", "smtp 450"), now=ahead)

    jobs.send_alerts(runtime)

    assert [step for step, _ in told(runtime)] == ["owner"]


@pytest.mark.parametrize(
    ("ahead", "expected"), [(5 * MINUTE, []), (6 * MINUTE, ["owner"]), (5 * 60 * MINUTE, ["owner"])]
)
def test_a_flag_raised_by_a_clock_that_was_ahead_is_told_once_the_clock_is_right(
    runtime: Runtime, clock: Clock, clinic: Clinic, ahead: dt.timedelta, expected: list[str]
) -> None:
    with runtime.transaction() as session:
        an_urgent_flag(session, clinic, now=clock.now() + ahead)

    for _ in range(2):
        jobs.escalate_flags(runtime)
        jobs.send_alerts(runtime)

    assert [step for step, _ in told(runtime)] == expected


def test_no_email_tells_of_a_flag_that_was_seen_before_it_left(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        flag = an_urgent_flag(session, clinic, now=clock.now())
    jobs.escalate_flags(runtime)
    seen(runtime, clinic, flag, clock)
    jobs.send_alerts(runtime)

    assert told(runtime) == []


def test_every_urgent_flag_is_there_with_its_answer_and_told_in_time(
    runtime: Runtime, clock: Clock, clinic: Clinic, full: bool
) -> None:
    draw = random.Random(11)
    count = 500 if full else 16
    coming = sorted(clock.now() + draw.randrange(1, 300 * count) * MINUTE for _ in range(count))
    patience: dict[uuid.UUID, tuple[dt.datetime, dt.datetime]] = {}
    unseen: dict[uuid.UUID, Flag] = {}
    while moments := [*coming[:1], *(patience[flag][1] for flag in unseen), *_escalations(runtime)]:
        clock.move_to(min(moments))
        jobs.escalate_flags(runtime)
        while coming and coming[0] == clock.now():
            with runtime.transaction() as session:
                flag = an_urgent_flag(session, clinic, now=coming.pop(0), item=draw.choice(["R1", "R2", "R3"]))
                [visible] = list_flags(session, clinic.id, FlagFilter(episode_id=flag.episode_id))
            assert visible["severity"] == "urgent"
            patience[flag.id] = (clock.now(), clock.now() + draw.randrange(1, 6000) * MINUTE)
            unseen[flag.id] = flag
        jobs.escalate_flags(runtime)
        for flag in [one for one in unseen.values() if patience[one.id][1] <= clock.now()]:
            seen(runtime, clinic, unseen.pop(flag.id), clock)

    with runtime.reading() as session:
        planned = session.scalars(select(Alert).where(Alert.kind == "flag")).all()
    assert {(row.flag_id, row.step) for row in planned} == {
        (flag, step) for flag, times in patience.items() for step in _due_steps(*times)
    }
    for row in planned:
        assert row.flag_id is not None
        assert row.planned_at == _due_steps(*patience[row.flag_id])[row.step]


def test_a_flag_put_aside_is_told_anew_when_it_wakes(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        flag = an_urgent_flag(session, clinic, now=clock.now())
        with pytest.raises(ConflictError):
            flags.snooze(session, flag, clock.now() + MINUTE, actor="key:1", now=clock.now())
        flag.severity = "high"
        flags.snooze(session, flag, clock.now() + 30 * MINUTE, actor="key:1", now=clock.now())
    tell(runtime)
    before = told(runtime)
    clock.advance(minutes=31)
    jobs.wake_snoozed_flags(runtime)
    tell(runtime)

    assert (before, [step for step, _ in told(runtime)]) == ([], ["owner"])
