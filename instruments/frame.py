"""Scores as a pandas table. The only module here that needs pandas; nothing else imports it."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from instruments.answer import NOT_APPLICABLE, SKIPPED
from instruments.codes import Codes
from instruments.definition import Instrument, Item
from instruments.errors import BadCell, BadTableError
from instruments.scoring import score_codes


def score_frame(instrument: Instrument, frame: pd.DataFrame) -> pd.DataFrame:
    """One row per row of `frame`, with its index: a column per scale key, and `<key>_answered` (items).

    `frame` needs a column per item code with whole numbers, "NA" where the item may not apply, and a missing value
    or "" where it was skipped; other columns are ignored. Scores are unrounded float64, nan where too little was
    answered. Numbers as text are refused: a text file is read by `instruments.table`, which also keeps NA apart from
    skipped. Raises BadTableError with every bad cell; rows count from 2, as in the file of such a table.
    """
    missing = [BadCell(1, code, "the column is missing") for code in instrument.item_codes if code not in frame]
    if missing:
        raise BadTableError(missing)
    codes = np.empty((len(frame), len(instrument.items)), dtype=np.int8, order="F")
    faults: list[BadCell] = []
    for place, item in enumerate(instrument.items):
        codes[:, place], bad = _column_codes(item, frame[item.code])
        faults += [BadCell(int(row) + 2, item.code, "not an answer", item.allowed) for row in np.flatnonzero(bad)]
    if faults:
        raise BadTableError(faults)
    scores = score_codes(instrument, codes)
    columns: dict[str, NDArray[Any]] = {}
    for key, scale in scores.items():
        columns[key] = scale.values  # noqa: PD011  (not a pandas object)
        columns[f"{key}_answered"] = scale.answered
    return pd.DataFrame(columns, index=frame.index)


def _column_codes(item: Item, column: pd.Series) -> tuple[Codes, NDArray[np.bool_]]:
    """The codes of one column, and where it holds something that is not an answer."""
    skipped = column.isna().to_numpy(dtype=bool)
    not_applicable = np.zeros(len(column), dtype=bool)
    if pd.api.types.is_bool_dtype(column.dtype):
        return np.full(len(column), SKIPPED, dtype=np.int8), ~skipped
    if not pd.api.types.is_numeric_dtype(column.dtype):
        skipped = skipped | (column == "").to_numpy(dtype=bool, na_value=False)
        not_applicable = (column == "NA").to_numpy(dtype=bool, na_value=False)
        column = column.where(column.map(_is_number), None)
    numbers = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    good = (numbers >= item.minimum) & (numbers <= item.maximum) & (numbers == np.floor(numbers))
    codes = np.where(good, numbers, SKIPPED).astype(np.int8)
    if item.na_allowed:
        codes[not_applicable] = NOT_APPLICABLE
        good |= not_applicable
    return codes, ~(good | skipped)


def _is_number(answer: object) -> bool:
    return isinstance(answer, int | float | np.number) and not isinstance(answer, bool)
