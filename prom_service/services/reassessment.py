"""Every checkpoint judged again at once, by the rules as they are now: what is on record may say something else.

So after a new version of the rules, or of a database that was put back. The rules judge whole frames here; what has
to change goes through the one door, ``assessment.assess_episodes``.
"""

import uuid
from collections.abc import Iterator

from sqlalchemy.orm import Session

from prom_service.pathway.judgement import RULE_VERSION, Outcome, judge_checkpoint
from prom_service.queries.checkpoints import (
    CheckpointFrame,
    Range,
    checkpoint_frames,
    judgements_in_force,
    ranges,
)


def find_stale(session: Session, clinic_id: uuid.UUID) -> Iterator[list[uuid.UUID]]:
    """Yield the clinic's episodes whose judgement in force is not what the rules say, a bounded number at a time.

    Compared are the response that was judged, the outcome, and the version of the rules.
    """
    for some in ranges(session, clinic_id):
        stale = sorted(_stale(session, some))
        if stale:
            yield stale


def outcomes(one: CheckpointFrame) -> list[str]:
    """Return what the rules say of each row, in the words that are kept."""
    judged = judge_checkpoint(one.pathway, one.timepoint, one.frame).outcome
    words = [code.word(early=one.timepoint.early) for code in Outcome]
    return [words[code] for code in judged.tolist()]


def _stale(session: Session, some: Range) -> set[uuid.UUID]:
    in_force = judgements_in_force(session, some)
    return {
        uuid.UUID(episode)
        for one in checkpoint_frames(session, some)
        for episode, response, outcome in zip(one.episodes, one.responses, outcomes(one), strict=True)
        if in_force.get((episode, one.timepoint.key)) != (response, outcome, RULE_VERSION)
    }
