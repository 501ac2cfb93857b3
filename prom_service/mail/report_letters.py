"""Emails that say where a monthly report is, or that it could not be made: no figure, and nothing of a patient."""

import datetime as dt
import uuid
from dataclasses import dataclass, field

from prom_service.mail.letters import TEMPLATES
from prom_service.mail.wire import as_bytes, sender_of


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
    sender = sender_of(mail_from)
    content = as_bytes(
        message_id,
        name=contents.whose,
        sender=sender,
        to=to,
        subject=contents.subject,
        at=at,
        text=_render(f"{contents.template}.txt", contents),
        html=_render(f"{contents.template}.html", contents),
        headers={"Auto-Submitted": "auto-generated"},
    )
    return ReportMail(message_id, sender, to, content)


def _render(template: str, contents: ReportContents) -> str:
    return TEMPLATES.get_template(template).render(report=contents)
