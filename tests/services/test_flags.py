"""What staff do with a flag, and what each step leaves behind."""

import datetime as dt
import uuid

import pytest
import sqlalchemy as sa
from sqlalchemy.orm.exc import StaleDataError

from prom_service.errors import ConflictError, InvalidInputError
from prom_service.models import Clinic, Flag, Patient
from prom_service.pathway.definition import find
from prom_service.pathway.facts import Finding
from prom_service.queries.flags import FlagFilter, Whose, feed_position, find_flag, list_events, list_flags
from prom_service.runtime import Runtime
from prom_service.services import flag_ledger, flags, submission
from tests import builders
from tests.fakes import Clock


@pytest.fixture
def clinic(runtime: Runtime, clock: Clock) -> Clinic:
    """A clinic with one urgent and one medium flag."""
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        episode = builders.an_episode(session, clinic, now=now)
        baseline = builders.the_administration(session, episode, "baseline")
        answers = builders.complete_answers(baseline, episode, ihot=40)
        submission.submit(session, baseline, answers=builders.changed(answers, "safety-1.0", R1=1), now=now)
        clock.advance(days=42)
        six_weeks = builders.the_administration(session, episode, "6-weeks")
        answers = builders.complete_answers(six_weeks, episode, ihot=40)
        submission.submit(session, six_weeks, answers=answers, now=clock.now())
    return clinic


def held(session: object, clinic: Clinic, kind: str) -> Flag:
    [view] = list_flags(session, clinic.id, FlagFilter(kind=kind))  # type: ignore[arg-type]
    flag = flags.find_for_update(session, clinic.id, uuid.UUID(view["id"]))  # type: ignore[arg-type]
    assert flag is not None
    return flag


def test_every_step_is_a_numbered_event_with_the_flag_as_it_then_was(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        flag = held(session, clinic, "non_responder")
        flags.acknowledge(session, flag, actor="key:1", on_behalf_of={"id": "7", "name": "Dr Day"}, now=clock.now())
        flags.resolve(session, flag, "reassessed", note="seen", actor="key:1", now=clock.now())

    with runtime.reading() as session:
        events = [
            one for one in list_events(session, clinic.id, after=0, limit=50) if one["flag"]["id"] == str(flag.id)
        ]
        shown = find_flag(session, clinic.id, flag.id)
        position = feed_position(session, clinic.id)

    assert [(one["type"], one["flag"]["status"]) for one in events] == [
        ("raised", "open"),
        ("acknowledged", "acknowledged"),
        ("resolved", "resolved"),
    ]
    assert events[1]["actor"] == {"id": "key:1", "on_behalf_of": {"id": "7", "name": "Dr Day"}}
    assert shown["number"] == events[-1]["number"] == position
    assert shown["history"][-1]["detail"] == {"reason": "reassessed", "note": "seen"}


def test_a_flag_that_another_changed_meanwhile_is_not_overwritten(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        flag = held(session, clinic, "non_responder")
        newer = flag.version + 1
        session.connection().execute(sa.update(Flag.__table__).values(version=newer, status="acknowledged"))

        with pytest.raises(StaleDataError):
            flags.resolve(session, flag, "reassessed", note="", actor="key:1", now=clock.now())


def test_a_snoozed_flag_wakes_as_open(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    until = clock.now() + dt.timedelta(days=1)
    with runtime.transaction() as session:
        flags.snooze(session, held(session, clinic, "non_responder"), until, actor="key:1", now=clock.now())

    with runtime.transaction() as session:
        early = flags.wake_snoozed(session, now=clock.now(), limit=10)
        woken = flags.wake_snoozed(session, now=until, limit=10)
        status = held(session, clinic, "non_responder").status

    assert (early, woken, status) == (0, 1, "open")


def test_an_urgent_flag_cannot_be_put_aside(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    until = clock.now() + dt.timedelta(days=1)
    with runtime.transaction() as session, pytest.raises(ConflictError):
        flags.snooze(session, held(session, clinic, "red_flag_symptom"), until, actor="key:1", now=clock.now())


@pytest.mark.parametrize("status", ["open", "acknowledged", "assigned", "snoozed"])
def test_a_flag_that_becomes_urgent_is_unread_and_told_anew_and_stays_with_its_assignee(
    runtime: Runtime, clock: Clock, clinic: Clinic, status: str
) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        user = builders.a_user(session, clinic, now=now)
        episode = builders.an_episode(session, clinic, now=now)
        flag = builders.a_flag(session, episode, severity="high", now=now)
        flag.status, flag.assignee_id = status, user.id
        flag.snoozed_until = now + dt.timedelta(days=1) if status == "snoozed" else None
        flag.escalated_to, flag.escalate_at = (
            ("owner", now + dt.timedelta(days=1)) if status == "open" else (None, None)
        )
        session.flush()
        worse = Finding(flag.kind, flag.checkpoint, flag.basis, "urgent", flag.queue, "Worse.", {}, "worse")
        clock.advance(minutes=1)

        patient = session.get_one(Patient, episode.patient_id)
        whose = Whose.of(episode, patient)
        _, steps = flag_ledger.reconcile(whose, find(episode.pathway), [flag], [worse], now=clock.now())
        flag_ledger.write(session, steps, now=clock.now())

    with runtime.reading() as session:
        kept = session.get_one(Flag, flag.id)
    assert (kept.severity, kept.status, kept.snoozed_until) == ("urgent", "open", None)
    assert (kept.escalated_to, kept.escalate_at, kept.assignee_id) == (None, clock.now(), user.id)


def test_a_resolved_flag_cannot_be_changed_and_a_reason_is_needed(
    runtime: Runtime, clock: Clock, clinic: Clinic
) -> None:
    with runtime.transaction() as session:
        flag = held(session, clinic, "non_responder")
        with pytest.raises(InvalidInputError, match="reason"):
            flags.resolve(session, flag, "because", actor="key:1", now=clock.now())
        flags.resolve(session, flag, "referred", actor="key:1", now=clock.now())

        with pytest.raises(ConflictError):
            flags.acknowledge(session, flag, actor="key:1", now=clock.now())


def test_a_flag_is_given_only_to_a_user_of_its_clinic(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        ours = builders.a_user(session, clinic, now=now)
        theirs = builders.a_user(session, builders.a_clinic(session, now=now), now=now)
        flag = held(session, clinic, "non_responder")

        flags.assign(session, flag, ours.id, actor="key:1", now=now)
        with pytest.raises(InvalidInputError, match="user_id"):
            flags.assign(session, flag, theirs.id, actor="key:1", now=now)

        assert (flag.status, flag.assignee_id) == ("assigned", ours.id)


def test_another_clinic_s_flag_is_not_there(runtime: Runtime, clock: Clock, clinic: Clinic) -> None:
    with runtime.transaction() as session:
        other = builders.a_clinic(session, now=clock.now())
        flag = held(session, clinic, "non_responder")

        assert flags.find_for_update(session, other.id, flag.id) is None
