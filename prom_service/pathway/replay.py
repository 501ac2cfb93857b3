"""What would have been flagged under a pathway: the rules themselves, asked again at every moment they were asked."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from prom_service.pathway import ledger, rules
from prom_service.pathway.evidence import Judgements
from prom_service.pathway.facts import (
    EpisodeFacts,
    Finding,
    FlagFacts,
    ResponseFacts,
    SafetyFacts,
    TimepointFacts,
    VisitFacts,
)
from prom_service.pathway.history import (
    Answered,
    Asked,
    Change,
    Closed,
    EpisodeHistory,
    Resolved,
    Settled,
    StandingChanged,
    SymptomSaved,
    VisitReported,
)
from prom_service.pathway.plan import phone_from
from prom_service.pathway.shape import Pathway


@dataclass(frozen=True, slots=True)
class Raised:
    """A flag that the rules would have raised."""

    kind: str
    checkpoint: str
    basis: str
    severity: str
    at: datetime


def replay(history: EpisodeHistory, pathway: Pathway, *, until: datetime) -> tuple[Raised, ...]:
    """Every flag the rules would have raised in the episode up to ``until``, had it been on this pathway.

    The rules are asked when it was enrolled, at every change, and at every instant at which time alone could change a
    finding. What staff resolved is resolved here where the same flag is live; other flags are taken as unanswered.
    """
    course = _Course(history, pathway)
    batches = [(at, list(changes)) for at, changes in groupby(history.changes, key=lambda change: change.at)]
    batches.reverse()
    now: datetime | None = history.enrolled_at
    while now is not None and now <= until:
        while batches and batches[-1][0] <= now:
            for change in batches.pop()[1]:
                course.take(change)
        course.assess(now)
        coming = [rules.next_assessment_at(course.facts, now=now), batches[-1][0] if batches else None]
        now = min((moment for moment in coming if moment is not None), default=None)
    return tuple(course.raised)


class _Course:
    """One episode on its way through time, with the flags it has by then."""

    def __init__(self, history: EpisodeHistory, pathway: Pathway) -> None:
        self.pathway = pathway
        self.raised: list[Raised] = []
        self.facts = EpisodeFacts(
            episode_id=history.episode_id,
            pathway=pathway,
            started_on=history.started_on,
            zone=history.zone,
            closed_at=None,
            timepoints=tuple(_timepoint(one, history, pathway) for one in history.asked),
        )
        self._visits: dict[str, VisitFacts] = {}
        self._symptoms: dict[tuple[str, str], SafetyFacts] = {}
        self._background: dict[tuple[str, str], bool] = {}
        self._judgements: Judgements | None = None

    def take(self, change: Change) -> None:
        """The facts are as they were after the change."""
        match change:
            case Settled():
                self._set_timepoint(change.administration_id, state=change.state)
            case Answered():
                self._answer(change)
            case SymptomSaved():
                self._save_symptom(change)
            case VisitReported():
                self._report_visit(change)
            case StandingChanged():
                self.facts = replace(self.facts, participation=change.participation)
            case Closed():
                self.facts = replace(self.facts, closed_at=change.closed_at)
            case Resolved():
                self._resolve(change)

    def assess(self, now: datetime) -> None:
        """The flags say what the rules find; a finding may rest on another flag, so until nothing changes."""
        if self._judgements is None:
            self._judgements = rules.judge_episode(self.facts)
        while True:
            findings = rules.find_findings(self.facts, now=now, judgements=self._judgements)
            flags = self._reconcile(findings, now)
            if flags == self.facts.flags:
                return
            self.facts = replace(self.facts, flags=flags)

    def _reconcile(self, findings: tuple[Finding, ...], now: datetime) -> tuple[FlagFacts, ...]:
        flags = {flag.flag_id: flag for flag in self.facts.flags}
        for step in ledger.steps(self.facts.flags, findings):
            match step:
                case ledger.Supersede(flag):
                    flags[flag.flag_id] = replace(flag, status="superseded", superseded_at=now)
                case ledger.Raise(finding):
                    flag = FlagFacts(
                        str(len(flags)), finding.kind, finding.checkpoint, now, "open", basis=finding.basis
                    )
                    flags[flag.flag_id] = flag
                    self.raised.append(Raised(finding.kind, finding.checkpoint, finding.basis, finding.severity, now))
        return tuple(flags.values())

    def _answer(self, change: Answered) -> None:
        facts = next(one for one in self.facts.timepoints if one.administration_id == change.administration_id)
        beside = facts.timepoint == self.pathway.baseline.key and _stands_against(facts.response, change.response)
        self._set_timepoint(change.administration_id, **{"kept_late" if beside else "response": change.response})
        self._set_timepoint(change.administration_id, state="partial" if change.response.partial else "completed")
        self._judgements = None

    def _set_timepoint(self, administration_id: str, **values: object) -> None:
        timepoints = (
            replace(one, **values) if one.administration_id == administration_id else one  # type: ignore[arg-type]
            for one in self.facts.timepoints
        )
        self.facts = replace(self.facts, timepoints=tuple(timepoints))

    def _save_symptom(self, change: SymptomSaved) -> None:
        key = change.administration_id, change.item
        if change.tier == "background":
            self._background[key] = change.yes
            on_record = sorted({item for (_, item), yes in self._background.items() if yes})
            self.facts = replace(self.facts, background=tuple(on_record))
        elif change.here and (change.yes or key in self._symptoms):
            first = self._symptoms.get(key)
            self._symptoms[key] = SafetyFacts(
                administration_id=change.administration_id,
                timepoint=change.timepoint,
                item=change.item,
                tier=self.pathway.tier(change.item, change.tier),
                said_at=first.said_at if first else change.at,
                ever_yes=True,
                now_yes=change.yes,
            )
            self.facts = replace(self.facts, safety=tuple(self._symptoms.values()))

    def _report_visit(self, change: VisitReported) -> None:
        self._visits.pop(change.visit_id, None)
        if change.counts:
            basis = f"{change.visit_id}/{change.returns}" if change.returns else change.visit_id
            self._visits[change.visit_id] = VisitFacts(
                basis, change.on, change.first_reported_at, change.format, change.reassessed
            )
        self.facts = replace(self.facts, visits=tuple(self._visits.values()))

    def _resolve(self, change: Resolved) -> None:
        flags = (
            replace(flag, status="resolved", reviewed_at=change.at)
            if flag.is_live and (flag.kind, flag.checkpoint) == (change.kind, change.checkpoint)
            else flag
            for flag in self.facts.flags
        )
        self.facts = replace(self.facts, flags=tuple(flags))


def _timepoint(one: Asked, history: EpisodeHistory, pathway: Pathway) -> TimepointFacts:
    planned = one.planned
    return TimepointFacts(
        timepoint=planned.timepoint,
        administration_id=one.administration_id,
        state="not_asked" if planned.not_asked else "open",
        opens_at=planned.opens_at,
        target_at=planned.target_at,
        late_after=planned.late_after,
        closes_at=planned.closes_at,
        phone_from=phone_from(pathway, planned, enrolled_at=history.enrolled_at, zone=history.zone),
    )


def _stands_against(standing: ResponseFacts | None, later: ResponseFacts) -> bool:
    """Whether a baseline in time stands although a late one came after it."""
    return standing is not None and later.late and not standing.late
