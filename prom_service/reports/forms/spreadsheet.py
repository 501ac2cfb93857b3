"""Cells that no spreadsheet takes for a formula."""

import re
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "\0")
AFTER_SEPARATOR = re.compile(r"([;\t\r\n]['\"\s]*)(?=[=+\-@＝＋－＠])")
"""Where a spreadsheet of another country begins a new cell: it takes the semicolon for what the comma is here."""


def safe_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula (OWASP ASVS 5.0, 1.2.10)."""
    if isinstance(value, str):
        text = AFTER_SEPARATOR.sub(r"\1'", value.replace("\0", ""))
        return f"'{text}" if value.lstrip(' "').startswith(FORMULA_STARTS) else text
    return value
