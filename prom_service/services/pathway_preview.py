"""What a version of a pathway would have flagged in a clinic's last 90 days, beside the version in force."""

import datetime as dt
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from prom_service.models import Episode, Response
from prom_service.pathway.history import EpisodeHistory
from prom_service.pathway.replay import Raised, replay
from prom_service.pathway.shape import Pathway
from prom_service.pathway.variant import same_rules
from prom_service.queries.history import histories
from prom_service.queries.instants import written

PERIOD = dt.timedelta(days=90)
WEEK = dt.timedelta(weeks=1)
FEWEST = 30
"""Episodes, and responses, below which the numbers say little of what is to come; as for ranking in reports."""
LISTED = 200
"""Flags gained, and flags lost, that are listed one by one at most; all are counted."""

UNNAMED = ""


@dataclass(frozen=True)
class Side:
    """The flags of one version: how many, for how many patients, of which kind and severity, and whose they were."""

    ref: str
    flags: int
    patients: int
    kinds: Mapping[str, Mapping[str, int]]
    """Kind → severity → number."""
    clinicians: Mapping[str, int]
    """Clinician → number; an empty one where none is named."""
    per_clinician_and_week: float
    """Of those flags that belong to a named clinician; of all, where none is named."""


@dataclass(frozen=True)
class Moved:
    """One flag that only one of the two versions raises."""

    episode_id: str
    kind: str
    checkpoint: str
    severity: str
    at: str


@dataclass(frozen=True)
class Preview:
    """Two versions beside each other. ``regraded`` are flags that both raise, with another severity."""

    since: str
    until: str
    episodes: int
    patients: int
    responses: int
    newest_response: str | None
    oldest_response: str | None
    clinicians: int
    """Those who are named."""
    unnamed: int
    """Episodes that name no clinician."""
    in_force: Side
    draft: Side
    gained: int
    lost: int
    regraded: int
    gained_flags: tuple[Moved, ...]
    lost_flags: tuple[Moved, ...]
    cautions: tuple[str, ...]

    @property
    def headline(self) -> str:
        """Return the one sentence that matters."""
        now, then = self.in_force, self.draft
        of_whom = "per clinician" if self.clinicians else "with no clinician named"
        if not self.episodes:
            return "Nothing to go by: what it would have flagged cannot be told."
        return (
            f"Would have raised {_counted(then.flags, 'flag')} for {_counted(then.patients, 'patient')},"
            f" {then.per_clinician_and_week:.1f} a week {of_whom}"
            f" (now: {now.flags} for {now.patients}, {now.per_clinician_and_week:.1f})."
        )

    @property
    def basis(self) -> str:
        """Return how much it rests on."""
        unnamed = f" ({_counted(self.unnamed, 'course')} of care with no clinician named)" if self.unnamed else ""
        return (
            f"Rests on {_counted(self.episodes, 'course')} of care of {_counted(self.patients, 'patient')} with"
            f" {_counted(self.clinicians, 'clinician')}{unnamed}, and {_counted(self.responses, 'response')}"
        )

    def figures(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "headline": self.headline, "basis": self.basis}


@dataclass
class _Tally:
    """What is counted of one version on the way through the episodes."""

    flags: int = 0
    patients: set[str] = field(default_factory=set)
    kinds: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    clinicians: Counter[str] = field(default_factory=Counter)

    def add(self, history: EpisodeHistory, raised: Iterable[Raised]) -> None:
        for flag in raised:
            self.flags += 1
            self.patients.add(history.patient_id)
            self.kinds[flag.kind][flag.severity] += 1
            self.clinicians[history.clinician] += 1


def preview(session: Session, clinic_id: uuid.UUID, in_force: Pathway, draft: Pathway, *, now: dt.datetime) -> Preview:
    """Return what both versions would have flagged in the clinic's episodes on this pathway; nothing is written.

    Each episode is replayed from its enrolment, so that what was flagged and answered before the period counts; only
    flags of the period are told. A batch of episodes is in memory at a time.
    """
    since = now - PERIOD
    tallies = {"in_force": _Tally(), "draft": _Tally()}
    gained, lost, regraded, episodes, unnamed = [], [], 0, 0, 0
    patients, clinicians, first = set(), set(), now
    alike = same_rules(in_force, draft)
    for history in histories(session, clinic_id, draft.key, since=since):
        before = [one for one in replay(history, in_force, until=now) if one.at >= since]
        after = before if alike else [one for one in replay(history, draft, until=now) if one.at >= since]
        tallies["in_force"].add(history, before)
        tallies["draft"].add(history, after)
        moved = _compare(history, before, after)
        gained += moved[0]
        lost += moved[1]
        regraded += moved[2]
        episodes += 1
        patients.add(history.patient_id)
        clinicians |= {history.clinician} - {UNNAMED}
        unnamed += history.clinician == UNNAMED
        first = min(first, history.enrolled_at)
    weeks = max(1.0, (now - max(since, first)) / WEEK)
    answered = _responses(session, clinic_id, draft.key, since)
    return Preview(
        since=written(since) or "",
        until=written(now) or "",
        episodes=episodes,
        patients=len(patients),
        responses=answered[0],
        oldest_response=written(answered[1]),
        newest_response=written(answered[2]),
        clinicians=len(clinicians),
        unnamed=unnamed,
        in_force=_side(in_force, tallies["in_force"], len(clinicians), weeks),
        draft=_side(draft, tallies["draft"], len(clinicians), weeks),
        gained=len(gained),
        lost=len(lost),
        regraded=regraded,
        gained_flags=tuple(gained[:LISTED]),
        lost_flags=tuple(lost[:LISTED]),
        cautions=tuple(_cautions(episodes, answered[0], since, first)),
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _compare(
    history: EpisodeHistory, before: list[Raised], after: list[Raised]
) -> tuple[list[Moved], list[Moved], int]:
    """Return the flags gained and lost, and how many of the others have another severity.

    The first flag of a kind and checkpoint is the same flag under both, though it may rest on another visit.
    """
    gained, lost, regraded = [], [], 0
    for key in dict.fromkeys((one.kind, one.checkpoint) for one in (*before, *after)):
        old, new = ([one for one in side if (one.kind, one.checkpoint) == key] for side in (before, after))
        common = min(len(old), len(new))
        gained += [_moved(history, one) for one in new[common:]]
        lost += [_moved(history, one) for one in old[common:]]
        regraded += sum(was.severity != now.severity for was, now in zip(old, new, strict=False))
    return gained, lost, regraded


def _moved(history: EpisodeHistory, one: Raised) -> Moved:
    return Moved(history.episode_id, one.kind, one.checkpoint, one.severity, written(one.at) or "")


def _side(pathway: Pathway, tally: _Tally, clinicians: int, weeks: float) -> Side:
    named = tally.flags - tally.clinicians[UNNAMED] if clinicians else tally.flags
    return Side(
        ref=pathway.ref,
        flags=tally.flags,
        patients=len(tally.patients),
        kinds={kind: dict(severities) for kind, severities in tally.kinds.items()},
        clinicians=dict(tally.clinicians),
        per_clinician_and_week=named / weeks / max(1, clinicians),
    )


def _responses(
    session: Session, clinic_id: uuid.UUID, pathway_key: str, since: dt.datetime
) -> tuple[int, dt.datetime | None, dt.datetime | None]:
    """Return how many responses came in since, and when the oldest and the newest of them were answered."""
    count, oldest, newest = session.execute(
        select(func.count(), func.min(Response.answered_at), func.max(Response.answered_at))
        .join(Episode, Episode.id == Response.episode_id)
        .where(
            Episode.clinic_id == clinic_id,
            Episode.pathway_key == pathway_key,
            Response.recorded_at >= since,
            Response.amendment.is_(False),
        )
    ).one()
    return count, oldest, newest


def _cautions(episodes: int, responses: int, since: dt.datetime, first: dt.datetime) -> Iterable[str]:
    if not episodes:
        yield "No course of care on this pathway was open in these 90 days: the preview rests on nothing."
        return
    if episodes < FEWEST or responses < FEWEST:
        yield (
            f"Too little data: {_counted(episodes, 'course')} of care and {_counted(responses, 'response')}."
            f" Below {FEWEST} of either the numbers say what happened to these patients, not what to expect."
        )
    if first > since:
        yield f"The first of them was enrolled on {first:%-d %b %Y}: less than 90 days are looked at."
