"""A reader of REDCap's data dictionaries that is not ours: the rules of the LinkML model of REDCap, applied to a file.

The package holds the rules as data. Only that file is fetched: reading it with its own runtime takes 40 packages more.
"""

import csv
import io
import re
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Any

import yaml

from tests.support import archives

PACKAGE = "linkml-redcap==0.1.2"
SHA256 = "b982158819500819760b20c5b51e47ad6386f28628fcf832bb05262a6a72ac35"
SCHEMA = "linkml_redcap/data_dictionary/schema/redcap_data_dictionary.yaml"


def read_dictionary(content: bytes) -> tuple[list[dict[str, str]], list[str]]:
    """Return the fields of a dictionary by the names of the model's columns, and everything against its rules."""
    model = _model()
    columns = model["classes"]["Field"]["attributes"]
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8")), strict=True)
    faults = [f"{name} is not {said}" for name, said in zip(header, columns, strict=True) if _bare(name) != _bare(said)]
    fields = [dict(zip(columns, row, strict=True)) for row in rows]
    return fields, [*faults, *_faults(fields, columns, model["enums"])]


@cache
def _model() -> Any:
    home = archives.unpacked(PACKAGE, SHA256, archives.whole, fetch=archives.wheel)
    return yaml.safe_load((home / SCHEMA).read_text(encoding="utf-8"))


def _bare(column: str) -> list[str]:
    """Return the words of a column's name; the model leaves out a few *or*, and what is in brackets."""
    return [word for word in re.findall("[a-z]+", column.lower().partition("(")[0]) if word != "or"]


def _faults(fields: list[dict[str, str]], columns: dict[str, Any], enums: dict[str, Any]) -> Iterator[str]:
    for field in fields:
        for name, rule in columns.items():
            yield from (f"{field['variable_field_name']}.{name}: {fault}" for fault in _cell(field[name], rule, enums))
    names = [field["variable_field_name"] for field in fields]
    yield from (f"{name} is there twice" for name in names if names.count(name) > 1)
    forms = [form for form, _fields in groupby(fields, key=lambda field: field["form_name"])]
    yield from (f"{form} is not in one piece" for form in forms if forms.count(form) > 1)
    if fields[0]["field_type"] != "text":
        yield "the first field is no text"


def _cell(cell: str, rule: dict[str, Any], enums: dict[str, Any]) -> Iterator[str]:
    if not cell:
        if rule.get("required"):
            yield "is empty"
        return
    if "pattern" in rule and not re.search(rule["pattern"], cell):
        yield "has the wrong shape"
    if rule["range"] in enums and cell not in enums[rule["range"]]["permissible_values"]:
        yield f"is no {rule['range']}"
