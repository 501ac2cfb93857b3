"""Text from outside as it is kept, whether it came in a file or over the API."""

import unicodedata

TURNING = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Marks that turn the direction of writing: invisible, and able to show a name as another."""


def as_kept(text: str) -> str:
    """Return ``text`` in composed form (NFC), trimmed, without marks that turn the direction of writing."""
    return unicodedata.normalize("NFC", text.translate(TURNING)).strip()
