"""The judgements of checkpoints, by the rules themselves, over frames: one row for each answered follow-up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from prom_service.pathway.definition import find
from prom_service.pathway.judgement import Outcome, ResponseFrame, judge_checkpoint
from prom_service.pathway.shape import GROC, PASS
from prom_service.simulation.population.answers import Answers
from prom_service.simulation.population.care import REFS, TIMEPOINTS, Care
from prom_service.simulation.population.scored import Floats, ScaleKey
from prom_service.simulation.population.written import Ints


@dataclass(frozen=True, eq=False)
class Judged:
    """Checkpoints judged. ``number`` counts the judgements of a checkpoint; ``baseline`` is -1 where there was none."""

    response: Ints
    baseline: Ints
    number: Ints
    outcome: Ints


def judge(care: Care, answers: Answers, standing: Ints, values: Mapping[ScaleKey, Floats]) -> Judged:
    """Judge every follow-up that ever stood, beside the baseline that stands at the end, in the order of responses."""
    rows = np.flatnonzero((answers.timepoint > 0) & ~answers.amendment)
    pathway = care.pathway[answers.episode[rows]]
    outcome = np.zeros(len(rows), dtype=np.int64)
    baseline = standing[answers.episode[rows], 0]
    for number, timepoint in np.ndindex(len(REFS), len(TIMEPOINTS)):
        some = np.flatnonzero((pathway == number) & (answers.timepoint[rows] == timepoint))
        if timepoint and len(some):
            shape = find(REFS[number])
            frame = _frame(answers, values, rows[some], baseline[some])
            outcome[some] = judge_checkpoint(shape, shape.timepoint(TIMEPOINTS[timepoint]), frame).outcome
    return Judged(rows, baseline, answers.number[rows], outcome)


def words(outcomes: Ints, timepoints: Ints) -> Iterator[str]:
    """Yield each outcome as it is stored; the 6-week checkpoint has words of its own."""
    known = [[Outcome(code).word(early=early) for code in range(len(Outcome))] for early in (False, True)]
    for outcome, timepoint in zip(outcomes.tolist(), timepoints.tolist(), strict=True):
        yield known[timepoint == 1][outcome]


def _frame(answers: Answers, values: Mapping[ScaleKey, Floats], rows: Ints, baseline: Ints) -> ResponseFrame:
    nothing = np.full(len(rows), np.nan)

    def asked(key: ScaleKey) -> Floats:
        return values[key][rows] if key in values else nothing

    return ResponseFrame(
        baseline={key: np.where(baseline >= 0, column[baseline], np.nan) for key, column in values.items()},
        current={key: column[rows] for key, column in values.items()},
        baseline_late=(baseline >= 0) & answers.late[baseline],
        groc=asked(GROC),
        pass_answer=asked(PASS),
    )
