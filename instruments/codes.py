"""Answers as an array of one signed byte per item: the form that is scored and stored."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from instruments.answer import NOT_APPLICABLE, SKIPPED, NotApplicable
from instruments.definition import Instrument
from instruments.errors import InvalidAnswersError, InvalidCodesError
from instruments.validation import check_answers

Codes = NDArray[np.int8]


def encode(instrument: Instrument, rows: Sequence[Mapping[str, object]]) -> Codes:
    """The answers of every row as codes, shape (rows, items), column by column in memory.

    Raises InvalidAnswersError, which names every bad item; with more than one row, after the row's number from 0.
    """
    codes = np.full((len(rows), len(instrument.items)), SKIPPED, dtype=np.int8, order="F")
    errors: dict[str, str] = {}
    for number, answers in enumerate(rows):
        checked = check_answers(instrument, answers)
        prefix = f"row {number}, " if len(rows) > 1 else ""
        errors |= {f"{prefix}{item}": message for item, message in checked.errors.items()}
        codes[number] = [encode_one(checked.codes.get(code)) for code in instrument.item_codes]
    if errors:
        raise InvalidAnswersError(errors)
    return codes


def encode_one(answer: int | NotApplicable | None) -> int:
    """The code of one checked answer; None is skipped."""
    if answer is None:
        return SKIPPED
    return NOT_APPLICABLE if isinstance(answer, NotApplicable) else answer


def decode(instrument: Instrument, codes: Codes) -> list[dict[str, int | NotApplicable]]:
    """The answers of every row, by item; a skipped item is absent. Undoes `encode`."""
    check_codes(instrument, codes)
    return [
        {
            item: NotApplicable.NA if code == NOT_APPLICABLE else code
            for item, code in zip(instrument.item_codes, row, strict=True)
            if code != SKIPPED
        }
        for row in codes.tolist()
    ]


def check_codes(instrument: Instrument, codes: Codes) -> None:
    """Raises InvalidCodesError unless every code is in its item's range, or skipped, or rightly not applicable."""
    check_shape(instrument, codes)
    for column, item in zip(codes.T, instrument.items, strict=True):
        good = ((column >= item.minimum) & (column <= item.maximum)) | (column == SKIPPED)
        if item.na_allowed:
            good |= column == NOT_APPLICABLE
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            raise InvalidCodesError(f"row {row}, item {item.code}: not a code of this item")


def check_shape(instrument: Instrument, codes: Codes) -> None:
    """Raises InvalidCodesError unless codes are signed bytes with one column per item."""
    if codes.dtype != np.int8 or codes.ndim != 2 or codes.shape[1] != len(instrument.items):
        raise InvalidCodesError(f"{instrument.ref} needs int8 codes of shape (rows, {len(instrument.items)})")
