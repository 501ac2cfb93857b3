"""Escalation: who is told of a flag that nobody acknowledges, and when somebody is told that nobody looks."""

import datetime as dt
import email
import random
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from email.policy import default
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.mail.transport import BeforeFinalDot, Mail, Outcome, Transport
from prom_service.models import Alert, Clinic, Episode, EscalationPlan, Flag
from prom_service.queries.flags import FlagFilter, find_flag, list_events, list_flags
from prom_service.runtime import Runtime
from prom_service.services import alerts, escalation, flags, submission
from prom_service.services.working_time import after_working, read_hours
from scheduler import jobs
from tests import builders
from tests.fakes import Clock

HOURS = read_hours("mon-fri 09:00-17:00")
LONDON = ZoneInfo("Europe/London")
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def clinic(runtime: Runtime, clock: Clock) -> Clinic:
    """A clinic with an owner, a deputy and a manager, at half past eight on a Tuesday."""
    clock.advance(days=1, minutes=30)
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        builders.a_plan(session, made, now=clock.now())
    return made


def an_urgent_flag(session: Session, clinic: Clinic, *, now: dt.datetime, item: str = "R1") -> Flag:
    """The flag of a patient who says yes to an emergency question."""
    episode = builders.an_episode(session, clinic, now=now)
    baseline = builders.the_administration(session, episode, "baseline")
    answers = builders.complete_answers(baseline, episode)
    submission.submit(session, baseline, answers=builders.changed(answers, "safety-1.0", **{item: 1}), now=now)
    return session.scalars(select(Flag).where(Flag.episode_id == episode.id)).one()


def seen(runtime: Runtime, clinic: Clinic, flag: Flag, clock: Clock) -> None:
    with runtime.transaction() as session:
        held = flags.find_for_update(session, clinic.id, flag.id)
        assert held is not None
        flags.acknowledge(session, held, actor="key:1", now=clock.now())


def tell(runtime: Runtime) -> None:
    jobs.escalate_flags(runtime)
    jobs.send_alerts(runtime)


def told(runtime: Runtime, kind: str = "flag") -> list[tuple[str, dt.datetime]]:
    with runtime.reading() as session:
        rows = session.scalars(select(Alert).where(Alert.kind == kind, Alert.sent_at.is_not(None)).order_by(Alert.id))
        return [(row.step, row.sent_at) for row in rows if row.sent_at]


def letters(runtime: Runtime) -> Iterator[email.message.EmailMessage]:
    for file in sorted((Path(runtime.settings.mailbox_dir) / "new").iterdir()):
        yield email.message_from_bytes(file.read_bytes(), policy=default)  # type: ignore[misc]


def walk(runtime: Runtime, clock: Clock, *, hours: float) -> None:
    """Let time pass in steps of five minutes, the job running at each."""
    for _ in range(int(hours * 12)):
        clock.advance(minutes=5)
        tell(runtime)


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


def test_no_email_tells_of_a_flag_that_was_seen_before_it_left(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        flag = an_urgent_flag(session, clinic, now=clock.now())
    jobs.escalate_flags(runtime)
    seen(runtime, clinic, flag, clock)
    jobs.send_alerts(runtime)

    assert told(runtime) == []


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


def _escalations(runtime: Runtime) -> list[dt.datetime]:
    with runtime.reading() as session:
        return [at for at in session.scalars(select(Flag.escalate_at).where(Flag.escalate_at.is_not(None))) if at]


def _due_steps(raised: dt.datetime, acknowledged: dt.datetime) -> dict[str, dt.datetime]:
    deputy = after_working(raised, 60 * MINUTE, HOURS, (), LONDON)
    manager = after_working(deputy, 60 * MINUTE, HOURS, (), LONDON)
    steps = {"owner": raised, "deputy": deputy, "manager": manager}
    return {step: at for step, at in steps.items() if at <= acknowledged}


def test_a_plan_names_three_people_with_an_address_each(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        with pytest.raises(InvalidInputError) as refused:
            builders.a_plan(session, made, owner="", deputy_email="no address", working_hours={}, now=clock.now())
        with pytest.raises(InvalidInputError) as shared:
            builders.a_plan(session, made, deputy_email="Owner@example.org", now=clock.now())

    assert sorted(refused.value.errors) == ["deputy_email", "owner", "working_hours"]
    assert list(shared.value.errors) == ["deputy_email"]


@pytest.mark.parametrize(
    "address",
    [
        "Dr Smith <owner@example.org>",
        "a@example.org, b@example.org",
        "jörg@example.org",
        "owner@münchen.example.org",
        "o..wner@example.org",
    ],
)
def test_a_person_is_told_at_one_address_that_can_be_written_to(runtime: Runtime, clock: Clock, address: str) -> None:
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        with pytest.raises(InvalidInputError) as refused:
            builders.a_plan(session, made, owner_email=address, now=clock.now())

    assert list(refused.value.errors) == ["owner_email"]


def test_working_hours_in_which_a_wait_never_ends_are_refused(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        with pytest.raises(InvalidInputError) as refused:
            builders.a_plan(session, made, working_hours=read_hours("mon 09:00-09:05"), now=clock.now())

    assert list(refused.value.errors) == ["working_hours"]


def another_clinic(session: Session, *, now: dt.datetime, **changes: Any) -> Clinic:
    made = builders.a_clinic(session, now=now)
    builders.a_plan(session, made, **changes, now=now)
    return made


def spoil(runtime: Runtime, clinic: Clinic, **values: Any) -> None:
    """Let the plan hold what is refused today, as one that was written before it was."""
    with runtime.transaction() as session:
        session.execute(update(EscalationPlan).where(EscalationPlan.clinic_id == clinic.id).values(**values))


def test_an_email_that_cannot_be_written_leads_to_the_next_person_and_holds_up_no_other(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    spoil(runtime, clinic, owner_email="jörg@example.org")
    with runtime.transaction() as session:
        an_urgent_flag(session, clinic, now=clock.now())
        an_urgent_flag(
            session, another_clinic(session, owner_email="other@example.org", now=clock.now()), now=clock.now()
        )

    tell(runtime)
    tell(runtime)

    assert sorted(str(letter["To"]) for letter in letters(runtime)) == ["deputy@example.org", "other@example.org"]
    with runtime.reading() as session:
        failed = session.scalars(select(Alert).where(Alert.failed_at.is_not(None))).one()
    assert (failed.step, failed.reason, failed.due_at) == ("owner", "not_written", None)


class BreaksOnce:
    """A way for letters to leave that raises at the first of them."""

    def __init__(self, mail: Transport) -> None:
        self._mail, self._broken = mail, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mail, name)

    def deliver(self, letter: Mail, *, before_final_dot: BeforeFinalDot) -> Outcome:
        if not self._broken:
            self._broken = True
            raise RuntimeError
        return self._mail.deliver(letter, before_final_dot=before_final_dot)


def test_an_email_that_breaks_when_it_is_handed_over_does_not_end_the_tick(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        an_urgent_flag(session, clinic, now=clock.now())
        an_urgent_flag(
            session, another_clinic(session, owner_email="other@example.org", now=clock.now()), now=clock.now()
        )
    jobs.escalate_flags(runtime)

    taken = jobs.send_alerts(replace(runtime, mail=BreaksOnce(runtime.mail)))
    clock.advance(minutes=6)
    later = jobs.send_alerts(runtime)

    assert (taken, later) == (1, 1)


def test_a_plan_without_working_time_is_told_by_the_clock_and_holds_up_no_other_clinic(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    spoil(runtime, clinic, working_hours={})
    with runtime.transaction() as session:
        an_urgent_flag(session, clinic, now=clock.now())
        other = another_clinic(session, now=clock.now())
        an_urgent_flag(session, other, now=clock.now())
    tell(runtime)
    walk(runtime, clock, hours=1)

    with runtime.reading() as session:
        rows = session.execute(select(Alert.clinic_id, Alert.kind, Alert.step).order_by(Alert.id)).all()
    assert [row[1:] for row in rows if row.clinic_id == clinic.id] == [
        ("flag", "owner"),
        ("silence", "owner"),
        ("flag", "deputy"),
        ("silence", "deputy"),
    ]
    assert [row[1:] for row in rows if row.clinic_id == other.id] == [("flag", "owner"), ("silence", "owner")]


def test_a_clinic_that_cannot_be_escalated_holds_up_no_other(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        an_urgent_flag(session, clinic, now=clock.now())
        other = another_clinic(session, owner_email="other@example.org", now=clock.now())
        an_urgent_flag(session, other, now=clock.now())
        session.execute(update(Clinic).where(Clinic.id == clinic.id).values(time_zone="Mars/Olympus"))
    walk(runtime, clock, hours=1.25)

    with runtime.reading() as session:
        rows = session.execute(select(Alert.clinic_id, Alert.kind).order_by(Alert.id)).all()
    assert {tuple(row) for row in rows} == {(other.id, "flag"), (other.id, "silence")}


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


def test_the_link_of_a_test_email_that_arrived_after_all_still_confirms_it(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        escalation.plan_test(session, clinic, now=clock.now())
    links = set()
    for _ in range(2):
        with runtime.transaction() as session:
            claimed = alerts.claim_due(session, settings=runtime.settings, worker="w", now=clock.now())
            assert claimed is not None
            alerts.record(session, claimed, Outcome("unknown"), now=clock.now())
            for other in session.scalars(select(Alert).where(Alert.id != claimed.letter.message_id)):
                other.due_at = None
        text = email.message_from_bytes(claimed.letter.content, policy=default).get_content()
        links |= set(re.findall(r"/confirm/(\S+)", text))
        clock.advance(minutes=31)

    [token] = links
    with runtime.reading() as session:
        found = escalation.find_test(session, token, secret=runtime.settings.secret)
    assert found is not None


def test_a_test_email_proves_an_address_for_ninety_days(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        escalation.plan_test(session, clinic, now=clock.now())
    jobs.send_alerts(runtime)
    tokens = [re.findall(r"/confirm/(\S+)", letter.get_content())[0] for letter in letters(runtime)]
    with runtime.transaction() as session:
        for token in tokens:
            found = escalation.find_test(session, token, secret=runtime.settings.secret)
            assert found is not None
            escalation.confirm(found, now=clock.now())

    def silent() -> list[str]:
        with runtime.reading() as session:
            plan = escalation.find_plan(session, clinic)
            assert plan is not None
            return escalation.unconfirmed(session, plan, now=clock.now())

    at_first = silent()
    with runtime.transaction() as session:
        builders.a_plan(session, clinic, deputy_email="new@example.org", now=clock.now())
    after_the_change = silent()
    clock.advance(days=90)
    assert (at_first, after_the_change, silent()) == ([], ["deputy"], ["owner", "deputy", "manager"])


def test_there_is_no_test_without_a_plan(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        with pytest.raises(InvalidInputError):
            escalation.plan_test(session, made, now=clock.now())


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
