"""Reads an instrument definition from TOML, refusing what it does not know."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from instruments.definition import Instrument, Item, LinearMap, Scale
from instruments.errors import DefinitionError, UnknownInstrumentError

_HEAD = ("key", "version", "title", "recall", "intro", "source", "licence", "wording", "language")
_HEAD_OPTIONAL = ("derives_from", "na_text", "note")
_ITEM = {
    "code": str, "text": str, "section": str, "kind": str, "options": str, "minimum": int, "maximum": int,
    "low_label": str, "high_label": str, "na_allowed": bool, "followup_text": str, "tier": str,
    "baseline_only": bool, "activity": bool,
}  # fmt: skip
_SCALE = {
    "key": str, "title": str, "combine": str, "range": list, "best": (int, float), "items": list, "scales": list,
    "weights": list, "min_answered": int, "min_answered_share": float, "map": dict, "table": list,
}  # fmt: skip
_TABLES_HOLD = {"options": dict, "item_defaults": dict, "items": list, "scales": list, "loinc": dict}
_LISTS_HOLD = {
    "items": str,
    "scales": str,
    "weights": int,
    "table": (int, float),
    "range": (int, float),
    "from": int,
    "to": int,
}
_RANGES = {"vas": (0, 100), "nrs": (0, 10), "yes_no": (0, 1)}
_YES_NO = "yes_no"

Find = Callable[[str], Instrument]


def read(path: Path, *, find: Find) -> Instrument:
    """The instrument defined by a file. `find` gives the instrument whose items a short form takes over.

    Raises DefinitionError, which names the file and the key.
    """
    try:
        return parse(path.read_text(encoding="utf-8"), find=find)
    except DefinitionError as error:
        raise DefinitionError(error.place, error.problem, file=path.name) from error


def parse(text: str, *, find: Find) -> Instrument:
    """The instrument defined by a TOML text; raises DefinitionError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError("", f"not TOML: {error}") from error
    _check_row("", table, dict.fromkeys((*_HEAD, *_HEAD_OPTIONAL), str) | _TABLES_HOLD, needed=_HEAD)
    loinc = table.get("loinc", {})
    _check_row("loinc", loinc, {"panel": str, "items": dict, "scales": dict}, needed=())
    return Instrument(
        **{key: table[key] for key in (*_HEAD, *_HEAD_OPTIONAL) if key in table},
        items=_items(table, loinc.get("items", {}), find),
        scales=tuple(_scale(row, loinc.get("scales", {})) for row in table.get("scales", [])),
        loinc=loinc.get("panel", ""),
    )


def _items(table: Mapping[str, Any], loinc: Mapping[str, str], find: Find) -> tuple[Item, ...]:
    """The items written out in the file, or those that a short form takes over by their codes."""
    option_sets, defaults = table.get("options", {}), table.get("item_defaults", {})
    for name, texts in option_sets.items():
        _check_list(f"options.{name}", texts, str)
    parent = _parent(table["derives_from"], find) if table.get("derives_from") else None
    items = []
    for row in table.get("items", []):
        if isinstance(row, str):
            items.append(_taken_over(row, parent, loinc))
        else:
            _check_type("items", row, dict)
            items.append(_item({**defaults, **row}, option_sets, loinc))
    return tuple(items)


def _parent(ref: str, find: Find) -> Instrument:
    try:
        return find(ref)
    except UnknownInstrumentError as error:
        raise DefinitionError("derives_from", str(error)) from error


def _taken_over(code: str, parent: Instrument | None, loinc: Mapping[str, str]) -> Item:
    if parent is None or code not in parent.item_codes:
        raise DefinitionError(f"items.{code}", "derives_from has no such item")
    return replace(parent.item(code), loinc=loinc.get(code, ""))


def _item(row: Mapping[str, Any], option_sets: Mapping[str, list[str]], loinc: Mapping[str, str]) -> Item:
    place = f"items.{row.get('code', '?')}"
    _check_row(place, row, _ITEM, needed=("code", "text", "section", "kind"))
    fields = dict(row)
    options = tuple(option_sets.get(fields.pop("options", ""), ()))
    if "options" in row and not options:
        raise DefinitionError(f"{place}.options", f"there is no option set {row['options']!r}")
    if row["kind"] == _YES_NO:
        options = tuple(option_sets.get(_YES_NO, ()))
    low, high = _RANGES.get(row["kind"], (0, len(options) - 1))
    low = fields.pop("minimum", low)
    high = fields.pop("maximum", low + len(options) - 1 if options else high)
    return Item(**fields, minimum=low, maximum=high, options=options, loinc=loinc.get(row["code"], ""))


def _scale(row: Any, loinc: Mapping[str, str]) -> Scale:
    _check_type("scales", row, dict)
    place = f"scales.{row.get('key', '?')}"
    _check_row(place, row, _SCALE, needed=("key", "title", "combine", "range", "best"))
    fields = dict(row)
    low, high = _two_ends(f"{place}.range", fields.pop("range"))
    line = fields.pop("map", None)
    for key in ("items", "scales", "weights", "table"):
        fields[key] = tuple(fields.get(key, ()))
    return Scale(
        **{**fields, "table": tuple(float(value) for value in fields["table"]), "best": float(row["best"])},
        minimum=float(low),
        maximum=float(high),
        linear=None if line is None else _linear_map(f"{place}.map", line),
        loinc=loinc.get(row["key"], ""),
    )


def _linear_map(place: str, line: Mapping[str, Any]) -> LinearMap:
    _check_row(place, line, {"from": list, "to": list}, needed=("from", "to"))
    ends = (*_two_ends(f"{place}.from", line["from"]), *_two_ends(f"{place}.to", line["to"]))
    return LinearMap(*ends)


def _two_ends(place: str, ends: list[Any]) -> tuple[Any, Any]:
    if len(ends) != 2:
        raise DefinitionError(place, "needs two ends")
    return ends[0], ends[1]


def _check_row(place: str, row: Mapping[str, Any], types: Mapping[str, Any], *, needed: tuple[str, ...]) -> None:
    """Every key of a TOML table is known and of its type, and those needed are there."""
    prefix = f"{place}." if place else ""
    for key in row:
        if key not in types:
            raise DefinitionError(prefix + key, "is not a key of this file")
    for key in needed:
        if key not in row:
            raise DefinitionError(prefix + key, "is missing")
    for key, value in row.items():
        _check_type(prefix + key, value, types[key])
        if place and isinstance(value, list):
            _check_list(prefix + key, value, _LISTS_HOLD[key])


def _check_list(place: str, values: object, expected: Any) -> None:
    _check_type(place, values, list)
    for value in cast(list[object], values):
        _check_type(place, value, expected)


def _check_type(place: str, value: object, expected: Any) -> None:
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        raise DefinitionError(place, "has the wrong type")
