"""The jobs: what is due and not done is done, once, whatever the mail server or one bad row does."""

import datetime as dt
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from prom_service.db import writers_abreast
from prom_service.mail.letters import Letter
from prom_service.mail.transport import BeforeFinalDot, Outcome, Relay, SmtpTransport
from prom_service.models import Administration, Assessment, Episode, Flag, Heartbeat, Message, Patient, Throttle
from prom_service.runtime import Runtime
from prom_service.services import flags
from scheduler import jobs
from tests import mailroom
from tests.fakes import Clock
from tests.mailroom import NOON
from tests.support.smtp import SmtpServer

MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def prom(database_url: str, tmp_path: Path, clock: Clock, smtp: SmtpServer) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, clock, smtp_url=smtp.url) as prom:
        yield prom


def message_of(prom: Runtime, message_id: uuid.UUID) -> Message:
    with prom.reading() as session:
        return session.get_one(Message, message_id)


def test_what_is_due_is_sent_once_however_often_the_job_runs(prom: Runtime, smtp: SmtpServer) -> None:
    ids = mailroom.due_messages(prom, 3)

    counts = [jobs.send_due_messages(prom) for _ in range(3)]

    assert counts == [3, 0, 0]
    assert mailroom.phases(prom, ids) == ["sent"] * 3
    assert sorted(str(one.message["Message-ID"]) for one in smtp.letters) == sorted(
        f"<{message_id}@clinic.example.org>" for message_id in ids
    )


def test_more_patients_than_fit_in_one_batch_are_all_mailed(
    prom: Runtime, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PATIENTS_AT_ONCE", 2)
    mailroom.due_messages(prom, 5)

    assert jobs.send_due_messages(prom) == 5


def test_while_the_relay_is_down_one_letter_is_tried_and_the_others_wait(
    prom: Runtime, clock: Clock, smtp: SmtpServer
) -> None:
    ids = mailroom.due_messages(prom, 4)

    assert jobs.send_due_messages(without_relay(prom)) == 0
    assert mailroom.phases(prom, ids) == ["planned"] * 4
    with prom.reading() as session:
        assert sorted(mailroom.steps(session, one)[-1] for one in ids) == ["deferred", *["released"] * 3]

    clock.advance(minutes=1)

    assert jobs.send_due_messages(prom) == 4


def test_after_a_day_without_a_relay_all_that_is_due_goes_out_within_a_minute(
    prom: Runtime, clock: Clock, smtp: SmtpServer
) -> None:
    ids = mailroom.due_messages(prom, 3)
    for _ in range(24 * 4):
        jobs.send_due_messages(without_relay(prom))
        clock.advance(minutes=15)

    jobs.send_due_messages(prom)
    clock.advance(minutes=1)
    jobs.send_due_messages(prom)

    assert mailroom.phases(prom, ids) == ["sent"] * 3
    assert len(smtp.letters) == 3


def test_patients_who_cannot_be_written_to_hold_up_nobody_and_are_mailed_once_they_can(
    prom: Runtime, clock: Clock, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PATIENTS_AT_ONCE", 2)
    broken = mailroom.due_messages(prom, 3, due=NOON - MINUTE)
    with prom.transaction() as session:
        session.execute(sa.update(Episode).values(pathway="no-such-pathway-1"))
    mailroom.due_messages(prom, 2)

    counts = [jobs.send_due_messages(prom) for _ in range(2)]
    with prom.transaction() as session:
        session.execute(sa.update(Episode).values(pathway="hip-related-pain-1"))
    clock.advance(hours=1)
    counts += [jobs.send_due_messages(prom) for _ in range(2)]

    assert counts == [2, 0, 3, 0]
    assert len({str(one.message["Message-ID"]) for one in smtp.letters}) == len(smtp.letters) == 5
    assert mailroom.phases(prom, broken) == ["sent"] * 3


def test_told_to_stop_it_finishes_the_letter_in_hand_and_gives_the_others_back(prom: Runtime, smtp: SmtpServer) -> None:
    ids = mailroom.due_messages(prom, 4)

    taken = jobs.send_due_messages(prom, lambda: len(smtp.letters) < 2)

    assert taken == 2
    assert sorted(mailroom.phases(prom, ids)) == ["planned", "planned", "sent", "sent"]
    assert jobs.send_due_messages(prom) == 2


def test_a_withdrawal_after_the_claim_still_stops_the_letter(prom: Runtime, smtp: SmtpServer) -> None:
    [message_id] = mailroom.due_messages(prom, 1)

    jobs.send_due_messages(replace(prom, mail=WithdrawnMeanwhile(prom)))

    assert smtp.letters == []
    assert (message_of(prom, message_id).phase, message_of(prom, message_id).reason) == ("cancelled", "withdrawn")


def test_windows_that_have_begun_are_opened(prom: Runtime, clock: Clock) -> None:
    with prom.transaction() as session:
        patient = mailroom.patient(session, mailroom.clinic(session))
        for opens_at in (NOON, NOON + MINUTE):
            mailroom.administration(session, patient, state="planned", opens_at=opens_at)

    counts = [jobs.open_due_administrations(prom), clock.advance(minutes=1) and jobs.open_due_administrations(prom)]

    assert counts == [1, 1]
    with prom.reading() as session:
        assert set(session.scalars(select(Administration.state))) == {"open"}


def test_windows_that_have_passed_unanswered_are_missed(prom: Runtime, clock: Clock) -> None:
    with prom.transaction() as session:
        mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))

    before, _, after = (
        jobs.close_late_administrations(prom),
        clock.advance(days=20),
        jobs.close_late_administrations(prom),
    )

    assert (before, after) == (0, 1)
    with prom.reading() as session:
        assert session.scalars(select(Administration.state)).one() == "missed"


def test_windows_of_every_clinic_are_settled_whatever_cannot_be_assessed(
    prom: Runtime, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with prom.transaction() as session:
        patients = [mailroom.patient(session, mailroom.clinic(session)) for _ in range(2)]
        broken, sound = (mailroom.administration(session, patient).episode_id for patient in patients)
        session.execute(sa.update(Episode).where(Episode.id == broken).values(pathway="no-such-pathway-1"))
    clock.advance(days=20)

    assert jobs.close_late_administrations(prom) == 2
    jobs.assess_due_episodes(prom)

    with prom.reading() as session:
        assert set(session.scalars(select(Administration.state))) == {"missed"}
        found = set(session.execute(select(Flag.episode_id, Flag.kind)).all())
    assert found == {(sound, "survey_missed"), (sound, "baseline_missing")}
    assert "no-such-pathway" not in caplog.text


def test_episodes_are_assessed_when_their_time_has_come(prom: Runtime, clock: Clock) -> None:
    with prom.transaction() as session:
        mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        session.execute(sa.update(Assessment).values(due_at=NOON))

    assert jobs.assess_due_episodes(prom) == 1

    with prom.reading() as session:
        assessment = session.scalars(select(Assessment)).one()
        assert assessment.assessed_at == NOON
        assert assessment.due_at is None or assessment.due_at > NOON


def test_several_sessions_assess_each_episode_once_where_several_can_write(prom: Runtime) -> None:
    with prom.transaction() as session:
        patients = [mailroom.patient(session, mailroom.clinic(session)) for _ in range(6)]
        for patient in (*patients, *patients[:2]):
            mailroom.administration(session, patient)
        session.execute(sa.update(Assessment).values(due_at=NOON))

    assert len(jobs.shares_to_assess(prom)) == writers_abreast(prom.engine)
    assert jobs.assess_due_episodes(prom) == 8
    assert jobs.assess_due_episodes(prom) == 0

    with prom.reading() as session:
        assert session.scalars(select(Assessment.assessed_at)).all() == [NOON] * 8


def test_flags_put_aside_wake_when_their_time_has_come(prom: Runtime, clock: Clock) -> None:
    with prom.transaction() as session:
        administration = mailroom.administration(session, mailroom.patient(session, mailroom.clinic(session)))
        session.execute(sa.update(Administration).values(late_after=NOON))
    jobs.close_late_administrations(prom)
    with prom.transaction() as session:
        flag = session.scalars(select(Flag).where(Flag.episode_id == administration.episode_id)).first()
        assert flag is not None
        flags.snooze(session, flag, NOON + DAY, actor="user:1", now=NOON)

    counts = [jobs.wake_snoozed_flags(prom), clock.advance(days=1) and jobs.wake_snoozed_flags(prom)]

    assert counts == [0, 1]
    with prom.reading() as session:
        assert session.get_one(Flag, flag.id).status == "open"


def test_an_episode_that_cannot_be_assessed_does_not_hold_up_the_others(
    prom: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with prom.transaction() as session:
        patient = mailroom.patient(session, mailroom.clinic(session))
        broken, sound = (mailroom.administration(session, patient).episode_id for _ in range(2))
        session.execute(sa.update(Assessment).values(due_at=NOON))
        session.execute(sa.update(Episode).where(Episode.id == broken).values(pathway="no-such-pathway-1"))

    jobs.assess_due_episodes(prom)

    with prom.reading() as session:
        assert session.get_one(Assessment, sound).assessed_at == NOON
        assert session.get_one(Assessment, broken).assessed_at is None
    assert str(broken) in caplog.text
    assert "no-such-pathway" not in caplog.text
    assert jobs.assess_due_episodes(prom) == 0


def test_a_sign_of_life_is_one_row_for_each_process_and_old_ones_go(prom: Runtime, clock: Clock) -> None:
    with prom.transaction() as session:
        session.add(Heartbeat(process="scheduler:gone:1", kind="scheduler", beat_at=NOON - DAY - MINUTE))

    jobs.beat(prom)
    clock.advance(minutes=1)
    jobs.beat(prom)

    with prom.reading() as session:
        beats = session.execute(select(Heartbeat.process, Heartbeat.beat_at)).all()
    assert beats == [(f"scheduler:{jobs.this_process()}", NOON + MINUTE)]


def test_what_is_kept_for_a_day_only_is_cleared_away(
    prom: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ROWS_AT_ONCE", 2)
    with prom.transaction() as session:
        session.add_all(
            Throttle(bucket=f"{hour}", window_start=clock.now() - hour * dt.timedelta(hours=1), tries=1)
            for hour in (23, 25, 26, 27)
        )

    counts = [jobs.purge_passing_rows(prom) for _ in range(2)]

    assert counts == [3, 0]


def test_the_pace_at_every_timepoint_is_measured_once_a_day(
    prom: Runtime, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "TIMED_AT_ONCE", 2)

    counts = [jobs.measure_pace(prom) for _ in range(2)]
    clock.advance(days=1)
    counts.append(jobs.measure_pace(prom))

    assert counts == [9, 0, 9]


class WithdrawnMeanwhile:
    """A way to mail during which every patient withdraws just before their letter is handed over."""

    def __init__(self, prom: Runtime) -> None:
        self._prom = prom

    def deliver(self, letter: Letter, *, before_final_dot: BeforeFinalDot) -> Outcome:
        with self._prom.transaction() as session:
            session.execute(sa.update(Patient).values(status="withdrawn"))
        return self._prom.mail.deliver(letter, before_final_dot=before_final_dot)

    def close(self) -> None:
        self._prom.mail.close()

    def cut(self) -> None:
        self._prom.mail.cut()


class AlertsEndMeanwhile:
    """A way to mail during which the job that emails staff comes to its end, in a thread of its own."""

    def __init__(self, prom: Runtime) -> None:
        self._prom = prom

    def deliver(self, letter: Letter, *, before_final_dot: BeforeFinalDot) -> Outcome:
        def wait_and_mark() -> None:
            other = threading.Thread(target=jobs.send_alerts, args=(self._prom,))
            other.start()
            other.join(timeout=30)
            before_final_dot()

        return self._prom.mail.deliver(letter, before_final_dot=wait_and_mark)

    def close(self) -> None:
        self._prom.mail.close()

    def cut(self) -> None:
        self._prom.mail.cut()


def test_a_letter_in_hand_is_taken_although_another_job_ends_meanwhile(prom: Runtime, smtp: SmtpServer) -> None:
    ids = mailroom.due_messages(prom, 2)

    taken = jobs.send_due_messages(replace(prom, mail=AlertsEndMeanwhile(prom)))

    assert (taken, len(smtp.letters)) == (2, 2)
    assert mailroom.phases(prom, ids) == ["sent", "sent"]


def without_relay(prom: Runtime) -> Runtime:
    """Return the same runtime with a relay that refuses every connection."""
    return replace(prom, mail=SmtpTransport(Relay("127.0.0.1", 1, timeout=1)))
