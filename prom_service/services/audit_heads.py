"""Heads of the chains, written outside the database: with them a chain whose end was cut off is found.

A file of lines, one head each, signed under the service's secret. Lines are only ever appended, each in one write that
is on the disk before anything else happens. A process killed in the middle leaves a torn line; the next goes on below.
"""

import datetime as dt
import hmac
import json
import os
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from prom_service.models import AuditChain
from prom_service.services.tokens import digest

TAIL = 256 * 1024
"""Bytes at the end of the file in which a head is looked for before it is written again, at the least."""
TAIL_OF_A_CHAIN = 1024
"""Bytes looked through for each chain: four lines, so that heads of quiet chains are at most as many as the others'."""


@dataclass(frozen=True)
class Head:
    """The end of a chain as it once was."""

    clinic: str
    number: int
    hash: str
    at: str


@dataclass(frozen=True)
class HeadLine:
    """One line of the file: its head, or what is wrong with it (``torn`` or ``forged``)."""

    line: int
    head: Head | None
    fault: str = ""


def append_heads(path: Path, ends: Iterable[AuditChain], *, secret: bytes, now: dt.datetime) -> int:
    """Append the heads that the end of the file does not have yet; return how many."""
    ends = [end for end in ends if end.number]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        tail = _tail(handle, max(TAIL, TAIL_OF_A_CHAIN * len(ends)))
        known = {(one.head.clinic, one.head.number) for one in _lines(tail, secret) if one.head}
        new = [_head(end, now) for end in ends if (str(end.clinic_id), end.number) not in known]
        if new:
            torn = b"\n" if tail and not tail.endswith(b"\n") else b""
            os.write(handle, torn + b"".join(_signed(head, secret) for head in new))
            os.fsync(handle)
        return len(new)
    finally:
        os.close(handle)


def read_heads(path: Path, *, secret: bytes) -> list[HeadLine]:
    """Return every line of the file."""
    return _lines(path.read_bytes(), secret)


def _head(end: AuditChain, now: dt.datetime) -> Head:
    return Head(str(end.clinic_id), end.number, end.hash, now.astimezone(dt.UTC).isoformat(timespec="seconds"))


def _tail(handle: int, length: int) -> bytes:
    size = os.fstat(handle).st_size
    return os.pread(handle, length, max(0, size - length))


def _signed(head: Head, secret: bytes) -> bytes:
    return json.dumps({**asdict(head), "mac": _mac(head, secret)}, separators=(",", ":")).encode() + b"\n"


def _mac(head: Head, secret: bytes) -> str:
    return digest(f"{head.clinic}:{head.number}:{head.hash}:{head.at}", purpose="audit head", secret=secret)


def _lines(content: bytes, secret: bytes) -> list[HeadLine]:
    return [_line(number, line, secret) for number, line in enumerate(content.splitlines(), start=1) if line.strip()]


def _line(number: int, line: bytes, secret: bytes) -> HeadLine:
    try:
        said = json.loads(line)
        mac = said.pop("mac")
        head = Head(**said)
        uuid.UUID(head.clinic)
    except (ValueError, TypeError, KeyError, AttributeError):
        return HeadLine(number, None, "torn")
    signed = isinstance(mac, str) and hmac.compare_digest(mac.encode(), _mac(head, secret).encode())
    return HeadLine(number, head if signed else None, "" if signed else "forged")
