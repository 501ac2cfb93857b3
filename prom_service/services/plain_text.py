"""Text from outside as it is kept, whether it came in a file or over the API."""

import unicodedata

TURNING = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Marks that turn the direction of writing: invisible, and able to show a name as another."""

BREAKING = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, halves of characters and line breaks."""
ONE_LINE = "One line without control characters: it stands in the sender of emails."


def as_kept(text: str) -> str:
    """Return ``text`` in composed form (NFC), trimmed, without marks that turn the direction of writing."""
    return unicodedata.normalize("NFC", text.translate(TURNING)).strip()


def is_one_line(text: str) -> bool:
    """Say whether ``text`` can stand in a header of an email: no line break and no control character is in it."""
    return not any(unicodedata.category(character) in BREAKING for character in text)
