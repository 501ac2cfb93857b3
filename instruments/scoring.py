"""Scores from codes: one vectorised core for one response and for a million.

Per scale and row the core counts and adds small whole numbers, then looks the score up in a table with one entry
per (number of answers, sum). Each entry is one float64 quotient of two whole numbers, so a score is rounded once,
by division, and is the same to the last bit wherever it is computed. Nothing is rounded for display.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from instruments.answer import NOT_APPLICABLE
from instruments.codes import Codes, check_shape, encode
from instruments.definition import Instrument, Scale, combined_ends

Floats = NDArray[np.float64]
Counts = NDArray[np.int8]

_BLOCK = 32768  # Rows at a time, so that the columns of a scale stay in the processor's cache.
_LOW_BITS = 127  # Of a byte: all but the one that stands for SKIPPED.


@dataclass(frozen=True, slots=True)
class Score:
    """One scale's score of one response, unrounded. `value` is None when too little was answered.

    `answered` and `applicable` count items; `items` is how many the scale has. `best` and `worst` are the ends.
    """

    value: float | None
    answered: int
    applicable: int
    items: int
    best: float
    worst: float


@dataclass(frozen=True, slots=True, eq=False)
class ScaleScores:
    """One scale's scores of many responses: `values` unrounded with nan for missing, and counts of items."""

    values: Floats
    answered: Counts
    applicable: Counts


def score(instrument: Instrument, answers: Mapping[str, object]) -> dict[str, Score]:
    """The score of every scale for one response, by scale key.

    Raises InvalidAnswersError, which names every bad item.
    """
    table = score_codes(instrument, encode(instrument, [answers]))
    return {scale.key: _single(instrument, scale, table[scale.key]) for scale in instrument.scales}


def _single(instrument: Instrument, scale: Scale, scores: ScaleScores) -> Score:
    value = scores.values.item(0)
    return Score(
        value=None if value != value else value,
        answered=scores.answered.item(0),
        applicable=scores.applicable.item(0),
        items=sum(1 for _ in instrument.items_of(scale)),
        best=scale.best,
        worst=scale.worst,
    )


def score_codes(instrument: Instrument, codes: Codes) -> dict[str, ScaleScores]:
    """The scores of every scale for every row of codes, by scale key.

    `codes` come from `encode` or the table reader, or have passed `check_codes`: here only their shape is checked.
    """
    check_shape(instrument, codes)
    codes = np.asfortranarray(codes)
    scores: dict[str, ScaleScores] = {}
    for recipe in _recipes(instrument):
        scores[recipe.key] = recipe.score(codes)
    for scale in instrument.scales:
        if scale.scales:
            scores[scale.key] = _mean_of_scales(scale, [scores[key] for key in scale.scales])
    return {scale.key: scores[scale.key] for scale in instrument.scales}


def _mean_of_scales(scale: Scale, inputs: list[ScaleScores]) -> ScaleScores:
    """The mean of the scales that have a score, where there are enough of them; counts are of their items."""
    values = np.stack([scores.values for scores in inputs])
    present = ~np.isnan(values)
    count = present.sum(axis=0)
    total = np.where(present, values, 0.0).sum(axis=0)
    enough = count >= scale.required(len(inputs))
    return ScaleScores(
        values=np.divide(total, count, out=np.full(total.shape, np.nan), where=enough),
        answered=np.add.reduce([scores.answered for scores in inputs], dtype=np.int8),
        applicable=np.add.reduce([scores.applicable for scores in inputs], dtype=np.int8),
    )


@lru_cache(maxsize=64)
def _recipes(instrument: Instrument) -> tuple["_Recipe", ...]:
    return tuple(_recipe(instrument, scale) for scale in instrument.scales if scale.items)


@dataclass(frozen=True, slots=True, eq=False)
class _Recipe:
    """How to score one scale of items: which columns, and the score of every (number of answers, sum).

    `table` is flat: the entry is at number * width + sum - lowest. `needed` says how many answers each number of
    applicable items asks for; it is None where every item applies to everyone and `table` itself holds nan.
    """

    key: str
    columns: slice | list[int]
    items: int
    weights: NDArray[np.int16] | None
    lowest: int
    width: int
    table: Floats
    needed: Counts | None
    plain: bool

    def score(self, codes: Codes) -> ScaleScores:
        """The scores of all rows, block by block."""
        rows = len(codes)
        scores = ScaleScores(np.empty(rows), np.empty(rows, np.int8), np.full(rows, self.items, np.int8))
        for start in range(0, rows, _BLOCK):
            block = slice(start, start + _BLOCK)
            part = ScaleScores(scores.values[block], scores.answered[block], scores.applicable[block])
            self._fill(part, codes[block, self.columns])
        return scores

    def _fill(self, part: ScaleScores, codes: Codes) -> None:
        """Writes the scores of a block of rows in place."""
        given = codes > NOT_APPLICABLE
        given.sum(axis=1, dtype=np.int8, out=part.answered)
        entry = part.answered.astype(np.intp)
        entry *= self.width
        entry += self._sums(codes, given)
        entry -= self.lowest
        if self.needed is not None:
            np.subtract(part.applicable, (codes == NOT_APPLICABLE).sum(axis=1, dtype=np.int8), out=part.applicable)
            entry[part.answered < self.needed[part.applicable]] = 0  # The entry of no answers: nan.
        np.take(self.table, entry, out=part.values, mode="clip")

    def _sums(self, codes: Codes, given: NDArray[np.bool_]) -> NDArray[np.int8] | NDArray[np.int16]:
        """The (weighted) sum of the given codes of each row."""
        if self.plain:
            # SKIPPED is the highest bit of a byte and the good codes add up below it, so it adds nothing to the rest.
            low: NDArray[np.int8] = codes.sum(axis=1, dtype=np.int8) & np.int8(_LOW_BITS)
            return low
        terms = np.where(given, codes, 0).astype(np.int16)
        if self.weights is not None:
            terms *= self.weights
        sums: NDArray[np.int16] = terms.sum(axis=1, dtype=np.int16)
        return sums


def _recipe(instrument: Instrument, scale: Scale) -> _Recipe:
    items = tuple(instrument.items_of(scale))
    weights = scale.weights or (1,) * len(items)
    lowest = sum(min(0, weight * item.minimum) for weight, item in zip(weights, items, strict=True))
    highest = sum(max(0, weight * item.maximum) for weight, item in zip(weights, items, strict=True))
    some_may_not_apply = any(item.na_allowed for item in items)
    needed = np.array([scale.required(applicable) for applicable in range(len(items) + 1)], dtype=np.int8)
    return _Recipe(
        key=scale.key,
        columns=_columns([instrument.item_codes.index(code) for code in scale.items]),
        items=len(items),
        weights=np.array(weights, dtype=np.int16) if scale.weights else None,
        lowest=lowest,
        width=highest - lowest + 1,
        table=_table(instrument, scale, lowest, highest, answers_needed=1 if some_may_not_apply else int(needed[-1])),
        needed=needed if some_may_not_apply else None,
        plain=not scale.weights and not some_may_not_apply and lowest == 0 and highest <= _LOW_BITS,
    )


def _columns(places: list[int]) -> slice | list[int]:
    """Neighbouring columns as a slice, which needs no copy."""
    neighbours = places == list(range(places[0], places[0] + len(places)))
    return slice(places[0], places[-1] + 1) if neighbours else places


def _table(instrument: Instrument, scale: Scale, lowest: int, highest: int, *, answers_needed: int) -> Floats:
    """The score for every number of answers and every sum, flat; nan where there are too few answers.

    Numerators and denominators are whole numbers below 2**53, so each quotient is rounded once.
    """
    count = np.arange(len(scale.items) + 1, dtype=np.float64)[:, None]
    total = np.arange(lowest, highest + 1, dtype=np.float64)[None, :]
    over = count if scale.combine == "mean" else np.ones_like(count)
    if scale.table:
        scores = np.broadcast_to(_padded_table(instrument, scale, lowest, highest), (count.size, total.size)).copy()
    else:
        constant, slope, divisor = _line(scale)
        scores = np.full((count.size, total.size), np.nan)
        np.divide(constant * over + slope * total, divisor * over, out=scores, where=over > 0)
    scores[: max(1, answers_needed)] = np.nan
    return scores.ravel()


def _line(scale: Scale) -> tuple[int, int, int]:
    """Whole numbers a, b, d such that the score is (a + b * combined) / d."""
    if scale.linear is None:
        return 0, 1, 1
    line = scale.linear
    rise, run = line.to_high - line.to_low, line.from_high - line.from_low
    return line.to_low * run - line.from_low * rise, rise, run


def _padded_table(instrument: Instrument, scale: Scale, lowest: int, highest: int) -> Floats:
    """The conversion table with one entry for every sum from lowest to highest; nan where it has none."""
    first, last = combined_ends(scale, tuple(instrument.items_of(scale)))
    padded = np.full(highest - lowest + 1, np.nan)
    padded[first - lowest : last - lowest + 1] = scale.table
    return padded
