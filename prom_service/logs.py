"""The log of a process, on standard error: JSON, one object a line, or plain lines where a terminal shows them.

Times are in UTC. An error is told by its kind and the lines of code it came through, never by its words or its
variables, which may hold health data.
"""

import datetime as dt
import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable

TALKATIVE = ("alembic", "apscheduler")
"""They tell of every step; only their warnings are wanted."""
_ADDRESS_ASKED_FOR = re.compile(r"(/[^/\s]+)/.*", re.DOTALL)

Asked = Callable[[], str | None]
"""Returns the number of the request in hand, or None where there is none."""
Said = dict[str, str]
"""What a record says: timestamp, level, logger, event; request_id and exception where there is one."""
Write = Callable[[Said], str]


def to_stderr(level: str, *, request_id: Asked = lambda: None) -> None:
    """Send the log of this process to standard error, with what Python itself would print there unasked."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(as_text if sys.stderr.isatty() else as_json, request_id))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.raiseExceptions = False  # A line that cannot be written would be printed with its arguments.
    logging.captureWarnings(True)
    threading.excepthook = _thread_ended
    for talkative in TALKATIVE:
        logging.getLogger(talkative).setLevel(max(logging.WARNING, logging.getLogger().level))


class Lines(logging.Formatter):
    """Gathers what a record says and has ``write`` make lines of it."""

    def __init__(self, write: Write, request_id: Asked = lambda: None) -> None:
        super().__init__()
        self._write, self._request_id = write, request_id

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines."""
        error = record.exc_info[1] if record.exc_info else None
        said = {
            "timestamp": _moment(record),
            "level": record.levelname,
            "logger": record.name,
            "event": _event(record),
            "request_id": self._request_id(),
            "exception": _kind_and_way(error) if error else None,
        }
        return self._write({name: value for name, value in said.items() if value is not None})


def as_json(said: Said) -> str:
    """Return one object on one line, in ASCII and with every control character escaped."""
    return json.dumps(said).replace("\x7f", "\\u007f")


def as_text(said: Said) -> str:
    """Return a line for people; whatever follows it is indented, so that none can be taken for another record."""
    asked = f" [request {said['request_id']}]" if "request_id" in said else ""
    rest = "\n".join(said[name].rstrip() for name in ("event", "exception") if name in said)
    lines = [_printable(line) for line in rest.split("\n")]
    return f"{said['timestamp']} {said['level']} {said['logger']}{asked}: " + "\n    ".join(lines)


def _moment(record: logging.LogRecord) -> str:
    return dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _event(record: logging.LogRecord) -> str:
    """Return what happened. The web server names the address asked for: its first part, for a token may follow."""
    try:
        event = record.getMessage()
    except (TypeError, ValueError, KeyError):  # The arguments do not fit.
        event = str(record.msg)
    return _ADDRESS_ASKED_FOR.sub(r"\1/...", event) if record.name.split(".")[0] == "waitress" else event


def _kind_and_way(error: BaseException) -> str:
    """Return the kind of ``error`` after the lines of code it came through, and before it those of what led to it."""
    parts: list[str] = []
    seen: set[int] = set()
    led_to: BaseException | None = error
    while led_to is not None and id(led_to) not in seen:
        seen.add(id(led_to))
        parts.insert(0, "".join(traceback.format_tb(led_to.__traceback__)) + type(led_to).__qualname__)
        led_to = led_to.__cause__ or (None if led_to.__suppress_context__ else led_to.__context__)
    return "\n".join(parts)


def _printable(line: str) -> str:
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line)


def _thread_ended(fault: threading.ExceptHookArgs) -> None:
    """Log that a thread ended by an error nobody caught; Python would print the words of it."""
    if fault.exc_value is not None and not isinstance(fault.exc_value, SystemExit):
        name = fault.thread.name if fault.thread else "unknown"
        error = fault.exc_value
        logging.getLogger(__name__).critical(
            "thread %s ended", name, exc_info=(type(error), error, fault.exc_traceback)
        )
