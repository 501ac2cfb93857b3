"""A change that reaches its threshold exactly is judged to reach it, whatever floating point makes of it."""

from bisect import bisect_left
from fractions import Fraction

import numpy as np
import pytest

import instruments
from instruments.compare import at_least

Mean = tuple[Fraction, float]


def attainable(ref: str, key: str) -> list[Mean]:
    """Every score a scale can take, as an exact fraction and as the package computes it."""
    instrument = instruments.find(ref)
    scale = instrument.scale(key)
    highest = instrument.item(scale.items[0]).maximum
    places = [instrument.item_codes.index(code) for code in scale.items]
    rows, exact = [], []
    for answered in range(scale.required(len(places)), len(places) + 1):
        for total in range(highest * answered + 1):
            full, rest = divmod(total, highest)
            row = np.full(len(instrument.items), instruments.SKIPPED, dtype=np.int8)
            row[places[:answered]] = ([highest] * full + [rest] + [0] * answered)[:answered]
            rows.append(row)
            mean = Fraction(total, answered)
            exact.append(mean if scale.linear is None else 100 - 25 * mean)
    scores = instruments.score_codes(instrument, np.array(rows))[key]
    return list(zip(exact, scores.values.tolist(), strict=True))


def held_by_exact(scores: list[Mean]) -> dict[Fraction, set[float]]:
    """The floats by which each exact score is held, in rising order."""
    held: dict[Fraction, set[float]] = {}
    for exact, value in sorted(scores):
        held.setdefault(exact, set()).add(value)
    return held


def pairs_apart(scores: list[Mean], apart: Fraction) -> list[tuple[float, float]]:
    """Every baseline and later score whose exact difference is `apart`, as floats."""
    held = held_by_exact(scores)
    return [
        (baseline, later)
        for exact, values in held.items()
        for baseline in values
        for later in held.get(exact + apart, ())
    ]


def pairs_just_under(scores: list[Mean], apart: Fraction) -> list[tuple[float, float]]:
    """Every baseline with the highest later score whose exact difference is less than `apart`, as floats."""
    held = held_by_exact(scores)
    exacts = list(held)
    reachable = [(exact, exacts[bisect_left(exacts, exact + apart) - 1]) for exact in exacts]
    return [(min(held[baseline]), max(held[later])) for baseline, later in reachable]


CASES = [
    ("ihot-12-1.0", "total", "14"),
    ("ihot-12-1.0", "total", "7"),
    ("ihot-33-1.0", "total", "14"),
    ("hoos-2.0", "pain", "10"),
    ("hoos-2.0", "pain", "5"),
    ("hoos-2.0", "adl", "12.5"),
    ("hoos-2.0", "adl", "10"),
    ("psfs-1.0", "total", "2.3"),
    ("psfs-1.0", "total", "1.3"),
]


@pytest.mark.parametrize(("ref", "key", "threshold"), CASES)
def test_every_attainable_change_of_exactly_the_threshold_reaches_it(ref: str, key: str, threshold: str) -> None:
    pairs = pairs_apart(attainable(ref, key), Fraction(threshold))

    reached = [at_least(later - baseline, float(threshold)) for baseline, later in pairs]
    baseline, later = np.array(pairs).T

    assert pairs
    assert all(reached)
    assert at_least(later - baseline, float(threshold)).all()


@pytest.mark.parametrize(("ref", "key", "threshold"), [*CASES, ("hoos-2.0", "pain", "6")])
def test_every_attainable_change_just_under_the_threshold_does_not(ref: str, key: str, threshold: str) -> None:
    pairs = pairs_just_under(attainable(ref, key), Fraction(threshold))

    reached = [at_least(later - baseline, float(threshold)) for baseline, later in pairs]

    assert pairs
    assert not any(reached)


def test_plain_comparison_would_deny_some_patients_their_improvement() -> None:
    pairs = pairs_apart(attainable("ihot-12-1.0", "total"), Fraction(14))

    denied = [later - baseline for baseline, later in pairs if later - baseline < 14]

    assert denied


def test_a_missing_change_reaches_nothing() -> None:
    assert not at_least(float("nan"), 0.0)
    assert at_least(np.array([np.nan, 14.0]), 14.0).tolist() == [False, True]


@pytest.mark.parametrize(("change", "reached"), [(13.999999, False), (14 - 5e-10, True), (14.0, True), (-14.0, False)])
def test_the_tolerance_is_a_billionth(change: float, reached: bool) -> None:
    assert at_least(change, 14.0) is reached
