"""What findings do to the flags an episode has: decided here once, for the ledger that writes and for the replay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from prom_service.pathway.facts import LIVE_STATUSES, Finding


class Kept(Protocol):
    """A flag on record, as far as this is decided by it."""

    @property
    def kind(self) -> str: ...
    @property
    def checkpoint(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def found_basis(self) -> str: ...
    @property
    def raised_at(self) -> datetime: ...


KeptFlag = TypeVar("KeptFlag", bound=Kept)


@dataclass(frozen=True, slots=True)
class Supersede(Generic[KeptFlag]):
    """The finding of a live flag has gone, or has moved to another basis."""

    flag: KeptFlag
    reason: str


@dataclass(frozen=True, slots=True)
class Update(Generic[KeptFlag]):
    """The finding of a live flag stands, perhaps in other words."""

    flag: KeptFlag
    finding: Finding


@dataclass(frozen=True, slots=True)
class Raise(Generic[KeptFlag]):
    """A finding becomes a flag; ``alike`` are those the episode had of its kind and checkpoint."""

    finding: Finding
    alike: Sequence[KeptFlag]


def steps(
    known: Sequence[KeptFlag], findings: Sequence[Finding]
) -> Iterator[Supersede[KeptFlag] | Update[KeptFlag] | Raise[KeptFlag]]:
    """The steps, in order, that make the flags ``known`` of an episode say what ``findings`` say.

    A live flag is updated, or superseded when its finding has moved to another basis or has gone. A resolved flag
    stays resolved: its finding returns only on a new basis. A superseded one was never answered, so its finding may
    return on the old basis.
    """
    found = {(finding.kind, finding.checkpoint) for finding in findings}
    live = {(flag.kind, flag.checkpoint): flag for flag in known if flag.status in LIVE_STATUSES}
    for key, flag in live.items():
        if key not in found:
            yield Supersede(flag, "no_longer_applies")
    for finding in findings:
        alike = [flag for flag in known if (flag.kind, flag.checkpoint) == (finding.kind, finding.checkpoint)]
        answered = {flag.found_basis for flag in alike if flag.status == "resolved"}
        current = live.get((finding.kind, finding.checkpoint))
        if current is not None and current.found_basis == finding.basis:
            yield Update(current, finding)
            continue
        if current is not None:
            yield Supersede(current, "new_basis")
        if finding.basis not in answered:
            yield Raise(finding, alike)
