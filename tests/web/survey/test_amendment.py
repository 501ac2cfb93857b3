"""Answers changed after they were sent: by the back button, or in a second tab."""

import datetime as dt

import pytest
from sqlalchemy import select

from prom_service.models import AnswerSet, Flag, Response, Score
from prom_service.runtime import Runtime
from prom_service.services import standing
from tests.fakes import Clock
from tests.web.survey.visitor import Visitor, behind, count, heading

PAIN = "ihot-12-1.0-Q1"


@pytest.fixture
def sent(visitor: Visitor) -> Visitor:
    """A patient who sent everything, 50 on each line."""
    visitor.answer_everything(value=50)
    visitor.send()
    return visitor


def test_a_different_answer_after_sending_is_kept_beside_the_first(sent: Visitor, runtime: Runtime, clock: Clock):
    clock.advance(minutes=10)

    page = sent.press("/1", "next", **{PAIN: "90", f"{PAIN}.was": "50"})

    assert (page.status_code, heading(page)) == (200, "Your change was kept for the clinic")
    assert "already received on Monday 2 March 2026 at 08:00" in page.text
    assert "90" not in page.text
    with runtime.reading() as session:
        responses = session.scalars(select(Response).order_by(Response.number)).all()
        assert [(one.amendment, one.answered_at) for one in responses] == [
            (False, clock.now() - dt.timedelta(minutes=10)),
            (True, clock.now()),
        ]
        kept = select(AnswerSet.answers).where(
            AnswerSet.response_id == responses[1].id, AnswerSet.instrument == "ihot-12-1.0"
        )
        assert session.scalars(kept).one() == {f"Q{number}": 50 for number in range(2, 13)} | {"Q1": 90}


def test_the_same_answers_again_get_the_same_receipt(sent: Visitor, runtime: Runtime):
    page = sent.press("/1", "next", **{PAIN: "50", f"{PAIN}.was": ""})

    assert page.location == f"/s/{sent.token}/thanks"
    assert count(runtime, Response) == 1


def test_a_tab_that_changed_nothing_since_changes_nothing(sent: Visitor, runtime: Runtime):
    page = sent.press("/1", "next", **{PAIN: "20", f"{PAIN}.was": "20"})

    assert page.location == f"/s/{sent.token}/thanks"
    assert count(runtime, Response) == 1


def test_a_change_sent_twice_is_kept_once(sent: Visitor, runtime: Runtime):
    pages = [sent.press("/1", "next", **{PAIN: "90"}) for _ in range(2)]

    assert [page.status_code for page in pages] == [200, 303]
    assert count(runtime, Response) == 2


@pytest.mark.parametrize(
    ("button", "answer"), [("next", "a lot"), ("save", "90"), ("", "90")], ids=["unreadable", "by script", "no button"]
)
def test_what_nobody_meant_to_send_is_no_amendment(sent: Visitor, runtime: Runtime, button: str, answer: str):
    sent.press("/1", button, **{PAIN: answer})

    assert count(runtime, Response) == 1


def test_a_yes_to_a_symptom_after_sending_shows_the_advice_and_raises_the_flag(sent: Visitor, runtime: Runtime):
    page = sent.press("/14", "next", **{"safety-1.0-R1": "1"})

    assert (page.status_code, heading(page)) == (200, "Please get medical help now")
    assert "Go back and change it" not in page.text
    with runtime.reading() as session:
        assert session.scalars(select(Flag.kind)).all() == ["red_flag_symptom"]


def test_after_a_withdrawal_no_change_is_kept(sent: Visitor, runtime: Runtime, clock: Clock):
    with runtime.transaction() as session:
        _, _, patient = behind(session, runtime, sent.token)
        standing.withdraw(session, patient, actor="command", now=clock.now())

    page = sent.press("/1", "next", **{PAIN: "90"})

    assert (page.status_code, count(runtime, Response)) == (410, 1)


def test_the_first_set_keeps_its_scores(sent: Visitor, runtime: Runtime):
    sent.press("/1", "next", **{PAIN: "100"})

    with runtime.reading() as session:
        standing_one = select(Score.value).join(Response).where(Response.amendment.is_(False))
        assert session.scalars(standing_one.where(Score.instrument == "ihot-12-1.0")).all() == [50.0]
