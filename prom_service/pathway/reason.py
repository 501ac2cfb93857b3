"""One plain sentence for every judgement. Numbers are shown with one decimal; nothing here decides.

Other words for the same need no other rule version: they make no new judgement, and what was said stays on record.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from instruments.thresholds import Threshold
from prom_service.pathway.judgement import Outcome, Step
from prom_service.pathway.shape import FunctionCriterion, Timepoint

PROVISIONAL = " (provisional wording)"

_SENTENCES = {
    Step.BASELINE_MISSING: "{title} has no score from the start, so its change cannot be judged",
    Step.BASELINE_LATE: "{title} was first answered too late to count as the start, so its change cannot be judged",
    Step.SCORE_MISSING: "{title} has too few answers for a score",
    Step.OTHER_ACTIVITIES: "{title} rates other activities than at the start, so its change cannot be judged",
    Step.WORSENED: "{title} is {change} since the start; {worse} or more count as worse",
    Step.WORSENED_WITHOUT_ROOM: "{title} began near its worst end and is {change} since, and the patient feels worse",
    Step.HEADROOM_CONTRADICTED: "{headroom} and is {change} since; this or the patient's own rating points to worse",
    Step.HEADROOM_IMPROVED: "{headroom}; the patient's own account says {goal}",
    Step.HEADROOM_NOT_ACCEPTABLE: "{headroom}; the patient does not find the present state acceptable",
    Step.HEADROOM_OPEN: "{headroom}; the patient's own account does not settle it",
    Step.REACHED: "{title} is {change} since the start; {goal} needs at least {improved}",
    Step.BAND_CONFIRMED: "{title} is {change} since the start, borderline below the {improved} needed;"
    " the patient's own account says {goal}",
    Step.BAND_OPEN: "{title} is {change} since the start, borderline below the {improved} needed;"
    " the patient's own account does not confirm it",
    Step.ANCHORS_DISAGREE: "{title} is {change} since the start, short of the {improved} needed, yet"
    " the patient reports being better and finds the present state acceptable: the two disagree",
    Step.NOT_REACHED: "{title} is {change} since the start; {goal} needs at least {improved}",
}
_HEADROOM = "{title} began so near its best end that {improved} could hardly be gained"


def of_judgement(timepoint: Timepoint, outcome: Outcome, deciding: int, evidence: Mapping[str, Any]) -> str:
    """Why the checkpoint was judged as it was: the scale that decided, what contradicts it, what is missing."""
    scales = evidence["scales"]
    parts = [_of_scale(timepoint, deciding, scales[deciding])]
    if outcome is Outcome.UNCERTAIN and Step[scales[deciding]["step"].upper()] in _WORSE:
        improved = Outcome.IMPROVED.word(early=timepoint.early)
        better = next(scale["title"] for scale in scales if scale["outcome"] == improved)
        parts.append(f"{better} improved: the two contradict each other")
    missing = [scale["title"] for scale in scales if scale["outcome"] == "not_assessable"]
    if missing and outcome is not Outcome.NOT_ASSESSABLE:
        parts.append(f"not judged: {', '.join(missing)}")
    return "; ".join(parts) + provisional(evidence) + "."


def demonstrated(timepoint: Timepoint, criterion: FunctionCriterion, evidence: Mapping[str, Any]) -> str:
    """Which scale demonstrated improvement, when, and by how much."""
    also = f" with a rating of change of {evidence['groc']:+.0f}" if criterion.groc else ""
    return (
        f"{criterion.measure.title} was {moved(evidence['change'])} at {timepoint.title}{also};"
        f" improvement is demonstrated from {amounts([criterion.change])} on{provisional(evidence)}."
    )


def not_demonstrated(*, answered: bool, assessable: bool) -> str:
    """Why improvement is not demonstrated."""
    if not answered:
        return "Improvement has not been demonstrated: no follow-up has been answered."
    if not assessable:
        return "Improvement has not been demonstrated: function could not be assessed."
    return "Improvement has not been demonstrated: no function scale reached its 3-month criterion."


def moved(change: float) -> str:
    """How far a score has moved and which way, positive being better.

    In words: on a scale whose best end is the low one a sign would be taken for that of the score.
    """
    amount = f"{abs(change):.1f}"
    if float(amount) == 0:
        return "unchanged"
    return f"{amount} points {'better' if change > 0 else 'worse'}"


def amounts(rows: Sequence[Threshold]) -> str:
    """The amounts of threshold rows, joined by *and*."""
    return " and ".join(map(_amount, rows))


def provisional(evidence: Mapping[str, Any]) -> str:
    """The note that goes with everything resting on own wording."""
    return PROVISIONAL if evidence["provisional_wording"] else ""


_WORSE = (Step.WORSENED, Step.WORSENED_WITHOUT_ROOM)


def _of_scale(timepoint: Timepoint, number: int, scale: Mapping[str, Any]) -> str:
    criterion = timepoint.criteria[number]
    title, improved = criterion.measure.title, amounts(criterion.improved)
    return _SENTENCES[Step[scale["step"].upper()]].format(
        title=title,
        change="" if scale["change"] is None else moved(scale["change"]),
        improved=improved,
        worse=amounts([criterion.primary.worse]),
        goal="on track" if timepoint.early else "improved",
        headroom=_HEADROOM.format(title=title, improved=improved),
    )


def _amount(row: Threshold) -> str:
    if row.unit == "percent":
        return f"{row.value:g} % of the start"
    return f"{row.value:g} {'point' if row.value == 1 else 'points'}"
