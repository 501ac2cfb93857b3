"""Instruments as a REDCap data dictionary, and answers as the cells of REDCap's rows.

A field is called after the instrument and the item in lower case, such as ``ihot_12_q5``. An empty cell was skipped;
``NA`` does not apply: the project needs that as one of its missing data codes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from instruments.activities import TEXT
from instruments.answer import NotApplicable
from instruments.definition import Instrument, Item
from instruments.errors import InvalidAnswersError
from instruments.validation import check_answers

RECORD, EVENT, ANSWERED_ON = "record_id", "redcap_event_name", "answered_on"
HEADER: Final = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)
"""The columns of a data dictionary in REDCap's order."""
_WHOLE_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)


def form(instrument: Instrument) -> str:
    """The name of the form that asks an instrument, such as ``ihot_12_1_0``."""
    return _plain(instrument.ref)


def completion(instrument: Instrument) -> str:
    """The field in which REDCap keeps whether a form is complete: 2 when it is, 0 when it is not."""
    return f"{form(instrument)}_complete"


def timestamp(instrument: Instrument) -> str:
    """The field in which REDCap keeps when a form was sent in, where it was filled in as a survey."""
    return f"{form(instrument)}_timestamp"


def event(timepoint: str) -> str:
    """The unique name of the event of a timepoint, such as ``6_weeks_arm_1``."""
    return f"{_plain(timepoint)}_arm_1"


def fields(instrument: Instrument) -> dict[str, str]:
    """Every field of an instrument with the key of its answer: an item's code, or that of an activity's name."""
    keys = [key for item in instrument.items for key in ([item.code + TEXT] if item.activity else []) + [item.code]]
    return {_plain(f"{instrument.key}_{key}"): key for key in keys}


def dictionary(instruments: Sequence[Instrument]) -> list[list[str]]:
    """The data dictionary of one project that asks these instruments: the header, then one row for each field."""
    first = form(instruments[0])
    rows = [
        {"name": RECORD, "form": first, "type": "text", "label": "Episode"},
        {"name": ANSWERED_ON, "form": first, "type": "text", "label": "Answered on", "validation": "date_ymd"},
        *(row for instrument in instruments for row in _rows(instrument)),
    ]
    return [list(HEADER), *(_line(**row) for row in rows)]


def cells(instrument: Instrument, answers: Mapping[str, Any]) -> dict[str, str]:
    """The cells of every field of an instrument: empty where it was skipped, ``NA`` where it does not apply."""
    return {name: str(answers.get(key, "")) for name, key in fields(instrument).items()}


def read_cell(instrument: Instrument, key: str, cell: str) -> int | str:
    """The answer in a cell that is not empty; raises InvalidAnswersError, which does not repeat the cell."""
    if key.endswith(TEXT):
        return cell
    answer = int(cell) if _WHOLE_NUMBER.fullmatch(cell) else cell
    errors = check_answers(instrument, {key: answer}).errors
    if errors:
        raise InvalidAnswersError(errors)
    return answer


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


def _rows(instrument: Instrument) -> Iterator[dict[str, str]]:
    """The rows of an instrument's fields; a section's title stands at its first field."""
    title = ""
    for name, key in fields(instrument).items():
        item = instrument.item(key.removesuffix(TEXT))
        row = {"name": name, "form": form(instrument), "section": "" if item.section == title else item.section}
        title = item.section
        yield row | (_named(item) if key.endswith(TEXT) else _asked(instrument, item))


def _named(item: Item) -> dict[str, str]:
    return {"type": "text", "label": item.section}


def _asked(instrument: Instrument, item: Item) -> dict[str, str]:
    row = {"label": item.text, "note": f"{NotApplicable.NA}: {instrument.na_text}" if item.na_allowed else ""}
    if item.options:
        return row | {"type": "radio", "choices": " | ".join(f"{code}, {_label(text)}" for code, text in item.choices)}
    bounds = {"least": str(item.minimum), "most": str(item.maximum)}
    if item.kind == "vas":
        ends = f"{_label(item.low_label)} | | {_label(item.high_label)}"
        return row | bounds | {"type": "slider", "choices": ends, "validation": "number"}
    ends = f"{item.minimum}: {item.low_label}. {item.maximum}: {item.high_label}."
    return row | bounds | {"type": "text", "validation": "integer", "note": f"{ends} {row['note']}".strip()}


def _label(text: str) -> str:
    """A label without the mark that separates labels."""
    return text.replace("|", "/")


def _line(
    *,
    name: str,
    form: str,
    type: str,  # noqa: A002 (REDCap's word)
    label: str,
    section: str = "",
    choices: str = "",
    note: str = "",
    validation: str = "",
    least: str = "",
    most: str = "",
) -> list[str]:
    said = [name, form, section, type, label, choices, note, validation, least, most]
    return said + [""] * (len(HEADER) - len(said))
