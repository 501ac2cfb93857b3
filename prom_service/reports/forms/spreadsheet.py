"""Cells that no spreadsheet takes for a formula."""

from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "\0")


def safe_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula (OWASP ASVS 5.0, 1.2.10)."""
    if isinstance(value, str):
        text = value.replace("\0", "")
        return f"'{text}" if value.startswith(FORMULA_STARTS) else text
    return value
