"""Letters: one email each, neutral enough for a shared screen, ready to be handed over."""

import datetime as dt
import uuid
from dataclasses import dataclass, field
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from prom_service.language import DEFAULT, Texts, read_texts
from prom_service.mail.wire import as_bytes, sender_of
from prom_service.models import Message

TEMPLATES = Environment(
    loader=PackageLoader("prom_service.mail"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
TEXTS = read_texts(files("prom_service.mail") / "texts")


@dataclass(frozen=True)
class Letter:
    """One message as it goes out. Its token stands in clear here and nowhere else, so no part of it is printed."""

    message_id: uuid.UUID
    administration_id: uuid.UUID
    claim: str
    """The claim it was written under; whoever holds another one may not send it."""
    sender: str = field(repr=False)
    to: str = field(repr=False)
    content: bytes = field(repr=False)
    """Headers and body as they go over the wire: CRLF, 7 bit, no line over 998 characters."""


@dataclass(frozen=True)
class Contents:
    """All that a letter says. No name, date of birth, body part, diagnosis, instrument or answer is among it."""

    clinic_name: str
    phone: str
    reply_hours: str
    minutes: int
    last_day: dt.date
    """Last local day on which the answers are on time."""
    survey_url: str = field(repr=False)
    stop_url: str = field(repr=False)
    reminder: bool
    """The patient was mailed about this questionnaire before."""

    language: str = DEFAULT
    """The patient's; a language in which no letters are written is answered in English."""
    reply_hours_language: str = DEFAULT
    """The clinic's own where it has not written its reply hours in the patient's."""

    @property
    def texts(self) -> Texts:
        """The words of the letter."""
        return TEXTS.get(self.language) or TEXTS[DEFAULT]

    @property
    def kind(self) -> str:
        """``invitation`` or ``reminder``."""
        return "reminder" if self.reminder else "invitation"

    @property
    def subject(self) -> str:
        """The subject line; it may be seen on a locked screen."""
        return self.texts.plain(f"subject.{self.kind}", clinic=self.clinic_name)


def write(contents: Contents, message: Message, *, mail_from: str, to: str, at: dt.datetime) -> Letter:
    """Return the letter of a claimed message, as text and as HTML; the same arguments give the same bytes.

    Raise ``UnwritableError`` where no letter goes to the address, or under the clinic's name.
    """
    sender = sender_of(mail_from)
    content = as_bytes(
        message.id,
        name=contents.clinic_name,
        sender=sender,
        to=to,
        subject=contents.subject,
        at=at,
        text=_render("letter.txt", contents),
        html=_render("letter.html", contents),
        headers={
            "List-Unsubscribe": f"<{contents.stop_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
    return Letter(message.id, message.administration_id, message.claimed_by or "", sender, to, content)


def _render(template: str, contents: Contents) -> str:
    return TEMPLATES.get_template(template).render(letter=contents, text=contents.texts)
