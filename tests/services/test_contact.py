"""Who may be mailed, when, and why not: the rules one by one, each at its edge."""

import datetime as dt
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prom_service.services.contact import EXPLANATIONS, NEVER, ContactFacts, Permission, foresee, may_contact

NOON = dt.datetime(2026, 3, 3, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
TICK = dt.timedelta(seconds=1)
ZONES = ("Europe/London", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe")
CONTACTABLE = ContactFacts(
    status="active",
    paused_until=None,
    address="ada@example.org",
    email_allowed=True,
    unsubscribed=False,
    bounced=False,
    zone=ZoneInfo("Europe/London"),
    last_mailed_at=None,
    clinic_may_mail=True,
    weekend_mail=True,
    episode_closed=False,
    state="open",
    declined=False,
    opens_at=NOON - DAY,
    late_after=NOON + 365 * DAY,
    mails=0,
    covered=False,
)


def local(zone: str, text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)


def test_a_patient_with_nothing_against_it_may_be_mailed() -> None:
    assert may_contact(CONTACTABLE, now=NOON) == Permission(True)


@pytest.mark.parametrize(
    ("change", "foreseen"),
    [
        ({}, Permission(True)),
        ({"last_mailed_at": NOON, "covered": True}, Permission(True)),
        ({"opens_at": NOON + DAY}, Permission(True)),
        ({"email_allowed": False}, Permission(False, "email_not_allowed")),
        ({"mails": 4}, Permission(False, "limit_reached")),
        ({"status": "paused", "paused_until": NOON.date()}, Permission(True)),
        (
            {"status": "paused", "paused_until": NOON.date() + DAY},
            Permission(False, "paused", local("Europe/London", "2026-03-05T09:00")),
        ),
    ],
)
def test_what_will_be_decided_tomorrow_rests_on_what_lasts_until_then(
    change: dict[str, Any], foreseen: Permission
) -> None:
    assert foresee(replace(CONTACTABLE, **change), at=NOON + DAY) == foreseen


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "deceased"}, "deceased"),
        ({"status": "withdrawn"}, "withdrawn"),
        ({"state": "completed"}, "completed"),
        ({"state": "cancelled"}, "cancelled"),
        ({"state": "not_asked"}, "not_asked"),
        ({"declined": True}, "declined"),
        ({"episode_closed": True}, "episode_closed"),
        ({"unsubscribed": True}, "unsubscribed"),
        ({"email_allowed": False}, "email_not_allowed"),
        ({"address": None}, "no_address"),
        ({"address": ""}, "no_address"),
        ({"address": "ada at example.org"}, "no_address"),
        ({"address": "ada@example.org\r\nBcc: eve@example.org"}, "no_address"),
        ({"address": "ada@exämple.org"}, "no_address"),
        ({"address": "ada.@example.org"}, "no_address"),
        ({"bounced": True}, "address_refused"),
        ({"late_after": NOON}, "window_over"),
        ({"mails": 4}, "limit_reached"),
        ({"covered": True}, "covered"),
    ],
)
def test_what_forbids_mail_for_good_is_named(change: dict[str, Any], reason: str) -> None:
    assert may_contact(replace(CONTACTABLE, **change), now=NOON) == Permission(False, reason)


@pytest.mark.parametrize(
    "change",
    [
        {"late_after": NOON + TICK},
        {"mails": 3},
        {"state": "planned"},
        {"state": "started"},
        {"opens_at": NOON},
        {"last_mailed_at": NOON - 48 * HOUR},
        {"status": "paused", "paused_until": dt.date(2026, 3, 2)},
        {"weekend_mail": False},
        {"address": "o'hara+hip@mail.example.org"},
    ],
)
def test_mail_just_short_of_a_limit_goes(change: dict[str, Any]) -> None:
    assert may_contact(replace(CONTACTABLE, **change), now=NOON).allowed


@pytest.mark.parametrize(
    ("change", "reason", "again_at"),
    [
        ({"opens_at": NOON + TICK}, "not_open_yet", NOON + TICK),
        ({"last_mailed_at": NOON - 48 * HOUR + TICK}, "mailed_recently", NOON + TICK),
        ({"last_mailed_at": NOON}, "mailed_recently", NOON + 48 * HOUR),
        ({"clinic_may_mail": False}, "clinic_not_active", NOON + HOUR),
        (
            {"status": "paused", "paused_until": dt.date(2026, 3, 3)},
            "paused",
            local("Europe/London", "2026-03-04 09:00"),
        ),
        ({"status": "paused"}, "paused", local("Europe/London", "2026-03-04 09:00")),
    ],
)
def test_what_forbids_mail_for_now_says_when_to_ask_again(
    change: dict[str, Any], reason: str, again_at: dt.datetime
) -> None:
    assert may_contact(replace(CONTACTABLE, **change), now=NOON) == Permission(False, reason, again_at)


def test_of_several_waits_the_longest_counts() -> None:
    facts = replace(CONTACTABLE, last_mailed_at=NOON - HOUR, status="paused", paused_until=dt.date(2026, 3, 10))

    permission = may_contact(facts, now=NOON)

    assert permission.again_at == local("Europe/London", "2026-03-11 09:00")


def test_a_wait_beyond_the_window_is_for_good_and_keeps_its_reason() -> None:
    facts = replace(CONTACTABLE, last_mailed_at=NOON, late_after=NOON + 48 * HOUR)

    assert may_contact(facts, now=NOON) == Permission(False, "mailed_recently")
    assert may_contact(replace(facts, late_after=NOON + 48 * HOUR + TICK), now=NOON).again_at == NOON + 48 * HOUR


@pytest.mark.parametrize(
    ("zone", "wall_clock", "again"),
    [
        ("Europe/London", "2026-03-03 08:59:59", "2026-03-03 09:00"),
        ("Europe/London", "2026-03-03 09:00:00", None),
        ("Europe/London", "2026-03-03 17:59:59", None),
        ("Europe/London", "2026-03-03 18:00:00", "2026-03-04 09:00"),
        ("Europe/London", "2026-03-28 18:00:00", "2026-03-29 09:00"),  # the clocks go forward in that night
        ("Europe/London", "2026-03-29 08:59:59", "2026-03-29 09:00"),
        ("Europe/London", "2026-10-24 18:00:00", "2026-10-25 09:00"),  # and back in this one
        ("Europe/London", "2026-10-25 01:30:00", "2026-10-25 09:00"),
        ("America/New_York", "2026-03-08 03:30:00", "2026-03-08 09:00"),
        ("America/New_York", "2026-11-01 08:59:59", "2026-11-01 09:00"),
        ("America/New_York", "2026-11-01 09:00:00", None),
        ("Asia/Kathmandu", "2026-03-03 08:59:59", "2026-03-03 09:00"),
        ("Asia/Kathmandu", "2026-03-03 17:59:59", None),
        ("Pacific/Apia", "2026-03-03 18:00:00", "2026-03-04 09:00"),
        ("Pacific/Apia", "2028-02-28 18:00:00", "2028-02-29 09:00"),
    ],
)
def test_mail_goes_from_nine_to_six_by_the_patients_clock(zone: str, wall_clock: str, again: str | None) -> None:
    now = local(zone, wall_clock)
    facts = replace(CONTACTABLE, zone=ZoneInfo(zone), opens_at=now - DAY, late_after=now + 30 * DAY)

    permission = may_contact(facts, now=now)

    if again is None:
        assert permission == Permission(True)
    else:
        assert permission == Permission(False, "outside_hours", local(zone, again))


@pytest.mark.parametrize(
    ("wall_clock", "reason", "again"),
    [
        ("2026-03-06 17:59:59", None, None),
        ("2026-03-06 18:00:00", "outside_hours", "2026-03-09 09:00"),
        ("2026-03-07 00:00:00", "weekend", "2026-03-09 09:00"),
        ("2026-03-08 12:00:00", "weekend", "2026-03-09 09:00"),
        ("2026-03-09 09:00:00", None, None),
    ],
)
def test_a_clinic_may_spare_its_patients_at_weekends(wall_clock: str, reason: str | None, again: str | None) -> None:
    now = local("Europe/London", wall_clock)

    permission = may_contact(replace(CONTACTABLE, weekend_mail=False), now=now)

    assert permission.reason == reason
    assert permission.again_at == (again and local("Europe/London", again))


@given(
    seconds=st.integers(0, 9 * 365 * 24 * 3600),
    zone=st.sampled_from(ZONES),
    weekend_mail=st.booleans(),
    mailed_hours_ago=st.none() | st.floats(0, 100),
)
def test_asked_again_at_the_moment_named_the_answer_is_yes(
    seconds: int, zone: str, weekend_mail: bool, mailed_hours_ago: float | None
) -> None:
    now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    facts = replace(
        CONTACTABLE,
        zone=ZoneInfo(zone),
        weekend_mail=weekend_mail,
        last_mailed_at=None if mailed_hours_ago is None else now - mailed_hours_ago * HOUR,
        opens_at=now - DAY,
        late_after=now + 30 * DAY,
    )

    first = may_contact(facts, now=now)
    then = first.again_at or now

    assert may_contact(facts, now=then).allowed
    assert 9 <= then.astimezone(facts.zone).hour < 18
    assert then - now <= 6 * DAY


def test_every_reason_has_an_explanation() -> None:
    waits = {"not_open_yet", "paused", "clinic_not_active", "mailed_recently", "outside_hours", "weekend"}

    assert {reason for reason, _ in NEVER} | waits <= EXPLANATIONS.keys()


def test_the_facts_do_not_show_the_address() -> None:
    assert "example.org" not in repr(CONTACTABLE)
