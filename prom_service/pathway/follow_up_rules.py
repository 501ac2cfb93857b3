"""The rules whose findings go to the follow-up queue: what did not come back, and what cannot be counted."""

from collections.abc import Iterator

from prom_service.pathway.case import Case, response_basis
from prom_service.pathway.clinical_rules import visit_evidence
from prom_service.pathway.evidence import instant
from prom_service.pathway.facts import Finding, TimepointFacts

QUEUE = "follow_up"

_CAUSES = {
    "not_sent": "no email was sent",
    "bounced": "the email came back",
    "delivered_never_started": "the email was delivered, the survey never started",
    "started": "the survey was started, nothing could be scored",
    "partial": "the survey was answered in part, too little for a score",
    "declined": "the patient declined",
}


def visits_near_threshold(case: Case) -> Iterator[Finding]:
    """A finding once the counted visits reach the notice level while improvement is not demonstrated.

    It gives way to ``visits_over_threshold`` beyond the limit. Source: administrative rule of this service.
    """
    pathway, counted = case.facts.pathway, case.counted_visits
    if pathway.visit_notice <= len(counted) <= pathway.visit_limit and not case.judgements.demonstrated.shown:
        crossing = counted[pathway.visit_notice - 1]
        yield case.finding(
            "visits_near_threshold",
            basis=f"visit:{crossing.basis}",
            severity="low",
            queue=QUEUE,
            why=f"{len(counted)} visits, the administrative threshold is {pathway.visit_limit}."
            f" {case.judgements.demonstrated.why}",
            evidence=visit_evidence(case, crossing),
        )


def not_scorable(case: Case) -> Iterator[Finding]:
    """A finding for each response that came in without the score of a primary scale.

    A draft without any primary score is not a response that came in; it is a missed survey. Source: rule of this
    service; a missing score is never zero.
    """
    for facts in case.facts.timepoints:
        response = facts.response
        if response is None or (response.partial and not case.facts.is_enough(response)):
            continue
        missing = case.facts.missing_primary(response)
        if missing:
            yield case.finding(
                "not_scorable",
                checkpoint=facts.timepoint,
                basis=response_basis(response),
                severity="low",
                queue=QUEUE,
                why=f"Answered, but too few answers for a score: {', '.join(missing)}.",
                evidence={"missing": list(missing), "answered_at": instant(response.answered_at)},
            )


def survey_missed(case: Case) -> Iterator[Finding]:
    """A finding for each timepoint asked whose window passed without enough answers for any primary score.

    Low, medium from the phone day on. It carries the cause. A response that was sent in and cannot be scored is
    ``not_scorable`` instead. Late answers lift it. Source: rule of this service.
    """
    for facts in case.facts.timepoints:
        if case.clock >= facts.late_after and case.facts.awaits_answers(facts):
            cause = facts.cause or "unknown"
            kind, _, detail = cause.partition(":")
            said = _CAUSES.get(kind, "the cause is not known") + (f" ({detail.replace('_', ' ')})" if detail else "")
            yield case.finding(
                "survey_missed",
                checkpoint=facts.timepoint,
                basis=f"administration:{facts.administration_id}",
                severity="medium" if case.clock >= facts.phone_from else "low",
                queue=QUEUE,
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

    A late baseline lifts it: the checkpoints then say that change is not assessable. Source: rule of this service.
    """
    facts = case.facts.at(case.facts.pathway.baseline.key)
    if facts and facts.asked and case.clock >= facts.late_after and not case.facts.is_enough(facts.response):
        yield case.finding(
            "baseline_missing",
            checkpoint=facts.timepoint,
            basis=f"administration:{facts.administration_id}",
            severity="medium",
            queue=QUEUE,
            why="Treatment has begun and there is no baseline, so change since the start cannot be measured.",
            evidence={"late_after": instant(facts.late_after), "cause": facts.cause},
        )


def _title(case: Case, facts: TimepointFacts) -> str:
    return case.facts.pathway.timepoint(facts.timepoint).title
