"""The rules whose findings go to the clinical queue. Each is a pure function from a case to its findings."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import instruments
from instruments.compare import at_least
from prom_service.pathway import reason
from prom_service.pathway.case import Case, response_basis
from prom_service.pathway.evidence import Worsening, account, instant, provenance, row
from prom_service.pathway.facts import Finding, FlagFacts, ResponseFacts, SafetyFacts, VisitFacts
from prom_service.pathway.judgement import BASELINE_STEPS
from prom_service.pathway.shape import Review, Timepoint

SAFETY = "safety-1.0"
URGENT_TIERS = ("emergency", "same_day")
REVIEWABLE = ("non_responder", "deterioration")
ITEMS_NAMED = 3


def red_flag_symptom(case: Case) -> Iterator[Finding]:
    """One finding for each administration in which an emergency or same-day safety item was ever answered yes.

    Urgent for an emergency item, or with a background factor on record; else high. A yes later changed to no keeps
    the finding, and both are in its evidence. Its basis names the items, so a further item is a new basis.
    Source: Finucane et al. 2020, J Orthop Sports Phys Ther 50:350; the tiers are a working rule of this service.
    """
    for (administration_id, timepoint), reported in _reported_symptoms(case).items():
        urgent = bool(case.facts.background) or any(symptom.tier == "emergency" for symptom in reported)
        yield case.finding(
            "red_flag_symptom",
            checkpoint=timepoint,
            basis=f"administration:{administration_id}:{','.join(sorted(symptom.item for symptom in reported))}",
            severity="urgent" if urgent else "high",
            why=_red_flag_sentence(reported),
            evidence={
                "symptoms": [_symptom(symptom) for symptom in reported],
                "background": [{"item": item, "text": _question(item, "")} for item in case.facts.background],
                "wording": "own",
            },
        )


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


_HEADLINES = {
    (False, True): "Not yet improving, reassess rather than continue unchanged",
    (False, False): "No important improvement, decide on the next step",
    (True, True): "Uncertain whether on track, ask the patient",
    (True, False): "Uncertain whether improved, ask the patient",
}


def continued_without_review(case: Case) -> Iterator[Finding]:
    """A finding where a non_responder or deterioration of a checkpoint was not reviewed in time.

    In time is less than the pathway's days since the flag, and fewer than its visits dated after the flag. Reviewed
    means resolved with a reason, or a visit dated after the flag at which the clinician reassessed; acknowledging is
    not reviewing. Of several such flags the first counts. Source: working rule of this service.
    """
    for timepoint in case.facts.pathway.timepoints:
        review = timepoint.review
        if review and (flag := _first_overdue(case, timepoint, review)):
            visits = len(_visits_after(case, flag))
            yield case.finding(
                "continued_without_review",
                checkpoint=timepoint.key,
                basis=f"flag:{flag.flag_id}",
                severity="high",
                why=f"The {timepoint.title} finding has had no recorded review while care went on"
                f" ({visits} {'visit' if visits == 1 else 'visits'} since).",
                evidence={
                    "flag_id": flag.flag_id,
                    "flag_kind": flag.kind,
                    "raised_at": instant(flag.raised_at),
                    "visits_since": visits,
                    "limits": asdict(review),
                },
            )


def visits_over_threshold(case: Case) -> Iterator[Finding]:
    """A finding once the counted visits exceed the limit; it rests on the first visit beyond it.

    High while improvement has not been demonstrated, else low. An administrative threshold, not a clinical limit;
    its published origin (14 visits as a 75th percentile) could not be verified.
    """
    pathway, counted = case.facts.pathway, case.counted_visits
    if len(counted) > pathway.visit_limit:
        shown = case.judgements.demonstrated.shown
        yield case.finding(
            "visits_over_threshold",
            basis=f"visit:{counted[pathway.visit_limit].basis}",
            severity="low" if shown else "high",
            why=f"{len(counted)} visits, the threshold is {pathway.visit_limit}: administrative threshold,"
            f" not a clinical limit. {case.judgements.demonstrated.why}",
            evidence=visit_evidence(case, counted[pathway.visit_limit]),
        )


def not_assessable(case: Case) -> Iterator[Finding]:
    """A finding for each checkpoint answered while the baseline is missing or late, so that no change can be computed.

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


def review_due_at(flag: FlagFacts, review: Review) -> datetime:
    """The instant at which time alone makes an unreviewed flag overdue."""
    return flag.raised_at + timedelta(days=review.within_days)


def visit_evidence(case: Case, crossing: VisitFacts) -> dict[str, Any]:
    """The visits counted against the limit, the one that crossed it, and whether improvement is demonstrated."""
    pathway = case.facts.pathway
    formats = [visit.format for visit in case.visits]
    return {
        "counted": len(case.counted_visits),
        "limit": pathway.visit_limit,
        "notice": pathway.visit_notice,
        "counted_formats": list(pathway.counted_formats),
        "by_format": {visit_format: formats.count(visit_format) for visit_format in sorted(set(formats))},
        "crossed_on": crossing.on.isoformat(),
        "improvement_demonstrated": case.judgements.demonstrated.shown,
        "demonstration": dict(case.judgements.demonstrated.evidence),
    }


def _first_overdue(case: Case, timepoint: Timepoint, review: Review) -> FlagFacts | None:
    """The earliest flag of the checkpoint that is live, not reviewed, and out of days or visits."""
    overdue = (
        flag
        for flag in case.facts.flags
        if flag.kind in REVIEWABLE
        and flag.checkpoint == timepoint.key
        and _awaits_review(case, flag)
        and (case.clock >= review_due_at(flag, review) or len(_visits_after(case, flag)) >= review.within_visits)
    )
    return min(overdue, key=lambda flag: (flag.raised_at, flag.flag_id), default=None)


def _awaits_review(case: Case, flag: FlagFacts) -> bool:
    reassessed = any(visit.reassessed for visit in _visits_after(case, flag))
    return flag.is_live and flag.reviewed_at is None and not reassessed


def _visits_after(case: Case, flag: FlagFacts) -> list[VisitFacts]:
    """The visits dated after the local day on which the flag was raised."""
    raised_on = flag.raised_at.astimezone(case.facts.zone).date()
    return [visit for visit in case.visits if visit.on > raised_on]


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
    changes = ", ".join(f"{scale.measure.title} {reason.points(scale.change)}" for scale in worsened)
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


def _reported_symptoms(case: Case) -> dict[tuple[str, str], list[SafetyFacts]]:
    """For each administration and its timepoint the symptoms ever reported, emergencies first."""
    reported: dict[tuple[str, str], list[SafetyFacts]] = {}
    for symptom in sorted(case.facts.safety, key=lambda symptom: (symptom.tier, len(symptom.item), symptom.item)):
        if symptom.ever_yes and symptom.tier in URGENT_TIERS:
            reported.setdefault((symptom.administration_id, symptom.timepoint), []).append(symptom)
    return reported


def _red_flag_sentence(reported: Sequence[SafetyFacts]) -> str:
    named = "; ".join(f"“{_question(symptom.item, symptom.timepoint)}”" for symptom in reported[:ITEMS_NAMED])
    more = f" and {len(reported) - ITEMS_NAMED} more" if len(reported) > ITEMS_NAMED else ""
    changed = sum(not symptom.now_yes for symptom in reported)
    later = f" Later changed to no: {changed}." if changed else ""
    return f"The patient answered yes to: {named}{more}.{later}"


def _symptom(symptom: SafetyFacts) -> dict[str, Any]:
    return {
        "item": symptom.item,
        "tier": symptom.tier,
        "text": _question(symptom.item, symptom.timepoint),
        "answered_yes_at": instant(symptom.saved_at),
        "now_yes": symptom.now_yes,
    }


def _question(code: str, timepoint: str) -> str:
    item = instruments.find(SAFETY).item(code)
    return item.followup_text if timepoint not in ("", "baseline") and item.followup_text else item.text
