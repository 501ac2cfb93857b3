"""The clinic group of the simulation: its clinics, staff and keys."""

import datetime as dt
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from prom_service.models import Clinic, User
from prom_service.models.api_key import SCOPES
from prom_service.services import access, clinics, staff, wording_packs
from prom_service.services.clinic_texts import write_texts
from prom_service.services.clinics import Activation
from prom_service.services.escalation import PlanDetails, plan_test, write_plan
from prom_service.services.working_time import WEEKDAYS

NAME = "Hip and Pelvis Group (synthetic)"
STAFF_EMAIL = "clinician@demo.example"
ANALYST_EMAIL = "analyst@demo.example"
"""Of the quality team of all clinics; the password is the same."""
CLINICS = (
    ("northside", "Northside Clinic", "Europe/London", "020 7946 0101", "999"),
    ("riverside", "Riverside Clinic", "Europe/London", "020 7946 0102", "999"),
    ("harbour", "Harbour Clinic", "America/New_York", "+1 617 555 0103", "911"),
)
URGENT = "Call {} or go to the nearest emergency department."
URGENT_SPANISH = "Llame al {} o vaya al servicio de urgencias más cercano."
APPROVED = Activation(approved_by="Robin Reed", own_wording_accepted_by="Robin Reed")
TOLD = PlanDetails(
    owner="Robin Reed",
    owner_email="owner@demo.example",
    deputy="Sasha Stone",
    deputy_email="deputy@demo.example",
    manager="Maria Moss",
    manager_email="manager@demo.example",
    working_hours=dict.fromkeys(WEEKDAYS[:5], ("09:00", "17:00")),
)
PACK = """
instrument = "nprs-1.0"
language = "en"
wording = "own"
source = "Northside Clinic (synthetic)"
title = "Pain in numbers"
intro = "This is about the pain you came to us for."
[items.Q1]
text = "Looking back over the past week: how strong was your pain when it was at its worst?"
low_label = "No pain at all"
high_label = "The worst pain imaginable"
"""
"""What the first clinic made of one question."""


@dataclass(frozen=True)
class Group:
    """What was made, with the password that is shown once."""

    clinics: tuple[Clinic, ...]
    user_id: uuid.UUID
    password: str


def found(session: Session, *, now: dt.datetime) -> Group:
    """Write the group and return it."""
    organisation = clinics.add_organisation(session, NAME, now=now)
    made = tuple(
        clinics.add_clinic(
            session,
            organisation_id=organisation.id,
            code=code,
            name=name,
            time_zone=zone,
            phone=phone,
            reply_hours="Monday to Friday, 9:00 to 17:00",
            urgent_text=URGENT.format(emergency),
            now=now,
        )
        for code, name, zone, phone, emergency in CLINICS
    )
    wording_packs.load_pack(session, made[0], PACK, actor="command", now=now)
    for clinic, (*_, emergency) in zip(made, CLINICS, strict=True):
        write_texts(
            session,
            clinic,
            "es",
            reply_hours="De lunes a viernes, de 9:00 a 17:00",
            urgent_text=URGENT_SPANISH.format(emergency),
        )
        write_plan(session, clinic, TOLD, actor="command", now=now)
        prove_escalation(session, clinic, now=now)
        clinics.activate_clinic(session, clinic, APPROVED, now=now)
    password = secrets.token_urlsafe(12)
    user = _add_staff(session, made, password=password, now=now)
    return Group(made, user.id, password)


def _add_staff(session: Session, made: Sequence[Clinic], *, password: str, now: dt.datetime) -> User:
    """Give the first clinic its admin, and all of them one quality analyst; return the admin."""
    people = (
        (STAFF_EMAIL, "Robin Reed", dict.fromkeys((clinic.id for clinic in made[:1]), "clinic_admin")),
        (ANALYST_EMAIL, "Alex Lane", dict.fromkeys((clinic.id for clinic in made), "quality_analyst")),
    )
    admin, _analyst = (
        staff.add_user(
            session,
            organisation_id=made[0].organisation_id,
            email=email,
            name=name,
            password=password,
            memberships=roles,
            now=now,
        )
        for email, name, roles in people
    )
    return admin


def issue_keys(session: Session, group: Group, *, secret: bytes, now: dt.datetime) -> dict[str, str]:
    """Return new API keys by whose they are: one of each of two clinics, and one of the quality team of all.

    A key ends a year after ``now``, so those of a visitor are issued when the group has lived.
    """
    one, other, *_ = group.clinics
    wanted = (
        ("clinic", one.id, SCOPES),
        ("other_clinic", other.id, SCOPES),
        ("quality", None, ("reports:read",)),
    )
    keys = {}
    for whose, clinic_id, scopes in wanted:
        _row, keys[whose] = access.create_api_key(
            session,
            organisation_id=one.organisation_id,
            clinic_id=clinic_id,
            name="demo",
            scopes=scopes,
            secret=secret,
            now=now,
        )
    return keys


def prove_escalation(session: Session, clinic: Clinic, *, now: dt.datetime) -> None:
    """Have owner, deputy and manager confirm a test email; it counts for 90 days."""
    for alert in plan_test(session, clinic, now=now):
        alert.due_at = None
        alert.confirmed_at = now
