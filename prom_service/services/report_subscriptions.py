"""Monthly reports: who gets which, and which are due; once a month each, in the clinic's own calendar.

A report of several clinics is due when the month begins in UTC: only then is its period over for those outside.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import ConflictError, NotFoundError
from prom_service.models import Clinic, Membership, ReportSubscription, ReportTask, User
from prom_service.queries.registry import clinics_of

TEAM = "team"
NEEDED = {True: "quality_analyst", False: "clinic_admin"}
"""The role it takes, by whether the report is about the clinics of a team."""


@dataclass(frozen=True)
class Due:
    """A monthly report that is due: for the months before ``month``, as of ``instant``, at which it began."""

    subscription: ReportSubscription
    clinic_ids: tuple[uuid.UUID, ...]
    """Whose care it is about; none named means the whole organisation."""
    month: dt.date
    instant: dt.datetime


def subscribe(
    session: Session,
    user: User,
    *,
    clinic: Clinic | None,
    report: str,
    form: str,
    group_by: str | None = None,
    by: str,
    now: dt.datetime,
) -> ReportSubscription:
    """Have a person get a report on the first of every month: of one clinic, or of all where the person is an analyst.

    Raise ``ConflictError`` when the person has not the role that it takes, or gets that report already.
    """
    clinics = _clinics(session, user, clinic.id if clinic else None)
    if not clinics:
        place = clinic.code if clinic else "any clinic"
        raise ConflictError(f"{user.email} is no {NEEDED[clinic is None].replace('_', ' ')} at {place}.", "no_role")
    subscription = ReportSubscription(
        organisation_id=user.organisation_id,
        clinic_id=clinic.id if clinic else None,
        user_id=user.id,
        whose=str(clinic.id) if clinic else TEAM,
        report=report,
        group_by=group_by or "",
        form=form,
        next_due_at=_month_after(now, _zone(clinic)),
        created_by=by,
        created_at=now,
    )
    columns = ("user_id", "whose", "report", "group_by", "form")
    same = [getattr(ReportSubscription, name) == getattr(subscription, name) for name in columns]
    if session.scalar(select(ReportSubscription.id).where(*same)):
        raise ConflictError("This person gets that report already.", "subscribed")
    session.add(subscription)
    session.flush()
    return subscription


def unsubscribe(session: Session, subscription_id: uuid.UUID, *, user_id: uuid.UUID | None = None) -> None:
    """Stop a monthly report; with ``user_id`` only one of that person. Raise ``NotFoundError`` when there is none."""
    subscription = session.get(ReportSubscription, subscription_id)
    if subscription is None or user_id not in (None, subscription.user_id):
        raise NotFoundError("There is no such monthly report.")
    session.delete(subscription)
    session.flush()


def list_subscriptions(
    session: Session, *, user_id: uuid.UUID | None = None
) -> Sequence[tuple[ReportSubscription, str, str | None]]:
    """Return the monthly reports, of one person or of all, each with the person's address and the clinic's code."""
    query = (
        select(ReportSubscription, User.email, Clinic.code)
        .join(User, User.id == ReportSubscription.user_id)
        .outerjoin(Clinic, Clinic.id == ReportSubscription.clinic_id)
        .order_by(ReportSubscription.id)
    )
    if user_id is not None:
        query = query.where(ReportSubscription.user_id == user_id)
    return [(subscription, email, code) for subscription, email, code in session.execute(query)]


def take_due(session: Session, *, now: dt.datetime, limit: int) -> list[Due | None]:
    """Take at most ``limit`` of the subscriptions that are due, and set each to the month after.

    After an outage the newest month is made up for, and no older one. One whose person has left, or lost the role,
    ends: it is None, as is one whose month was made before.
    """
    due = (
        select(ReportSubscription)
        .where(ReportSubscription.next_due_at <= now)
        .order_by(ReportSubscription.next_due_at, ReportSubscription.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_take(session, subscription, now) for subscription in session.scalars(due).all()]


def _take(session: Session, subscription: ReportSubscription, now: dt.datetime) -> Due | None:
    user = session.get_one(User, subscription.user_id)
    clinics = _clinics(session, user, subscription.clinic_id)
    if user.deactivated_at is not None or not clinics:
        session.delete(subscription)
        return None
    zone = _zone(clinics[0] if subscription.clinic_id else None)
    month = now.astimezone(zone).date().replace(day=1)
    subscription.next_due_at = _month_after(now, zone)
    session.flush()
    made = ReportTask.subscription_id == subscription.id, ReportTask.month == month
    if session.scalar(select(ReportTask.id).where(*made)):
        return None
    return Due(subscription, _asked_of(session, subscription, clinics), month, _begin(month, zone))


def _asked_of(session: Session, subscription: ReportSubscription, clinics: Sequence[Clinic]) -> tuple[uuid.UUID, ...]:
    """Return the clinic, or those of the analyst; an analyst of the whole organisation asks what a key of it asks."""
    ids = tuple(sorted(clinic.id for clinic in clinics))
    whole = subscription.clinic_id is None and set(ids) >= set(clinics_of(session, subscription.organisation_id))
    return () if whole else ids


def _clinics(session: Session, user: User, clinic_id: uuid.UUID | None) -> Sequence[Clinic]:
    """Return the clinics at which the person has the role that it takes, by code."""
    query = (
        select(Clinic)
        .join(Membership, Membership.clinic_id == Clinic.id)
        .where(Membership.user_id == user.id, Membership.role == NEEDED[clinic_id is None])
        .order_by(Clinic.code)
    )
    return session.scalars(query if clinic_id is None else query.where(Clinic.id == clinic_id)).all()


def _zone(clinic: Clinic | None) -> ZoneInfo:
    """Return where its month begins: where the clinic is, or for those of a team where days are counted in reports."""
    return ZoneInfo(clinic.time_zone if clinic else "UTC")


def _month_after(now: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Return when the next month begins there."""
    first = now.astimezone(zone).date().replace(day=1)
    return _begin((first + dt.timedelta(days=32)).replace(day=1), zone)


def _begin(month: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(month, dt.time.min, zone).astimezone(dt.UTC)
