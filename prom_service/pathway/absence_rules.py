"""The rules about what did not come back."""

from collections.abc import Iterator

from prom_service.pathway.case import Case
from prom_service.pathway.evidence import instant
from prom_service.pathway.facts import Finding, TimepointFacts

_CAUSES = {
    "not_sent": "no email was sent",
    "bounced": "the email came back",
    "delivered_never_started": "the email was delivered, the survey never started",
    "started": "the survey was started, too little was answered for a score",
    "partial": "the survey was answered in part, too little for a score",
    "declined": "the patient declined",
}


def survey_missed(case: Case) -> Iterator[Finding]:
    """A finding for each timepoint asked whose window passed without enough answers for any primary score.

    Low, medium from the phone day on. It carries the cause. A response that was sent in and cannot be scored is
    ``not_scorable`` instead. Late answers lift it. It waits until the passed window was settled, for only then is the
    cause known. Source: rule of this service.
    """
    for facts in case.facts.timepoints:
        if facts.settled and case.clock >= facts.late_after and case.facts.awaits_answers(facts):
            cause = facts.cause or "unknown"
            kind, _, detail = cause.partition(":")
            said = _CAUSES.get(kind, "the cause is not known") + (f" ({detail.replace('_', ' ')})" if detail else "")
            yield case.finding(
                "survey_missed",
                checkpoint=facts.timepoint,
                basis=f"administration:{facts.administration_id}",
                severity="medium" if case.clock >= facts.phone_from else "low",
                queue="follow_up",
                why=f"The {_title(case, facts)} survey was not answered in time: {said}.",
                evidence={
                    "cause": cause,
                    "target_at": instant(facts.target_at),
                    "late_after": instant(facts.late_after),
                    "closes_at": instant(facts.closes_at),
                    "phone_from": instant(facts.phone_from),
                },
            )


def baseline_missing(case: Case) -> Iterator[Finding]:
    """A finding once the baseline window has passed in an open episode without the score of any primary scale.

    The score of a late baseline lifts it, also where a draft without any stands before it: the checkpoints then say
    that change is not assessable. It waits until the passed window was settled, as ``survey_missed`` does. Source: rule
    of this service.
    """
    facts = case.facts.at(case.facts.pathway.baseline.key)
    if facts is None or case.facts.is_enough(case.facts.came_in(facts)):
        return
    if facts.settled and case.clock >= facts.late_after:
        yield case.finding(
            "baseline_missing",
            checkpoint=facts.timepoint,
            basis=f"administration:{facts.administration_id}",
            severity="medium",
            queue="follow_up",
            why="Treatment has begun and there is no baseline, so change since the start cannot be measured.",
            evidence={"late_after": instant(facts.late_after), "cause": facts.cause},
        )


def _title(case: Case, facts: TimepointFacts) -> str:
    return case.facts.pathway.timepoint(facts.timepoint).title
