"""What the patient's pages say, one file of texts per language."""

import datetime as dt
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from markupsafe import Markup

DEFAULT = "en"


@dataclass(frozen=True)
class Texts:
    """The texts of one language. They may hold simple markup; whatever is filled in is escaped."""

    code: str
    entries: Mapping[str, Any] = field(repr=False)

    def __call__(self, key: str, **values: object) -> Markup:
        """Return the text ``key`` with ``values`` filled in; of two forms the one that ``count`` asks for."""
        if "count" in values and f"{key}.one" in self.entries:
            key = f"{key}.one" if values["count"] == 1 else f"{key}.other"
        return Markup(self.entries[key]).format(**values)  # noqa: S704 (the texts are ours, the values are escaped)

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return str(self.entries["direction"])

    def day(self, on: dt.date) -> str:
        """Return the date in words."""
        month, weekday = self.entries["months"][on.month - 1], self.entries["weekdays"][on.weekday()]
        return str(self("day", weekday=weekday, day=on.day, month=month, year=on.year))

    def moment(self, at: dt.datetime) -> str:
        """Return a local date and time in words; the time zone is the one ``at`` carries."""
        return str(self("moment", day=self.day(at.date()), time=f"{at:%H:%M}"))


def find(language: str) -> Texts:
    """Return the texts of ``language``, or the English ones when there are none."""
    return _all().get(language) or _all()[DEFAULT]


@lru_cache
def _all() -> Mapping[str, Texts]:
    found = (file for file in files(__package__).iterdir() if file.name.endswith(".toml"))
    return MappingProxyType({file.name.removesuffix(".toml"): _read(file) for file in found})


def _read(file: Any) -> Texts:
    entries = dict(_flat(tomllib.loads(file.read_text(encoding="utf-8")), ""))
    return Texts(file.name.removesuffix(".toml"), MappingProxyType(entries))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
