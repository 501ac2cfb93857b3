"""The mailbox in which delivery reports arrive, read by IMAP (Melnikov and Leiba 2021, RFC 9051)."""

import contextlib
import imaplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from prom_service.mail.transport import is_loopback

TIMEOUT = 5.0
"""Seconds to wait for any one reply: a scheduler that is told to stop does not wait longer."""
BROKEN = (OSError, imaplib.IMAP4.abort)
"""What is raised when the connection is gone; anything else concerns the one command."""
LARGEST = 256_000
"""Bytes that are read of one email; what a report says stands before the letter it returns."""


class MailboxError(Exception):
    """The server refused something that it must grant."""


@dataclass(frozen=True)
class BounceMailbox:
    """Where the mailbox is, and how to get in."""

    host: str
    port: int
    implicit_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)
    folder: str = "INBOX"

    @classmethod
    def from_url(cls, url: str) -> "BounceMailbox":
        """Read ``imaps://user:password@host:port/folder``, or ``imap://…`` for STARTTLS; without a folder, INBOX."""
        parts = urlsplit(url)
        implicit = parts.scheme == "imaps"
        return cls(
            host=parts.hostname or "localhost",
            port=parts.port or (993 if implicit else 143),
            implicit_tls=implicit,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            folder=unquote(parts.path.strip("/")) or "INBOX",
        )

    @contextlib.contextmanager
    def opened(self) -> Iterator["OpenMailbox"]:
        """Log in, yield the folder and log out; a password never travels without TLS, except within this machine."""
        context = ssl.create_default_context()
        if self.implicit_tls:
            server: imaplib.IMAP4 = imaplib.IMAP4_SSL(self.host, self.port, ssl_context=context, timeout=TIMEOUT)
        else:
            server = imaplib.IMAP4(self.host, self.port, timeout=TIMEOUT)
        try:
            if not self.implicit_tls and not is_loopback(self.host):
                server.starttls(context)
            server.login(self.user, self.password)
            folder = self.folder.replace("\\", "\\\\").replace('"', '\\"')
            _granted(server.select(f'"{folder}"'))
            yield OpenMailbox(server)
        finally:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                server.logout()
            with contextlib.suppress(OSError):  # Where the connection broke, logging out does not close it.
                server.shutdown()


class OpenMailbox:
    """A folder that is open."""

    def __init__(self, server: imaplib.IMAP4) -> None:
        self._server = server

    def unseen(self) -> list[str]:
        """Return the numbers (UID) of the emails that are not marked as seen, the oldest first."""
        [numbers, *_] = _granted(self._server.uid("SEARCH", "UNSEEN")) or [b""]
        return (numbers or b"").decode("ascii").split()

    def read(self, number: str) -> bytes:
        """Return the beginning of an email without marking it; nothing when somebody has taken it away."""
        parts = _granted(self._server.uid("FETCH", number, f"(BODY.PEEK[]<0.{LARGEST}>)"))
        return next((part[1] for part in parts if isinstance(part, tuple)), b"")

    def mark_seen(self, number: str) -> None:
        """Mark an email, so that it is not read again."""
        _granted(self._server.uid("STORE", number, "+FLAGS.SILENT", r"(\Seen)"))


def _granted(reply: tuple[str, list]) -> list:  # type: ignore[type-arg]
    status, parts = reply
    if status != "OK":
        raise MailboxError(status)
    return parts
