"""How letters leave: by SMTP, or into a Maildir in the embedded mode. At most once, and honest about doubt.

What a refusal means depends on when it comes, so the conversation is spelled out instead of left to
``send_message``: the same exception is raised whether the server had taken the letter or not.

| what happened                                        | outcome                                   |
| ---------------------------------------------------- | ----------------------------------------- |
| any 4xx, or no reply at all, before the final dot    | deferred: tried again later               |
| 4xx to the final dot                                 | deferred                                  |
| 5xx to the recipient                                 | refused, the address is suspect           |
| 5xx to anything else of this letter                  | refused, the address is not to blame      |
| no reply to the final dot                            | unknown: never sent again                 |

A greeting, TLS or log-in that fails is the relay's trouble and not the letter's: deferred, whatever the code.
Letters are held back by closing the connection before the final dot: without it a server discards what it was given
(Klensin 2008, RFC 5321, 4.1.1.4).
"""

import contextlib
import ipaddress
import mailbox
import re
import select
import smtplib
import socket
import ssl
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from prom_service.settings import Settings

TIMEOUT = 30.0
"""Seconds to wait for any one reply; well under the time a claim lasts."""
POLICY_STATUS = re.compile(rb"5\.7\.\d")
"""Enhanced status of a refusal by policy (Vaudreuil 2003, RFC 3463, 3.8): says nothing against the address."""

BeforeFinalDot = Callable[[], None]


class WithheldError(Exception):
    """Raised by ``before_final_dot``: this letter must not go out any more."""


@dataclass(frozen=True)
class Outcome:
    """What became of one letter."""

    result: Literal["accepted", "deferred", "refused", "unknown", "withheld"]
    reason: str | None = None
    """A code such as ``smtp 550``; never the server's words, which may hold an address."""
    address_suspect: bool = False
    relay_at_fault: bool = False
    """It never came to this letter: the next one would fare no better."""

    @property
    def accepted(self) -> bool:
        """Say whether a mail server took it for certain."""
        return self.result == "accepted"


ACCEPTED = Outcome("accepted")
UNKNOWN = Outcome("unknown", "no_reply_to_final_dot")
WITHHELD = Outcome("withheld")
REFUSED_HERE = Outcome("refused", "not_on_mail_allow")


class Mail(Protocol):
    """One email as it goes over the wire: headers and body in CRLF, 7 bit, no line over 998 characters."""

    @property
    def message_id(self) -> uuid.UUID: ...
    @property
    def sender(self) -> str: ...
    @property
    def to(self) -> str: ...
    @property
    def content(self) -> bytes: ...


class Transport(Protocol):
    """A way for letters to leave. Threads share it: one letter is handed over at a time."""

    def deliver(self, letter: Mail, *, before_final_dot: BeforeFinalDot) -> Outcome:
        """Hand one letter over; ``before_final_dot`` runs at the last moment at which it can still be held back."""

    def close(self) -> None:
        """Give up the kept connection, unless another thread is handing a letter over."""

    def cut(self) -> None:
        """Give up the connection whatever it is used for: a conversation that hangs ends."""


def make_transport(settings: Settings) -> Transport:
    """Return SMTP where a relay is set, else the Maildir of the embedded mode.

    Outside production SMTP mails only to ``mail_allow``: addresses, or ``@example.org`` for a whole domain.
    """
    if not settings.smtp_url:
        return MaildirTransport(Path(settings.mailbox_dir))
    relay = Relay.from_url(settings.smtp_url, tls="required" if settings.in_production else "offered")
    return SmtpTransport(relay, allow=None if settings.in_production else settings.mail_allow)


@dataclass(frozen=True)
class Relay:
    """The mail server that letters are handed to."""

    host: str
    port: int
    implicit_tls: bool = False
    tls: str = "offered"
    """``required``, ``offered`` (taken when there) or ``off``; a password never travels without it."""
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = TIMEOUT

    @classmethod
    def from_url(cls, url: str, *, tls: str = "offered") -> "Relay":
        """Read ``smtp://user:password@host:port``, ``smtps://…``, either with ``?tls=required|offered|off``."""
        parts = urlsplit(url)
        implicit = parts.scheme == "smtps"
        host = parts.hostname or "localhost"
        return cls(
            host=host,
            port=parts.port or (465 if implicit else 25),
            implicit_tls=implicit,
            tls=parse_qs(parts.query).get("tls", ["offered" if is_loopback(host) else tls])[0],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def connect(self, own_name: str) -> smtplib.SMTP:
        """Return an open conversation, secured and logged in; raise ``OSError`` or ``SMTPException`` if it fails."""
        context = ssl.create_default_context()
        if self.implicit_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, local_hostname=own_name, timeout=self.timeout, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, local_hostname=own_name, timeout=self.timeout)
        try:
            self._secure(server, context)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server

    def _secure(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        server.ehlo_or_helo_if_needed()
        secure = self.implicit_tls
        if not secure and self.tls != "off" and server.has_extn("starttls"):
            code, reply = server.starttls(context=context)
            if code != 220:
                raise smtplib.SMTPResponseException(code, reply)
            server.ehlo_or_helo_if_needed()
            secure = True
        if not secure and (self.tls == "required" or (self.user and not is_loopback(self.host))):
            raise smtplib.SMTPNotSupportedError("the relay offers no TLS")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


class SmtpTransport:
    """Letters handed to a relay over one connection, kept from letter to letter until ``close``."""

    def __init__(self, relay: Relay, *, allow: tuple[str, ...] | None = None) -> None:
        self._relay = relay
        self._allow = allow
        self._server: smtplib.SMTP | None = None
        self._talking = threading.Lock()

    def deliver(self, letter: Mail, *, before_final_dot: BeforeFinalDot) -> Outcome:
        """Hand one letter over, by the table at the head of this module."""
        if self._allow is not None and not is_allowed(letter.to, self._allow):
            return REFUSED_HERE
        with self._talking:
            try:
                server = self._connected(own_name=letter.sender.rpartition("@")[2])
            except (OSError, smtplib.SMTPException) as error:
                return Outcome("deferred", _relay_fault(error), relay_at_fault=True)
            try:
                outcome = _converse(server, letter, before_final_dot)
            except BaseException:
                self._hang_up()
                raise
            if outcome.result in ("unknown", "withheld") or outcome.reason in ("no_reply", "smtp 421"):
                self._hang_up()
            return outcome

    def close(self) -> None:
        """Say goodbye, unless another thread is in a conversation."""
        if self._talking.acquire(blocking=False):
            try:
                if self._server is not None:
                    with contextlib.suppress(OSError, smtplib.SMTPException):
                        self._server.quit()
                self._hang_up()
            finally:
                self._talking.release()

    def cut(self) -> None:
        """Cut off the conversation that another thread is in, or say goodbye."""
        server = self._server
        if self._talking.locked() and server is not None and server.sock is not None:
            with contextlib.suppress(OSError):
                server.sock.shutdown(socket.SHUT_RDWR)
        else:
            self.close()

    def _connected(self, own_name: str) -> smtplib.SMTP:
        """Return the kept conversation if the relay still answers, else a new one."""
        if self._server is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                if self._server.rset()[0] == 250:
                    return self._server
            self._hang_up()
        self._server = self._relay.connect(own_name)
        return self._server

    def _hang_up(self) -> None:
        """Close without a word. In the middle of a letter this is what takes it back: no dot, no letter."""
        if self._server is not None:
            self._server.close()
            self._server = None


def _converse(server: smtplib.SMTP, letter: Mail, before_final_dot: BeforeFinalDot) -> Outcome:
    try:
        refusal = _offer(server, letter)
        if refusal:
            return refusal
        before_final_dot()
        if _has_spoken(server):
            return Outcome("deferred", "no_reply")
    except WithheldError:
        return WITHHELD
    except (OSError, smtplib.SMTPException):
        return Outcome("deferred", "no_reply")
    return _finish(server)


def _offer(server: smtplib.SMTP, letter: Mail) -> Outcome | None:
    """Send all but the final dot; return the refusal if there was one."""
    code, _ = server.mail(letter.sender)
    if code // 100 != 2:
        return _refusal(code)
    code, reply = server.rcpt(letter.to)
    if code // 100 != 2:
        return _refusal(code, address_suspect=not POLICY_STATUS.match(reply))
    code, _ = server.docmd("DATA")
    if code != 354:
        return _refusal(code)
    server.send(re.sub(rb"(?m)^\.", b"..", letter.content))
    return None


def _finish(server: smtplib.SMTP) -> Outcome:
    """Write the final dot. From here on silence means that the letter may have been taken."""
    try:
        server.send(b".\r\n")
        code, _ = server.getreply()
    except (OSError, smtplib.SMTPException):
        return UNKNOWN
    if code // 100 == 2:
        return ACCEPTED
    return _refusal(code) if code // 100 in (4, 5) else UNKNOWN


def _refusal(code: int, *, address_suspect: bool = False) -> Outcome:
    if code // 100 == 5:
        return Outcome("refused", f"smtp {code}", address_suspect)
    return Outcome("deferred", f"smtp {code}" if code // 100 == 4 else "no_reply")


def _has_spoken(server: smtplib.SMTP) -> bool:
    """Say whether the relay broke off or objected while the letter was being written: then there is no dot to write."""
    return server.sock is None or bool(select.select([server.sock], [], [], 0)[0])


def _relay_fault(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"relay {error.smtp_code}"
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLError):
        return "relay_without_tls"
    return "relay_unreachable"


def is_allowed(address: str, allow: tuple[str, ...]) -> bool:
    """Say whether a non-production environment may mail this address."""
    address = address.lower()
    names = {entry.lower() for entry in allow}
    return address in names or f"@{address.rpartition('@')[2]}" in names


class MaildirTransport:
    """Letters kept as files, for the embedded mode: ``/dev/mailbox`` shows them. Addresses ``bounce…`` are refused."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, letter: Mail, *, before_final_dot: BeforeFinalDot) -> Outcome:
        """Write the letter beside the mailbox, then move it in: the move is the final dot."""
        if letter.to.lower().startswith("bounce"):
            return Outcome("refused", "smtp 550", address_suspect=True)
        if not (self._folder / "new").is_dir():
            mailbox.Maildir(self._folder, create=True)
        draft = self._folder / "tmp" / f"{letter.message_id}"
        draft.write_bytes(letter.content.replace(b"\r\n", b"\n"))
        try:
            before_final_dot()
        except WithheldError:
            draft.unlink()
            return WITHHELD
        draft.rename(self._folder / "new" / draft.name)
        return ACCEPTED

    def close(self) -> None:
        """There is no connection to give up."""

    def cut(self) -> None:
        """There is none to cut off either."""
