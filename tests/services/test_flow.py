"""The thread through the middle: what is planned, answered, judged and flagged, in the transaction that causes it."""

import datetime as dt

import pytest
from sqlalchemy import select, update

from prom_service.models import Administration, Flag, FlagEvent, Judgement, Message, Patient, Response, Score
from prom_service.queries.flags import list_events
from prom_service.services import assessment, standing, submission
from tests import builders
from tests.services.life import Life


def test_enrolment_plans_three_administrations_and_their_messages(life: Life) -> None:
    with life.runtime.reading() as session:
        planned = session.scalars(select(Administration).order_by(Administration.sequence)).all()
        messages = session.scalars(select(Message)).all()

    assert [(one.timepoint, one.state) for one in planned] == [
        ("baseline", "open"),
        ("6-weeks", "planned"),
        ("3-months", "planned"),
    ]
    assert {message.phase for message in messages} == {"planned"}


def test_an_answer_is_scored_and_its_messages_are_cancelled_in_its_own_transaction(life: Life) -> None:
    submitted = life.answer("baseline", ihot=40)

    with life.runtime.reading() as session:
        total = session.scalars(select(Score).where(Score.instrument == "ihot-12-1.0")).one()
        administration = session.get_one(Administration, submitted.response.administration_id)
        pending = session.scalars(
            select(Message.phase).where(Message.administration_id == administration.id).distinct()
        ).all()
    assert (submitted.kind, total.value, administration.state, pending) == ("first", 40.0, "completed", ["cancelled"])


@pytest.mark.parametrize(
    ("ihot", "outcome", "flagged"),
    [(46, "not_yet_on_track", {("non_responder", "6-weeks"): "medium"}), (47, "on_track", {}), (48, "on_track", {})],
)
def test_six_weeks_are_judged_at_seven_points(
    life: Life, ihot: int, outcome: str, flagged: dict[tuple[str, str], str]
) -> None:
    life.answer("baseline", ihot=40)
    life.clock.advance(days=42)

    life.answer("6-weeks", ihot=ihot)

    with life.runtime.reading() as session:
        assert session.scalars(select(Judgement.outcome)).all() == [outcome]
    assert life.live() == flagged


def test_an_early_six_weeks_answer_waits_for_its_target_to_be_flagged(life: Life) -> None:
    life.answer("baseline", ihot=40)
    life.clock.advance(days=36)
    life.answer("6-weeks", ihot=40)
    before = life.live()

    life.clock.advance(days=6)
    life.sweep()

    assert before == {}
    assert life.live() == {("non_responder", "6-weeks"): "medium"}


def test_the_same_answers_twice_are_one_response_and_others_are_kept_as_an_amendment(life: Life) -> None:
    kinds = [
        life.answer("baseline", ihot=40).kind,
        life.answer("baseline", ihot=40).kind,
        life.answer("baseline", ihot=60).kind,
    ]

    with life.runtime.reading() as session:
        kept = session.execute(select(Response.number, Response.amendment).order_by(Response.number)).all()
    assert kinds == ["first", "same", "amendment"]
    assert [tuple(row) for row in kept] == [(1, False), (2, True)]


def test_flag_events_are_numbered_without_gaps(life: Life) -> None:
    life.answer("baseline", ihot=40)
    for number in range(1, 17):
        life.visit(number)

    with life.runtime.reading() as session:
        events = list_events(session, life.clinic.id, after=0, limit=100)

    assert [event["number"] for event in events] == list(range(1, len(events) + 1))


def test_the_three_months_of_the_calendar_open_and_close_by_the_sweep(life: Life) -> None:
    life.answer("baseline", ihot=40)
    life.clock.move_to(dt.datetime(2026, 5, 19, 12, tzinfo=dt.UTC))
    life.sweep()

    with life.runtime.reading() as session:
        last = builders.the_administration(session, life.episode, "3-months")

    assert last.state == "open"
    assert last.target_at == dt.datetime(2026, 6, 1, 23, tzinfo=dt.UTC)


def test_other_words_for_the_same_make_no_new_judgement_and_are_put_on_the_live_flag_once(life: Life) -> None:
    enrolled_at = life.clock.now()
    life.clock.advance(days=42)
    life.answer("6-weeks", ihot=41)
    with life.runtime.transaction() as session:
        baseline = builders.the_administration(session, life.episode, "baseline")
        answers = builders.complete_answers(baseline, life.episode, ihot=40)
        paper = {"mode": "paper", "entered_by": "test", "answered_at": enrolled_at}
        submission.submit(session, baseline, answers=answers, now=life.clock.now(), **paper)
    with life.runtime.transaction() as session:
        newest = session.scalars(select(Judgement).order_by(Judgement.number.desc()).limit(1)).one()
        kept = {one.name: getattr(newest, one.name) for one in newest.__table__.c if one.name != "id"}
        session.add(Judgement(**kept | {"number": 3, "reason": "In other words."}))
        session.execute(update(Flag).where(Flag.kind == "non_responder").values(why="In other words."))

    for _ in range(2):
        life.clock.advance(days=1)
        with life.runtime.transaction() as session:
            assessment.assess_episodes(session, [life.episode.id], now=life.clock.now())

    with life.runtime.reading() as session:
        judged = session.scalars(select(Judgement).order_by(Judgement.number)).all()
        flag = session.scalars(select(Flag).where(Flag.kind == "non_responder")).one()
        steps = session.scalars(select(FlagEvent.type).where(FlagEvent.flag_id == flag.id).order_by(FlagEvent.number))
        assert list(steps) == ["raised", "updated"]
    assert (len(judged), judged[-1].reason) == (3, "In other words.")
    assert "iHOT-12 is 1.0 points better since the start" in flag.why


def test_after_a_withdrawal_nothing_is_missed_any_more(life: Life) -> None:
    life.answer("baseline", ihot=40)
    life.clock.advance(days=42 + 15)
    life.sweep()
    before = set(life.live())

    with life.runtime.transaction() as session:
        patient = session.get_one(Patient, life.episode.patient_id)
        standing.withdraw(session, patient, actor="test", now=life.clock.now())

    assert before == {("survey_missed", "6-weeks")}
    assert life.live() == {}


def test_what_was_missed_before_a_withdrawal_is_missed_again_after_resuming(life: Life) -> None:
    life.answer("baseline", ihot=40)
    life.clock.advance(days=42 + 15)
    life.sweep()

    for act in (standing.withdraw, standing.resume):
        with life.runtime.transaction() as session:
            act(session, session.get_one(Patient, life.episode.patient_id), actor="test", now=life.clock.now())

    assert ("survey_missed", "6-weeks") in life.live()
