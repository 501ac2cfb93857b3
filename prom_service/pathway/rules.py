"""The one door to every rule: the facts of an episode in, its findings out.

An answer, a visit and a sweep all come through here, so no two of them can disagree.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prom_service.pathway.absence_rules import baseline_missing, survey_missed
from prom_service.pathway.case import Case
from prom_service.pathway.evidence import Judgement, Judgements, judge_episode, judge_episodes
from prom_service.pathway.facts import EpisodeFacts, Finding
from prom_service.pathway.response_rules import deterioration, non_responder, not_assessable, not_scorable
from prom_service.pathway.symptom_rules import red_flag_symptom
from prom_service.pathway.visit_rules import (
    continued_without_review,
    review_instants,
    visits_near_threshold,
    visits_over_threshold,
)

__all__ = [
    "RULES",
    "EpisodeFacts",
    "Finding",
    "Judgement",
    "find_findings",
    "judge_episode",
    "judge_episodes",
    "next_assessment_at",
]

Rule = Callable[[Case], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    red_flag_symptom,
    deterioration,
    non_responder,
    continued_without_review,
    visits_over_threshold,
    visits_near_threshold,
    not_assessable,
    not_scorable,
    survey_missed,
    baseline_missing,
)
"""One function for each kind of flag, named like the kind, the gravest first."""


def find_findings(facts: EpisodeFacts, *, now: datetime, judgements: Judgements) -> tuple[Finding, ...]:
    """Everything the rules say about the episode at this moment, also what has long been flagged and resolved.

    ``judgements`` are those of the same facts (``judge_episode``). The same facts and the same moment always give the
    same findings; which of them become new flags is decided by their basis. Of a patient who has withdrawn nothing is
    missed any more; of one who has died only a reported symptom is kept, for the clinic to look back on.
    """
    case = Case(facts, judgements, clock=min(now, facts.closed_at or now))
    return tuple(finding for rule in _rules_for(facts.participation) for finding in rule(case))


def _rules_for(participation: str) -> tuple[Rule, ...]:
    if participation == "deceased":
        return (red_flag_symptom,)
    if participation == "withdrawn":
        return tuple(rule for rule in RULES if rule not in (survey_missed, baseline_missing))
    return RULES


def next_assessment_at(facts: EpisodeFacts, *, now: datetime) -> datetime | None:
    """The next instant at which time alone could change a finding; None when none will, as after closing.

    To be asked with the facts as they stand after new flags were written, since an unreviewed flag ages.
    """
    last = facts.closed_at
    coming = (moment for moment in _moments(facts) if moment > now and (last is None or moment <= last))
    return min(coming, default=None)


def _moments(facts: EpisodeFacts) -> Iterator[datetime]:
    """Every instant a rule compares the clock with. A window is settled once it has passed, and looked at then."""
    for timepoint in facts.timepoints:
        if timepoint.response:
            yield timepoint.target_at
        if timepoint.settled and not facts.is_enough(timepoint.response):
            yield timepoint.late_after
            if facts.awaits_answers(timepoint):
                yield max(timepoint.late_after, timepoint.phone_from)
    yield from review_instants(facts)
