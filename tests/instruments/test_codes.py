"""Answers as bytes and back."""

import random

import numpy as np
import pytest

import instruments
from instruments import NOT_APPLICABLE, SKIPPED
from instruments.errors import InvalidAnswersError, InvalidCodesError

ALL = instruments.all_instruments()


def test_the_codes_for_no_answer_are_outside_the_range_of_every_item() -> None:
    lowest = min(item.minimum for instrument in ALL for item in instrument.items)

    assert SKIPPED < NOT_APPLICABLE < lowest


@pytest.mark.parametrize("instrument", ALL, ids=lambda instrument: instrument.ref)
def test_decoding_undoes_encoding(instrument: instruments.Instrument) -> None:
    rng = random.Random(instrument.ref)
    rows: list[dict[str, object]] = [
        {item.code: rng.randint(item.minimum, item.maximum) for item in instrument.items if rng.random() < 0.7}
        | {item.code: "NA" for item in instrument.items if item.na_allowed and rng.random() < 0.5}
        for _ in range(50)
    ]

    codes = instruments.encode(instrument, rows)

    assert (codes.dtype, codes.shape, codes.flags.f_contiguous) == (np.int8, (50, len(instrument.items)), True)
    assert instruments.decode(instrument, codes) == rows


def test_skipped_and_not_applicable_are_kept_apart() -> None:
    instrument = instruments.find("ihot-12-1.0")

    codes = instruments.encode(instrument, [{"Q1": 50, "Q5": "NA"}])

    assert codes[0, [0, 4, 5]].tolist() == [50, NOT_APPLICABLE, SKIPPED]


def test_encoding_refuses_bad_answers_and_says_in_which_row() -> None:
    with pytest.raises(InvalidAnswersError) as refused:
        instruments.encode(instruments.find("nprs-1.0"), [{"Q1": 3}, {"Q1": 300}, {"Q2": 3}])

    assert list(refused.value.errors) == ["row 1, Q1", "row 2, Q2"]


def test_no_rows_make_an_empty_array() -> None:
    assert instruments.encode(instruments.find("hoos-2.0"), []).shape == (0, 40)


@pytest.mark.parametrize("code", [-1, 5, 127, -126, NOT_APPLICABLE])
def test_a_code_outside_its_range_is_found(code: int) -> None:
    instrument = instruments.find("hoos-2.0")
    codes = np.zeros((3, 40), dtype=np.int8)
    codes[1, 7] = code

    with pytest.raises(InvalidCodesError, match="row 1, item P3"):
        instruments.check_codes(instrument, codes)
