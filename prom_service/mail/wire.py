"""Emails as they go over the wire: the head that all of them have, and their text, plain and as HTML."""

import datetime as dt
import email.policy
import uuid
from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from prom_service.mail.addresses import writing

NARROW = email.policy.SMTP.clone(max_line_length=76, cte_type="7bit")
WIDE = NARROW.clone(max_line_length=998)
NEVER_FOLDED = ("list-unsubscribe", "message-id")
"""Folded, a long address becomes an encoded word, and no mail reader follows that."""


class LetterPolicy(email.policy.EmailPolicy):
    """Lines as RFC 5322 wants them: headers folded before 78 characters, but for those that must not be.

    A quoted name must not either: folding one, Python loses the quotes, and its commas would then part addresses.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        """Return the header as it goes over the wire."""
        whole = name.lower() in NEVER_FOLDED or (name.lower() == "from" and value.isascii())
        return (WIDE if whole else NARROW).fold_binary(name, value)


POLICY = LetterPolicy(linesep="\r\n", cte_type="7bit")


def sender_of(mail_from: str) -> str:
    """Return the bare address that all email goes out from."""
    return parseaddr(mail_from)[1]


def as_bytes(
    message_id: uuid.UUID,
    *,
    name: str,
    sender: str,
    to: str,
    subject: str,
    at: dt.datetime,
    headers: Mapping[str, str],
    text: str,
    html: str = "",
) -> bytes:
    """Return an email in the name of a clinic or organisation; ``headers`` come after those that every email has.

    The lines end with CRLF, are of 7 bits and of no more than 998 characters. The same arguments give the same bytes.
    Raise ``UnwritableError`` where no email goes to the address, or under that name.
    """
    mail = EmailMessage(policy=POLICY)
    with writing():
        mail["From"] = Address(name, addr_spec=sender)
        mail["To"] = Address(addr_spec=to)
        mail["Subject"] = subject
        mail["Date"] = format_datetime(at.astimezone(dt.UTC), usegmt=True)
        mail["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
        for header, value in headers.items():
            mail[header] = value
        mail.set_content(text, cte="quoted-printable")
        if html:
            mail.add_alternative(html, subtype="html", cte="quoted-printable")
            mail.set_boundary(f"part-{message_id.hex}")
        return mail.as_bytes()
