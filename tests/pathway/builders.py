"""Episodes for the rules to look at; a test states what matters, the rest is an ordinary episode in London."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from prom_service.pathway.definition import find
from prom_service.pathway.evidence import judge_episode
from prom_service.pathway.facts import EpisodeFacts, Finding, FlagFacts, ResponseFacts, TimepointFacts, VisitFacts
from prom_service.pathway.plan import phone_from, plan_administrations
from prom_service.pathway.rules import find_findings
from prom_service.pathway.shape import Pathway

LONDON = ZoneInfo("Europe/London")
STARTED_ON = date(2026, 3, 2)
ENROLLED_AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
KEYS = {
    "ihot": ("ihot-12-1.0", "total"),
    "pain": ("hoos-2.0", "pain"),
    "adl": ("hoos-2.0", "adl"),
    "nprs": ("nprs-1.0", "total"),
    "psfs": ("psfs-1.0", "total"),
    "groc": ("groc-1.0", "total"),
    "content": ("pass-1.0", "total"),
}
"""Short names of scales; ``content`` is the PASS question, 1 for an acceptable state."""


def answers(
    *, late: bool = False, partial: bool = False, at: datetime = ENROLLED_AT, **scores: float | None
) -> ResponseFacts:
    """A response in official wording with these scores."""
    named = {KEYS[name]: value for name, value in scores.items()}
    return ResponseFacts("", at, late, partial, named, {instrument: "official" for instrument, _ in named})


def episode(
    responses: Mapping[str, ResponseFacts],
    *,
    pathway: str | Pathway = "hip-related-pain-1",
    states: Mapping[str, str] | None = None,
    causes: Mapping[str, str] | None = None,
    **more: Any,
) -> EpisodeFacts:
    """An episode started on 2 March 2026 with responses by timepoint; ids are ``response-<timepoint>`` and the like.

    What has no response was found missed, as it is once its window has passed.
    """
    plan = find(pathway) if isinstance(pathway, str) else pathway
    planned = plan_administrations(plan, STARTED_ON, LONDON, enrolled_at=ENROLLED_AT)
    timepoints = tuple(
        TimepointFacts(
            timepoint=at.timepoint,
            administration_id=f"administration-{at.timepoint}",
            state=(states or {}).get(at.timepoint, _state(responses.get(at.timepoint))),
            opens_at=at.opens_at,
            target_at=at.target_at,
            late_after=at.late_after,
            closes_at=at.closes_at,
            phone_from=phone_from(plan, at, enrolled_at=ENROLLED_AT, zone=LONDON),
            response=_named(responses.get(at.timepoint), at.timepoint),
            cause=(causes or {}).get(at.timepoint),
        )
        for at in planned
    )
    given = {"closed_at": None, **more}
    return EpisodeFacts("episode", plan, STARTED_ON, LONDON, timepoints=timepoints, **given)


def visits(
    number: int, *, first: date = STARTED_ON, every: int = 1, visit_format: str = "individual"
) -> tuple[VisitFacts, ...]:
    """So many visits, one every so many days, with bases ``visit-1`` and on."""
    return tuple(
        visit(f"visit-{count + 1}", first + timedelta(days=every * count), visit_format=visit_format)
        for count in range(number)
    )


def visit(basis: str, on: date, *, visit_format: str = "individual", reassessed: bool = False) -> VisitFacts:
    """One visit, recorded on its evening."""
    return VisitFacts(basis, on, datetime(on.year, on.month, on.day, 18, tzinfo=UTC), visit_format, reassessed)


def flag(
    kind: str,
    raised_at: datetime,
    *,
    status: str = "open",
    checkpoint: str = "6-weeks",
    flag_id: str = "flag-1",
    basis: str = "",
    superseded_at: datetime | None = None,
) -> FlagFacts:
    """A flag already kept; a resolved one was reviewed a day later."""
    reviewed_at = raised_at + timedelta(days=1) if status == "resolved" else None
    return FlagFacts(flag_id, kind, checkpoint, raised_at, status, reviewed_at, basis, superseded_at)


def findings(facts: EpisodeFacts, kind: str, *, now: datetime | None = None) -> Sequence[Finding]:
    """What the rules find of one kind, a year after the start unless told otherwise."""
    moment = now or ENROLLED_AT + timedelta(days=365)
    found = find_findings(facts, now=moment, judgements=judge_episode(facts))
    return [finding for finding in found if finding.kind == kind]


def at(facts: EpisodeFacts, timepoint: str) -> TimepointFacts:
    """The administration of a timepoint that the episode has."""
    found = facts.at(timepoint)
    assert found is not None
    return found


def _state(response: ResponseFacts | None) -> str:
    if response is None:
        return "missed"
    return "partial" if response.partial else "completed"


def _named(response: ResponseFacts | None, timepoint: str) -> ResponseFacts | None:
    return None if response is None else replace(response, id=f"response-{timepoint}")
