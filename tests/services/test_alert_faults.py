"""An email to staff, or a clinic, with which something is wrong holds up no other."""

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from prom_service.mail.transport import BeforeFinalDot, Mail, Outcome, Transport
from prom_service.models import Alert, Clinic, Episode, Flag, Patient
from prom_service.runtime import Runtime
from prom_service.services import alerts, flag_ledger, flags
from scheduler import jobs
from tests import builders
from tests.fakes import Clock
from tests.services.alerting import an_urgent_flag, another_clinic, letters, spoil, tell, walk

MOMENT = 0.3
"""Seconds in which a refusal is noted where nobody waits for anybody."""


@pytest.fixture
def clinic(runtime: Runtime, clock: Clock) -> Clinic:
    """A clinic with an owner, a deputy and a manager, at half past eight on a Tuesday."""
    clock.advance(days=1, minutes=30)
    with runtime.transaction() as session:
        made = builders.a_clinic(session, now=clock.now())
        builders.a_plan(session, made, now=clock.now())
    return made


def refuse(runtime: Runtime) -> None:
    """Let the mail server refuse the address for good, or let it be one to which nothing can be written."""
    with runtime.transaction() as session:
        claimed = alerts.claim_due(session, settings=runtime.settings, worker="w", now=runtime.now())
        if claimed is not None:
            alerts.record(session, claimed, Outcome("refused", "smtp 550"), now=runtime.now())


def say_more(session: Session, flag: Flag) -> None:
    """Write the flag as the rules do when they find something new."""
    flag.why = "Something more."
    episode = session.get_one(Episode, flag.episode_id)
    patient = session.get_one(Patient, episode.patient_id)
    flag_ledger.note(session, flag, episode, patient, "updated", flag_ledger.RULES, {}, flag.raised_at)


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


@pytest.mark.parametrize("owner", ["owner@example.org", "jörg@example.org"])
def test_the_next_person_is_told_at_once_whoever_writes_the_flag_meanwhile(
    runtime: Runtime, clock: Clock, clinic: Clinic, owner: str
) -> None:
    spoil(runtime, clinic, owner_email=owner)
    with runtime.transaction() as session:
        flag = an_urgent_flag(session, clinic, now=clock.now())
    jobs.escalate_flags(runtime)

    with ThreadPoolExecutor(1) as threads:
        with runtime.transaction() as session:
            held = flags.find_for_update(session, clinic.id, flag.id)
            refused = threads.submit(refuse, runtime)
            wait([refused], timeout=MOMENT)
            say_more(session, held)
        refused.result()

    with runtime.reading() as session:
        found = session.get_one(Flag, flag.id)
    assert (found.why, found.escalate_at) == ("Something more.", clock.now())


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
