"""Whether an email can be written to an address, judged by the parser that will write it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.errors import MessageError
from email.headerregistry import Address

from prom_service.errors import PromError

MAILBOX = re.compile(r"[^\s@<>\"(),:;\\\[\]]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
LONGEST = 254
"""Characters that a path holds without its brackets (Klensin 2008, RFC 5321, 4.5.3.1.3)."""
NOT_USABLE = "Not an email address. Write one alone, in plain letters, such as name@example.org."
_REFUSED = (ValueError, IndexError, AttributeError, MessageError)
"""What the email package raises for an address or a name that it cannot write."""


class UnwritableError(PromError):
    """No email can be written with this address or name."""


@contextmanager
def writing() -> Iterator[None]:
    """Raise ``UnwritableError`` for what the email package refuses here; what goes wrong elsewhere is our own fault."""
    try:
        yield
    except _REFUSED as error:
        raise UnwritableError(type(error).__name__) from error


def is_usable(text: str) -> bool:
    """Say whether ``text`` is one address, without a name and in plain letters, to which a letter can be written."""
    if len(text) > LONGEST or not (text.isascii() and text.isprintable() and MAILBOX.fullmatch(text)):
        return False
    try:
        return Address(addr_spec=text).addr_spec == text
    except _REFUSED:
        return False
