"""Judges the checkpoints of episodes and keeps every number with its source. One episode is an array of one."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache, cached_property
from itertools import repeat
from typing import Any

import numpy as np

from instruments.compare import at_least
from instruments.thresholds import Threshold
from prom_service.pathway import reason
from prom_service.pathway.facts import EpisodeFacts, ResponseFacts
from prom_service.pathway.judgement import (
    OUTCOME_OF,
    RULE_VERSION,
    Bools,
    Outcome,
    ResponseFrame,
    ScaleKey,
    Step,
    judge_checkpoint,
    judge_function,
    worsening,
)
from prom_service.pathway.shape import Criterion, Measure, Pathway, Primary, Timepoint
from prom_service.pathway.trajectory import Floats, change_from_baseline, headroom, room_to_worsen

Json = dict[str, Any]
Pair = tuple[ResponseFacts | None, ResponseFacts]
"""A baseline, None when there is none, and a response that is judged beside it."""
_ROW = tuple(column.name for column in fields(Threshold))


@dataclass(frozen=True)
class Judgement:
    """One checkpoint of one episode, judged. ``steps`` names the step that decided for each primary scale.

    Evidence and reason are written when they are asked for: of most judgements it is enough to know that they stand.
    """

    pathway: Pathway
    timepoint: Timepoint
    baseline: ResponseFacts | None
    response: ResponseFacts
    judged: Outcome
    deciding: int
    steps: tuple[Step, ...]
    rule_version: str = RULE_VERSION

    @property
    def checkpoint(self) -> str:
        """The key of the timepoint."""
        return self.timepoint.key

    @property
    def response_id(self) -> str:
        """The response that was judged."""
        return self.response.id

    @property
    def outcome(self) -> str:
        """The outcome in the words of an early or a final checkpoint."""
        return self.judged.word(early=self.timepoint.early)

    @cached_property
    def reason(self) -> str:
        """Why, in one sentence."""
        return reason.of_judgement(self.timepoint, self.judged, self.deciding, self.evidence)

    @cached_property
    def evidence(self) -> Mapping[str, Any]:
        """Every number that it rests on, with its source."""
        judged = zip(self.timepoint.criteria, self.steps, strict=True)
        scales = [_judged_scale(self, criterion, step) for criterion, step in judged]
        asked = (criterion.measure.instrument for criterion in self.timepoint.criteria)
        return {
            **scales[self.deciding],
            "outcome": self.outcome,
            "scales": scales,
            "missing_scales": [_name(scale) for scale in scales if scale["outcome"] == "not_assessable"],
            **account(self.response),
            **provenance(self.pathway, asked, self.baseline, self.response),
        }


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
    return judge_episodes([facts])[0]


def judge_episodes(episodes: Sequence[EpisodeFacts]) -> list[Judgements]:
    """The episodes are judged, in their order; what many of them answered at one timepoint is one frame."""
    rows: defaultdict[tuple[str, str], list[_Row]] = defaultdict(list)
    for number, facts in enumerate(episodes):
        for timepoint, _, response in facts.follow_ups:
            rows[facts.pathway.ref, timepoint.key].append(_Row(number, facts, timepoint, response))
    judged: list[dict[str, _FollowUp]] = [{} for _ in episodes]
    for (_, key), frame in rows.items():
        for row_, said in zip(frame, _judge_frame(frame), strict=True):
            judged[row_.episode][key] = said
    return [_judgements(facts, said) for facts, said in zip(episodes, judged, strict=True)]


def demonstrated(facts: EpisodeFacts) -> Demonstration:
    """Whether a response reached the full 3-month criterion of a function scale; the first one that did is kept.

    Not assessable counts as not demonstrated, and says so.
    """
    return judge_episode(facts).demonstrated


@dataclass(frozen=True, slots=True)
class _Row:
    """One answered follow-up of one of the episodes: a row in the frame of its timepoint."""

    episode: int
    facts: EpisodeFacts
    timepoint: Timepoint
    response: ResponseFacts

    @property
    def pair(self) -> Pair:
        return self.facts.baseline, self.response


@dataclass(frozen=True, slots=True)
class _FollowUp:
    """What the frame says of one row; ``function`` is the number of the criterion that it reached, or -1."""

    judgement: Judgement | None
    worsened: tuple[Worsening, ...]
    function: int
    assessable: bool


def _judge_frame(rows: Sequence[_Row]) -> Iterator[_FollowUp]:
    """Every row is judged; all are of one timepoint of one pathway."""
    pathway, timepoint = rows[0].facts.pathway, rows[0].timepoint
    pairs = [row_.pair for row_ in rows]
    frame = _frame(pathway, pairs)
    judgements = _judge_checkpoint(pathway, timepoint, frame, pairs) if timepoint.is_checkpoint else repeat(None)
    worsened = _worsened(pathway, frame, pairs)
    function = judge_function(pathway, frame)
    yield from map(_FollowUp, judgements, worsened, function.criterion.tolist(), function.assessable.tolist())


def _judge_checkpoint(
    pathway: Pathway, timepoint: Timepoint, frame: ResponseFrame, pairs: Sequence[Pair]
) -> Iterator[Judgement]:
    """Each response at a checkpoint is judged against its baseline."""
    judged = judge_checkpoint(pathway, timepoint, frame)
    steps = zip(*(map(Step, scale.step.tolist()) for scale in judged.scales), strict=True)
    for pair, outcome, deciding, taken in zip(
        pairs, map(Outcome, judged.outcome.tolist()), judged.deciding.tolist(), steps, strict=True
    ):
        yield Judgement(pathway, timepoint, *pair, outcome, deciding, taken)


def _judgements(facts: EpisodeFacts, said: Mapping[str, _FollowUp]) -> Judgements:
    return Judgements(
        checkpoints={key: one.judgement for key, one in said.items() if one.judgement},
        worsened={key: one.worsened for key, one in said.items()},
        demonstrated=_demonstrated(facts, said),
    )


def _demonstrated(facts: EpisodeFacts, said: Mapping[str, _FollowUp]) -> Demonstration:
    for timepoint, _, response in facts.follow_ups:
        if said[timepoint.key].function >= 0:
            return _demonstration(facts, timepoint, response, said[timepoint.key].function)
    assessable = any(one.assessable for one in said.values())
    why = reason.not_demonstrated(answered=bool(said), assessable=assessable)
    evidence = {"assessable": assessable, "rule_version": RULE_VERSION, "pathway": facts.pathway.ref}
    return Demonstration(False, why, None, None, evidence)


def _frame(pathway: Pathway, pairs: Sequence[Pair]) -> ResponseFrame:
    """The responses beside their baselines."""
    keys = {primary.measure.key for primary in pathway.primary}
    keys |= {criterion.measure.key for criterion in pathway.function}
    return ResponseFrame(
        baseline={key: _column(_value(key, before) for before, _ in pairs) for key in keys},
        current={key: _column(_value(key, after) for _, after in pairs) for key in keys},
        baseline_late=np.array([before is not None and before.late for before, _ in pairs]),
        groc=_column(after.groc for _, after in pairs),
        pass_answer=_column(after.pass_answer for _, after in pairs),
        other_activities=_other_activities(keys, pairs),
    )


def _other_activities(keys: Iterable[ScaleKey], pairs: Sequence[Pair]) -> Mapping[ScaleKey, Bools]:
    if not any(after.activities for _, after in pairs):
        return {}
    return {key: np.array([_rates_others(key, *pair) for pair in pairs]) for key in keys}


def _rates_others(key: ScaleKey, baseline: ResponseFacts | None, response: ResponseFacts) -> bool:
    return baseline is not None and response.rates_others(baseline, key[0])


def _column(values: Iterable[float | None]) -> Floats:
    """The values as an array; NumPy makes nan of None."""
    return np.array(list(values), dtype=np.float64)


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


@cache
def row(threshold: Threshold | None) -> Json | None:
    """The threshold row as JSON, None when there is none. Every evidence shares it; nobody changes evidence."""
    return None if threshold is None else {name: getattr(threshold, name) for name in _ROW}


def instant(moment: datetime) -> str:
    """The instant as JSON: RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat()


def measured(measure: Measure, baseline: ResponseFacts | None, response: ResponseFacts) -> Json:
    """Baseline, current score and change of one scale, with its measurement error beside them.

    Of other activities than at the baseline there is no change.
    """
    before, after = (_value(measure.key, facts) for facts in (baseline, response))
    change = (
        math.nan if _rates_others(measure.key, baseline, response) else change_from_baseline(measure, before, after)
    )
    return {
        "instrument": measure.instrument,
        "scale": measure.scale,
        "title": measure.title,
        "best": measure.best,
        "baseline": _score(measure, baseline),
        "current": _score(measure, response),
        "change": _number(change),
        "headroom": _number(headroom(measure, before)),
        "room_to_worsen": _number(room_to_worsen(measure, before)),
        "measurement_error": row(measure.measurement_error),
        "acceptable_state": row(measure.acceptable_state),
    }


def _judged_scale(judgement: Judgement, criterion: Criterion, step: Step) -> Json:
    numbers = measured(criterion.measure, judgement.baseline, judgement.response)
    worse = step in (Step.WORSENED, Step.WORSENED_WITHOUT_ROOM)
    return {
        **numbers,
        "outcome": OUTCOME_OF[step].word(early=judgement.timepoint.early),
        "step": step.name.lower(),
        **_per_cent(criterion, numbers),
        "threshold": row(criterion.primary.worse if worse else criterion.improved_points),
        "criteria": {
            "improved": [row(threshold) for threshold in criterion.improved],
            "borderline": [row(threshold) for threshold in criterion.borderline],
            "worse": row(criterion.primary.worse),
        },
    }


def _per_cent(criterion: Criterion, numbers: Json) -> Json:
    """The change in per cent of the baseline, for criteria that ask for one; None where it cannot be computed."""
    if all(threshold.unit == "points" for threshold in criterion.improved):
        return {}
    start, change = numbers["baseline"]["value"], numbers["change"]
    return {"change_percent": 100 * change / start if start and change is not None else None}


def _worsened(pathway: Pathway, frame: ResponseFrame, pairs: Sequence[Pair]) -> list[tuple[Worsening, ...]]:
    """The primary scales that worsened, of each row."""
    worse = [np.logical_or(*worsening(primary, pathway.anchors, frame)).tolist() for primary in pathway.primary]
    return [
        tuple(_worsening(primary, *pair) for primary, of in zip(pathway.primary, worse, strict=True) if of[number])
        for number, pair in enumerate(pairs)
    ]


def _worsening(primary: Primary, baseline: ResponseFacts | None, response: ResponseFacts) -> Worsening:
    evidence = {**measured(primary.measure, baseline, response), "threshold": row(primary.worse)}
    change, error = float(evidence["change"]), primary.measure.measurement_error
    beyond_error = error is not None and at_least(abs(change), error.value)
    return Worsening(primary.measure, change, beyond_error, evidence)


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


def _value(key: ScaleKey, response: ResponseFacts | None) -> float:
    value = response.scores.get(key) if response else None
    return math.nan if value is None else value


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _name(scale: Json) -> str:
    return f"{scale['instrument']} {scale['scale']}"
