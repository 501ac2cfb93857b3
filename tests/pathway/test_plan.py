"""Windows and emails of an episode: at their edges, over clock changes, leap days and skipped dates."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prom_service.pathway.definition import all_pathways, find
from prom_service.pathway.plan import PlannedAdministration, phone_from, plan_administrations, plan_messages
from tests.pathway.builders import LONDON

PATHWAY = find("hip-related-pain-1")
ZONES = [ZoneInfo(name) for name in ("Europe/London", "America/New_York", "Asia/Kathmandu", "Pacific/Apia")]
DAY = timedelta(days=1)
SKIPPED_IN_APIA = date(2011, 12, 30)
ODD_DAYS = [
    date(2026, 3, 29),  # London's clocks go forward
    date(2026, 10, 25),  # and back
    date(2026, 3, 8),  # New York's clocks go forward
    date(2026, 11, 1),  # and back
    date(2011, 9, 24),  # Apia's clocks go forward
    date(2012, 4, 1),  # and back
    SKIPPED_IN_APIA,
    date(2024, 2, 29),
]

started = st.one_of(
    st.dates(date(2010, 1, 1), date(2040, 1, 1)),
    st.builds(
        lambda day, away: day - away * DAY, st.sampled_from(ODD_DAYS), st.sampled_from([0, 1, 14, 35, 42, 57, 91, 92])
    ),
)
zones = st.sampled_from(ZONES)
waits = st.timedeltas(timedelta(days=-60), timedelta(days=130))


def plan(started_on: date, zone: ZoneInfo, enrolled_at: datetime | None = None) -> dict[str, PlannedAdministration]:
    moment = enrolled_at or datetime(started_on.year, started_on.month, started_on.day, 12, tzinfo=UTC)
    return {at.timepoint: at for at in plan_administrations(PATHWAY, started_on, zone, enrolled_at=moment)}


def local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def first_day_there(on: date, zone: ZoneInfo) -> date:
    """The date itself, or the next where the zone has no such date."""
    return on + DAY if zone.key == "Pacific/Apia" and on == SKIPPED_IN_APIA else on


@pytest.mark.parametrize(
    ("timepoint", "opens", "target", "late", "closes"),
    [
        ("baseline", "2026-02-16", "2026-03-02", "2026-03-10", "2026-04-06"),
        ("6-weeks", "2026-04-06", "2026-04-13", "2026-04-28", "2026-05-19"),
        ("3-months", "2026-05-19", "2026-06-02", "2026-07-01", "2026-07-29"),
    ],
)
def test_windows_begin_and_end_at_local_midnight_in_winter_and_summer_time(timepoint, opens, target, late, closes):
    window = plan(date(2026, 3, 2), LONDON)[timepoint]

    instants = [window.opens_at, window.target_at, window.late_after, window.closes_at]

    assert [local(instant, LONDON) for instant in instants] == [f"{on} 00:00" for on in (opens, target, late, closes)]


@given(started_on=started, zone=zones)
def test_every_instant_is_the_start_of_its_local_date(started_on, zone):
    windows = plan(started_on, zone)

    months_later = find("hip-related-pain-1").timepoint("3-months").offset.after(started_on)
    for key, target, before, after in [
        ("baseline", started_on, 14, 8),
        ("6-weeks", started_on + 42 * DAY, 7, 15),
        ("3-months", months_later, 14, 29),
    ]:
        window = windows[key]
        for instant, on in [
            (window.opens_at, target - before * DAY),
            (window.target_at, target),
            (window.late_after, target + after * DAY),
            *([(window.closes_at, target + (after + 28) * DAY)] if key == "3-months" else []),
        ]:
            assert instant.tzinfo is UTC
            assert instant.astimezone(zone).date() == first_day_there(on, zone)
            assert (instant - timedelta(seconds=1)).astimezone(zone).date() < on


@given(started_on=started, zone=zones)
def test_windows_follow_one_another_without_overlap(started_on, zone):
    planned = list(plan(started_on, zone).values())

    assert [at.sequence for at in planned] == [0, 1, 2]
    for window in planned:
        assert window.opens_at <= window.target_at < window.late_after <= window.closes_at
    for this, following in pairwise(planned):
        assert this.late_after <= this.closes_at == following.opens_at


@given(started_on=started, zone=zones, wait=waits)
def test_a_timepoint_late_at_enrolment_is_not_asked_and_gets_no_message(started_on, zone, wait):
    enrolled_at = datetime(started_on.year, started_on.month, started_on.day, 12, tzinfo=UTC) + wait

    for window in plan(started_on, zone, enrolled_at).values():
        assert window.not_asked == (enrolled_at >= window.late_after)
        if window.not_asked:
            assert plan_messages(PATHWAY, window, enrolled_at=enrolled_at, zone=zone) == ()


@given(started_on=started, zone=zones, wait=waits)
def test_messages_keep_to_their_hours_their_order_and_their_window(started_on, zone, wait):
    enrolled_at = datetime(started_on.year, started_on.month, started_on.day, 12, tzinfo=UTC) + wait

    for window in plan(started_on, zone, enrolled_at).values():
        messages = plan_messages(PATHWAY, window, enrolled_at=enrolled_at, zone=zone)
        assert [message.ordinal for message in messages] == list(range(len(messages)))
        assert [message.kind for message in messages] == ["invitation", *["reminder"] * (len(messages) - 1)][
            : len(messages)
        ]
        for message in messages:
            assert max(enrolled_at, window.opens_at) <= message.planned_for < window.late_after
            assert 9 <= message.planned_for.astimezone(zone).hour < 18
        for earlier, later in pairwise(messages):
            days = (later.planned_for.astimezone(zone).date() - earlier.planned_for.astimezone(zone).date()).days
            assert days >= 2


@given(started_on=started, zone=zones)
def test_the_cadence_of_a_follow_up_counts_from_its_target(started_on, zone):
    enrolled_at = datetime(started_on.year, started_on.month, started_on.day, 12, tzinfo=UTC)
    window = plan(started_on, zone, enrolled_at)["3-months"]

    messages = plan_messages(PATHWAY, window, enrolled_at=enrolled_at, zone=zone)

    target = window.target_at.astimezone(zone).date()
    expected = [first_day_there(target + days * DAY, zone) for days in (0, 3, 7, 12)]
    assert [message.planned_for.astimezone(zone).date() for message in messages] == expected
    assert {message.planned_for.astimezone(zone).hour for message in messages} == {9}
    phone = phone_from(PATHWAY, window, enrolled_at=enrolled_at, zone=zone)
    assert phone.astimezone(zone).date() == first_day_there(target + 14 * DAY, zone)


@pytest.mark.parametrize(
    ("enrolled", "planned"),
    [
        ("2026-03-01 12:00", ["2026-03-01 12:00", "2026-03-04 09:00", "2026-03-08 09:00"]),
        ("2026-03-02 08:59", ["2026-03-02 09:00", "2026-03-05 09:00", "2026-03-09 09:00"]),
        ("2026-03-02 09:00", ["2026-03-02 09:00", "2026-03-05 09:00", "2026-03-09 09:00"]),
        ("2026-03-02 17:59", ["2026-03-02 17:59", "2026-03-05 09:00", "2026-03-09 09:00"]),
        ("2026-03-02 18:00", ["2026-03-03 09:00", "2026-03-05 09:00", "2026-03-09 09:00"]),
        ("2026-02-01 12:00", ["2026-02-16 09:00", "2026-02-19 09:00", "2026-02-23 09:00", "2026-02-28 09:00"]),
        ("2026-03-09 12:00", ["2026-03-09 12:00"]),
        ("2026-03-09 18:00", []),
        ("2026-03-10 00:00", []),
    ],
    ids=["before", "early", "at nine", "late", "after hours", "before opening", "last day", "last evening", "too late"],
)
def test_the_baseline_is_mailed_from_enrolment_on(enrolled, planned):
    enrolled_at = datetime.fromisoformat(enrolled).replace(tzinfo=LONDON)
    window = plan(date(2026, 3, 2), LONDON, enrolled_at)["baseline"]

    messages = plan_messages(PATHWAY, window, enrolled_at=enrolled_at, zone=LONDON)

    assert [local(message.planned_for, LONDON) for message in messages] == planned


def test_an_enrolment_at_the_very_end_of_the_window_is_too_late():
    late_after = plan(date(2026, 3, 2), LONDON)["6-weeks"].late_after

    assert plan(date(2026, 3, 2), LONDON, late_after)["6-weeks"].not_asked
    assert not plan(date(2026, 3, 2), LONDON, late_after - timedelta(seconds=1))["6-weeks"].not_asked


def test_an_enrolment_after_the_target_invites_at_once_and_keeps_the_later_reminders():
    enrolled_at = datetime(2026, 4, 17, 15, 30, tzinfo=LONDON)
    window = plan(date(2026, 3, 2), LONDON, enrolled_at)["6-weeks"]

    messages = plan_messages(PATHWAY, window, enrolled_at=enrolled_at, zone=LONDON)

    assert [(message.kind, local(message.planned_for, LONDON)) for message in messages] == [
        ("invitation", "2026-04-17 15:30"),
        ("reminder", "2026-04-20 09:00"),
        ("reminder", "2026-04-25 09:00"),
    ]


def test_a_reminder_less_than_two_days_after_a_late_invitation_is_left_out():
    enrolled_at = datetime(2026, 4, 19, 15, 30, tzinfo=LONDON)
    window = plan(date(2026, 3, 2), LONDON, enrolled_at)["6-weeks"]

    messages = plan_messages(PATHWAY, window, enrolled_at=enrolled_at, zone=LONDON)

    assert [local(message.planned_for, LONDON) for message in messages] == [
        "2026-04-19 15:30",
        "2026-04-25 09:00",
    ]


def test_the_baseline_phone_day_counts_from_enrolment():
    enrolled_at = datetime(2026, 3, 4, 20, tzinfo=LONDON)
    window = plan(date(2026, 3, 2), LONDON, enrolled_at)["baseline"]

    phone = phone_from(PATHWAY, window, enrolled_at=enrolled_at, zone=LONDON)

    assert local(phone, LONDON) == "2026-03-18 00:00"


def test_every_pathway_that_ships_can_be_planned():
    for pathway in all_pathways():
        planned = plan_administrations(
            pathway, date(2024, 2, 29), LONDON, enrolled_at=datetime(2024, 2, 29, tzinfo=UTC)
        )

        assert [at.timepoint for at in planned] == ["baseline", "6-weeks", "3-months"]
