"""Everything the rules may look at of one episode, and what they say: plain values, no database rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from prom_service.pathway.shape import GROC, PASS, Pathway, Timepoint

LIVE_STATUSES = ("open", "acknowledged", "assigned", "snoozed")
"""Statuses in which a flag is still before the clinic."""
SETTLED_STATES = frozenset({"missed", "partial", "completed"})
NEVER_ASKED_STATES = frozenset({"not_asked", "cancelled"})


@dataclass(frozen=True, slots=True)
class ResponseFacts:
    """The standing response of one administration.

    ``scores`` holds every scale asked, by instrument reference and scale key; None when too few items were answered.
    ``partial``: scored from a draft when the window passed. ``wordings`` says for each instrument whether its items
    were given in our "own" or the "official" wording; own when not named. ``recorded_at`` is when it was heard of.
    ``activities`` are those that were rated, by instrument; they are named where they may be others than at the
    baseline, as of answers that were heard of before it.
    """

    id: str
    answered_at: datetime
    late: bool
    partial: bool
    scores: Mapping[tuple[str, str], float | None]
    wordings: Mapping[str, str] = field(default_factory=dict)
    recorded_at: datetime | None = None
    activities: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def groc(self) -> float | None:
        """The patient's rating of change, -7 (much worse) to +7; None when not answered."""
        return self.scores.get(GROC)

    @property
    def pass_answer(self) -> float | None:
        """1 when the patient finds the present state acceptable, 0 when not; None when not answered."""
        return self.scores.get(PASS)

    def wording(self, instrument: str) -> str:
        """The wording the instrument was answered in."""
        return self.wordings.get(instrument, "own")

    def rates_others(self, baseline: "ResponseFacts", instrument: str) -> bool:
        """Whether it rates other activities than the baseline: the two scores are then not to be compared."""
        return self.activities.get(instrument) != baseline.activities.get(instrument)


@dataclass(frozen=True, slots=True)
class TimepointFacts:
    """One administration. ``cause`` says why nothing came when it was missed: "not_sent:<reason>", "bounced",
    "delivered_never_started", "started", "partial" or "declined"; None when it cannot be told.
    """

    timepoint: str
    administration_id: str
    state: str
    opens_at: datetime
    target_at: datetime
    late_after: datetime
    closes_at: datetime
    phone_from: datetime
    response: ResponseFacts | None = None
    cause: str | None = None
    kept_late: ResponseFacts | None = None
    """A baseline that came late, kept beside the one in time that stands: no change counts from it."""

    @property
    def asked(self) -> bool:
        """Whether an answer is or was wanted at all."""
        return self.state not in NEVER_ASKED_STATES

    @property
    def settled(self) -> bool:
        """Whether its passed window was looked at: what was there was scored, or it was found missed."""
        return self.state in SETTLED_STATES


@dataclass(frozen=True, slots=True)
class VisitFacts:
    """One attended visit that is not voided. ``basis`` names it for good (and anew when it returns after a void);
    ``recorded_at`` is when it was first heard of.
    """

    basis: str
    on: date
    recorded_at: datetime
    format: str
    reassessed: bool


@dataclass(frozen=True, slots=True)
class SafetyFacts:
    """One safety item of one administration that was ever answered yes, finished questionnaire or not.

    ``said_at`` is when a yes was first said, on paper the day of the paper; ``now_yes`` is false when it was later
    changed to no, None when it was cleared and nothing else was said.
    """

    administration_id: str
    timepoint: str
    item: str
    tier: str
    said_at: datetime
    ever_yes: bool
    now_yes: bool | None


@dataclass(frozen=True, slots=True)
class FlagFacts:
    """One flag already kept for the episode. ``reviewed_at`` is when it was resolved with a reason.

    ``basis`` is what it rests on, in the rules' own words. ``superseded_at`` is when its finding went, or moved to
    another flag, which then was raised at the same instant.
    """

    flag_id: str
    kind: str
    checkpoint: str
    raised_at: datetime
    status: str
    reviewed_at: datetime | None = None
    basis: str = ""
    superseded_at: datetime | None = None

    @property
    def found_basis(self) -> str:
        """The basis, as the ledger calls it."""
        return self.basis

    @property
    def is_live(self) -> bool:
        """Whether the clinic still has it before it."""
        return self.status in LIVE_STATUSES


@dataclass(frozen=True)
class EpisodeFacts:
    """One episode as the rules see it.

    ``background`` are the codes of background safety items on record of the patient, in whichever episode.
    """

    episode_id: str
    pathway: Pathway
    started_on: date
    zone: ZoneInfo
    closed_at: datetime | None
    timepoints: tuple[TimepointFacts, ...]
    visits: tuple[VisitFacts, ...] = ()
    safety: tuple[SafetyFacts, ...] = ()
    background: tuple[str, ...] = ()
    flags: tuple[FlagFacts, ...] = ()
    participation: str = "active"
    """``withdrawn`` or ``deceased`` once the patient no longer takes part; anything else is taking part."""

    def at(self, timepoint: str) -> TimepointFacts | None:
        """The administration of a timepoint; None when the episode has none."""
        return next((facts for facts in self.timepoints if facts.timepoint == timepoint), None)

    def missing_primary(self, response: ResponseFacts) -> tuple[str, ...]:
        """The titles of the primary scales that have no score in a response."""
        measures = (primary.measure for primary in self.pathway.primary)
        return tuple(measure.title for measure in measures if response.scores.get(measure.key) is None)

    def is_enough(self, response: ResponseFacts | None) -> bool:
        """Whether a response holds the score of at least one primary scale."""
        return response is not None and len(self.missing_primary(response)) < len(self.pathway.primary)

    def awaits_answers(self, facts: TimepointFacts) -> bool:
        """Whether a timepoint was asked and nothing has come in but, at most, a draft without a primary score."""
        return facts.asked and self.came_in(facts) is None

    def came_in(self, facts: TimepointFacts) -> ResponseFacts | None:
        """The response that stands, or else a late one beside it; a draft without a primary score did not come in."""
        given = (response for response in (facts.response, facts.kept_late) if response is not None)
        return next((response for response in given if not response.partial or self.is_enough(response)), None)

    @cached_property
    def baseline(self) -> ResponseFacts | None:
        """The baseline timepoint's response, late or not; None when there is none."""
        facts = self.at(self.pathway.baseline.key)
        return facts.response if facts else None

    @cached_property
    def follow_ups(self) -> tuple[tuple[Timepoint, TimepointFacts, ResponseFacts], ...]:
        """Every answered timepoint after the baseline, in the pathway's order."""
        return tuple(
            (timepoint, facts, facts.response)
            for timepoint in self.pathway.timepoints
            if timepoint.follow_up and (facts := self.at(timepoint.key)) and facts.response
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says about an episode.

    ``checkpoint`` is the timepoint the finding belongs to, "" when none; ``basis`` the response, visit, administration
    or flag it rests on. An episode has at most one finding for each kind and checkpoint at a time. ``evidence`` holds
    only JSON values.
    """

    kind: str
    checkpoint: str
    basis: str
    severity: str
    queue: str
    why: str
    evidence: Mapping[str, Any]
    guidance_key: str
