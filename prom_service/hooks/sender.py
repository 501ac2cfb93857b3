"""How a notice leaves: one signed POST to the address that was judged, and nothing that the receiver can drag out.

| what happened                                  | outcome                                               |
| ---------------------------------------------- | ----------------------------------------------------- |
| 2xx                                            | delivered                                             |
| 410                                            | gone: the receiver wants no more                      |
| any other answer, a redirect among them        | failed; 429 and 503 may say how long to wait          |
| no answer in time, no connection, no trust     | failed                                                |
| the service is stopping                        | stopped: this was no attempt                          |

The standard library's client is enough, and lets the connection be made first: to one address, with the certificate
checked for the name.
"""

import contextlib
import datetime as dt
import email.utils
import http.client
import re
import socket
import ssl
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Literal

from prom_service import __version__
from prom_service.hooks import destination as destinations
from prom_service.hooks.destination import Border, Destination, DestinationError, Resolve
from prom_service.hooks.signing import sign
from prom_service.settings import Settings

TIMEOUT = 15.0
"""Seconds that an attempt may take from its first packet to its last."""
LARGEST_ANSWER = 64 * 1024
"""Bytes of an answer that are read at most, so that a polite receiver is not cut off; nobody looks at them."""
LONGEST_WAIT = dt.timedelta(hours=24)
_SECONDS = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True)
class Notice:
    """One event on its way to one receiver: the same id and the same body at each attempt."""

    id: uuid.UUID
    url: str = field(repr=False)
    body: bytes = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt."""

    result: Literal["delivered", "gone", "failed", "stopped"]
    reason: str | None = None
    """A code such as ``http 500``; never the receiver's words."""
    wait: dt.timedelta | None = None
    """How long the receiver wants to be left alone."""


DELIVERED = Outcome("delivered")
GONE = Outcome("gone", "http 410")
STOPPED = Outcome("stopped")


def make_sender(settings: Settings) -> "Sender":
    """Return what sends the notices of a process with these settings."""
    return Sender(Border.of(settings))


class Sender:
    """Sends notices, from any number of threads; each has a connection of its own, and none is kept."""

    def __init__(
        self,
        border: Border,
        *,
        resolve: Resolve = destinations.resolve,
        trust: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._border = border
        self._resolve = resolve
        self._given_trust = trust
        self._timeout = timeout
        self._lines: set[_Line] = set()
        self._counting = threading.Lock()

    def check(self, url: str) -> Destination:
        """Return where ``url`` leads now; raise ``DestinationError`` when a webhook may not lead there."""
        return self._border.check(url, self._resolve)

    def post(self, notice: Notice, *, now: dt.datetime) -> Outcome:
        """Make one attempt, by the table at the head of this module; it ends within the time-out."""
        with self._line() as line:
            try:
                status, retry_after = self._converse(line, self.check(notice.url), notice, now)
            except DestinationError as error:
                return Outcome("failed", error.reason)
            except (OSError, http.client.HTTPException) as error:
                return STOPPED if line.cut_for == "stop" else Outcome("failed", line.cut_for or _fault(error))
        return _judge(status, retry_after, now)

    def close(self) -> None:
        """Cut off every attempt that other threads are in; none of them counts."""
        with self._counting:
            lines = list(self._lines)
        for line in lines:
            line.cut("stop")

    @contextlib.contextmanager
    def _line(self) -> Iterator["_Line"]:
        """Yield a line that is cut when its time is over, and closed in any case."""
        line = _Line()
        alarm = threading.Timer(self._timeout, line.cut, args=["timeout"])
        alarm.daemon = True
        with self._counting:
            self._lines.add(line)
        alarm.start()
        try:
            yield line
        finally:
            alarm.cancel()
            line.close()
            with self._counting:
                self._lines.discard(line)

    def _converse(self, line: "_Line", destination: Destination, notice: Notice, now: dt.datetime) -> tuple[int, str]:
        """Return the status of the answer and its ``Retry-After``."""
        line.connect(destination, self._timeout)
        if destination.secure:
            line.secure(destination.host, self._trust)
        headers = {
            "Host": destination.authority,
            "Content-Type": "application/json",
            "User-Agent": f"prom-service/{__version__}",
            **sign(notice.keys, message_id=str(notice.id), at=now, body=notice.body),
        }
        connection = http.client.HTTPConnection(destination.host, destination.port)
        connection.sock = line.socket
        connection.request("POST", destination.target, notice.body, headers)
        with connection.getresponse() as response:
            line.require_uncut()
            with contextlib.suppress(OSError, http.client.HTTPException):  # Its status has come, and that is all.
                response.read(LARGEST_ANSWER)
            return response.status, response.getheader("Retry-After") or ""

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return self._given_trust or ssl.create_default_context()  # Reading all certificates takes a moment.


class _Line:
    """The connection of one attempt, which another thread can cut."""

    def __init__(self) -> None:
        self.cut_for = ""
        self.socket: socket.socket | None = None
        self._changing = threading.Lock()

    def connect(self, destination: Destination, timeout: float) -> None:
        """Connect to the first of the judged addresses that answers; raise ``OSError`` when none does."""
        fault: OSError = ConnectionError("no address")
        for address in destination.addresses:
            self._hold(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET))
            try:
                self._socket.settimeout(timeout)
                self._socket.connect((address, destination.port))
            except OSError as error:
                fault = error
                self.close()
            else:
                return
        raise fault

    def secure(self, host: str, trust: ssl.SSLContext) -> None:
        """Encrypt what follows; raise ``OSError`` unless the other side proves that it is ``host``."""
        self._hold(trust.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False))
        self._socket.do_handshake()  # type: ignore[attr-defined]

    def require_uncut(self) -> None:
        """Raise ``OSError`` when what was read may be only the beginning of what would have come."""
        if self.cut_for:
            raise ConnectionError("cut off")

    def cut(self, reason: str) -> None:
        """End whatever the other thread waits for."""
        with self._changing:
            self.cut_for = self.cut_for or reason
            if self.socket is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self.socket, socket.SHUT_RDWR)  # TLS has a shutdown that is no mere cut.

    def close(self) -> None:
        """Give the connection up."""
        with self._changing:
            if self.socket is not None:
                self.socket.close()
                self.socket = None

    @property
    def _socket(self) -> socket.socket:
        if self.socket is None:
            raise ConnectionError("not connected")
        return self.socket

    def _hold(self, made: socket.socket) -> None:
        with self._changing:
            self.socket = made
        self.require_uncut()


def _judge(status: int, retry_after: str, now: dt.datetime) -> Outcome:
    if status // 100 == 2:
        return DELIVERED
    if status == HTTPStatus.GONE:
        return GONE
    asked_to_wait = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    return Outcome("failed", f"http {status}", _wait(retry_after, now) if asked_to_wait else None)


def _wait(retry_after: str, now: dt.datetime) -> dt.timedelta | None:
    """Read ``Retry-After``: seconds or a date (RFC 9110, 10.2.3); None when there is neither, a day at most."""
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        wait = dt.timedelta(seconds=int(text))
    else:
        try:
            wait = email.utils.parsedate_to_datetime(text).astimezone(dt.UTC) - now
        except (ValueError, OverflowError):
            return None
    return min(max(wait, dt.timedelta(0)), LONGEST_WAIT)


def _fault(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate"
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, TimeoutError):
        return "timeout"
    return "no_answer" if isinstance(error, http.client.HTTPException) else "unreachable"
