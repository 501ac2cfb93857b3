"""What every rule is given: the facts of one episode, their judgements, and the time by the episode's own clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prom_service.pathway.evidence import Judgements
from prom_service.pathway.facts import EpisodeFacts, Finding, ResponseFacts, VisitFacts
from prom_service.pathway.judgement import RULE_VERSION


@dataclass(frozen=True, slots=True)
class Case:
    """One episode before the rules. ``clock`` is now, or the moment the episode was closed if that is earlier:
    a closed episode raises nothing from time any more, while late answers and visits still count.
    """

    facts: EpisodeFacts
    judgements: Judgements
    clock: datetime

    @property
    def visits(self) -> tuple[VisitFacts, ...]:
        """Every visit by date; those of one date in the order they were recorded."""
        return tuple(sorted(self.facts.visits, key=lambda visit: (visit.on, visit.recorded_at, visit.basis)))

    @property
    def counted_visits(self) -> tuple[VisitFacts, ...]:
        """The visits whose format counts towards the limit."""
        return tuple(visit for visit in self.visits if visit.format in self.facts.pathway.counted_formats)

    def finding(
        self,
        kind: str,
        *,
        checkpoint: str = "",
        basis: str,
        severity: str,
        queue: str = "clinical",
        why: str,
        evidence: Mapping[str, Any],
    ) -> Finding:
        """A finding of this episode, with its guidance and the versions it was made under."""
        pathway = self.facts.pathway
        return Finding(
            kind=kind,
            checkpoint=checkpoint,
            basis=basis,
            severity=severity,
            queue=queue,
            why=why,
            evidence={**evidence, "pathway": pathway.ref, "rule_version": RULE_VERSION},
            guidance_key=pathway.guidance_key(kind, checkpoint),
        )


def response_basis(response: ResponseFacts) -> str:
    """The basis of a finding that rests on a response."""
    return f"response:{response.id}"
