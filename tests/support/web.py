"""The application behind a real socket, served as `prom serve` serves it."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import waitress
from waitress import wasyncore


@contextlib.contextmanager
def serving(app: Callable[..., Any]) -> Iterator[str]:
    """Yield the base URL under which ``app`` answers until the block ends; open connections are cut then."""
    sockets: dict[int, Any] = {}
    server = waitress.create_server(app, map=sockets, host="127.0.0.1", port=0, threads=4)
    loop = threading.Thread(target=server.run, name="web")
    loop.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        with contextlib.suppress(OSError):  # A loop that is awake may have closed everything before it is woken.
            server.trigger.pull_trigger(lambda: wasyncore.close_all(sockets))  # It ends when it has no socket left.
        loop.join()
        server.task_dispatcher.shutdown()
