"""Every checkpoint judged again, over frames, against an ORM batch that judges one episode after the other.

    python bench/reassessment.py FOLDER [--kind sqlite|postgresql] [--episodes N] [--clinics N] [--judged N]

Both judge the same clinics (``--judged``) and must give the same number of each outcome. Frames then do all of them.
"""

import sys
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from bench.batches import compare
from bench.national import arguments, data_set
from prom_service import db
from prom_service.models import Administration, Clinic, Episode, Response, Score
from prom_service.pathway.definition import find
from prom_service.pathway.judgement import Outcome, ResponseFrame, judge_checkpoint
from prom_service.pathway.shape import GROC, PASS, Pathway, Timepoint
from prom_service.queries.checkpoints import checkpoint_frames, ranges
from prom_service.services.reassessment import find_stale, outcomes
from prom_service.tenancy import EVERY_CLINIC, open_session

AT_ONCE = 500


def ours(url: str, clinics: int) -> str:
    """Judge over frames; return the number of each outcome."""
    counts: Counter[str] = Counter()
    with open_session(db.for_reading(db.make_engine(url)), EVERY_CLINIC) as session:
        for clinic in _clinics(session, clinics):
            for some in ranges(session, clinic):
                for one in checkpoint_frames(session, some):
                    counts.update(outcomes(one))
    return str(sorted(counts.items()))


def everything(url: str) -> str:
    """Find what is stale in every clinic; return how much."""
    with open_session(db.for_reading(db.make_engine(url)), EVERY_CLINIC) as session:
        clinics = _clinics(session, None)
        return str(sum(len(some) for clinic in clinics for some in find_stale(session, clinic)))


def floor(url: str, clinics: int) -> str:
    """Load episodes by ORM, a batch at a time, and judge each checkpoint alone; return the number of each outcome."""
    counts: Counter[str] = Counter()
    with open_session(db.for_reading(db.make_engine(url)), EVERY_CLINIC) as session:
        for clinic in _clinics(session, clinics):
            ids = session.scalars(sa.select(Episode.id).where(Episode.clinic_id == clinic)).all()
            for start in range(0, len(ids), AT_ONCE):
                counts.update(_judge(session, ids[start : start + AT_ONCE]))
                session.expunge_all()
    return str(sorted(counts.items()))


def _judge(session: Session, ids: object) -> Counter[str]:
    counts: Counter[str] = Counter()
    episodes = session.scalars(sa.select(Episode).where(Episode.id.in_(ids))).all()
    asked = {
        one.id: one for one in session.scalars(sa.select(Administration).where(Administration.episode_id.in_(ids)))
    }
    standing: defaultdict[object, dict[str, Response]] = defaultdict(dict)
    for response in session.scalars(
        sa.select(Response).where(Response.episode_id.in_(ids), ~Response.amendment).order_by(Response.number)
    ):
        timepoint, stands = asked[response.administration_id].timepoint, standing[response.episode_id]
        if timepoint != "baseline" or not response.late or timepoint not in stands or stands[timepoint].late:
            stands[timepoint] = response
    scores: defaultdict[object, dict[tuple[str, str], float | None]] = defaultdict(dict)
    for score in session.scalars(sa.select(Score).where(Score.episode_id.in_(ids))):
        scores[score.response_id][score.instrument, score.scale] = score.value
    for episode in episodes:
        pathway, stands = find(episode.pathway), standing[episode.id]
        for timepoint in pathway.checkpoints:
            if timepoint.key in stands:
                before, after = stands.get("baseline"), stands[timepoint.key]
                one = _frame(pathway, timepoint, scores[before.id] if before else {}, scores[after.id], before)
                outcome = Outcome(int(judge_checkpoint(pathway, timepoint, one).outcome[0]))
                counts[outcome.word(early=timepoint.early)] += 1
    return counts


def _frame(
    pathway: Pathway,
    timepoint: Timepoint,
    before: dict[tuple[str, str], float | None],
    after: dict[tuple[str, str], float | None],
    baseline: Response | None,
) -> ResponseFrame:
    def one(value: float | None) -> np.ndarray:
        return np.array([np.nan if value is None else value])

    keys = [criterion.measure.key for criterion in timepoint.criteria]
    return ResponseFrame(
        baseline={key: one(before.get(key)) for key in keys},
        current={key: one(after.get(key)) for key in keys},
        baseline_late=np.array([baseline is not None and baseline.late]),
        groc=one(after.get(GROC)),
        pass_answer=one(after.get(PASS)),
    )


def _clinics(session: Session, count: int | None) -> list[object]:
    return list(session.scalars(sa.select(Clinic.id).order_by(Clinic.code).limit(count)))


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--judged", type=int, default=10, help="clinics that both judge")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with data_set(chosen) as url:
        jobs = {
            "ORM batch, one by one": f"partial(bench.reassessment.floor, {url!r}, {chosen.judged})",
            "frames": f"partial(bench.reassessment.ours, {url!r}, {chosen.judged})",
        }
        compare(jobs, rounds=chosen.rounds)
        compare({"frames, every clinic": f"partial(bench.reassessment.everything, {url!r})"}, rounds=1)


if __name__ == "__main__":
    main()
