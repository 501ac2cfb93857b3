"""Moving the start of an episode: answered administrations stay, nobody is asked twice."""

import datetime as dt
from collections.abc import Callable, Mapping

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from prom_service.errors import InvalidInputError
from prom_service.models import Episode, EpisodeChange, Message
from prom_service.runtime import Runtime
from prom_service.services import enrolment, submission
from tests import builders
from tests.fakes import Clock


def preview(
    session: Session, episode: Episode, changes: Mapping[str, dt.date], *, actor: str, now: dt.datetime
) -> object:
    return enrolment.preview_start(session, episode, changes["started_on"], now=now)


def test_a_later_start_moves_what_is_not_answered_and_leaves_what_is(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=now), now=now)
        baseline = builders.the_administration(session, episode, "baseline")
        before = baseline.target_at
        submission.submit(session, baseline, answers=builders.complete_answers(baseline, episode), now=now)
        later = dt.date(2026, 3, 16)

        enrolment.change_episode(session, episode, {"started_on": later}, actor="test", now=now)

        baseline = builders.the_administration(session, episode, "baseline")
        six_weeks = builders.the_administration(session, episode, "6-weeks")
        history = session.scalars(select(EpisodeChange.kind).order_by(EpisodeChange.id)).all()
    assert baseline.target_at == before
    assert six_weeks.target_at == dt.datetime(2026, 4, 26, 23, tzinfo=dt.UTC)
    assert history == ["enrolled", "start_changed"]


def test_the_preview_says_what_moves_and_writes_nothing(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=now), now=now)
        baseline = builders.the_administration(session, episode, "baseline")
        submission.submit(session, baseline, answers=builders.complete_answers(baseline, episode), now=now)

    with runtime.reading() as session:
        preview = enrolment.preview_start(session, episode, dt.date(2026, 3, 16), now=now)

    assert [(move.administration.timepoint, move.reason) for move in preview.moves] == [
        ("baseline", "answered"),
        ("6-weeks", "moved"),
        ("3-months", "moved"),
    ]
    assert preview.cancelled_messages == 8
    with runtime.reading() as session:
        assert session.get_one(type(episode), episode.id).started_on == dt.date(2026, 3, 2)


def test_a_start_far_in_the_past_asks_only_what_is_still_open(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        episode = builders.an_episode(
            session, builders.a_clinic(session, now=now), now=now, started_on=now.date() - dt.timedelta(days=45)
        )
        states = {
            key: builders.the_administration(session, episode, key).state for key in ("baseline", "6-weeks", "3-months")
        }
        asked = session.scalars(select(Message.administration_id).distinct()).all()

    assert states == {"baseline": "not_asked", "6-weeks": "open", "3-months": "planned"}
    assert len(asked) == 2


def test_a_message_sent_within_the_new_window_is_not_sent_again(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=now), now=now)
        baseline = builders.the_administration(session, episode, "baseline")
        first = session.scalars(
            select(Message).where(Message.administration_id == baseline.id, Message.ordinal == 0)
        ).one()
        first.phase, first.sent_at = "sent", now

        enrolment.change_episode(session, episode, {"started_on": dt.date(2026, 3, 3)}, actor="test", now=now)

        planned = session.scalars(
            select(Message)
            .where(Message.administration_id == baseline.id, Message.phase == "planned")
            .order_by(Message.ordinal)
        ).all()
    assert [message.kind for message in planned] == ["reminder", "reminder"]
    assert all(message.planned_for > now for message in planned)


def test_closing_an_episode_cancels_everything_that_is_pending(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=now), now=now)

        enrolment.close_episode(session, episode, closed_on=now.date(), reason="discharged", actor="test", now=now)

        session.expire_all()
        states = {builders.the_administration(session, episode, key).state for key in ("baseline", "6-weeks")}
        phases = set(session.scalars(select(Message.phase)))
    assert (states, phases) == ({"cancelled"}, {"cancelled"})


@pytest.mark.parametrize("act", [enrolment.change_episode, preview], ids=["change", "dry run"])
def test_a_start_after_the_closing_is_refused_by_the_change_and_by_its_dry_run(
    runtime: Runtime, clock: Clock, act: Callable[..., object]
) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=now), now=now)
        enrolment.close_episode(session, episode, closed_on=now.date(), reason="done", actor="test", now=now)

        with pytest.raises(InvalidInputError, match="started_on"):
            act(session, episode, {"started_on": now.date() + dt.timedelta(days=1)}, actor="test", now=now)


def test_an_email_that_bounced_is_no_step_of_the_new_cadence(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=now), now=now)
        baseline = builders.the_administration(session, episode, "baseline")
        first = session.scalars(select(Message).where(Message.administration_id == baseline.id, Message.ordinal == 0))
        bounced = first.one()
        bounced.phase, bounced.sent_at, bounced.bounced_at = "sent", now, now

        later = now.date() + dt.timedelta(days=1)
        enrolment.change_episode(session, episode, {"started_on": later}, actor="test", now=now)

        of_it = select(Message.kind).where(Message.administration_id == baseline.id, Message.phase == "planned")
        assert sorted(session.scalars(of_it)) == ["invitation", "reminder", "reminder"]


@pytest.mark.parametrize("act", [enrolment.change_episode, preview], ids=["change", "dry run"])
def test_a_start_after_the_first_visit_or_long_after_the_first_answers_is_refused_naming_the_day(
    runtime: Runtime, clock: Clock, act: Callable[..., object]
) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=now)
        answered, visited = (builders.an_episode(session, clinic, now=now) for _ in range(2))
        baseline = builders.the_administration(session, answered, "baseline")
        submission.submit(session, baseline, answers=builders.complete_answers(baseline, answered), now=now)
        builders.visited(session, visited, 1, now=now)

        with pytest.raises(InvalidInputError) as by_answer:
            act(session, answered, {"started_on": now.date() + dt.timedelta(days=15)}, actor="test", now=now)
        with pytest.raises(InvalidInputError) as by_visit:
            act(session, visited, {"started_on": now.date() + dt.timedelta(days=1)}, actor="test", now=now)

    assert by_answer.value.errors == {"started_on": ["Too late for the answers to Start of 2026-03-02."]}
    assert by_visit.value.errors == {"started_on": ["After the visit of 2026-03-02, which was attended."]}


def test_a_start_after_an_answer_of_a_follow_up_is_refused(runtime: Runtime, clock: Clock) -> None:
    with runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=clock.now()), now=clock.now())
        clock.advance(days=36)
        six_weeks = builders.the_administration(session, episode, "6-weeks")
        submission.submit(session, six_weeks, answers=builders.complete_answers(six_weeks, episode), now=clock.now())
        later = {"started_on": clock.now().date() + dt.timedelta(days=1)}

        with pytest.raises(InvalidInputError, match="started_on"):
            enrolment.change_episode(session, episode, later, actor="test", now=clock.now())


def test_the_preview_names_the_answers_that_would_lie_before_the_start(runtime: Runtime, clock: Clock) -> None:
    now = clock.now()
    with runtime.transaction() as session:
        episode = builders.an_episode(session, builders.a_clinic(session, now=now), now=now)
        baseline = builders.the_administration(session, episode, "baseline")
        submission.submit(session, baseline, answers=builders.complete_answers(baseline, episode), now=now)

        foretold = enrolment.preview_start(session, episode, dt.date(2026, 3, 16), now=now)

    assert [(one.kind, one.name, one.on) for one in foretold.earlier] == [("answers", "baseline", now.date())]
