"""What came back, as arrays with one row for each response: in time, late, in part, twice, on paper."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prom_service.simulation.population.care import TIMEPOINTS, Care
from prom_service.simulation.population.written import DAY, Bools, Ints

ANSWERED = (0.88, 0.74, 0.7)
"""Share that answers at each timepoint."""
LATE, PARTIAL, THIN, AMENDED, COMPLETED = 0.08, 0.03, 0.02, 0.02, 0.3
"""Shares: answered late; left half done; sent in with too little; sent in twice; half done and completed late."""
MODES = ("web", "desk", "paper", "phone")
ALL, HALF, LITTLE = 1.0, 0.6, 0.3
SECOND = 60


@dataclass(frozen=True, eq=False)
class Answers:
    """The responses of one clinic in the order of their timepoints. ``keep`` is the share of the items answered."""

    episode: Ints
    timepoint: Ints
    number: Ints
    amendment: Bools
    partial: Bools
    late: Bools
    mode: Ints
    answered: Ints
    recorded: Ints
    keep: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.episode)

    def where(self, rows: Bools | Ints) -> "Answers":
        """Return some of the responses."""
        return Answers(**{name: column[rows] for name, column in vars(self).items()})


def draw_answers(rng: np.random.Generator, care: Care) -> Answers:
    """Return what came back by the end, the first responses of a timepoint before the second ones."""
    parts = [part for timepoint in range(len(TIMEPOINTS)) for part in _at(rng, care, timepoint)]
    return Answers(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})


def _at(rng: np.random.Generator, care: Care, timepoint: int) -> tuple[Answers, Answers]:
    target, late_after, closes = care.windows[:, timepoint, 1:].T
    count = care.count
    moment = target + rng.integers(0, 6 * DAY, count)
    behind = late_after + (rng.random(count) * (closes - late_after)).astype(np.int64)
    moment = np.where(rng.random(count) < LATE, behind, moment)
    moment = np.maximum(moment, care.enrolled + 10 * SECOND)
    partial = (rng.random(count) < PARTIAL) & (moment < late_after)
    mode = np.where(care.has_email & (rng.random(count) < 0.9), 0, rng.integers(1, len(MODES), count))
    mode = np.where(partial, 0, mode)
    typed_in = rng.integers(0, 3 * DAY, count) * (mode >= 2)
    recorded = np.where(partial, late_after, np.minimum(moment + typed_in, closes - SECOND))
    thin = rng.random(count) < THIN
    first = Answers(
        episode=np.arange(count),
        timepoint=np.full(count, timepoint),
        number=np.ones(count, dtype=np.int64),
        amendment=np.zeros(count, dtype=bool),
        partial=partial,
        late=moment >= late_after,
        mode=mode,
        answered=moment,
        recorded=recorded,
        keep=np.where(thin, LITTLE, np.where(partial, rng.choice([HALF, LITTLE], count), ALL)),
    )
    wanted = (rng.random(count) < ANSWERED[timepoint]) & (care.enrolled < late_after) & (recorded < care.until)
    wanted &= (care.closed_at < 0) | (recorded < care.closed_at)
    return first.where(wanted), _second(rng, care, first, wanted)


def _second(rng: np.random.Generator, care: Care, first: Answers, wanted: Bools) -> Answers:
    """The complete responses that follow a partial one, and the amendments that follow a complete one."""
    count = care.count
    late_after, closes = care.windows[first.episode, first.timepoint, 2:].T
    moment = first.recorded + rng.integers(DAY, 5 * DAY, count)
    wanted = wanted & (rng.random(count) < np.where(first.partial, COMPLETED, AMENDED)) & (moment < closes)
    wanted &= (moment < care.until) & ((care.closed_at < 0) | (moment < care.closed_at))
    second = Answers(
        **{
            **vars(first),
            "number": first.number + 1,
            "amendment": ~first.partial,
            "partial": np.zeros(count, dtype=bool),
            "late": moment >= late_after,
            "answered": moment,
            "recorded": moment,
            "keep": np.full(count, ALL),
        }
    )
    return second.where(wanted)


def standing(care: Care, answers: Answers) -> Ints:
    """Return the response that stands at the end, by episode and timepoint; -1 where there is none.

    At the baseline one in time stands before any late one, as ``queries.facts`` has it.
    """
    found = np.full((care.count, len(TIMEPOINTS)), -1)
    for number in (1, 2):
        rows = np.flatnonzero((answers.number == number) & ~answers.amendment)
        before = found[answers.episode[rows], answers.timepoint[rows]]
        kept = (answers.timepoint[rows] == 0) & (before >= 0) & answers.late[rows] & ~answers.late[before]
        rows = rows[~kept]
        found[answers.episode[rows], answers.timepoint[rows]] = rows
    return found
