"""Wording packs: the texts of an instrument from its owner, or in another language.

A pack is a TOML text:

    instrument = "hoos-jr-1.0"
    language = "en"
    wording = "official"               # or "own"
    source = "Form of March 2016"
    intro = "..."
    na_text = "..."                    # where an item may not apply
    title = "..."                      # optional
    [sections]                         # optional in the instrument's own language
    Pain = "..."
    [scales]                           # likewise, but for those called as a section is
    summary = "..."
    [options]
    severity = ["...", "...", "...", "...", "..."]
    [items]
    P5 = { text = "...", options = "severity" }
    Q1 = { text = "...", low_label = "...", high_label = "..." }
    R1 = { text = "...", options = "yes_no", followup_text = "..." }
"""

import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from instruments.definition import Instrument, Item, Scale
from instruments.errors import WordingError

LARGEST: Final = 300_000
"""Bytes of a pack; the longest questionnaire needs a tenth of it."""
_TEXTS: Final = ("instrument", "language", "wording", "source", "intro", "na_text", "title")
_TABLES: Final = ("sections", "scales", "options", "items")
_NEEDED: Final = ("instrument", "language", "wording", "source", "items")
_ITEM_TEXTS: Final = ("text", "low_label", "high_label", "followup_text")


@dataclass(frozen=True, slots=True)
class ItemWording:
    """The texts of one item; empty where the item has no such text."""

    text: str = ""
    options: tuple[str, ...] = ()
    low_label: str = ""
    high_label: str = ""
    followup_text: str = ""


@dataclass(frozen=True, slots=True)
class WordingPack:
    """Texts for one instrument in one language. `wording` is "official" or "own".

    `sections` are found by the original title, `scales` by their key.
    """

    instrument: str
    language: str
    wording: str
    source: str
    items: Mapping[str, ItemWording]
    sections: Mapping[str, str]
    intro: str = ""
    na_text: str = ""
    title: str = ""
    scales: Mapping[str, str] = field(default_factory=dict)


def read(path: Path) -> WordingPack:
    """The pack in a file; raises WordingError when it is not one. It may still be incomplete: see `problems`."""
    return parse(read_text(path))


def read_text(path: Path) -> str:
    """The text of a file that may be a pack; raises WordingError when it is too large or not UTF-8."""
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise WordingError([f"{path.name} is larger than {LARGEST // 1000} kB"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WordingError([f"{path.name} is not UTF-8"]) from error


def parse(text: str) -> WordingPack:
    """The pack in a TOML text; raises WordingError, which lists everything of the wrong shape."""
    try:
        table = tomllib.loads(text)
    except RecursionError as error:
        raise WordingError(["not TOML of a pack: nested too deep"]) from error
    except ValueError as error:  # A TOMLDecodeError, or a number longer than Python reads.
        raise WordingError([f"not TOML: {error}"]) from error
    faults = list(_faults(table)) or list(_unwritable("", table))
    if faults:
        raise WordingError(faults)
    options = table.get("options", {})
    return WordingPack(
        **{key: table[key] for key in _TEXTS if key in table},
        sections=table.get("sections", {}),
        scales=table.get("scales", {}),
        items={code: _item_wording(row, options) for code, row in table["items"].items()},
    )


def _faults(table: Mapping[str, Any]) -> Iterator[str]:
    """Everything in a TOML table that is not of the shape of a pack."""
    yield from (f"{key} is not a key of a wording pack" for key in table if key not in (*_TEXTS, *_TABLES))
    yield from (f"{key} is missing" for key in _NEEDED if key not in table)
    yield from (f"{key} must be a text" for key in _TEXTS if not isinstance(table.get(key, ""), str))
    if table.get("wording", "own") not in ("own", "official"):
        yield "wording must be own or official"
    misshapen = [name for name in _TABLES if not isinstance(table.get(name, {}), dict)]
    yield from (f"{name} must be a table" for name in misshapen)
    if not misshapen:
        yield from _table_faults(table)


def _table_faults(table: Mapping[str, Any]) -> Iterator[str]:
    for name in ("sections", "scales"):
        for key, title in table.get(name, {}).items():
            if not isinstance(title, str):
                yield f"{name}.{key} must be a text"
    option_sets = table.get("options", {})
    for name, texts in option_sets.items():
        if not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
            yield f"options.{name} must be a list of texts"
    for code, row in table.get("items", {}).items():
        yield from _item_faults(code, row, option_sets)


def _item_faults(code: str, row: object, option_sets: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(row, dict):
        yield f"items.{code} must be a table"
        return
    for key, value in row.items():
        if key not in (*_ITEM_TEXTS, "options"):
            yield f"items.{code}.{key} is not a key of an item's wording"
        elif not isinstance(value, str):
            yield f"items.{code}.{key} must be a text"
        elif key == "options" and value not in option_sets:
            yield f"items.{code}.options names an option set that is not there"


def _unwritable(place: str, value: Any) -> Iterator[str]:
    """The texts with characters that no page shows and no database keeps. The shape has been checked before."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _unwritable(f"{place}.{key}" if place else key, inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            yield from _unwritable(f"{place}.{number}", inner)
    elif any(unicodedata.category(letter) == "Cc" and letter not in "\t\n" for letter in value):
        yield f"{place} holds control characters"


def _item_wording(row: Mapping[str, str], option_sets: Mapping[str, list[str]]) -> ItemWording:
    texts = {key: row[key] for key in _ITEM_TEXTS if key in row}
    return ItemWording(options=tuple(option_sets[row["options"]]) if "options" in row else (), **texts)


def problems(instrument: Instrument, pack: WordingPack) -> tuple[str, ...]:
    """Everything that keeps the pack from wording the whole instrument; empty when it is complete."""
    return tuple(_problems(instrument, pack))


def _problems(instrument: Instrument, pack: WordingPack) -> Iterator[str]:
    if pack.instrument != instrument.ref:
        yield f"the pack is for {pack.instrument}, not for {instrument.ref}"
    for code in pack.items:
        if code not in instrument.item_codes:
            yield f"items.{code}: {instrument.ref} has no such item"
    if instrument.intro and not pack.intro.strip():
        yield "intro is missing"
    if instrument.na_text and not pack.na_text.strip():
        yield "na_text is missing"
    yield from _title_problems(instrument, pack)
    for item in instrument.items:
        yield from _item_problems(item, pack.items.get(item.code))


def _title_problems(instrument: Instrument, pack: WordingPack) -> Iterator[str]:
    """Sections and scales have titles where they need them: all in another language, and none that is not there."""
    sections = dict.fromkeys(item.section for item in instrument.items)
    called = {*sections, *(scale.title for scale in instrument.scales)}
    if pack.language != instrument.language:
        yield from (f"sections.{title} is missing" for title in sections if title not in pack.sections)
        yield from (f"scales.{scale.key} is missing" for scale in instrument.scales if not _scale_title(scale, pack))
    for title, words in pack.sections.items():
        if title not in called:
            yield f"sections.{title}: {instrument.ref} has no such section"
        if not words.strip():
            yield f"sections.{title} is empty"
    known = {scale.key for scale in instrument.scales}
    yield from (f"scales.{key}: {instrument.ref} has no such scale" for key in pack.scales if key not in known)


def _item_problems(item: Item, wording: ItemWording | None) -> Iterator[str]:
    """Every text of the item is there where it is needed, and not where it is not."""
    if wording is None:
        yield f"items.{item.code} is missing"
        return
    for key in _ITEM_TEXTS:
        needed, given = bool(getattr(item, key)), bool(getattr(wording, key).strip())
        if needed != given:
            yield f"items.{item.code}.{key} is {'missing' if needed else 'not used by this item'}"
    if len(wording.options) != len(item.options) or not all(text.strip() for text in wording.options):
        yield f"items.{item.code}.options: {len(item.options)} texts are needed"


def apply(instrument: Instrument, pack: WordingPack) -> Instrument:
    """The same instrument in the pack's words; scoring is untouched. Raises WordingError with every problem."""
    found = problems(instrument, pack)
    if found:
        raise WordingError(found)
    return replace(
        instrument,
        title=pack.title or instrument.title,
        wording=pack.wording,
        language=pack.language,
        intro=pack.intro,
        na_text=pack.na_text,
        items=tuple(_reworded(item, pack) for item in instrument.items),
        scales=tuple(replace(scale, title=_scale_title(scale, pack) or scale.title) for scale in instrument.scales),
    )


def _scale_title(scale: Scale, pack: WordingPack) -> str:
    """The pack's title of a scale, or of the section it is called after; empty when it has neither."""
    return pack.scales.get(scale.key) or pack.sections.get(scale.title) or ""


def _reworded(item: Item, pack: WordingPack) -> Item:
    wording = pack.items[item.code]
    return replace(
        item,
        text=wording.text,
        options=wording.options,
        low_label=wording.low_label,
        high_label=wording.high_label,
        followup_text=wording.followup_text,
        section=pack.sections.get(item.section, item.section),
    )
