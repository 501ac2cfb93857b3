"""Staff accounts: adding them, logging in, the session behind the cookie."""

import datetime as dt
import ipaddress
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from argon2 import PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from prom_service.db import insert_if_absent
from prom_service.errors import ConflictError, InvalidInputError, PromError
from prom_service.mail.addresses import NOT_USABLE, is_usable
from prom_service.models import Membership, StaffSession, Throttle, User
from prom_service.models.user import READING_ROLES, REPORT_ROLES, ROLES
from prom_service.services.tokens import digest, new_token

IDLE = dt.timedelta(minutes=15)
LIFETIME = dt.timedelta(hours=12)
TO_SHOW_A_CODE = dt.timedelta(minutes=10)
"""How long after the password the second factor may follow."""
TRIES_OF_A_SOURCE = 10
"""Failed tries to log in to one account from one source."""
TRIES_OF_AN_ACCOUNT = 50
"""Failed tries to log in to one account, from wherever they come."""
TRIES_OF_A_CODE = 5
"""Codes of the second factor shown for one account, right or wrong."""
TRIES_WINDOW = dt.timedelta(minutes=15)
PASSWORD_LENGTH = 12
EFFORT = profiles.RFC_9106_LOW_MEMORY
"""What a guess at a password costs whoever has stolen the table (Biryukov et al. 2021, RFC 9106, 4)."""
SEEN_NOTED_EVERY = dt.timedelta(minutes=1)


class LogInRefusedError(PromError):
    """The address and password do not open an account; which of the two was wrong is not said."""


class TooManyTriesError(PromError):
    """Too many failed tries for this account; ``retry_after`` says when the next one is taken."""

    def __init__(self, retry_after: dt.timedelta) -> None:
        self.retry_after = retry_after
        super().__init__("Too many tries. Wait a little and try again.")


@dataclass(frozen=True)
class StaffPrincipal:
    """The person behind a request, and that person's role at each clinic."""

    user_id: uuid.UUID
    name: str
    organisation_id: uuid.UUID
    roles: Mapping[uuid.UUID, str]

    @property
    def actor(self) -> str:
        """How this person is named in the record."""
        return f"user:{self.user_id}"

    @property
    def reads(self) -> frozenset[uuid.UUID]:
        """The clinics whose flags this person may read."""
        return frozenset(clinic for clinic, role in self.roles.items() if role in READING_ROLES)

    @property
    def reports(self) -> frozenset[uuid.UUID]:
        """The clinics whose care this person may read reports about."""
        return frozenset(clinic for clinic, role in self.roles.items() if role in REPORT_ROLES)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher.from_parameters(EFFORT)


@cache
def _nobodys_hash() -> str:
    return _hasher().hash("the password of no account")


def add_user(
    session: Session,
    *,
    organisation_id: uuid.UUID,
    email: str,
    name: str,
    password: str,
    memberships: Mapping[uuid.UUID, str],
    now: dt.datetime,
) -> User:
    """Write an account with a role at each of ``memberships``' clinics."""
    errors: dict[str, list[str]] = {}
    if not is_usable(email):
        errors["email"] = [NOT_USABLE]
    errors |= faults_of_password(password)
    if any(role not in ROLES for role in memberships.values()):
        errors["role"] = [f"Allowed are {', '.join(ROLES)}."]
    if errors:
        raise InvalidInputError(errors)
    if session.scalar(select(User.id).where(User.email == email.lower())):
        raise ConflictError("There is an account with this address.")
    user = User(
        organisation_id=organisation_id,
        email=email.lower(),
        name=name,
        password_hash=hash_of(password),
        created_at=now,
    )
    session.add(user)
    session.flush()
    session.add_all(Membership(user_id=user.id, clinic_id=clinic, role=role) for clinic, role in memberships.items())
    session.flush()
    return user


def faults_of_password(password: str) -> dict[str, list[str]]:
    """Return what is wrong with a new password, under the name of its field."""
    return {} if len(password) >= PASSWORD_LENGTH else {"password": [f"Use at least {PASSWORD_LENGTH} characters."]}


def hash_of(password: str) -> str:
    """Return what is kept of a password."""
    return _hasher().hash(password)


def count_try(session: Session, email: str, *, source: str, secret: bytes, now: dt.datetime) -> None:
    """Count one try to log in to an account from the address ``source``, before the password is looked at.

    Raise ``TooManyTriesError`` when that source, or all of them together, have had their share for now. A refused try
    is not counted: no single source can use up what an account allows. Called in a transaction of its own, so that
    tries at the same moment are all counted; ``forgive_tries`` takes back what turned out to be no failure.
    """
    _count(session, _buckets(email, source, secret), now)


def count_code_try(session: Session, user: User, *, secret: bytes, now: dt.datetime) -> None:
    """Count one code shown for an account whose password is known; raise ``TooManyTriesError`` after the fifth."""
    of_user = digest(str(user.id), purpose="throttle-code", secret=secret)
    _count(session, ((f"code:{of_user}", TRIES_OF_A_CODE),), now)


def _count(session: Session, buckets: Iterable[tuple[str, int]], now: dt.datetime) -> None:
    start = _window_start(now)
    for bucket, allowed in buckets:
        key = {"bucket": bucket, "window_start": start}
        insert_if_absent(session, Throttle, {**key, "tries": 0}, unique=list(key))
        counted = update(Throttle).filter_by(**key).values(tries=Throttle.tries + 1).returning(Throttle.tries)
        if session.execute(counted).scalar_one() > allowed:
            raise TooManyTriesError(start + TRIES_WINDOW - now)


def account_refused(session: Session, email: str, *, source: str, secret: bytes, now: dt.datetime) -> User | None:
    """Return the account that a wrong password was shown for, or None.

    The try that was counted is written again as it is: a commit with nothing in it would tell by its speed that there
    is no such account.
    """
    [(of_source, _), _] = _buckets(email, source, secret)
    same = update(Throttle).filter_by(bucket=of_source, window_start=_window_start(now))
    session.execute(same.values(tries=Throttle.tries))
    return session.scalar(select(User).where(User.email == email.lower()))


def forgive_tries(session: Session, email: str, *, source: str, secret: bytes, now: dt.datetime) -> None:
    """Forget the tries of ``source`` in this window: it has shown the password. Those of other sources stay."""
    start = _window_start(now)
    (of_source, _), (of_account, _) = _buckets(email, source, secret)
    known = select(Throttle.tries).filter_by(bucket=of_source, window_start=start).with_for_update()
    tries = session.scalar(known) or 0
    for bucket in (of_source, of_account):
        forgiven = update(Throttle).filter_by(bucket=bucket, window_start=start)
        session.execute(forgiven.values(tries=Throttle.tries - tries))


def _buckets(email: str, source: str, secret: bytes) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return what a try is counted in and what each allows: the account from this source, then from all."""
    account, network = email.lower(), _network(source)
    from_source = digest(f"{account} {network}", purpose="throttle-source", secret=secret)
    from_all = digest(account, purpose="throttle", secret=secret)
    return (f"login-source:{from_source}", TRIES_OF_A_SOURCE), (f"login:{from_all}", TRIES_OF_AN_ACCOUNT)


def _network(source: str) -> str:
    """Return the address, or of IPv6 the network of 64 bits that one subscriber has to choose addresses from."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def _window_start(now: dt.datetime) -> dt.datetime:
    return now - (now - dt.datetime.min.replace(tzinfo=dt.UTC)) % TRIES_WINDOW


def verify_password(session: Session, email: str, password: str) -> User:
    """Return the account that ``email`` and ``password`` open; take equally long when there is none."""
    user = session.scalar(select(User).where(User.email == email.lower(), User.deactivated_at.is_(None)))
    try:
        _hasher().verify(user.password_hash if user else _nobodys_hash(), password)
    except (VerificationError, InvalidHashError):
        raise LogInRefusedError("The address or the password is not right.") from None
    if user is None:
        raise LogInRefusedError("The address or the password is not right.")
    return user


def open_session(session: Session, user: User, *, secret: bytes, now: dt.datetime) -> str:
    """Write a session for ``user`` and return the token that goes into the cookie."""
    return _write_session(session, user, now + LIFETIME, confirmed_at=now, secret=secret, now=now)


def begin_session(session: Session, user: User, *, secret: bytes, now: dt.datetime) -> str:
    """Write a session that opens nothing yet but the page that asks for the second factor; return its token."""
    return _write_session(session, user, now + TO_SHOW_A_CODE, confirmed_at=None, secret=secret, now=now)


def _write_session(
    session: Session,
    user: User,
    expires_at: dt.datetime,
    *,
    confirmed_at: dt.datetime | None,
    secret: bytes,
    now: dt.datetime,
) -> str:
    token = new_token()
    session.add(
        StaffSession(
            digest=digest(token, purpose="staff", secret=secret),
            user_id=user.id,
            created_at=now,
            last_seen_at=now,
            expires_at=expires_at,
            confirmed_at=confirmed_at,
        )
    )
    return token


def _live(token: str, secret: bytes, now: dt.datetime) -> Select[User]:
    return (
        select(User)
        .join(StaffSession, User.id == StaffSession.user_id)
        .where(
            StaffSession.digest == digest(token, purpose="staff", secret=secret),
            StaffSession.ended_at.is_(None),
            StaffSession.expires_at > now,
            StaffSession.last_seen_at > now - IDLE,
            User.deactivated_at.is_(None),
        )
    )


def begun_user(session: Session, token: str, *, secret: bytes, now: dt.datetime) -> User | None:
    """Return who has shown the password and has yet to show the second factor."""
    return session.scalar(_live(token, secret, now).where(StaffSession.confirmed_at.is_(None)))


def session_user(session: Session, token: str, *, secret: bytes, now: dt.datetime) -> StaffPrincipal | None:
    """Return who is logged in with ``token``, or None when the session has ended, idled out or grown too old."""
    user = session.scalar(_live(token, secret, now).where(StaffSession.confirmed_at.is_not(None)))
    if user is None:
        return None
    roles = session.execute(select(Membership.clinic_id, Membership.role).where(Membership.user_id == user.id))
    return StaffPrincipal(user.id, user.name, user.organisation_id, {row.clinic_id: row.role for row in roles})


def note_seen(session: Session, token: str, *, secret: bytes, now: dt.datetime) -> None:
    """Keep the session awake, writing at most once a minute."""
    session.execute(
        update(StaffSession)
        .where(
            StaffSession.digest == digest(token, purpose="staff", secret=secret),
            StaffSession.last_seen_at <= now - SEEN_NOTED_EVERY,
        )
        .values(last_seen_at=now)
    )


def close_session(session: Session, token: str, *, secret: bytes, now: dt.datetime) -> None:
    """End the session behind ``token``."""
    session.execute(
        update(StaffSession)
        .where(StaffSession.digest == digest(token, purpose="staff", secret=secret), StaffSession.ended_at.is_(None))
        .values(ended_at=now)
    )
