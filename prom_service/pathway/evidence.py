"""Judges the checkpoints of one episode and keeps every number with its source. One episode is an array of one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np

from instruments.compare import at_least
from instruments.thresholds import Threshold
from prom_service.pathway import reason
from prom_service.pathway.facts import EpisodeFacts, ResponseFacts
from prom_service.pathway.judgement import (
    RULE_VERSION,
    Outcome,
    ResponseFrame,
    ScaleJudged,
    Step,
    judge_checkpoint,
    judge_function,
    worsening,
)
from prom_service.pathway.shape import Criterion, Measure, Pathway, Timepoint
from prom_service.pathway.trajectory import Floats, change_from_baseline, headroom, room_to_worsen

Json = dict[str, Any]
_ROW = tuple(column.name for column in fields(Threshold))


@dataclass(frozen=True, slots=True)
class Judgement:
    """One checkpoint of one episode, judged. ``steps`` names the step that decided for each primary scale."""

    checkpoint: str
    response_id: str
    outcome: str
    reason: str
    steps: tuple[Step, ...]
    evidence: Mapping[str, Any]
    rule_version: str = RULE_VERSION


@dataclass(frozen=True, slots=True)
class Worsening:
    """One primary scale that worsened by the full amount, or as far as it had room to."""

    measure: Measure
    change: float
    beyond_error: bool
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Demonstration:
    """Whether improvement has been demonstrated by any response, and by which: ``why`` says it in one sentence."""

    shown: bool
    why: str
    timepoint: str | None
    answered_at: datetime | None
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judgements:
    """Everything judged of one episode. ``worsened`` has an entry for every answered follow-up."""

    checkpoints: Mapping[str, Judgement]
    worsened: Mapping[str, tuple[Worsening, ...]]
    demonstrated: Demonstration


def judge_episode(facts: EpisodeFacts) -> Judgements:
    """Every answered follow-up of the episode is judged; a checkpoint not answered has no judgement."""
    checkpoints = {
        timepoint.key: judge_response(facts.pathway, timepoint, facts.baseline, response)
        for timepoint, _, response in facts.follow_ups
        if timepoint.is_checkpoint
    }
    worsened = {
        timepoint.key: tuple(_worsened(facts.pathway, facts.baseline, response))
        for timepoint, _, response in facts.follow_ups
    }
    return Judgements(checkpoints, worsened, demonstrated(facts))


def judge_response(
    pathway: Pathway, timepoint: Timepoint, baseline: ResponseFacts | None, response: ResponseFacts
) -> Judgement:
    """One response at a checkpoint is judged against the baseline, with its reason and every number it rests on."""
    judged = judge_checkpoint(pathway, timepoint, frame_of_one(pathway, baseline, response))
    outcome = Outcome(int(judged.outcome[0]))
    scales = [
        _judged_scale(criterion, scale, timepoint, baseline, response)
        for criterion, scale in zip(timepoint.criteria, judged.scales, strict=True)
    ]
    deciding = int(judged.deciding[0])
    steps = tuple(Step(int(scale.step[0])) for scale in judged.scales)
    evidence = {
        **scales[deciding],
        "outcome": outcome.word(early=timepoint.early),
        "scales": scales,
        "missing_scales": [_name(scale) for scale in scales if scale["outcome"] == "not_assessable"],
        **account(response),
        **provenance(pathway, (criterion.measure.instrument for criterion in timepoint.criteria), baseline, response),
    }
    return Judgement(
        checkpoint=timepoint.key,
        response_id=response.id,
        outcome=outcome.word(early=timepoint.early),
        reason=reason.of_judgement(timepoint, outcome, deciding, evidence),
        steps=steps,
        evidence=evidence,
    )


def demonstrated(facts: EpisodeFacts) -> Demonstration:
    """Whether a response reached the full 3-month criterion of a function scale; the first one that did is kept.

    Not assessable counts as not demonstrated, and says so.
    """
    assessable = False
    for timepoint, _, response in facts.follow_ups:
        frame = frame_of_one(facts.pathway, facts.baseline, response)
        judged = judge_function(facts.pathway, frame)
        assessable |= bool(judged.assessable[0])
        if judged.criterion[0] >= 0:
            return _demonstration(facts, timepoint, response, int(judged.criterion[0]))
    why = reason.not_demonstrated(answered=bool(facts.follow_ups), assessable=assessable)
    evidence = {"assessable": assessable, "rule_version": RULE_VERSION, "pathway": facts.pathway.ref}
    return Demonstration(False, why, None, None, evidence)


def frame_of_one(pathway: Pathway, baseline: ResponseFacts | None, response: ResponseFacts) -> ResponseFrame:
    """The response beside the baseline as arrays of one row."""
    keys = {primary.measure.key for primary in pathway.primary}
    keys |= {criterion.measure.key for criterion in pathway.function}
    return ResponseFrame(
        baseline={key: one(baseline.scores.get(key) if baseline else None) for key in keys},
        current={key: one(response.scores.get(key)) for key in keys},
        baseline_late=np.array([baseline is not None and baseline.late]),
        groc=one(response.groc),
        pass_answer=one(response.pass_answer),
    )


def one(value: float | None) -> Floats:
    """An array of one row; nan for a missing value."""
    return np.array([np.nan if value is None else value], dtype=np.float64)


def account(response: ResponseFacts) -> Json:
    """The patient's own account: rating of change and acceptable state, None where not answered."""
    acceptable = None if response.pass_answer is None else response.pass_answer == 1
    return {"groc": response.groc, "pass": acceptable}


def provenance(
    pathway: Pathway, instruments: Iterable[str], baseline: ResponseFacts | None, response: ResponseFacts
) -> Json:
    """Under which rules and which wording this was judged. Own or mixed wording is provisional."""
    given = [facts for facts in (baseline, response) if facts is not None]
    wordings = {facts.wording(instrument) for instrument in instruments for facts in given}
    wording = wordings.pop() if len(wordings) == 1 else "mixed"
    return {
        "wording": wording,
        "provisional_wording": wording != "official",
        "pathway": pathway.ref,
        "rule_version": RULE_VERSION,
    }


def row(threshold: Threshold | None) -> Json | None:
    """The threshold row as JSON, None when there is none."""
    return None if threshold is None else {name: getattr(threshold, name) for name in _ROW}


def instant(moment: datetime) -> str:
    """The instant as JSON: RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat()


def measured(measure: Measure, baseline: ResponseFacts | None, response: ResponseFacts) -> Json:
    """Baseline, current score and change of one scale, with its measurement error beside them."""
    before, after = (one(facts.scores.get(measure.key) if facts else None) for facts in (baseline, response))
    return {
        "instrument": measure.instrument,
        "scale": measure.scale,
        "title": measure.title,
        "best": measure.best,
        "baseline": _score(measure, baseline),
        "current": _score(measure, response),
        "change": _number(change_from_baseline(measure, before, after)),
        "headroom": _number(headroom(measure, before)),
        "room_to_worsen": _number(room_to_worsen(measure, before)),
        "measurement_error": row(measure.measurement_error),
        "acceptable_state": row(measure.acceptable_state),
    }


def _judged_scale(
    criterion: Criterion,
    judged: ScaleJudged,
    timepoint: Timepoint,
    baseline: ResponseFacts | None,
    response: ResponseFacts,
) -> Json:
    step = Step(int(judged.step[0]))
    worse = step in (Step.WORSENED, Step.WORSENED_WITHOUT_ROOM)
    return {
        **measured(criterion.measure, baseline, response),
        "outcome": Outcome(int(judged.outcome[0])).word(early=timepoint.early),
        "step": step.name.lower(),
        **_per_cent(criterion, baseline, judged),
        "threshold": row(criterion.primary.worse if worse else criterion.improved_points),
        "criteria": {
            "improved": [row(threshold) for threshold in criterion.improved],
            "borderline": [row(threshold) for threshold in criterion.borderline],
            "worse": row(criterion.primary.worse),
        },
    }


def _per_cent(criterion: Criterion, baseline: ResponseFacts | None, judged: ScaleJudged) -> Json:
    """The change in per cent of the baseline, for criteria that ask for one; None where it cannot be computed."""
    if all(threshold.unit == "points" for threshold in criterion.improved):
        return {}
    start, change = baseline and baseline.scores.get(criterion.measure.key), _number(judged.change)
    return {"change_percent": 100 * change / start if start and change is not None else None}


def _worsened(pathway: Pathway, baseline: ResponseFacts | None, response: ResponseFacts) -> Iterable[Worsening]:
    frame = frame_of_one(pathway, baseline, response)
    for primary in pathway.primary:
        by_change, without_room = worsening(primary, pathway.anchors, frame)
        if by_change[0] or without_room[0]:
            evidence = {**measured(primary.measure, baseline, response), "threshold": row(primary.worse)}
            change = float(evidence["change"])
            error = primary.measure.measurement_error
            beyond_error = error is not None and at_least(abs(change), error.value)
            yield Worsening(primary.measure, change, beyond_error, evidence)


def _demonstration(facts: EpisodeFacts, timepoint: Timepoint, response: ResponseFacts, number: int) -> Demonstration:
    criterion = facts.pathway.function[number]
    evidence = {
        **measured(criterion.measure, facts.baseline, response),
        "assessable": True,
        "threshold": row(criterion.change),
        "groc_threshold": row(criterion.groc),
        **account(response),
        **provenance(facts.pathway, [criterion.measure.instrument], facts.baseline, response),
    }
    why = reason.demonstrated(timepoint, criterion, evidence)
    return Demonstration(True, why, timepoint.key, response.answered_at, evidence)


def _score(measure: Measure, response: ResponseFacts | None) -> Json:
    if response is None:
        return {"value": None, "answered_at": None, "late": False}
    return {
        "value": response.scores.get(measure.key),
        "answered_at": instant(response.answered_at),
        "late": response.late,
        "partial": response.partial,
    }


def _number(values: Floats) -> float | None:
    return None if np.isnan(values[0]) else float(values[0])


def _name(scale: Json) -> str:
    return f"{scale['instrument']} {scale['scale']}"
