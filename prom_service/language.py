"""The languages the service speaks to patients. Every page, letter, question and topic exists in each of them."""

import datetime as dt
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from markupsafe import Markup


@dataclass(frozen=True)
class Language:
    """How one language is written, and how it says days and moments."""

    code: str
    direction: str
    """``ltr`` or ``rtl``."""
    months: tuple[str, ...]
    """From January."""
    weekdays: tuple[str, ...]
    """From Monday."""
    day_pattern: str
    moment_pattern: str

    def day(self, on: dt.date) -> str:
        """Return the date in words."""
        month, weekday = self.months[on.month - 1], self.weekdays[on.weekday()]
        return self.day_pattern.format(weekday=weekday, day=on.day, month=month, year=on.year)

    def moment(self, at: dt.datetime) -> str:
        """Return a local date and time in words; the time zone is the one ``at`` carries."""
        return self.moment_pattern.format(day=self.day(at.date()), time=f"{at:%H:%M}")


ENGLISH = Language(
    code="en",
    direction="ltr",
    months=(
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    day_pattern="{weekday} {day} {month} {year}",
    moment_pattern="{day} at {time}",
)
SPANISH = Language(
    code="es",
    direction="ltr",
    months=(
        *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
        *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
    ),
    weekdays=("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    day_pattern="{weekday} {day} de {month} de {year}",
    moment_pattern="{day} a las {time}",
)
DEFAULT = ENGLISH.code
SPOKEN: Mapping[str, Language] = MappingProxyType({one.code: one for one in (ENGLISH, SPANISH)})
"""By code, the default first. Whoever adds one adds its texts, letters, wording packs and topics; tests say so."""


@dataclass(frozen=True)
class Texts:
    """Texts of one language, by key. They may hold simple markup; whatever is filled in is escaped."""

    language: Language
    entries: Mapping[str, str] = field(repr=False)

    def __call__(self, key: str, **values: object) -> Markup:
        """Return the text ``key`` with ``values`` filled in; of two forms the one that ``count`` asks for."""
        return Markup(self._entry(key, values)).format(**values)  # noqa: S704 (ours; the values are escaped)

    def plain(self, key: str, **values: object) -> str:
        """Return the same for a place that knows no markup: nothing is escaped."""
        return self._entry(key, values).format(**values)

    @property
    def code(self) -> str:
        """The language's code."""
        return self.language.code

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return self.language.direction

    def day(self, on: dt.date) -> str:
        """Return the date in words."""
        return self.language.day(on)

    def moment(self, at: dt.datetime) -> str:
        """Return a local date and time in words; the time zone is the one ``at`` carries."""
        return self.language.moment(at)

    def _entry(self, key: str, values: Mapping[str, object]) -> str:
        if "count" in values and f"{key}.one" in self.entries:
            key = f"{key}.one" if values["count"] == 1 else f"{key}.other"
        return self.entries[key]


def read_texts(folder: Traversable) -> Mapping[str, Texts]:
    """Return the texts in ``folder``, one TOML file for each language the service speaks."""
    return MappingProxyType({code: _read(folder / f"{code}.toml", language) for code, language in SPOKEN.items()})


def _read(file: Traversable, language: Language) -> Texts:
    return Texts(language, MappingProxyType(dict(_flat(tomllib.loads(file.read_text(encoding="utf-8")), ""))))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
