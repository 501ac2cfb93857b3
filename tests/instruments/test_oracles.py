"""The scores agree with a second implementation, written from the published rules in exact fractions."""

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest

import instruments
from instruments import Instrument
from tests.instruments.oracles import Oracle
from tests.instruments.oracles.registry import ORACLES
from tests.instruments.oracles.tables import HOOS_JR, HOOS_PS

COMPOSITE = {("hoos-12-1.0", "summary")}  # A mean of scores that are themselves rounded once.


def draw(oracle: Oracle, rng: random.Random) -> dict[str, int | str]:
    """A random answer set: how much is left out, and how much does not apply, differs from set to set."""
    gaps, not_applicable = rng.choice([0, 0, 0.1, 0.4, 0.5, 0.6, 0.9]), rng.choice([0, 0.3, 0.8])
    answers: dict[str, int | str] = {}
    for code, (lowest, highest) in oracle.items.items():
        if rng.random() < gaps:
            continue
        if code in oracle.may_not_apply and rng.random() < not_applicable:
            answers[code] = "NA"
        else:
            answers[code] = rng.choice([lowest, highest, rng.randint(lowest, highest)])
    return answers


def agree(value: float | None, expected: Fraction | None, *, composite: bool) -> bool:
    if value is None or expected is None:
        return value is expected
    return abs(value - expected) < 1e-12 if composite else value == float(expected)


def test_every_instrument_has_an_oracle() -> None:
    assert set(ORACLES) == {instrument.ref for instrument in instruments.all_instruments()}


@pytest.mark.parametrize("ref", ORACLES)
def test_an_instrument_asks_what_its_oracle_scores(ref: str) -> None:
    instrument, oracle = instruments.find(ref), ORACLES[ref]

    items = {item.code: (item.minimum, item.maximum) for item in instrument.items}
    may_not_apply = {item.code for item in instrument.items if item.na_allowed}

    assert list(items.items()) == list(oracle.items.items())
    assert may_not_apply == oracle.may_not_apply


@pytest.mark.parametrize("ref", ORACLES)
def test_random_answers_with_gaps_score_as_the_oracle_says(ref: str, full: bool) -> None:
    instrument, oracle, rng = instruments.find(ref), ORACLES[ref], random.Random(ref)
    rows = [draw(oracle, rng) for _ in range(100_000 if full else 2_000)]

    table = instruments.score_codes(instrument, instruments.encode(instrument, rows))
    singles = [instruments.score(instrument, answers) for answers in rows]

    for number, answers in enumerate(rows):
        scored = oracle.score(answers)
        assert list(scored) == list(table)
        for key, (expected, answered) in scored.items():
            single = singles[number][key]
            assert agree(single.value, expected, composite=(ref, key) in COMPOSITE), (answers, key)
            assert single.answered == answered
    for key, scores in table.items():
        alone = np.array([np.nan if single[key].value is None else single[key].value for single in singles])
        assert scores.values.tobytes() == alone.tobytes()
        assert scores.answered.tolist() == [single[key].answered for single in singles]
        assert scores.applicable.tolist() == [single[key].applicable for single in singles]


@pytest.mark.parametrize(
    ("ref", "key", "table"), [("hoos-ps-1.0", "function", HOOS_PS), ("hoos-jr-1.0", "total", HOOS_JR)]
)
def test_every_set_of_complete_answers_scores_as_its_published_row(ref: str, key: str, table: dict[int, str]) -> None:
    instrument = instruments.find(ref)
    sets = np.array(list(itertools.product(range(5), repeat=len(instrument.items))), dtype=np.int8)

    scores = instruments.score_codes(instrument, sets)[key].values

    for raw, published in table.items():
        assert set(scores[sets.sum(axis=1) == raw].tolist()) == {float(published)}, raw
    assert len(table) == 4 * len(instrument.items) + 1


def complete(instrument: Instrument, code: int) -> dict[str, object]:
    return {item.code: code for item in instrument.items}


@pytest.mark.parametrize("ref", ["hoos-2.0", "hoos-12-1.0", "hoos-ps-1.0", "hoos-jr-1.0", "hagos-1.0"])
def test_no_problem_scores_100_and_the_worst_scores_0(ref: str) -> None:
    instrument = instruments.find(ref)

    best = instruments.score(instrument, complete(instrument, 0))
    worst = instruments.score(instrument, complete(instrument, 4))

    assert {score.value for score in best.values()} == {100.0}
    assert {score.value for score in worst.values()} == {0.0}
