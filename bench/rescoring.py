"""Every HOOS answer set on record scored again, from the stored bytes, against the stored JSON one dict at a time.

    python bench/rescoring.py FOLDER [--kind sqlite|postgresql] [--episodes N] [--clinics N] [--rounds N]

Both read the same rows of the database and must give the same scores: the number of scores of each subscale, and
their sum.
"""

import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

import instruments
from bench.batches import compare
from bench.national import arguments, data_set
from prom_service import db

HOOS = instruments.find("hoos-2.0")
AT_A_TIME = 32_768


def ours(url: str) -> str:
    """Score blocks of the stored bytes; return number and sum of each subscale."""
    counts: defaultdict[str, int] = defaultdict(int)
    sums: defaultdict[str, float] = defaultdict(float)
    for rows in _blocks(url, "codes"):
        codes = np.frombuffer(b"".join(rows), dtype=np.int8).reshape(len(rows), -1)
        for key, scores in instruments.score_codes(HOOS, codes).items():
            counts[key] += int(np.count_nonzero(~np.isnan(scores.values)))
            sums[key] += float(np.nansum(scores.values))
    return _said(counts, sums)


def floor(url: str) -> str:
    """Decode the stored JSON and score each dict in plain Python; return number and sum of each subscale."""
    counts: defaultdict[str, int] = defaultdict(int)
    sums: defaultdict[str, float] = defaultdict(float)
    subscales = [(scale.key, scale.items) for scale in HOOS.scales]
    for texts in _blocks(url, "answers"):
        for text in texts:
            answers = json.loads(text)
            for key, items in subscales:
                given = [answers[item] for item in items if item in answers]
                if 2 * len(given) >= len(items):
                    counts[key] += 1
                    sums[key] += 100 - 25 * sum(given) / len(given)
    return _said(counts, sums)


def _blocks(url: str, column: str) -> Iterator[list[bytes]]:
    """Yield the column of the answer sets of the instrument, a block at a time, as the driver gives it."""
    text = "CAST(answers AS TEXT)" if column == "answers" else column
    with db.for_reading(db.make_engine(url)).connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(f"SELECT {text} FROM answer_set WHERE instrument = '{HOOS.ref}'")
        while rows := cursor.fetchmany(AT_A_TIME):
            yield [row[0] for row in rows]


def _said(counts: Mapping[str, int], sums: Mapping[str, float]) -> str:
    return str({key: (counts[key], math.floor(sums[key] + 0.5)) for key in sorted(counts)})


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with data_set(chosen) as url:
        jobs = {
            "JSON, one dict at a time": f"partial(bench.rescoring.floor, {url!r})",
            "bytes, in blocks": f"partial(bench.rescoring.ours, {url!r})",
        }
        compare(jobs, rounds=chosen.rounds)


if __name__ == "__main__":
    main()
