"""The one door to the rules: answers, visits and the sweep all come through here."""

import datetime as dt
import logging
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Integer, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from prom_service.db import Id, UtcDateTime, id_among, update_each
from prom_service.models import Assessment, Base, Episode, Judgement
from prom_service.pathway import evidence, rules
from prom_service.pathway.evidence import Judgements
from prom_service.pathway.facts import EpisodeFacts
from prom_service.queries.facts import LoadedEpisode, flag_facts, load_episodes
from prom_service.services import flag_ledger

log = logging.getLogger(__name__)

IS_DUE = Assessment.due_at <= bindparam("now", type_=UtcDateTime())
DUE = (
    select(Episode.id)
    .join(Assessment, Assessment.id == Episode.id)
    .where(IS_DUE)
    .order_by(Assessment.due_at)
    .limit(bindparam("limit", type_=Integer()))
    .with_for_update(of=[Episode, Assessment], skip_locked=True, key_share=True)
)
DUE_OF_SHARE = DUE.where(Assessment.clinic_id.between(bindparam("first", type_=Id()), bindparam("last", type_=Id())))
DUE_BY_CLINIC = (
    select(Assessment.clinic_id, func.count())
    .where(IS_DUE)
    .group_by(Assessment.clinic_id)
    .order_by(Assessment.clinic_id)
)
HELD = select(Episode.id).where(id_among(Episode.id, "episodes")).order_by(Episode.id).with_for_update(key_share=True)
ASSESSMENT = Base.metadata.tables[Assessment.__tablename__]
IN_FORCE = (  # The last of a checkpoint.
    select(
        Judgement.episode_id,
        Judgement.checkpoint,
        Judgement.id,
        Judgement.number,
        Judgement.response_id,
        Judgement.outcome,
        Judgement.pathway,
        Judgement.rule_version,
        Judgement.recorded_at,
    )
    .where(id_among(Judgement.episode_id, "episodes"))
    .order_by(Judgement.number)
)
EVIDENCE = select(Judgement.id, Judgement.evidence).where(id_among(Judgement.id, "judgements"))


@dataclass(frozen=True)
class Share:
    """The clinics from one id to another, both among them."""

    first: uuid.UUID
    last: uuid.UUID


def assess_episodes(session: Session, episode_ids: Iterable[uuid.UUID], *, now: dt.datetime) -> int:
    """Bring judgements and flags of these episodes up to what is known ``now``; return how many were assessed.

    Holds the episodes' rows until the transaction ends, in the order of their ids, so that an answer and a visit
    that arrive together are judged one after the other. They may be of any number of clinics (see ``flag_ledger``).
    """
    session.flush()
    wanted = set(episode_ids)
    if not wanted:
        return 0
    held = session.scalars(HELD, {"episodes": list(wanted)}).all()
    loaded = load_episodes(session, held)
    judged = rules.judge_episodes([one.facts for one in loaded])
    _keep_judgements(session, loaded, judged, now)
    steps: list[flag_ledger.Step] = []
    assessed = []
    for one, judgements in zip(loaded, judged, strict=True):
        facts, taken = _flag(one, judgements, now)
        steps += taken
        again = rules.next_assessment_at(facts, now=now)
        assessed.append({"id": one.id, "due_at": again, "assessed_at": now})
    flag_ledger.write(session, steps, now=now)
    update_each(session, ASSESSMENT, assessed)
    return len(loaded)


def assess_or_leave_due(session: Session, episode_ids: Collection[uuid.UUID], *, now: dt.datetime) -> None:
    """Assess these episodes at once, or leave them to the sweep where one cannot be: what was written before stands."""
    try:
        with session.begin_nested():
            assess_episodes(session, episode_ids, now=now)
    except Exception as error:  # noqa: BLE001 (what cannot be assessed must not hold up what happened)
        log.error("episodes left to the sweep: %d (%s)", len(episode_ids), type(error).__name__)
        leave_due(session, episode_ids, now=now)


def leave_due(session: Session, episode_ids: Iterable[uuid.UUID], *, now: dt.datetime) -> None:
    """Have the sweep assess these episodes: together, and each alone where one of them cannot be."""
    held = session.scalars(HELD, {"episodes": list(episode_ids)}).all()
    session.execute(update(Assessment).where(Assessment.id.in_(held)).values(due_at=now))


def shares_of_due(session: Session, *, now: dt.datetime, at_most: int) -> list[Share]:
    """Divide the clinics in which anything is due into shares of about as many episodes; none where nothing is.

    Whoever assesses one share waits for no counter of another (see ``flag_ledger``).
    """
    due = session.execute(DUE_BY_CLINIC, {"now": now}).all()
    shares: list[list[uuid.UUID]] = [[] for _ in range(at_most)]
    every, before = sum(count for _, count in due), 0
    for clinic_id, count in due:
        shares[before * at_most // every].append(clinic_id)
        before += count
    return [Share(clinics[0], clinics[-1]) for clinics in shares if clinics]


def claim_due_episodes(
    session: Session, *, now: dt.datetime, limit: int, share: Share | None = None
) -> Sequence[uuid.UUID]:
    """Return episodes that are due to be assessed, the longest due first, held for this transaction.

    They are those of a ``share`` of the clinics where one is given. Those that another process holds are passed over:
    nobody waits to claim.
    """
    if share is None:
        return session.scalars(DUE, {"now": now, "limit": limit}).all()
    whose = {"first": share.first, "last": share.last}
    return session.scalars(DUE_OF_SHARE, {"now": now, "limit": limit, **whose}).all()


def _flag(one: LoadedEpisode, judgements: Judgements, now: dt.datetime) -> tuple[EpisodeFacts, list[flag_ledger.Step]]:
    """Make the flags say what the rules find; return the facts with these flags, and the steps they took.

    A finding may rest on another flag, so what the rules say of the new flags is asked until nothing changes.
    """
    facts, flags = one.facts, one.flags
    steps: list[flag_ledger.Step] = []
    while True:
        findings = rules.find_findings(facts, now=now, judgements=judgements)
        flags, taken = flag_ledger.reconcile(one.whose, facts.pathway, flags, findings, now=now)
        if not taken:
            return facts, steps
        steps += taken
        before, facts = facts, replace(facts, flags=tuple(flag_facts(flag) for flag in flags))
        if facts.flags == before.flags:
            return facts, steps


def _keep_judgements(
    session: Session, loaded: Sequence[LoadedEpisode], judged: Sequence[Judgements], now: dt.datetime
) -> None:
    """Append the judgements that differ from the ones in force."""
    answered = [one.id for one, judgements in zip(loaded, judged, strict=True) if judgements.checkpoints]
    if not answered:
        return
    in_force = {(row.episode_id, row.checkpoint): row for row in session.execute(IN_FORCE, {"episodes": answered})}
    open_ = [
        (one, judgement, before)
        for one, judgements in zip(loaded, judged, strict=True)
        for checkpoint, judgement in judgements.checkpoints.items()
        if not _stands(before := in_force.get((one.id, checkpoint)), judgement)
    ]
    known = _evidence(session, [before.id for _, _, before in open_ if before])
    fresh = [
        _row(one, judgement, before.number + 1 if before else 1, now)
        for one, judgement, before in open_
        if not (before and _is_alike(before, judgement) and known[before.id] == judgement.evidence)
    ]
    if fresh:
        session.execute(insert(Judgement), fresh)


def _stands(before: Any, judgement: evidence.Judgement) -> bool:
    """Say whether the judgement in force rests on what this one rests on, so that nobody need compare their evidence.

    Answers are never changed: where response and rules are the same, only another baseline can make it another.
    """
    if before is None or not _is_alike(before, judgement):
        return False
    baseline = judgement.baseline
    return baseline is None or (baseline.recorded_at is not None and baseline.recorded_at < before.recorded_at)


def _is_alike(before: Any, judgement: evidence.Judgement) -> bool:
    return (str(before.response_id), before.outcome, before.pathway, before.rule_version) == (
        judgement.response_id,
        judgement.outcome,
        judgement.pathway.ref,
        judgement.rule_version,
    )


def _evidence(session: Session, judgement_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """Return the evidence of judgements in force; their reason only puts it in words, which may have changed since."""
    rows = session.execute(EVIDENCE, {"judgements": judgement_ids}) if judgement_ids else ()
    return {id_: resting_on for id_, resting_on in rows}  # noqa: C416 (no pairs to mypy)


def _row(one: LoadedEpisode, judgement: evidence.Judgement, number: int, now: dt.datetime) -> dict[str, Any]:
    return {
        "clinic_id": one.whose.clinic_id,
        "episode_id": one.id,
        "checkpoint": judgement.checkpoint,
        "number": number,
        "response_id": uuid.UUID(judgement.response_id),
        "outcome": judgement.outcome,
        "reason": judgement.reason,
        "evidence": dict(judgement.evidence),
        "pathway": judgement.pathway.ref,
        "rule_version": judgement.rule_version,
        "recorded_at": now,
    }
