"""The one door to the rules: answers, visits and the sweep all come through here."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from prom_service.models import Episode, Judgement
from prom_service.pathway import rules
from prom_service.pathway.evidence import Judgements
from prom_service.pathway.facts import EpisodeFacts
from prom_service.queries.facts import LoadedEpisode, flag_facts, load_episodes
from prom_service.services import flag_ledger

HELD = (
    select(Episode.id)
    .where(Episode.id.in_(bindparam("episodes", expanding=True)))
    .order_by(Episode.id)
    .with_for_update(key_share=True)
)
ASSESSED = (
    update(Episode)
    .where(Episode.id == bindparam("episode"))
    .values(assess_after=bindparam("again"), assessed_at=bindparam("at"))
    .execution_options(synchronize_session=False)
)
JUDGEMENTS = (  # The last of a checkpoint is the one in force.
    select(Judgement).where(Judgement.episode_id.in_(bindparam("episodes", expanding=True))).order_by(Judgement.number)
)


def assess_episodes(session: Session, episode_ids: Iterable[uuid.UUID], *, now: dt.datetime) -> int:
    """Bring judgements and flags of these episodes up to what is known ``now``; return how many were assessed.

    Holds the episodes' rows until the transaction ends, in the order of their ids, so that an answer and a visit
    that arrive together are judged one after the other.
    """
    session.flush()
    wanted = set(episode_ids)
    if not wanted:
        return 0
    held = session.scalars(HELD, {"episodes": list(wanted)}).all()
    loaded = load_episodes(session, held)
    judged = [rules.judge_episode(one.facts) for one in loaded]
    _keep_judgements(session, loaded, judged, now)
    for one, judgements in zip(loaded, judged, strict=True):
        facts = _flag(session, one, judgements, now)
        _note_assessed(session, one.episode, rules.next_assessment_at(facts, now=now), now)
    return len(loaded)


def claim_due_episodes(session: Session, *, now: dt.datetime, limit: int) -> list[uuid.UUID]:
    """Return the episodes of one clinic whose ``assess_after`` has passed, held for this transaction.

    One clinic at a time: whoever writes flags of a clinic waits for its counter, and nobody may wait for two.
    """
    due = select(Episode).where(Episode.assess_after <= now).order_by(Episode.assess_after)
    first = session.scalars(due.limit(1).with_for_update(skip_locked=True, key_share=True)).first()
    if first is None:
        return []
    return list(
        session.scalars(
            due.with_only_columns(Episode.id)
            .where(Episode.clinic_id == first.clinic_id)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
        )
    )


def _flag(session: Session, one: LoadedEpisode, judgements: Judgements, now: dt.datetime) -> EpisodeFacts:
    """Make the flags say what the rules find, and return the facts with these flags.

    A finding may rest on another flag, so what the rules say of the new flags is asked until nothing changes.
    """
    facts, flags = one.facts, one.flags
    while True:
        findings = rules.find_findings(facts, now=now, judgements=judgements)
        flags = flag_ledger.reconcile(session, one.episode, one.patient, flags, findings, now=now)
        before, facts = facts, replace(facts, flags=tuple(flag_facts(flag) for flag in flags))
        if facts.flags == before.flags:
            return facts


def _note_assessed(session: Session, episode: Episode, again: dt.datetime | None, now: dt.datetime) -> None:
    """Note when the episode is due again; its version stays, since nothing a client could have changed has changed."""
    session.execute(ASSESSED, {"episode": episode.id, "again": again, "at": now})


def _keep_judgements(session: Session, loaded: list[LoadedEpisode], judged: list[Judgements], now: dt.datetime) -> None:
    """Append the judgements that differ from the ones in force."""
    if not any(judgements.checkpoints for judgements in judged):
        return
    ids = [one.episode.id for one in loaded]
    in_force = {(row.episode_id, row.checkpoint): row for row in session.scalars(JUDGEMENTS, {"episodes": ids})}
    for one, judgements in zip(loaded, judged, strict=True):
        for judgement in judgements.checkpoints.values():
            before = in_force.get((one.episode.id, judgement.checkpoint))
            row = Judgement(
                clinic_id=one.episode.clinic_id,
                episode_id=one.episode.id,
                checkpoint=judgement.checkpoint,
                number=before.number + 1 if before else 1,
                response_id=uuid.UUID(judgement.response_id),
                outcome=judgement.outcome,
                reason=judgement.reason,
                evidence=dict(judgement.evidence),
                pathway=one.episode.pathway,
                rule_version=judgement.rule_version,
                recorded_at=now,
            )
            if before is None or _differs(before, row):
                session.add(row)


def _differs(before: Judgement, after: Judgement) -> bool:
    columns = ("response_id", "outcome", "reason", "evidence", "rule_version")
    return any(getattr(before, column) != getattr(after, column) for column in columns)
