"""What patients answer here, and what it is worth: counted by hand, judged by the oracle in exact fractions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.pathway import oracle
from tests.pathway.oracle import Score

IHOT, NPRS, PSFS, GROC, PASS, SAFETY = "ihot-12-1.0", "nprs-1.0", "psfs-1.0", "groc-1.0", "pass-1.0", "safety-1.0"
HIP, BUTTOCK = "hip-related-pain-1", "buttock-nerve-pain-1"
PRIMARY = {HIP: ("ihot",), BUTTOCK: ("nprs", "psfs")}
SYMPTOMS = tuple(f"R{number}" for number in range(1, 11))
BACKGROUND = ("R11", "R12", "R13")

Payload = Mapping[str, Mapping[str, Any]]
"""Instrument → item → value, as it is handed to the service."""


@dataclass(frozen=True)
class Answers:
    """A set of answers as somebody would describe it. With fewer than 6 items there is no iHOT-12 score."""

    ihot: int = 50
    items: int = 12
    nprs: int = 5
    psfs: int = 4
    groc: int | None = 0
    content: int | None = 0
    yes: tuple[str, ...] = ()

    def payload(self, pathway: str, timepoint: str) -> dict[str, dict[str, Any]]:
        """Everything that is asked at this timepoint of this pathway."""
        baseline = timepoint == "baseline"
        asked = SYMPTOMS + (BACKGROUND if baseline else ())
        given: dict[str, dict[str, Any]] = {
            IHOT: {f"Q{number}": self.ihot for number in range(1, self.items + 1)},
            NPRS: {"Q1": self.nprs},
            SAFETY: {item: int(item in self.yes) for item in asked},
        }
        if pathway == BUTTOCK:
            given[PSFS] = {"Q1": self.psfs, "Q1.text": "Climb the stairs"}
        if not baseline:
            given[GROC] = {} if self.groc is None else {"Q1": self.groc}
            given[PASS] = {} if self.content is None else {"Q1": self.content}
        return given


@dataclass(frozen=True)
class Worth:
    """What a set of answers comes to."""

    scores: Mapping[str, Score]
    groc: int | None
    content: bool | None

    @property
    def scorable(self) -> bool:
        """Whether any instrument gives a score."""
        return self.groc is not None or self.content is not None or any(v is not None for v in self.scores.values())


def worth(payload: Payload) -> Worth:
    """Add up: iHOT-12 is the mean of at least half its items, PSFS of at least one activity, the others one number."""
    given = codes(payload)
    ihot, psfs = (list(given.get(ref, {}).values()) for ref in (IHOT, PSFS))
    nprs, groc, content = (given.get(ref, {}).get("Q1") for ref in (NPRS, GROC, PASS))
    return Worth(
        scores={
            "ihot": Fraction(sum(ihot), len(ihot)) if len(ihot) >= 6 else None,
            "psfs": Fraction(sum(psfs), len(psfs)) if psfs else None,
            "nprs": None if nprs is None else Fraction(nprs),
        },
        groc=groc,
        content=None if content is None else bool(content),
    )


def merged(parts: Iterable[Payload]) -> dict[str, dict[str, Any]]:
    """The newest answer to every item."""
    whole: dict[str, dict[str, Any]] = {}
    for part in parts:
        for ref, given in part.items():
            whole.setdefault(ref, {}).update(given)
    return whole


def codes(payload: Payload) -> dict[str, dict[str, Any]]:
    """The answers themselves, without the names of activities."""
    given = {ref: {item: v for item, v in items.items() if ".text" not in item} for ref, items in payload.items()}
    return {ref: items for ref, items in given.items() if items}


@dataclass(frozen=True)
class Judged:
    outcome: str
    any_worse: bool
    without_baseline: bool
    demonstrated: bool


def judge(pathway: str, checkpoint: str, baseline: Worth | None, late: bool, now: Worth) -> Judged:
    """Judge a checkpoint by the oracle. ``late``: the baseline is."""
    before = baseline.scores if baseline else {}
    rules = oracle.RULES[pathway, checkpoint]
    felt = {"late": late, "groc": now.groc}
    outcomes = [
        oracle.judge_scale(rule, before.get(rule.scale), now.scores.get(rule.scale), content=now.content, **felt)
        for rule in rules
    ]
    overall = oracle.combine(outcomes)
    return Judged(
        outcome=oracle.worded(overall, checkpoint),
        any_worse="worse" in outcomes,
        without_baseline=overall == "not_assessable" and (late or any(before.get(r.scale) is None for r in rules)),
        demonstrated=oracle.demonstrated(pathway, before, now.scores, **felt),
    )
