"""Sending stops by itself when the clock or the number of messages cannot be right, on both databases."""

import datetime as dt
import email
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from prom_service.app import create_app
from prom_service.models import Brake, MessageEvent
from prom_service.runtime import ClockWatch, Runtime, build, system_clock
from prom_service.services import brake
from prom_service.settings import Settings
from scheduler import jobs
from tests import mailroom
from tests.mailroom import NOON

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
SECOND = dt.timedelta(seconds=1)


class SetClock:
    """A clock that can be set, beside a steady one that cannot."""

    def __init__(self) -> None:
        self.passed = dt.timedelta()
        self.set_by = dt.timedelta()

    def now(self) -> dt.datetime:
        return NOON + self.passed + self.set_by

    def steady(self) -> float:
        return self.passed.total_seconds()


@pytest.fixture
def wall() -> SetClock:
    return SetClock()


@pytest.fixture
def prom(database_url: str, tmp_path: Path, wall: SetClock) -> Iterator[Runtime]:
    with mailroom.mail_runtime(database_url, tmp_path, wall) as prom:
        yield restarted(prom, wall)


def restarted(prom: Runtime, wall: SetClock) -> Runtime:
    """Return the runtime as a process that has just begun has it."""
    return replace(prom, watch=ClockWatch(wall.now(), wall.steady))


def reasons(prom: Runtime) -> list[str]:
    with prom.reading() as session:
        return list(session.scalars(select(Brake.reason).order_by(Brake.id)))


def let_go(prom: Runtime) -> int:
    with prom.transaction() as session:
        return brake.release(session, actor="command", now=prom.now())


def arrived(folder: Path) -> list[str]:
    """Return the Message-ID of every email in the mailbox."""
    letters = (email.message_from_bytes(path.read_bytes()) for path in (folder / "mailbox" / "new").iterdir())
    return sorted(str(letter["Message-ID"]) for letter in letters)


def claims(prom: Runtime, count: int, at: dt.datetime) -> None:
    """Put on record that ``count`` messages were claimed at an instant."""
    [message_id] = mailroom.due_messages(prom, 1, due=NOON + 300 * DAY)
    with prom.transaction() as session:
        clinic_id = session.get_one(mailroom.Message, message_id).clinic_id
        session.add_all(
            MessageEvent(clinic_id=clinic_id, message_id=message_id, kind="claimed", at=at, recorded_at=at)
            for _ in range(count)
        )


@pytest.mark.parametrize("jump", [30 * DAY, -DAY, HOUR + SECOND, -HOUR - SECOND])
def test_a_clock_set_while_running_sends_nothing_twice_and_stops_sending(
    prom: Runtime, wall: SetClock, tmp_path: Path, jump: dt.timedelta
) -> None:
    sent = mailroom.due_messages(prom, 3)
    assert jobs.send_due_messages(prom) == 3
    waiting = mailroom.due_messages(prom, 2, due=NOON + min(jump, dt.timedelta()))

    wall.passed += 15 * SECOND
    wall.set_by = jump

    assert [jobs.send_due_messages(prom) for _ in range(3)] == [0, 0, 0]
    assert reasons(prom) == ["clock_jumped"]
    assert mailroom.phases(prom, sent) == ["sent"] * 3
    assert mailroom.phases(prom, waiting) == ["planned"] * 2
    assert arrived(tmp_path) == sorted(f"<{one}@clinic.example.org>" for one in sent)


@pytest.mark.parametrize("jump", [30 * DAY, -DAY])
@pytest.mark.parametrize("restarts", [False, True])
def test_over_a_clock_set_wrong_and_right_again_every_email_arrives_once(
    prom: Runtime, wall: SetClock, tmp_path: Path, jump: dt.timedelta, restarts: bool
) -> None:
    with prom.transaction() as session:
        at = mailroom.clinic(session)
        asked = [mailroom.administration(session, mailroom.patient(session, at)) for _ in range(3)]
        due = [mailroom.message(session, one).id for one in asked]
        later = [mailroom.message(session, one, ordinal=1, due=NOON + 3 * DAY).id for one in asked]
    jobs.send_due_messages(prom)

    wall.set_by = jump
    stopped = [jobs.send_due_messages(prom) for _ in range(3)]
    wall.set_by = dt.timedelta()
    running = restarted(prom, wall) if restarts else prom
    stopped.append(jobs.send_due_messages(running))
    let_go(prom)
    wall.passed = 3 * DAY + HOUR

    assert stopped == [0] * 4
    assert reasons(prom) == ["clock_jumped"]
    assert jobs.send_due_messages(running) == 3
    assert arrived(tmp_path) == sorted(f"<{one}@clinic.example.org>" for one in (*due, *later))


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_clock_corrected_by_an_hour_or_less_stops_nothing(prom: Runtime, wall: SetClock, jump: dt.timedelta) -> None:
    wall.set_by = jump
    mailroom.due_messages(prom, 1, due=NOON - DAY)

    assert jobs.send_due_messages(prom) == 1


def test_time_that_passes_is_no_jump(prom: Runtime, wall: SetClock) -> None:
    wall.passed += 30 * DAY
    mailroom.due_messages(prom, 1, due=NOON - DAY)

    jobs.send_due_messages(prom)

    assert reasons(prom) == []


@pytest.mark.parametrize(("behind", "stopped"), [(HOUR, False), (HOUR + SECOND, True), (DAY, True)])
def test_a_start_with_a_clock_behind_the_newest_message_stops_sending(
    prom: Runtime, wall: SetClock, behind: dt.timedelta, stopped: bool
) -> None:
    mailroom.due_messages(prom, 1)
    jobs.send_due_messages(prom)

    wall.set_by = -behind
    jobs.send_due_messages(restarted(prom, wall))

    assert reasons(prom) == (["clock_behind"] if stopped else [])


@pytest.mark.parametrize("jump", [30 * DAY, -DAY])
def test_once_released_it_goes_on_and_what_stopped_it_counts_no_more(
    prom: Runtime, wall: SetClock, jump: dt.timedelta
) -> None:
    mailroom.due_messages(prom, 1)
    jobs.send_due_messages(prom)
    wall.set_by = jump
    for _ in range(2):
        jobs.send_due_messages(prom)

    assert [let_go(prom), let_go(prom)] == [1, 0]
    due = mailroom.due_messages(prom, 2, due=wall.now())
    with prom.transaction() as session:
        session.execute(
            mailroom.Administration.__table__.update().values(
                opens_at=wall.now() - DAY, late_after=wall.now() + DAY, closes_at=wall.now() + DAY
            )
        )

    assert jobs.send_due_messages(prom) == 2
    assert mailroom.phases(prom, due) == ["sent", "sent"]
    assert len(reasons(prom)) == 1


@pytest.mark.parametrize(
    ("peak", "claimed", "stopped"),
    [(0, 200, False), (0, 201, True), (66, 201, True), (67, 201, False), (100, 300, False), (100, 301, True)],
)
def test_more_claims_in_an_hour_than_three_times_the_busiest_of_the_week_stop_sending(
    prom: Runtime, peak: int, claimed: int, stopped: bool
) -> None:
    claims(prom, peak, NOON - 2 * DAY)
    claims(prom, claimed, NOON - HOUR + SECOND)

    jobs.send_due_messages(prom)

    assert reasons(prom) == (["too_many_claims"] if stopped else [])


def test_claims_before_a_release_are_not_counted_again(prom: Runtime, wall: SetClock) -> None:
    claims(prom, 201, NOON - SECOND)
    jobs.send_due_messages(prom)
    let_go(prom)
    wall.passed += SECOND

    jobs.send_due_messages(prom)

    assert reasons(prom) == ["too_many_claims"]


def test_while_it_is_on_the_service_is_shown_to_be_ready_and_not_to_send(prom: Runtime, wall: SetClock) -> None:
    jobs.beat(prom)
    client = create_app(prom).test_client()
    before = client.get("/readyz")
    wall.passed += SECOND
    claims(prom, 201, NOON)
    jobs.send_due_messages(prom)

    after = client.get("/readyz")

    assert (before.status_code, before.json["sending"]) == (200, "ok")
    assert (after.status_code, after.json["sending"]) == (200, "stopped: too_many_claims")
    assert "prom_sending_stopped 1.0" in client.get("/metrics").text


def test_only_the_system_s_clock_is_watched(tmp_path: Path) -> None:
    settings = Settings(env="test", database_url=f"sqlite:///{tmp_path / 'a.db'}", mailbox_dir=str(tmp_path))

    own = build(settings)
    simulated = own.under(lambda: NOON)

    assert own.watch is not None
    assert abs(own.watch.jump(system_clock())) < SECOND
    assert (simulated.watch, build(settings, clock=lambda: NOON).watch) == (None, None)
