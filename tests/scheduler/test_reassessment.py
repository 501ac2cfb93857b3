"""Every checkpoint judged again over frames: only what the rules now see otherwise is assessed."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from prom_service.models import Clinic, Episode, Judgement
from prom_service.pathway import rules
from prom_service.pathway.evidence import Judgements
from prom_service.queries import checkpoints
from prom_service.queries.checkpoints import checkpoint_frames, ranges
from prom_service.queries.facts import load_episodes
from prom_service.runtime import Runtime
from prom_service.services.reassessment import find_stale, outcomes
from prom_service.simulation.population import Size, write_population
from scheduler import reassessment

WRONG = 7
"""The number of a judgement that should not be."""


@pytest.fixture
def prom(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """The service with 60 episodes of two clinics, of which seven are looked at together."""
    write_population(runtime.engine, Size(episodes=60, clinics=2, seed=3))
    monkeypatch.setattr(checkpoints, "EPISODES_AT_ONCE", 7)
    return runtime


def stale(prom: Runtime) -> list[str]:
    with prom.reading() as session:
        clinics = session.scalars(sa.select(Clinic.id)).all()
        return [str(one) for clinic in clinics for some in find_stale(session, clinic) for one in some]


def test_frames_say_of_every_checkpoint_what_the_rules_say_of_one_episode(prom: Runtime) -> None:
    with prom.reading() as session:
        found = {
            (episode.replace("-", ""), one.timepoint.key): (response.replace("-", ""), outcome)
            for clinic in session.scalars(sa.select(Clinic.id)).all()
            for some in ranges(session, clinic)
            for one in checkpoint_frames(session, some)
            for episode, response, outcome in zip(one.episodes, one.responses, outcomes(one), strict=True)
        }
        alone = {
            (loaded.id.hex, key): (judged.response_id.replace("-", ""), judged.outcome)
            for loaded in load_episodes(session, session.scalars(sa.select(Episode.id)))
            for key, judged in rules.judge_episode(loaded.facts).checkpoints.items()
        }

    assert len(found) > 40
    assert found == alone


def test_nothing_is_assessed_where_the_rules_say_what_is_on_record(prom: Runtime) -> None:
    assert stale(prom) == []
    assert list(reassessment.assess_stale_episodes(prom, reassessment.clinics(prom))) == [0, 0]


@pytest.mark.parametrize("column", ["outcome", "rule_version"])
def test_an_episode_judged_otherwise_is_found_and_judged_anew(prom: Runtime, column: str) -> None:
    with prom.transaction() as session:
        first = session.scalars(sa.select(Judgement).where(Judgement.number == 1).limit(1)).one()
        misjudge(session, first, column)
        same = sa.and_(Judgement.episode_id == first.episode_id, Judgement.checkpoint == first.checkpoint)

    assert stale(prom) == [str(first.episode_id)]
    assert sum(reassessment.assess_stale_episodes(prom, reassessment.clinics(prom))) == 1

    with prom.reading() as session:
        kept = session.scalars(sa.select(Judgement).where(same).order_by(Judgement.number.desc())).first()
        assert kept is not None
        assert (kept.number, getattr(kept, column)) == (WRONG + 1, getattr(first, column))
    assert stale(prom) == []


def test_an_episode_that_cannot_be_assessed_does_not_hold_up_the_others(
    prom: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    with prom.transaction() as session:
        rows = session.scalars(sa.select(Judgement).where(Judgement.number == 1).order_by(Judgement.id)).all()
        broken, sound = rows[0], next(row for row in rows if row.episode_id != rows[0].episode_id)
        misjudge(session, broken, "outcome")
        misjudge(session, sound, "outcome")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "judge_episodes", _all_but(str(broken.episode_id)))
        assert sum(reassessment.assess_stale_episodes(prom, reassessment.clinics(prom))) == 2

    assert stale(prom) == [str(broken.episode_id)]
    assert str(broken.episode_id) in caplog.text
    assert str(sound.episode_id) not in caplog.text


def misjudge(session: Session, row: Judgement, column: str) -> None:
    """Put a judgement in force that says something else in one column."""
    copied = {name: getattr(row, name) for name in row.__mapper__.column_attrs.keys() if name != "id"}  # noqa: SIM118
    session.add(Judgement(**{**copied, "number": WRONG, column: "otherwise"}))
    session.flush()


def _all_but(episode_id: str) -> object:
    judge = rules.judge_episodes

    def refusing(episodes: Sequence[rules.EpisodeFacts]) -> list[Judgements]:
        if episode_id in {facts.episode_id for facts in episodes}:
            raise ValueError("no")
        return judge(episodes)

    return refusing
