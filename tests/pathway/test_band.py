"""The band of a chart lies where the judgement changes: the two can never disagree."""

import numpy as np
import pytest

from prom_service.pathway.band import band
from prom_service.pathway.definition import all_pathways
from prom_service.pathway.judgement import Outcome, ResponseFrame, judge_scale
from prom_service.pathway.shape import Criterion, Pathway

CRITERIA = [
    pytest.param(pathway, criterion, id=f"{pathway.ref} {timepoint.key} {criterion.measure.title}")
    for pathway in all_pathways()
    for timepoint in pathway.checkpoints
    for criterion in timepoint.criteria
]


def judged(pathway: Pathway, criterion: Criterion, baseline: float, current: float) -> Outcome:
    """The outcome of one scale without any rating of change or state beside it."""
    key, nothing = criterion.measure.key, np.array([np.nan])
    frame = ResponseFrame(
        baseline={key: np.array([baseline])},
        current={key: np.array([current])},
        baseline_late=np.array([False]),
        groc=nothing,
        pass_answer=nothing,
    )
    return Outcome(judge_scale(criterion, pathway.anchors, frame).outcome[0])


@pytest.mark.parametrize(("pathway", "criterion"), CRITERIA)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.5, 0.8, 0.97, 1.0])
def test_a_score_is_judged_as_the_zone_says_in_which_it_lies(
    pathway: Pathway, criterion: Criterion, share: float
) -> None:
    measure = criterion.measure
    baseline = measure.worst + share * (measure.best - measure.worst)
    found = band(criterion, baseline)
    towards_best = 1e-6 * (1 if measure.best > measure.worst else -1)

    at = {Outcome.IMPROVED: found.improved_from, Outcome.UNCERTAIN: found.borderline_from}
    for outcome, edge in at.items():
        if edge is not None:
            assert judged(pathway, criterion, baseline, edge) is outcome
            assert judged(pathway, criterion, baseline, edge - towards_best) is not outcome
    if found.worse_from is not None:
        assert judged(pathway, criterion, baseline, found.worse_from) is Outcome.WORSE
        assert judged(pathway, criterion, baseline, found.worse_from + towards_best) is not Outcome.WORSE


@pytest.mark.parametrize(("pathway", "criterion"), CRITERIA)
def test_without_room_on_the_scale_there_is_no_zone(pathway: Pathway, criterion: Criterion) -> None:
    at_best, at_worst = band(criterion, criterion.measure.best), band(criterion, criterion.measure.worst)

    assert at_best.improved_from is at_best.borderline_from is None
    assert at_worst.worse_from is None
    assert judged(pathway, criterion, criterion.measure.best, criterion.measure.best) is not Outcome.IMPROVED
