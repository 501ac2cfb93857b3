"""Reads TOML so strictly that every fault names the file and the key."""

import math
from collections.abc import Mapping
from typing import Any

from prom_service.errors import PromError


class PathwayDefinitionError(PromError):
    """A pathway definition cannot be used; the message names the file and the key.

    ``path`` is the key with the tables around it, such as ``timepoints[1].review``; empty where there is none.
    """

    def __init__(self, file: str, path: str, what: str) -> None:
        self.path = path
        self.what = what
        super().__init__(": ".join(part for part in (file, path, what) if part))


class Table:
    """One TOML table, read key by key; ``finish`` refuses whatever was not read."""

    def __init__(self, file: str, values: Mapping[str, Any], place: str = "") -> None:
        self._file = file
        self._place = place
        self._values = values
        self._read: set[str] = set()

    def fault(self, key: str, what: str) -> PathwayDefinitionError:
        """The error to raise about one key of this table."""
        return PathwayDefinitionError(self._file, f"{self._place}{key}", what)

    def has(self, key: str) -> bool:
        """Whether the key is given."""
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        """The text under a key, never empty."""
        value = self._take(key, default)
        if not isinstance(value, str) or not value.strip():
            raise self.fault(key, "must be a text")
        return value

    def whole(self, key: str, *, at_least: int, default: int | None = None) -> int:
        """The whole number under a key, not below ``at_least``."""
        value = self._take(key, default)
        if type(value) is not int or value < at_least:
            raise self.fault(key, f"must be a whole number of at least {at_least}")
        return value

    def number(self, key: str, *, above: float) -> float:
        """The number under a key, greater than ``above`` and finite."""
        value = self._take(key, None)
        if type(value) not in (int, float) or not above < value < math.inf:
            raise self.fault(key, f"must be a number above {above:g}")
        return float(value)

    def one_of(self, key: str, words: tuple[str, ...], *, default: str) -> Any:
        """The word under a key, one of ``words``."""
        value = self._take(key, default)
        if value not in words:
            raise self.fault(key, f"must be one of {', '.join(words)}")
        return value

    def truth(self, key: str, *, default: bool) -> bool:
        """The true or false under a key."""
        value = self._take(key, default)
        if type(value) is not bool:
            raise self.fault(key, "must be true or false")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """The list of texts under a key, each once."""
        values = self._take(key, default)
        if not isinstance(values, list | tuple) or not all(isinstance(value, str) and value for value in values):
            raise self.fault(key, "must be a list of texts")
        if len(set(values)) != len(values):
            raise self.fault(key, "names something twice")
        return tuple(values)

    def wholes(self, key: str) -> tuple[int, ...]:
        """The list of whole numbers under a key, none negative."""
        values = self._take(key, None)
        if not isinstance(values, list) or not all(type(value) is int and value >= 0 for value in values):
            raise self.fault(key, "must be a list of whole numbers, none negative")
        return tuple(values)

    def table(self, key: str) -> "Table":
        """The table under a key; an empty one when it is not given."""
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise self.fault(key, "must be a table")
        return Table(self._file, value, f"{self._place}{key}.")

    def tables(self, key: str) -> tuple["Table", ...]:
        """The list of tables under a key; none when it is not given."""
        values = self._take(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise self.fault(key, "must be a list of tables")
        return tuple(Table(self._file, value, f"{self._place}{key}[{number}].") for number, value in enumerate(values))

    def named(self) -> tuple[tuple[str, "Table"], ...]:
        """Every key of this table with the table under it."""
        return tuple((key, self.table(key)) for key in self._values)

    def keys(self) -> tuple[str, ...]:
        """The keys given, in order."""
        return tuple(self._values)

    def finish(self) -> None:
        """Nothing is left unread, else the first unknown key is refused."""
        for key in self._values:
            if key not in self._read:
                raise self.fault(key, "is not a key known here")

    def _take(self, key: str, default: Any) -> Any:
        self._read.add(key)
        value = self._values.get(key, default)
        if value is None:
            raise self.fault(key, "is missing")
        return value
