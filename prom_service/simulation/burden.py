"""How much the flags of the group weigh: how many there are for an episode."""

import datetime as dt
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from prom_service.models import Episode, Flag


def burden(session: Session, *, followed_since: dt.date) -> dict[str, Any]:
    """Return the flags raised for the episodes that started by ``followed_since``: by kind for 100 episodes, the
    clinical ones per episode, and the share of episodes without any."""
    followed = select(Episode.id).where(Episode.started_on <= followed_since)
    episodes = session.scalar(select(func.count()).select_from(followed.subquery())) or 0
    raised = session.execute(
        select(Flag.kind, Flag.queue, func.count()).where(Flag.episode_id.in_(followed)).group_by(Flag.kind, Flag.queue)
    ).all()
    flagged = session.scalar(select(func.count(Flag.episode_id.distinct())).where(Flag.episode_id.in_(followed))) or 0
    return {
        "episodes": episodes,
        "per_100": {kind: 100 * count / max(1, episodes) for kind, _, count in sorted(raised)},
        "clinical_per_episode": sum(count for _, queue, count in raised if queue == "clinical") / max(1, episodes),
        "without_any": 1 - flagged / max(1, episodes),
    }
