"""A real SMTP server on a real socket that refuses, dawdles and hangs up when it is told to."""

import asyncio
import email
import email.policy
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Literal

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword


@dataclass(frozen=True)
class Fault:
    """What happens when a message reaches ``at``: wait, answer, cut the connection; each only if asked.

    Without ``reply`` and ``drop`` the message goes on as usual afterwards. In the ``body`` only ``drop`` has a meaning.
    At the ``dot`` the server has the message unless it replies, which is a refusal.
    """

    at: Literal["mail", "rcpt", "data", "body", "dot", "quit"]
    reply: str = ""
    seconds: float = 0
    drop: bool = False


SLOW = Fault("dot", seconds=0.2)
BUSY = Fault("mail", "421 4.3.2 too busy", drop=True)
GREYLISTED = Fault("rcpt", "450 4.7.1 greylisted, come again")
NO_SUCH_USER = Fault("rcpt", "550 5.1.1 no such user")
NOT_NOW = Fault("data", "451 4.3.0 not now")
TRY_LATER = Fault("dot", "451 4.3.0 try later")
REJECTED = Fault("dot", "554 5.7.1 rejected")
DROP_IN_BODY = Fault("body", drop=True)
DROP_AFTER_DOT = Fault("dot", drop=True)
HANG_AFTER_DOT = Fault("dot", seconds=3600, drop=True)
DROP_AT_QUIT = Fault("quit", drop=True)


@dataclass(frozen=True)
class Letter:
    """One message the server took: the envelope it came in, and what was inside."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage


class SmtpServer:
    """A server on a free port of 127.0.0.1, running inside ``with``.

    ``letters`` are the messages it took, in order. ``script`` lines up faults: each message that begins uses up one,
    and meets none when they run out. ``tls`` makes STARTTLS obligatory, ``credentials`` (user, password) a log-in too.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, credentials: tuple[str, str] | None = None) -> None:
        self.letters: list[Letter] = []
        self.always: Fault | None = None  # met by every message that has no fault of its own
        self.cut_in_body = threading.Semaphore(0)  # released each time a connection was cut there
        self._scripts: dict[str, deque[Fault | None]] = defaultdict(deque)
        self._credentials = credentials
        self._controller = _Controller(
            self,
            hostname="127.0.0.1",
            port=0,
            server_hostname="localhost",
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=credentials is not None,
            auth_require_tls=tls is not None,
            authenticator=self._check,
        )

    def __enter__(self) -> "SmtpServer":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        """The port it listens on, known once it runs."""
        return int(self._controller.port)

    @property
    def url(self) -> str:
        """Its address as the PROM_SMTP_URL setting has it, without user and password."""
        return f"smtp://127.0.0.1:{self.port}"

    def script(self, *faults: Fault | None, to: str = "") -> None:
        """Let the next messages (``to`` this address, or to anybody) meet these faults in turn; None is none."""
        self._scripts[to].extend(faults)

    def take_fault(self, address: str) -> Fault | None:
        """Return the next fault scripted for ``address``; "" is a message whose recipient is not known yet."""
        line = self._scripts[address]
        return line.popleft() if line else None

    async def handle_DATA(self, session: "_Session", _state: object, envelope: Envelope) -> str:  # noqa: N802
        """Keep the message whose final dot has come, unless its fault refuses it; return the answer."""
        fault = session.fault
        if fault is None or fault.at != "dot" or not fault.reply:
            message = email.message_from_bytes(bytes(envelope.original_content or b""), policy=email.policy.default)
            self.letters.append(Letter(envelope.mail_from or "", tuple(envelope.rcpt_tos), message))
        return await session.meet("dot") or "250 2.0.0 taken"

    def _check(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: object) -> AuthResult:
        expected = tuple(word.encode() for word in self._credentials or ())
        success = isinstance(given, LoginPassword) and (given.login, given.password) == expected
        return AuthResult(success=success, handled=False)  # "Handled" would leave the refusal to us.


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Session(self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # Port 0 has become a real one.
        super()._trigger_server()


class _Session(SMTP):
    """One connection: SMTP as usual, but at each stage it looks whether a fault is due."""

    fault: Fault | None = None
    in_body = False

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 (aiosmtpd finds its commands by these names)
        self.fault = self.event_handler.take_fault("") or self.event_handler.always
        await self.push_or("mail", super().smtp_MAIL, arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        address = (arg or "").partition("<")[2].partition(">")[0]
        self.fault = self.event_handler.take_fault(address) or self.fault
        await self.push_or("rcpt", super().smtp_RCPT, arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        self.in_body = True
        await self.push_or("data", super().smtp_DATA, arg)
        self.in_body = False

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
        await self.push_or("quit", super().smtp_QUIT, arg)

    def data_received(self, data: bytes) -> None:
        if self.in_body and self.fault and self.fault.at == "body":
            self.transport.abort()
            self.loop.call_soon(self.event_handler.cut_in_body.release)  # The socket is closed by then.
        else:
            super().data_received(data)

    async def push_or(self, stage: str, command: Callable[[Any], Awaitable[None]], argument: str | None) -> None:
        """Give the fault's answer if one is due at this stage, else carry out the command."""
        reply = await self.meet(stage)
        await (self.push(reply) if reply else command(argument))

    async def meet(self, stage: str) -> str:
        """Let the fault happen if its stage has come; return what it wants answered, or nothing."""
        fault = self.fault
        if fault is None or fault.at != stage:
            return ""
        await asyncio.sleep(fault.seconds)
        if fault.drop:
            if fault.reply:
                await self.push(fault.reply)
            self.transport.close()  # What was said still arrives.
            raise asyncio.CancelledError  # This is how aiosmtpd itself leaves a connection.
        return fault.reply
