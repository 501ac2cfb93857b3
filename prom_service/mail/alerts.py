"""Emails to staff: a flag waits, nobody looks, a receiver is gone, or a test.

They hold no health data and no name of a patient.
"""

import datetime as dt
import uuid
from dataclasses import dataclass, field

from prom_service.mail.letters import TEMPLATES
from prom_service.mail.wire import as_bytes, sender_of


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
    sender = sender_of(mail_from)
    content = as_bytes(
        message_id,
        name=contents.clinic_name,
        sender=sender,
        to=to,
        subject=contents.subject,
        at=at,
        text=TEMPLATES.get_template("alert.txt").render(alert=contents),
        headers={
            "Auto-Submitted": "auto-generated",
            "Importance": "high" if contents.kind in ("flag", "silence") else "normal",
        },
    )
    return AlertLetter(message_id, claim, sender, to, content)
