"""The instruments shipped with the service, each read from its file once in each of its languages."""

from functools import cache
from pathlib import Path
from typing import Final

from instruments import definition_file, wording
from instruments.definition import Instrument
from instruments.errors import DefinitionError, UnknownInstrumentError, WordingError

FOLDER: Final = Path(__file__).parent / "data" / "instruments"
PACKS: Final = Path(__file__).parent / "data" / "wording"


def find(ref: str) -> Instrument:
    """The instrument of a reference such as "hoos-2.0"; raises UnknownInstrumentError."""
    if ref not in _files():  # Never a path made of a caller's text.
        raise UnknownInstrumentError(ref)
    return _read(ref)


def find_in(language: str, ref: str) -> Instrument:
    """The same instrument in our own words of that language; raises WordingError when there are none.

    Scores do not depend on it: only words differ.
    """
    instrument = find(ref)
    return instrument if language == instrument.language else _read_in(language, ref)


def all_instruments() -> tuple[Instrument, ...]:
    """Every shipped instrument, by reference."""
    return tuple(find(ref) for ref in _files())


def derived_from(instrument: Instrument) -> tuple[Instrument, ...]:
    """The short forms that can be scored from a response to this instrument; their item codes coincide."""
    return tuple(other for other in all_instruments() if other.derives_from == instrument.ref)


@cache
def _files() -> dict[str, Path]:
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


@cache
def _read(ref: str) -> Instrument:
    instrument = definition_file.read(_files()[ref], find=find)
    if instrument.ref != ref:
        raise DefinitionError("key", f"key and version say {instrument.ref}", file=f"{ref}.toml")
    return instrument


@cache
def _packs() -> dict[tuple[str, str], Path]:
    return {(path.parent.name, path.stem): path for path in sorted(PACKS.glob("*/*.toml"))}


@cache
def _read_in(language: str, ref: str) -> Instrument:
    if (language, ref) not in _packs():
        raise WordingError([f"{ref} has no words in {language}"])
    return wording.apply(find(ref), wording.read(_packs()[language, ref]))
