"""Judges checkpoints: improved, uncertain, not improved, worse or not assessable.

Every function works on arrays with one row per episode; one episode is an array of one. Flags, charts and reports
call the same functions and can never disagree. A missing score or an unanswered question is nan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from instruments.compare import at_least
from instruments.thresholds import Threshold
from prom_service.pathway.shape import Anchors, Criterion, Measure, Pathway, Primary, Timepoint
from prom_service.pathway.trajectory import Floats, change_from_baseline, headroom, room_to_worsen

RULE_VERSION = "1"
"""Version of the steps below; kept with everything they decide."""

Bools = NDArray[np.bool_]
Codes = NDArray[np.int8]
ScaleKey = tuple[str, str]


class Outcome(IntEnum):
    """What a checkpoint was judged to be, before it is worded for the early or the final checkpoint."""

    NOT_ASSESSABLE = 0
    WORSE = 1
    NOT_IMPROVED = 2
    UNCERTAIN = 3
    IMPROVED = 4

    def word(self, *, early: bool) -> str:
        """The outcome as it is stored and shown; nobody is called a failure at an early checkpoint."""
        return (_EARLY_WORDS if early else {}).get(self, self.name.lower())


_EARLY_WORDS = {Outcome.IMPROVED: "on_track", Outcome.NOT_IMPROVED: "not_yet_on_track"}


class Step(IntEnum):
    """Which step decided; the tens are the number of the step. The order of the members is the order of judging."""

    BASELINE_MISSING = 10
    BASELINE_LATE = 11
    SCORE_MISSING = 12
    OTHER_ACTIVITIES = 13
    WORSENED = 20
    WORSENED_WITHOUT_ROOM = 21
    HEADROOM_CONTRADICTED = 30
    HEADROOM_IMPROVED = 31
    HEADROOM_NOT_ACCEPTABLE = 32
    HEADROOM_OPEN = 33
    REACHED = 40
    BAND_CONFIRMED = 50
    BAND_OPEN = 51
    ANCHORS_DISAGREE = 60
    NOT_REACHED = 61


OUTCOME_OF = {
    Step.BASELINE_MISSING: Outcome.NOT_ASSESSABLE,
    Step.BASELINE_LATE: Outcome.NOT_ASSESSABLE,
    Step.SCORE_MISSING: Outcome.NOT_ASSESSABLE,
    Step.OTHER_ACTIVITIES: Outcome.NOT_ASSESSABLE,
    Step.WORSENED: Outcome.WORSE,
    Step.WORSENED_WITHOUT_ROOM: Outcome.WORSE,
    Step.HEADROOM_CONTRADICTED: Outcome.UNCERTAIN,
    Step.HEADROOM_IMPROVED: Outcome.IMPROVED,
    Step.HEADROOM_NOT_ACCEPTABLE: Outcome.NOT_IMPROVED,
    Step.HEADROOM_OPEN: Outcome.UNCERTAIN,
    Step.REACHED: Outcome.IMPROVED,
    Step.BAND_CONFIRMED: Outcome.IMPROVED,
    Step.BAND_OPEN: Outcome.UNCERTAIN,
    Step.ANCHORS_DISAGREE: Outcome.UNCERTAIN,
    Step.NOT_REACHED: Outcome.NOT_IMPROVED,
}
BASELINE_STEPS = frozenset({Step.BASELINE_MISSING, Step.BASELINE_LATE, Step.OTHER_ACTIVITIES})
"""Steps at which there is no baseline to compare with."""
_OUTCOMES = np.zeros(max(Step) + 1, dtype=np.int8)
for _step, _outcome in OUTCOME_OF.items():
    _OUTCOMES[_step] = _outcome


@dataclass(frozen=True, eq=False, slots=True)
class ResponseFrame:
    """The answers of many episodes at one timepoint beside their baselines; every array has one row per episode.

    ``groc`` runs from -7 (much worse) to +7; ``pass_answer`` is 1 for an acceptable state, 0 for not. A scale that
    is not in ``baseline`` or ``current`` is missing for all. ``other_activities`` says of a scale in which rows it
    rates other activities than the baseline does, which makes no change; one that is not in it rates the same.
    """

    baseline: Mapping[ScaleKey, Floats]
    current: Mapping[ScaleKey, Floats]
    baseline_late: Bools
    groc: Floats
    pass_answer: Floats
    other_activities: Mapping[ScaleKey, Bools] = field(default_factory=dict)

    def scores(self, key: ScaleKey) -> tuple[Floats, Floats]:
        """Baseline and current score of one scale."""
        missing = np.full(self.groc.shape, np.nan)
        return self.baseline.get(key, missing), self.current.get(key, missing)

    def rates_others(self, key: ScaleKey) -> Bools:
        """Whether a scale rates other activities than at the baseline."""
        return self.other_activities.get(key, np.zeros(self.groc.shape, dtype=np.bool_))

    def change(self, measure: Measure) -> Floats:
        """The change of one scale; nan where a score is missing, or rates other activities."""
        change = change_from_baseline(measure, *self.scores(measure.key))
        return np.where(self.rates_others(measure.key), np.nan, change) if self.other_activities else change


@dataclass(frozen=True, eq=False, slots=True)
class ScaleJudged:
    """One primary scale at one checkpoint: ``Outcome`` and ``Step`` codes, and the change (positive is better)."""

    outcome: Codes
    step: Codes
    change: Floats


@dataclass(frozen=True, eq=False, slots=True)
class CheckpointJudged:
    """One checkpoint: the combined ``Outcome`` codes, the number of the scale that decided, and every scale."""

    outcome: Codes
    deciding: NDArray[np.intp]
    scales: tuple[ScaleJudged, ...]


@dataclass(frozen=True, eq=False, slots=True)
class FunctionJudged:
    """Which criterion demonstrates improvement in each row (-1: none), and whether any could be assessed."""

    criterion: NDArray[np.intp]
    assessable: Bools


def judge_checkpoint(pathway: Pathway, timepoint: Timepoint, frame: ResponseFrame) -> CheckpointJudged:
    """The checkpoint is judged for every row, by each primary scale and by all of them together."""
    scales = tuple(judge_scale(criterion, pathway.anchors, frame) for criterion in timepoint.criteria)
    outcome, deciding = combine([judged.outcome for judged in scales])
    return CheckpointJudged(outcome, deciding, scales)


def judge_scale(criterion: Criterion, anchors: Anchors, frame: ResponseFrame) -> ScaleJudged:
    """One primary scale is judged for every row; the first step that applies decides.

    1. Baseline or score missing, the baseline late, or of other activities: not assessable, never *not improved*.
    2. Worse by the worsening or more: worse. With less room to worsen than that: worse when the change is negative
       and GROC says worse.
    3. Less headroom than the improvement: GROC says worse, or half the improvement lost: uncertain. GROC says
       improved, or the state is acceptable and nothing is lost: improved. Not acceptable: not improved. Otherwise,
       so also when no anchor is answered: uncertain.
    4. Improvement reached: improved.
    5. In the borderline band: improved with GROC improved or an acceptable state, else uncertain.
    6. Not improved; but with GROC improved and an acceptable state: uncertain, for the two disagree.

    Source: the order of the steps is a working rule of this service; each number is a threshold row of the criterion
    and carries its own source. The published PASS score is shown and never decides.
    """
    measure, points = criterion.measure, criterion.improved_points.value
    baseline, current = frame.scores(measure.key)
    change = frame.change(measure)
    by_change, without_room = worsening(criterion.primary, anchors, frame)
    groc_improved, groc_worse = _groc_improved(anchors, frame), _groc_worse(anchors, frame)
    acceptable, not_acceptable = frame.pass_answer == 1, frame.pass_answer == 0
    near_best = ~at_least(headroom(measure, baseline), points)
    improved = np.logical_and.reduce([reached(row, change, baseline) for row in criterion.improved])
    nowhere = np.zeros(change.shape, dtype=np.bool_)
    in_band = np.logical_or.reduce([nowhere, *(reached(row, change, baseline) for row in criterion.borderline)])
    conditions = {
        Step.BASELINE_MISSING: np.isnan(baseline),
        Step.BASELINE_LATE: frame.baseline_late,
        Step.SCORE_MISSING: np.isnan(current),
        Step.OTHER_ACTIVITIES: frame.rates_others(measure.key),
        Step.WORSENED: by_change,
        Step.WORSENED_WITHOUT_ROOM: without_room,
        Step.HEADROOM_CONTRADICTED: near_best & (at_least(-change, points / 2) | groc_worse),
        Step.HEADROOM_IMPROVED: near_best & (groc_improved | (acceptable & at_least(change, 0.0))),
        Step.HEADROOM_NOT_ACCEPTABLE: near_best & not_acceptable,
        Step.HEADROOM_OPEN: near_best,
        Step.REACHED: improved,
        Step.BAND_CONFIRMED: in_band & (groc_improved | acceptable),
        Step.BAND_OPEN: in_band,
        Step.ANCHORS_DISAGREE: groc_improved & acceptable,
    }
    step = np.select(list(conditions.values()), list(conditions), default=Step.NOT_REACHED).astype(np.int8)
    return ScaleJudged(_OUTCOMES[step], step, change)


def combine(outcomes: Sequence[Codes]) -> tuple[Codes, NDArray[np.intp]]:
    """Several primary scales become one outcome for every row, with the number of the scale that decided it.

    Worse beside improved is uncertain; any other worse is worse; else the first present of improved, uncertain, not
    improved. Not assessable only if all are.
    """
    scales = np.stack(outcomes)
    seen = {outcome: (scales == outcome).any(axis=0) for outcome in Outcome}
    decided_by = np.select(
        [seen[Outcome.WORSE], seen[Outcome.IMPROVED], seen[Outcome.UNCERTAIN], seen[Outcome.NOT_IMPROVED]],
        [Outcome.WORSE, Outcome.IMPROVED, Outcome.UNCERTAIN, Outcome.NOT_IMPROVED],
        default=Outcome.NOT_ASSESSABLE,
    ).astype(np.int8)
    contradicted = seen[Outcome.WORSE] & seen[Outcome.IMPROVED]
    outcome = np.where(contradicted, np.int8(Outcome.UNCERTAIN), decided_by)
    return outcome, (scales == decided_by).argmax(axis=0)


def worsening(primary: Primary, anchors: Anchors, frame: ResponseFrame) -> tuple[Bools, Bools]:
    """For every row whether the scale worsened by the full amount, and whether it did so without the room for it.

    Without room means: less room to worsen than the amount, a negative change, and GROC says worse. False where there
    is no change or the baseline is late.
    """
    baseline, _ = frame.scores(primary.measure.key)
    change = frame.change(primary.measure)
    usable = ~np.isnan(change) & ~frame.baseline_late
    by_change = usable & at_least(-change, primary.worse.value)
    little_room = ~at_least(room_to_worsen(primary.measure, baseline), primary.worse.value)
    without_room = usable & ~by_change & little_room & ~at_least(change, 0.0) & _groc_worse(anchors, frame)
    return by_change, without_room


def judge_function(pathway: Pathway, frame: ResponseFrame) -> FunctionJudged:
    """Whether each row demonstrates improvement: the full 3-month criterion of a function scale, at any response.

    Nothing else demonstrates it, neither anchors nor a checkpoint judged improved. A missing or late baseline, one of
    other activities, or a missing score, is not assessable and counts as not demonstrated. Source: the threshold rows
    of the criteria.
    """
    found = np.full(frame.groc.shape, -1, dtype=np.intp)
    assessable = np.zeros(frame.groc.shape, dtype=np.bool_)
    for number, criterion in enumerate(pathway.function):
        change = frame.change(criterion.measure)
        usable = ~np.isnan(change) & ~frame.baseline_late
        shown = usable & at_least(change, criterion.change.value)
        if criterion.groc is not None:
            shown &= at_least(frame.groc, criterion.groc.value)
        found = np.where((found < 0) & shown, number, found)
        assessable |= usable
    return FunctionJudged(found, assessable)


def reached(row: Threshold, change: Floats, baseline: Floats) -> Bools:
    """Whether the change reaches a row, in points or in per cent of the baseline; of a baseline of 0 nothing can."""
    if row.unit == "points":
        return at_least(change, row.value)
    return at_least(change, np.where(baseline > 0, baseline * row.value / 100, np.nan))


def _groc_improved(anchors: Anchors, frame: ResponseFrame) -> Bools:
    return at_least(frame.groc, anchors.improved.value)


def _groc_worse(anchors: Anchors, frame: ResponseFrame) -> Bools:
    return at_least(-frame.groc, -anchors.worse.value)
