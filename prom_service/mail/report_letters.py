"""Emails that say where a monthly report is, or that it could not be made: no figure, and nothing of a patient."""

import datetime as dt
import uuid
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from prom_service.mail.addresses import writing
from prom_service.mail.letters import POLICY, TEMPLATES


@dataclass(frozen=True)
class ReportMail:
    """One email as it goes out."""

    message_id: uuid.UUID
    sender: str = field(repr=False)
    to: str = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class ReportContents:
    """All that it says."""

    whose: str
    """The clinic, or the organisation."""
    report: str
    first_day: dt.date
    day_after: dt.date
    """The day after the last of the period."""
    url: str
    until: dt.date
    """How long the file is kept; of one that could not be made, how long it is tried again."""
    template: str = "report"
    """``report`` when it is made, ``report_missing`` when it could not be."""

    @property
    def subject(self) -> str:
        """The subject line; it may be seen on a locked screen."""
        missing = " could not be made" if self.template == "report_missing" else ""
        return f"Monthly report of {self.whose}{missing}: {self.report}"

    @property
    def last_day(self) -> dt.date:
        """The last day of the period."""
        return self.day_after - dt.timedelta(days=1)


def write_report_letter(
    contents: ReportContents, message_id: uuid.UUID, *, mail_from: str, to: str, at: dt.datetime
) -> ReportMail:
    """Return the email, as text and as HTML; the same arguments give the same bytes.

    Raise ``UnwritableError`` where no email goes to the address, or in the name of the clinic or organisation.
    """
    sender = parseaddr(mail_from)[1]
    text, html = _render(f"{contents.template}.txt", contents), _render(f"{contents.template}.html", contents)
    subject = contents.subject
    mail = EmailMessage(policy=POLICY)
    with writing():
        mail["From"] = Address(contents.whose, addr_spec=sender)
        mail["To"] = Address(addr_spec=to)
        mail["Subject"] = subject
        mail["Date"] = format_datetime(at.astimezone(dt.UTC), usegmt=True)
        mail["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text, cte="quoted-printable")
        mail.add_alternative(html, subtype="html", cte="quoted-printable")
        mail.set_boundary(f"part-{message_id.hex}")
        content = mail.as_bytes()
    return ReportMail(message_id, sender, to, content)


def _render(template: str, contents: ReportContents) -> str:
    return TEMPLATES.get_template(template).render(report=contents)
