"""Emails to staff: a flag waits, nobody looks, a receiver is gone, or a test.

They hold no health data and no name of a patient.
"""

import datetime as dt
import uuid
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from prom_service.mail.addresses import writing
from prom_service.mail.letters import POLICY, TEMPLATES


@dataclass(frozen=True)
class AlertLetter:
    """One email to staff as it goes out. It may hold a token in clear, so no part of it is printed."""

    message_id: uuid.UUID
    """The first of the alerts it tells of."""
    claim: str
    sender: str = field(repr=False)
    to: str = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Waiting:
    """A flag that nobody has acknowledged."""

    severity: str
    raised_at: dt.datetime
    """In the clinic's zone."""
    url: str


@dataclass(frozen=True)
class AlertContents:
    """All that an email to staff says."""

    clinic_name: str
    kind: str
    """``flag``, ``silence``, ``webhook`` or ``test``."""
    step: str
    """Why this person is told: as owner, deputy or manager."""
    told_before: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    receivers: tuple[str, ...] = ()
    """The hosts that are told no more; for ``webhook``."""
    looked_at: dt.datetime | None = None
    """When the flags were last looked at, in the clinic's zone; for ``silence``."""
    worklist_url: str = ""
    settings_url: str = ""
    confirm_url: str = field(default="", repr=False)

    @property
    def subject(self) -> str:
        """The subject line; it may be seen on a locked screen."""
        if self.kind == "test":
            return f"Please confirm: alerts of {self.clinic_name}"
        if self.kind == "silence":
            return f"Nobody has opened the worklist of {self.clinic_name}"
        if self.kind == "webhook":
            return f"No longer told of flags: a program of {self.clinic_name}"
        return f"Waiting to be acknowledged at {self.clinic_name}: {len(self.waiting)}"


def write_alert(
    contents: AlertContents, message_id: uuid.UUID, claim: str, *, mail_from: str, to: str, at: dt.datetime
) -> AlertLetter:
    """Return the email as plain text; the same arguments give the same bytes.

    Raise ``UnwritableError`` where no email goes to the address, or under the clinic's name.
    """
    sender = parseaddr(mail_from)[1]
    text, subject = TEMPLATES.get_template("alert.txt").render(alert=contents), contents.subject
    mail = EmailMessage(policy=POLICY)
    with writing():
        mail["From"] = Address(contents.clinic_name, addr_spec=sender)
        mail["To"] = Address(addr_spec=to)
        mail["Subject"] = subject
        mail["Date"] = format_datetime(at.astimezone(dt.UTC), usegmt=True)
        mail["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["Importance"] = "high" if contents.kind in ("flag", "silence") else "normal"
        mail.set_content(text, cte="quoted-printable")
        content = mail.as_bytes()
    return AlertLetter(message_id, claim, sender, to, content)
