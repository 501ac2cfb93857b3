"""One process that serves the web, with or without the scheduler, until it is told to stop; then it ends in order."""

import contextlib
import errno
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import waitress
from waitress import wasyncore

from prom_service import db, logs
from prom_service.app import create_app
from prom_service.errors import PromError
from prom_service.runtime import Runtime
from prom_service.web.context import request_in_hand

SIGNALS = (signal.SIGTERM, signal.SIGINT)
TURN_SECONDS = 0.5
"""How long the loop may sleep before it looks whether it was told to stop."""
DRAIN_SECONDS = 4.0
"""How long a stop waits for the answers in hand. With the scheduler's own patience it stays below ten seconds."""
LAST_SECONDS = 1.0
CONNECTIONS = 1000
LARGEST_BODY = 1024 * 1024
"""Bytes. What is posted is put into a temporary file before anybody looks at it, and no room needs half of this."""

Start = Callable[[], Any]
"""Starts something beside the web and returns what stops it."""


class PortTakenError(PromError):
    """The port cannot be opened."""


def log_to_stderr(level: str) -> None:
    """Send the log of this process to standard error, with the number of the request in which a line was written."""
    logs.to_stderr(level, request_id=request_in_hand)


def serve(prom: Runtime, *, host: str, port: int, beside: Start | None = None, ready: Callable[[], None]) -> None:
    """Serve ``prom`` until SIGTERM or SIGINT; then finish the answers in hand and return, within ten seconds.

    ``beside`` is started before the port opens and stopped after it has closed; ``ready`` is called in between, once
    the port is open.
    """
    stopping: list[int] = []
    with _told_by_signals(stopping), contextlib.ExitStack() as running:
        running.enter_context(db.alone_on_sqlite(prom.engine, "web"))
        app = create_app(prom)
        with db.for_reading(prom.engine).connect() as connection:
            db.check_revision(connection)
        if beside is not None:
            running.callback(beside())
        sockets: dict[int, Any] = {}
        server = _open(app, sockets, prom, host, port)
        running.callback(_close, server, sockets)
        ready()
        while not stopping:
            wasyncore.loop(timeout=TURN_SECONDS, map=sockets, use_poll=True, count=1)


@contextlib.contextmanager
def _told_by_signals(stopping: list[int]) -> Iterator[None]:
    before = {number: signal.signal(number, lambda number, _frame: stopping.append(number)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open(app: Any, sockets: dict[int, Any], prom: Runtime, host: str, port: int) -> Any:
    try:
        return waitress.create_server(
            app,
            map=sockets,
            host=host,
            port=port,
            threads=prom.settings.web_threads,
            connection_limit=CONNECTIONS,
            max_request_body_size=LARGEST_BODY,
            ident=None,
            clear_untrusted_proxy_headers=not prom.settings.trusted_proxies,
        )
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "another program has it; --port chooses another" if taken else error.strerror
        raise PortTakenError(f"Port {port} of {host} cannot be opened: {reason}.") from None


def _close(server: Any, sockets: dict[int, Any]) -> None:
    """Take no new connection, give the answers in hand their time, then close every socket and end the threads."""
    listening = [dispatcher for dispatcher in sockets.values() if getattr(dispatcher, "accepting", False)]
    channels = [channel for dispatcher in listening for channel in dispatcher.active_channels.values()]
    for dispatcher in listening:
        dispatcher.del_channel()
        dispatcher.socket.close()
    last = time.monotonic() + DRAIN_SECONDS
    while any(channel.requests or channel.total_outbufs_len for channel in channels) and time.monotonic() < last:
        wasyncore.loop(timeout=0.1, map=sockets, use_poll=True, count=1)
    server.task_dispatcher.shutdown(timeout=LAST_SECONDS)
    wasyncore.close_all(sockets, ignore_all=True)
    sys.stderr.flush()
