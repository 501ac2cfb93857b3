"""The second factor of a log-in: six figures that an app computes every 30 seconds (RFC 6238), or a recovery code.

Nothing secret rests in the database: what an app is given is derived from the service's key, the account and how often
its factor was reset. Of recovery codes digests are kept.
"""

import base64
import datetime as dt
import hmac
import secrets

import pyotp
from sqlalchemy import delete, or_, update
from sqlalchemy.orm import Session

from prom_service.errors import PromError
from prom_service.models import RecoveryCode, StaffSession, User
from prom_service.services.tokens import digest

ISSUER = "Follow-up"
RECOVERY_CODES = 10
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
RECOVERY_LENGTH = 12
"""Letters and figures of a recovery code: about 59 bits."""
STEPS_OFF = (0, -1, 1)
"""Codes of the step before and after are taken too: clocks differ, and typing takes time."""


class WrongCodeError(PromError):
    """The code is not right, or was used before."""

    def __init__(self) -> None:
        super().__init__("The code is not right, or was used before. Wait for the next one in your app.")


def secret_of(user: User, *, secret: bytes) -> str:
    """Return what the person's app computes the codes from, as it is typed in by hand."""
    derived = hmac.digest(secret, f"totp:{user.id}:{user.code_generation}".encode(), "sha256")
    return base64.b32encode(derived[:20]).decode()


def address_of(user: User, *, secret: bytes) -> str:
    """Return the same as the address that an app reads from a QR code."""
    return pyotp.TOTP(secret_of(user, secret=secret)).provisioning_uri(name=user.email, issuer_name=ISSUER)


def enrol(session: Session, user: User, code: str, *, secret: bytes, now: dt.datetime) -> list[str]:
    """Ask for a code at every log-in from now on, once the first is right; return recovery codes, shown this once."""
    if not _take_code(session, user, code, secret, now):
        raise WrongCodeError
    user.codes_since = now
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(digest=_kept(user, one, secret), user_id=user.id) for one in codes)
    session.flush()
    return ["-".join((one[:4], one[4:8], one[8:])) for one in codes]


def accept(session: Session, user: User, code: str, *, secret: bytes, now: dt.datetime) -> str:
    """Use up a code and say what it was; raise ``WrongCodeError`` when it is of neither kind, or used up."""
    if _take_code(session, user, code, secret, now):
        return "code"
    if _take_recovery_code(session, user, code, secret, now):
        return "recovery code"
    raise WrongCodeError


def reset(session: Session, user: User, *, now: dt.datetime) -> None:
    """Forget the app and the recovery codes of an account and end its sessions; the next log-in begins anew."""
    user.code_generation += 1
    user.codes_since = user.last_code_step = None
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    end_sessions(session, user, now=now)


def end_sessions(session: Session, user: User, *, now: dt.datetime) -> None:
    """End every session of an account; the next request with one of them leads to the log-in."""
    live = update(StaffSession).where(StaffSession.user_id == user.id, StaffSession.ended_at.is_(None))
    session.execute(live.values(ended_at=now))


def _take_code(session: Session, user: User, code: str, secret: bytes, now: dt.datetime) -> bool:
    """Take a code of the app unless it, or a later one, was taken before: one statement decides between two at once."""
    totp, given = pyotp.TOTP(secret_of(user, secret=secret)), code.replace(" ", "")
    present = int(now.timestamp()) // totp.interval
    step = next((present + off for off in STEPS_OFF if _same(totp.generate_otp(present + off), given)), None)
    if step is None:
        return False
    unused = or_(User.last_code_step.is_(None), User.last_code_step < step)
    taken = update(User).where(User.id == user.id, unused).values(last_code_step=step).returning(User.id)
    return session.execute(taken).first() is not None


def _take_recovery_code(session: Session, user: User, code: str, secret: bytes, now: dt.datetime) -> bool:
    kept = _kept(user, code.replace("-", "").replace(" ", "").lower(), secret)
    unused = update(RecoveryCode).where(RecoveryCode.digest == kept, RecoveryCode.used_at.is_(None))
    return session.execute(unused.values(used_at=now).returning(RecoveryCode.digest)).first() is not None


def _kept(user: User, code: str, secret: bytes) -> str:
    return digest(f"{user.id}:{code}", purpose="recovery", secret=secret)


def _same(code: str, given: str) -> bool:
    return hmac.compare_digest(code.encode(), given.encode())
