"""A real receiver of webhooks on a real socket that fails, dawdles and hangs up when it is told to."""

import datetime as dt
import json
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import time_machine
from standardwebhooks import Webhook


@dataclass(frozen=True)
class Answer:
    """What the receiver does with one notice: wait, then answer or hang up."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hangs: bool = False
    """It says nothing until the test is over."""
    drips: bool = False
    """It says so little at a time that its answer never ends."""
    drops: bool = False
    """It hangs up without a word."""


TAKEN = Answer()
FAILING = Answer(500)
GONE = Answer(410)
HANGING = Answer(hangs=True)
DROPPING = Answer(drops=True)


@dataclass(frozen=True)
class Taken:
    """One POST that arrived: what was in it, and what time it was."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: dt.datetime

    @property
    def id(self) -> str:
        """What the header ``webhook-id`` said."""
        return self.headers["webhook-id"]

    @property
    def content(self) -> dict[str, Any]:
        """What the body said."""
        content: dict[str, Any] = json.loads(self.body)
        return content

    def verify(self, secret: str) -> None:
        """Raise ``WebhookVerificationError`` unless the reference library, when it arrived, finds it to be ours."""
        with time_machine.travel(self.at, tick=False):
            Webhook(secret).verify(self.body, dict(self.headers))


class Receiver:
    """A receiver on a free port of 127.0.0.1, running inside ``with``; ``taken`` are the POSTs that came, in order.

    ``script`` lines up answers: each POST uses up one and gets ``always`` when they run out.
    """

    def __init__(
        self,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.taken: list[Taken] = []
        self.always = TAKEN
        self.arrived = threading.Semaphore(0)  # released each time a POST has come in whole
        self.ended = threading.Event()
        self._now = now
        self._script: deque[Answer] = deque()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._tls = tls

    def __enter__(self) -> "Receiver":
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def script(self, *answers: Answer) -> None:
        """Let the next POSTs meet these answers in turn."""
        self._script.extend(answers)

    def take(self, taken: Taken) -> Answer:
        """Keep what came and return what is to be answered."""
        self.taken.append(taken)
        answer = self._script.popleft() if self._script else self.always
        self.arrived.release()
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                _answer(self, receiver.take(Taken(self.path, headers, body, receiver._now())), receiver.ended)

            def log_message(self, *_arguments: object) -> None:
                pass

        return Handler


def _answer(handler: BaseHTTPRequestHandler, answer: Answer, ended: threading.Event) -> None:
    handler.close_connection = True
    if answer.drops:
        return
    if answer.drips:
        _drip(handler, ended)
    elif answer.hangs:
        ended.wait()
    else:
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer.body)


def _drip(handler: BaseHTTPRequestHandler, ended: threading.Event) -> None:
    """Send an answer that never ends, a byte at a time, each sooner than a wait for a byte would give up."""
    handler.wfile.write(b"HTTP/1.1 200 ")
    try:
        while not ended.wait(0.02):
            handler.wfile.write(b"O")
    except OSError:
        return  # Whoever listened has had enough.
