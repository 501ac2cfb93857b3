"""How a key of the API is written: a mark, a public part, the secret, and a checksum that needs no database."""

import re
import secrets
import string
import zlib

from prom_service.services.tokens import new_token

MARK = "prom"
PREFIX_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
PREFIX_LENGTH = 12
CHECK_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
CHECK_LENGTH = 6
"""Enough for the 32 bits of a CRC in base 62."""
SHAPE = re.compile(r"(prom_[a-km-z2-9]{12}_[A-Za-z0-9_-]{43})([0-9A-Za-z]{6})?", re.ASCII)
"""What a scanner for secrets looks for. Keys of the first release end without a checksum."""


def new_key_text() -> tuple[str, str]:
    """Return the public part of a fresh key and its whole text."""
    prefix = f"{MARK}_{''.join(secrets.choice(PREFIX_ALPHABET) for _ in range(PREFIX_LENGTH))}"
    body = f"{prefix}_{new_token()}"
    return prefix, body + checksum(body)


def is_key_text(text: str) -> bool:
    """Say whether ``text`` can be a key at all: nearly every slip of the pen is noticed here."""
    found = SHAPE.fullmatch(text)
    return found is not None and found[2] in (None, checksum(found[1]))


def checksum(body: str) -> str:
    """Return the CRC-32 of what comes before it, in base 62."""
    rest, written = zlib.crc32(body.encode()), ""
    for _ in range(CHECK_LENGTH):
        rest, digit = divmod(rest, len(CHECK_ALPHABET))
        written = CHECK_ALPHABET[digit] + written
    return written
