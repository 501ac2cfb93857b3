"""When each timepoint of an episode opens, is due, turns late and closes, and when its emails go out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from prom_service.pathway.dates import at_hour, start_of_day
from prom_service.pathway.shape import Pathway, Timepoint

FIRST_HOUR = 9  # Patients are mailed between 09:00 and 18:00 by their own clock.
LAST_HOUR = 18


@dataclass(frozen=True, slots=True)
class PlannedAdministration:
    """One timepoint of one episode, as four aware UTC instants: opens_at < late_after <= closes_at.

    Answers are taken from ``opens_at`` up to, not including, ``closes_at``, and labelled late from ``late_after`` on.
    ``not_asked``: it was already late at enrolment; it sends nothing and raises nothing.
    """

    timepoint: str
    sequence: int
    opens_at: datetime
    target_at: datetime
    late_after: datetime
    closes_at: datetime
    not_asked: bool


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """One email of an administration: ``ordinal`` 0 is the invitation, *n* the *n*-th reminder."""

    kind: str
    ordinal: int
    planned_for: datetime


def plan_administrations(
    pathway: Pathway, started_on: date, zone: ZoneInfo, *, enrolled_at: datetime
) -> tuple[PlannedAdministration, ...]:
    """Every timepoint of the pathway with its instants, in order.

    Windows are half-open local dates of the zone; each instant is the first of its date there. A timepoint closes
    when the next one opens, the last one a fixed number of days after it turned late. Months are calendar months
    with the end of the month clamped, counted on dates, so no clock change moves a day.
    """
    windows = [_window(timepoint, started_on, zone) for timepoint in pathway.timepoints]
    closings = [following.opens_at for _, following in pairwise(windows)]
    closings.append(_last_closing(pathway, started_on, zone))
    planned = zip(pathway.timepoints, windows, closings, strict=True)
    return tuple(
        PlannedAdministration(
            timepoint=timepoint.key,
            sequence=sequence,
            opens_at=window.opens_at,
            target_at=window.target_at,
            late_after=window.late_after,
            closes_at=closes_at,
            not_asked=enrolled_at >= window.late_after,
        )
        for sequence, (timepoint, window, closes_at) in enumerate(planned)
    )


def plan_messages(
    pathway: Pathway, planned: PlannedAdministration, *, enrolled_at: datetime, zone: ZoneInfo
) -> tuple[PlannedMessage, ...]:
    """The emails of one administration, in order: the invitation and its reminders.

    Days count from the target day, for the baseline from the day of enrolment or opening, whichever is later; each
    goes at 09:00 local. An enrolment after that day's 09:00 makes the invitation due at once, in mailing hours.
    Reminders need two days after the invitation. Nothing is planned at or after ``late_after``, nor when not asked.
    """
    if planned.not_asked:
        return ()
    base = _cadence_day(pathway, planned, enrolled_at=enrolled_at, zone=zone)
    moments = list(_moments(pathway.reminder_days, base, enrolled_at=enrolled_at, zone=zone))
    return tuple(
        PlannedMessage("reminder" if ordinal else "invitation", ordinal, moment)
        for ordinal, moment in enumerate(moment for moment in moments if moment < planned.late_after)
    )


def phone_from(pathway: Pathway, planned: PlannedAdministration, *, enrolled_at: datetime, zone: ZoneInfo) -> datetime:
    """The start of the local day from which an unanswered administration belongs on the phone list."""
    base = _cadence_day(pathway, planned, enrolled_at=enrolled_at, zone=zone)
    return start_of_day(base + timedelta(days=pathway.phone_after_days), zone)


@dataclass(frozen=True, slots=True)
class _Window:
    opens_at: datetime
    target_at: datetime
    late_after: datetime


def _window(timepoint: Timepoint, started_on: date, zone: ZoneInfo) -> _Window:
    target = timepoint.offset.after(started_on)
    return _Window(
        opens_at=start_of_day(target - timedelta(days=timepoint.opens_days_before), zone),
        target_at=start_of_day(target, zone),
        late_after=start_of_day(target + timedelta(days=timepoint.late_days_after), zone),
    )


def _last_closing(pathway: Pathway, started_on: date, zone: ZoneInfo) -> datetime:
    last = pathway.timepoints[-1]
    days = last.late_days_after + pathway.last_closes_days_after_late
    return start_of_day(last.offset.after(started_on) + timedelta(days=days), zone)


def _cadence_day(pathway: Pathway, planned: PlannedAdministration, *, enrolled_at: datetime, zone: ZoneInfo) -> date:
    """The local date that is day 0 of the messages."""
    if planned.timepoint == pathway.baseline.key:
        return max(planned.opens_at, enrolled_at).astimezone(zone).date()
    return planned.target_at.astimezone(zone).date()


def _moments(days: tuple[int, ...], base: date, *, enrolled_at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The invitation's moment, then those of the reminders that still come at least two local days after it."""
    invited_at = max(at_hour(base, FIRST_HOUR, zone), _next_mailing_moment(enrolled_at, zone))
    invited_on = invited_at.astimezone(zone).date()
    yield invited_at
    for day in days[1:]:
        reminded_on = base + timedelta(days=day)
        if (reminded_on - invited_on).days >= 2:  # Never two messages within 48 hours.
            yield at_hour(reminded_on, FIRST_HOUR, zone)


def _next_mailing_moment(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment itself within mailing hours of the zone, else the next 09:00."""
    local = moment.astimezone(zone)
    if local.hour < FIRST_HOUR:
        return at_hour(local.date(), FIRST_HOUR, zone)
    if local.hour >= LAST_HOUR:
        return at_hour(local.date() + timedelta(days=1), FIRST_HOUR, zone)
    return moment.astimezone(UTC)
