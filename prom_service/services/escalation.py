"""A clinic's escalation: who is told of a flag that waits, and the proof that the emails reach them."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence, Set
from dataclasses import asdict, dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service import tenancy
from prom_service.db import insert_if_absent
from prom_service.errors import InvalidInputError
from prom_service.mail.addresses import NOT_USABLE, is_usable
from prom_service.models import Alert, Clinic, EscalationPlan, LastLook
from prom_service.models.escalation import STEPS
from prom_service.services.rows import add_or_conflict, hold
from prom_service.services.tokens import digest
from prom_service.services.working_time import Hours, after_working

CONFIRM = "confirm"
"""Purpose of the token in a test email."""
WAITS = {"urgent": dt.timedelta(minutes=60), "high": dt.timedelta(hours=8)}
"""Working time after which the next person is told of a flag that nobody has acknowledged."""
CONFIRMATION_COUNTS_FOR = dt.timedelta(days=90)


@dataclass(frozen=True)
class PlanDetails:
    """Who is told, in the order of ``STEPS``, and when somebody is at work."""

    owner: str
    owner_email: str
    deputy: str
    deputy_email: str
    manager: str
    manager_email: str
    working_hours: Hours
    closed_on: Sequence[str] = field(default=())


def find_plan(session: Session, clinic: Clinic) -> EscalationPlan | None:
    """Return the clinic's plan, or None when it has none yet."""
    return session.scalar(select(EscalationPlan).where(EscalationPlan.clinic_id == clinic.id))


def find_plan_for_update(session: Session, clinic: Clinic) -> EscalationPlan | None:
    """Return the clinic's plan, or None; neither changes until the transaction ends.

    The clinic is held first: of a plan that is not there yet nothing else could be.
    """
    hold(session, clinic)
    plan = find_plan(session, clinic)
    if plan is not None:
        hold(session, plan)
    return plan


def write_plan(
    session: Session, clinic: Clinic, details: PlanDetails, *, actor: str, now: dt.datetime
) -> EscalationPlan:
    """Write the clinic's plan, or change it; raise ``InvalidInputError`` naming every field that is wrong.

    Two who write a first one at once meet: the second raises ``ConflictError``.
    An address that is new has to be confirmed before the clinic can go live, and is told of flags at once.
    """
    values = {name: value.strip() if isinstance(value, str) else value for name, value in asdict(details).items()}
    _check(values, ZoneInfo(clinic.time_zone), now)
    values |= {"closed_on": sorted(set(details.closed_on)), "changed_by": actor, "changed_at": now}
    values["working_hours"] = {day: list(span) for day, span in details.working_hours.items()}
    plan = find_plan(session, clinic)
    if plan is None:
        plan = EscalationPlan(clinic_id=clinic.id, **values)
        add_or_conflict(session, plan, "Somebody changed this meanwhile. Nothing was saved.")
        look = {"clinic_id": clinic.id, "looked_at": now, "looked_by": actor, "alarms": 0}
        insert_if_absent(session, LastLook, look, unique=["clinic_id"])  # Silence is counted from here.
    else:
        for name, value in values.items():
            setattr(plan, name, value)
    session.flush()
    return plan


def _check(values: dict[str, Any], zone: ZoneInfo, now: dt.datetime) -> None:
    errors = {name: ["Needed."] for step in STEPS for name in (step, f"{step}_email") if not values[name]}
    for step in STEPS:
        if not is_usable(values[f"{step}_email"]):
            errors.setdefault(f"{step}_email", [NOT_USABLE])
    addresses = [str(values[f"{step}_email"]).lower() for step in STEPS]
    if len(set(addresses)) < len(addresses):
        errors.setdefault("deputy_email", ["Owner, deputy and manager need an address each."])
    if not values["working_hours"]:
        errors["working_hours"] = ["Needed, such as: mon-fri 09:00-17:00."]
    elif not _lasts(values["working_hours"], values["closed_on"], zone, now):
        errors["working_hours"] = [f"Too few: {WAITS['high'].seconds // 3600} hours of them are needed within a year."]
    if errors:
        raise InvalidInputError(errors)


def _lasts(hours: Hours, closed_on: Sequence[str], zone: ZoneInfo, now: dt.datetime) -> bool:
    """Say whether the longest wait ever ends in these hours."""
    try:
        after_working(now, WAITS["high"], hours, closed_on, zone)
    except InvalidInputError:
        return False
    return True


def address_of(plan: EscalationPlan, step: str) -> str:
    """Return the address of the owner, deputy or manager."""
    address: str = getattr(plan, f"{step}_email")
    return address


def plan_test(session: Session, clinic: Clinic, *, now: dt.datetime) -> list[Alert]:
    """Plan a test email to everybody in the plan; each of them proves it arrived by pressing a button."""
    plan = find_plan(session, clinic)
    if plan is None:
        raise InvalidInputError({"escalation": ["The clinic has no owner, deputy and manager yet."]})
    alerts = [
        Alert(clinic_id=clinic.id, kind="test", step=step, email=address_of(plan, step), planned_at=now, due_at=now)
        for step in STEPS
    ]
    session.add_all(alerts)
    session.flush()
    return alerts


def find_test(session: Session, token: str, *, secret: bytes) -> Alert | None:
    """Return the test email that ``token`` came with. A session of the web sees its clinic from then on."""
    sought = digest(token, purpose=CONFIRM, secret=secret)
    tenancy.enter_by_link(session, sought, Alert)
    return session.scalar(select(Alert).where(Alert.digest == sought))


def confirm(alert: Alert, *, now: dt.datetime) -> None:
    """Note that the test email has arrived; a second press changes nothing."""
    alert.confirmed_at = alert.confirmed_at or now


def unconfirmed(session: Session, plan: EscalationPlan, *, now: dt.datetime) -> list[str]:
    """Return the steps whose present address has confirmed no test email in the last 90 days."""
    return _silent(plan, _proven(session, [plan.clinic_id], now))


def unproven(
    session: Session, clinic_ids: Collection[uuid.UUID] | None = None, *, now: dt.datetime
) -> list[tuple[Clinic, list[str]]]:
    """Return the live clinics, of these or of all, where some step may be told in vain, by name; and those steps.

    The number of queries does not depend on the number of clinics.
    """
    live = (
        select(Clinic, EscalationPlan)
        .outerjoin(EscalationPlan, EscalationPlan.clinic_id == Clinic.id)
        .where(Clinic.activated_at.is_not(None))
        .order_by(Clinic.name)
    )
    if clinic_ids is not None:
        live = live.where(Clinic.id.in_(clinic_ids))
    rows = session.execute(live).all()
    proven = _proven(session, [clinic.id for clinic, _plan in rows], now)
    steps = [(clinic, _silent(plan, proven) if plan else list(STEPS)) for clinic, plan in rows]
    return [(clinic, silent) for clinic, silent in steps if silent]


Proven = Set[tuple[uuid.UUID, str, str]]
"""Clinic, step and address from which a test email was confirmed."""


def _proven(session: Session, clinic_ids: Collection[uuid.UUID], now: dt.datetime) -> Proven:
    confirmed = select(Alert.clinic_id, Alert.step, Alert.email).where(
        Alert.clinic_id.in_(clinic_ids), Alert.kind == "test", Alert.confirmed_at > now - CONFIRMATION_COUNTS_FOR
    )
    return {(clinic_id, step, address) for clinic_id, step, address in session.execute(confirmed)}


def _silent(plan: EscalationPlan, proven: Proven) -> list[str]:
    return [step for step in STEPS if (plan.clinic_id, step, address_of(plan, step)) not in proven]
