"""The rules that count visits: past the limit, near it, and care that went on without review."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from prom_service.pathway.case import Case
from prom_service.pathway.evidence import instant
from prom_service.pathway.facts import EpisodeFacts, Finding, FlagFacts, VisitFacts
from prom_service.pathway.shape import Review, Timepoint

REVIEWABLE = ("non_responder", "deterioration")


def visits_over_threshold(case: Case) -> Iterator[Finding]:
    """A finding once the counted visits exceed the limit; it rests on the visit that crossed it.

    High while improvement has not been demonstrated, else low. An administrative threshold, not a clinical limit;
    its published origin (14 visits as a 75th percentile) could not be verified.
    """
    pathway, counted = case.facts.pathway, case.counted_visits
    if len(counted) > pathway.visit_limit:
        number = pathway.visit_limit + 1
        shown = case.judgements.demonstrated.shown
        yield case.finding(
            "visits_over_threshold",
            basis=_crossing_basis(case, "visits_over_threshold", number),
            severity="low" if shown else "high",
            why=f"{len(counted)} visits, the threshold is {pathway.visit_limit}: administrative threshold,"
            f" not a clinical limit. {case.judgements.demonstrated.why}",
            evidence=_visit_evidence(case, number),
        )


def visits_near_threshold(case: Case) -> Iterator[Finding]:
    """A finding once the counted visits reach the notice level while improvement is not demonstrated.

    It gives way to ``visits_over_threshold`` beyond the limit. Source: administrative rule of this service.
    """
    pathway, counted = case.facts.pathway, case.counted_visits
    if pathway.visit_notice <= len(counted) <= pathway.visit_limit and not case.judgements.demonstrated.shown:
        yield case.finding(
            "visits_near_threshold",
            basis=_crossing_basis(case, "visits_near_threshold", pathway.visit_notice),
            severity="low",
            queue="follow_up",
            why=f"{len(counted)} visits, the administrative threshold is {pathway.visit_limit}."
            f" {case.judgements.demonstrated.why}",
            evidence=_visit_evidence(case, pathway.visit_notice),
        )


def continued_without_review(case: Case) -> Iterator[Finding]:
    """A finding where a non_responder or deterioration of a checkpoint was not reviewed in time.

    In time is less than the pathway's days since it was flagged, and fewer than its visits dated after that. Reviewed
    means resolved with a reason, or a visit dated after the flag at which the clinician reassessed; acknowledging is
    not reviewing. Other answers that leave the finding in force give it another flag and no more time. Of several such
    flags the first counts. Source: working rule of this service.
    """
    for timepoint in case.facts.pathway.timepoints:
        review = timepoint.review
        if review and (waiting := _first_overdue(case, timepoint, review)):
            visits = len(_visits_after(case.facts, waiting.since))
            yield case.finding(
                "continued_without_review",
                checkpoint=timepoint.key,
                basis=f"flag:{waiting.flag.flag_id}",
                severity="high",
                why=f"The finding at {timepoint.title} has had no recorded review {_meanwhile(visits, review)}.",
                evidence={
                    "flag_id": waiting.flag.flag_id,
                    "flag_kind": waiting.flag.kind,
                    "raised_at": instant(waiting.since),
                    "visits_since": visits,
                    "limits": asdict(review),
                },
            )


def _meanwhile(visits: int, review: Review) -> str:
    if not visits:
        return f"in {review.within_days} days, without a visit since"
    return f"while care went on ({visits} {'visit' if visits == 1 else 'visits'} since)"


def review_instants(facts: EpisodeFacts) -> Iterator[datetime]:
    """Every instant at which time alone makes an unreviewed flag overdue."""
    for timepoint in facts.pathway.timepoints:
        if timepoint.review:
            for waiting in _awaiting_review(facts, timepoint):
                yield _review_due_at(waiting, timepoint.review)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A live flag that nobody has reviewed, and since when its finding was before the clinic without a review."""

    flag: FlagFacts
    since: datetime


def _review_due_at(waiting: _Waiting, review: Review) -> datetime:
    return waiting.since + timedelta(days=review.within_days)


def _crossing_basis(case: Case, kind: str, number: int) -> str:
    """The visit on which a finding of this kind rests: the ``number``-th by date.

    Once there was a flag it stays the one that flag rests on, for as long as it counts: an earlier visit that is
    recorded afterwards makes the same finding no new one. Where the flag is not live and visits were taken back so
    that its visit is no longer the ``number``-th or a later one, another visit has crossed the line anew.
    """
    places = {_basis(visit): place for place, visit in enumerate(case.counted_visits, 1)}
    flags = sorted(case.facts.flags, key=lambda flag: flag.raised_at, reverse=True)
    known = (
        flag.basis
        for flag in flags
        if flag.kind == kind and places.get(flag.basis, 0) >= (1 if flag.is_live else number)
    )
    return next(known, _basis(case.counted_visits[number - 1]))


def _basis(visit: VisitFacts) -> str:
    return f"visit:{visit.basis}"


def _visit_evidence(case: Case, number: int) -> dict[str, Any]:
    """The visits counted against the limit, the day of the ``number``-th, and whether improvement is demonstrated."""
    pathway = case.facts.pathway
    formats = [visit.format for visit in case.visits]
    return {
        "counted": len(case.counted_visits),
        "limit": pathway.visit_limit,
        "notice": pathway.visit_notice,
        "counted_formats": list(pathway.counted_formats),
        "by_format": {visit_format: formats.count(visit_format) for visit_format in sorted(set(formats))},
        "crossed_on": case.counted_visits[number - 1].on.isoformat(),
        "improvement_demonstrated": case.judgements.demonstrated.shown,
        "demonstration": dict(case.judgements.demonstrated.evidence),
    }


def _first_overdue(case: Case, timepoint: Timepoint, review: Review) -> _Waiting | None:
    """The first finding of the checkpoint that is live, not reviewed, and out of days or visits."""
    overdue = (
        waiting
        for waiting in _awaiting_review(case.facts, timepoint)
        if case.clock >= _review_due_at(waiting, review)
        or len(_visits_after(case.facts, waiting.since)) >= review.within_visits
    )
    return min(overdue, key=lambda waiting: (waiting.since, waiting.flag.flag_id), default=None)


def _awaiting_review(facts: EpisodeFacts, timepoint: Timepoint) -> Iterator[_Waiting]:
    """The findings of a checkpoint that somebody has to review and nobody has."""
    for flag in facts.flags:
        of_it = flag.kind in REVIEWABLE and flag.checkpoint == timepoint.key
        open_ = of_it and flag.is_live and flag.reviewed_at is None
        if open_ and not _reassessed_after(facts, flag.raised_at):
            yield _Waiting(flag, _waiting_since(facts, flag))


def _waiting_since(facts: EpisodeFacts, flag: FlagFacts) -> datetime:
    """When the finding was first flagged: by this flag, or by one it was taken over from that nobody had reviewed.

    Each flag of such a run, all of one kind and checkpoint, was superseded at the instant at which the next was raised,
    and no visit dated after it, up to the day of the next, says that the clinician reassessed.
    """
    since = flag.raised_at
    for earlier in sorted(facts.flags, key=lambda one: one.raised_at, reverse=True):
        alike = (earlier.kind, earlier.checkpoint) == (flag.kind, flag.checkpoint)
        if alike and earlier.superseded_at == since and not _reassessed_after(facts, earlier.raised_at):
            since = earlier.raised_at
    return since


def _reassessed_after(facts: EpisodeFacts, moment: datetime) -> bool:
    return any(visit.reassessed for visit in _visits_after(facts, moment))


def _visits_after(facts: EpisodeFacts, moment: datetime) -> list[VisitFacts]:
    """The visits dated after the local day of a moment."""
    day = moment.astimezone(facts.zone).date()
    return [visit for visit in facts.visits if visit.on > day]
