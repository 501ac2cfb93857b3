"""Batch scoring against plain numpy: HOOS answer sets with gaps, 40 items, 5 subscales.

    python bench/scoring.py [--rows N]

The floor is what a competent first version does: float32 answers, nan for a gap, `nanmean` per subscale and the rule
of at least half. Rounds run in random order; the ratio is that of the medians. Both must give equal scores.
"""

import argparse
import random
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import instruments

HOOS = instruments.find("hoos-2.0")
ROUNDS = 5
COLUMNS = {
    scale.key: slice(HOOS.item_codes.index(scale.items[0]), HOOS.item_codes.index(scale.items[-1]) + 1)
    for scale in HOOS.scales
}


def floor(answers: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Each subscale by nanmean; nan where fewer than half were answered."""
    scores = {}
    for key, columns in COLUMNS.items():
        part = answers[:, columns]
        enough = 2 * (~np.isnan(part)).sum(axis=1) >= part.shape[1]
        scores[key] = np.where(enough, 100 - 25 * np.nanmean(part, axis=1), np.nan)
    return scores


def make_codes(rows: int) -> NDArray[np.int8]:
    """Random answers, one in ten left out, column by column as the package keeps them."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 5, size=(40, rows), dtype=np.int8)
    for column in codes:
        column[rng.random(rows) < 0.1] = instruments.SKIPPED
    return codes.T


def seconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    codes = make_codes(rows)
    answers = np.where(codes == instruments.SKIPPED, np.nan, codes).astype(np.float32, order="C")
    by_column = np.asfortranarray(answers)
    jobs: dict[str, Callable[[], object]] = {
        "numpy nanmean float32": lambda: floor(answers),
        "numpy nanmean float32, by column": lambda: floor(by_column),
        "instruments.score_codes": lambda: instruments.score_codes(HOOS, codes),
    }
    warnings.simplefilter("ignore", RuntimeWarning)  # nanmean of a subscale without answers
    ours, theirs = instruments.score_codes(HOOS, codes), floor(answers)
    for key, scores in theirs.items():
        np.testing.assert_allclose(ours[key].values, scores, atol=1e-4)

    timings: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name in random.sample(list(jobs), len(jobs)):
            timings[name].append(seconds(jobs[name]))
    medians = {name: statistics.median(times) for name, times in timings.items()}
    for name, median in medians.items():
        print(f"{name:<34}{median * 1000:9.1f} ms {rows / median:14,.0f} rows/s")
    ratio, ratio_by_column = (median / medians["instruments.score_codes"] for median in list(medians.values())[:2])
    print(f"ratio {ratio:.1f} (by column {ratio_by_column:.1f})")


if __name__ == "__main__":
    main()
