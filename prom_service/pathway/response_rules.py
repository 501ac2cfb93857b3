"""The rules that rest on a response: worse, not improved, not assessable, not scorable."""

from collections.abc import Iterator, Sequence
from typing import Any

from instruments.compare import at_least
from prom_service.pathway import reason
from prom_service.pathway.case import Case, response_basis
from prom_service.pathway.evidence import Worsening, account, instant, provenance, row
from prom_service.pathway.facts import Finding, ResponseFacts
from prom_service.pathway.judgement import BASELINE_STEPS

_HEADLINES = {
    (False, True): "Not yet improving, reassess rather than continue unchanged",
    (False, False): "No important improvement, decide on the next step",
    (True, True): "Uncertain whether on track, ask the patient",
    (True, False): "Uncertain whether improved, ask the patient",
}


def deterioration(case: Case) -> Iterator[Finding]:
    """A finding for each follow-up whose change on a primary scale is a worsening, or whose GROC is -5 or less.

    High with GROC -3 or less, or a change of at least the MDC individual; else medium, being possible within
    measurement error. GROC alone is medium. Also raised where a scale fell as far as it had room to, so that every
    checkpoint judged worse is flagged. A late baseline is no baseline.
    Source: the worsening and GROC rows of the pathway (working rows); MDC individual rows as published.
    """
    for timepoint, _, response in case.facts.follow_ups:
        worsened = case.judgements.worsened[timepoint.key]
        if not worsened and not _groc_at_most(case, response, "much_worse"):
            continue
        certain = _groc_at_most(case, response, "worse") or any(scale.beyond_error for scale in worsened)
        severity = "high" if worsened and certain else "medium"
        judgement = case.judgements.checkpoints.get(timepoint.key)
        yield case.finding(
            "deterioration",
            checkpoint=timepoint.key,
            basis=response_basis(response),
            severity=severity,
            why=_deterioration_sentence(case, worsened, response, severity),
            evidence={
                **(worsened[0].evidence if worsened else {}),
                "scales": [scale.evidence for scale in worsened],
                "groc_threshold": row(getattr(case.facts.pathway.anchors, "worse" if worsened else "much_worse")),
                "judged": judgement.outcome if judgement else None,
                **_context(case, response),
            },
        )


def non_responder(case: Case) -> Iterator[Finding]:
    """A finding for each checkpoint judged not improved (or not yet on track) or uncertain, once its target is reached.

    At the final checkpoint high, at an early one medium, uncertain low. A deterioration of the same response takes
    its place. Source: the judgement and its threshold rows; reassessing at 6 weeks is a working rule, at least three
    months of exercise-based care: Kemp et al. 2020, doi:10.1136/bjsports-2019-101458.
    """
    deteriorated = {finding.basis for finding in deterioration(case)}
    for timepoint, facts, response in case.facts.follow_ups:
        judgement = case.judgements.checkpoints.get(timepoint.key)
        if judgement is None or case.clock < facts.target_at or response_basis(response) in deteriorated:
            continue
        if judgement.outcome in ("uncertain", "not_improved", "not_yet_on_track"):
            severity = "low" if judgement.outcome == "uncertain" else "medium" if timepoint.early else "high"
            yield case.finding(
                "non_responder",
                checkpoint=timepoint.key,
                basis=response_basis(response),
                severity=severity,
                why=f"{_HEADLINES[judgement.outcome == 'uncertain', timepoint.early]}: {judgement.reason}",
                evidence=judgement.evidence,
            )


def not_assessable(case: Case) -> Iterator[Finding]:
    """A finding for each checkpoint answered without a baseline to compare with, so that no change can be computed.

    It is missing, late, or rates other activities.

    It shows GROC and PASS, by the patient's own account. Never "not improved". Source: rule of this service.
    """
    for timepoint, _, response in case.facts.follow_ups:
        judgement = case.judgements.checkpoints.get(timepoint.key)
        if judgement and judgement.outcome == "not_assessable" and BASELINE_STEPS & set(judgement.steps):
            yield case.finding(
                "not_assessable",
                checkpoint=timepoint.key,
                basis=response_basis(response),
                severity="medium",
                why=f"{judgement.reason} By the patient's own account: {_own_account(response)}.",
                evidence=judgement.evidence,
            )


def not_scorable(case: Case) -> Iterator[Finding]:
    """A finding for each response that came in without the score of a primary scale.

    A draft without any primary score is not a response that came in; it is a missed survey. Source: rule of this
    service; a missing score is never zero.
    """
    for facts in case.facts.timepoints:
        response = case.facts.came_in(facts)
        missing = case.facts.missing_primary(response) if response else ()
        if response and missing:
            yield case.finding(
                "not_scorable",
                checkpoint=facts.timepoint,
                basis=response_basis(response),
                severity="low",
                queue="follow_up",
                why=f"Answered, but too few answers for a score: {', '.join(missing)}.",
                evidence={"missing": list(missing), "answered_at": instant(response.answered_at)},
            )


def _groc_at_most(case: Case, response: ResponseFacts, anchor: str) -> bool:
    place = getattr(case.facts.pathway.anchors, anchor).value
    return response.groc is not None and at_least(-response.groc, -place)


def _context(case: Case, response: ResponseFacts) -> dict[str, Any]:
    pathway = case.facts.pathway
    asked = [primary.measure.instrument for primary in pathway.primary]
    return {**account(response), **provenance(pathway, asked, case.facts.baseline, response)}


def _deterioration_sentence(case: Case, worsened: Sequence[Worsening], response: ResponseFacts, severity: str) -> str:
    note = reason.provisional(_context(case, response))
    if not worsened:
        return f"The patient's own rating of change is {response.groc:+.0f}: much worse."
    changes = ", ".join(f"{scale.measure.title} {reason.moved(scale.change)}" for scale in worsened)
    if severity == "high":
        return f"Worse since the start: {changes}{note}."
    known = all(scale.measure.measurement_error for scale in worsened)
    doubt = "within measurement error" if known else "measurement error not known"
    return f"Possibly worse, {doubt}: {changes}{note}. Ask, or repeat within 2 weeks."


def _own_account(response: ResponseFacts) -> str:
    groc = "no rating of change" if response.groc is None else f"rating of change {response.groc:+.0f}"
    if response.pass_answer is None:
        return f"{groc}, acceptable state not answered"
    return f"{groc}, present state {'acceptable' if response.pass_answer == 1 else 'not acceptable'}"
