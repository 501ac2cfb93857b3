"""What becomes of a staff account: another role, another password, a lost phone, the end."""

import datetime as dt
import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError, NotFoundError
from prom_service.models import Clinic, Membership, User
from prom_service.models.user import ROLES
from prom_service.services import second_factor, staff


def find_account(session: Session, email: str) -> User:
    """Return the account with this address; raise ``NotFoundError`` otherwise."""
    found = session.scalar(select(User).where(User.email == email.lower()))
    if found is None:
        raise NotFoundError("There is no account with this address.")
    return found


def list_accounts(session: Session, clinic_id: uuid.UUID | None = None) -> Sequence[tuple[User, str, str]]:
    """Return each account with its role and the code of the clinic it has it at, by clinic and address."""
    query = (
        select(User, Membership.role, Clinic.code)
        .join(Membership, Membership.user_id == User.id)
        .join(Clinic, Clinic.id == Membership.clinic_id)
    )
    if clinic_id is not None:
        query = query.where(Clinic.id == clinic_id)
    return [(user, role, code) for user, role, code in session.execute(query.order_by(Clinic.code, User.email))]


def set_role(session: Session, user: User, clinic: Clinic, role: str) -> None:
    """Give the account this role at a clinic of its organisation; its next request is judged by it."""
    errors: dict[str, list[str]] = {}
    if role not in ROLES:
        errors["role"] = [f"Allowed are {', '.join(ROLES)}."]
    if clinic.organisation_id != user.organisation_id:
        errors["clinic"] = ["It belongs to another organisation than the account."]
    if errors:
        raise InvalidInputError(errors)
    session.merge(Membership(user_id=user.id, clinic_id=clinic.id, role=role))
    session.flush()


def set_password(session: Session, user: User, password: str, *, now: dt.datetime) -> None:
    """Give the account another password and end its sessions. A second factor, tries and a closed account stay."""
    errors = staff.faults_of_password(password)
    if errors:
        raise InvalidInputError(errors)
    user.password_hash = staff.hash_of(password)
    second_factor.end_sessions(session, user, now=now)


def deactivate(session: Session, user: User, *, now: dt.datetime) -> None:
    """Close the account and end its sessions. What it did stays on record under its name."""
    user.deactivated_at = user.deactivated_at or now
    second_factor.end_sessions(session, user, now=now)
