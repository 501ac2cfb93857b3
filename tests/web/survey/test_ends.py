"""Where a link ends when there is nothing to answer."""

import datetime as dt
from typing import Any

from sqlalchemy import select

from prom_service.models import (
    Message,
    PatientChange,
)
from prom_service.runtime import Runtime
from prom_service.services import enrolment, standing
from tests.fakes import Clock
from tests.web.survey.visitor import Visitor, administration_of, ask, behind, heading


def test_an_unknown_link_is_404_and_says_no_clinic(client: Any):
    page = client.get("/s/" + "x" * 43)

    assert page.status_code == 404
    assert heading(page) == "This link does not work"


def test_a_page_that_does_not_exist_is_404_with_a_way_back(visitor: Visitor):
    visitor.start()

    assert visitor.open("/999").status_code == 404
    assert visitor.open("/nowhere").status_code == 404


def test_a_completed_survey_says_when_and_shows_no_answers(visitor: Visitor, clock: Clock):
    visitor.answer_everything(value=37)
    visitor.send()
    clock.advance(days=3)

    pages = [visitor.open(place) for place in ("", "/1", "/review", "/14/advice")]

    assert {page.status_code for page in pages} == {200}
    assert {heading(page) for page in pages} == {"You have already answered"}
    assert all("Monday 2 March 2026 at 08:00" in page.text and "37" not in page.text for page in pages)


def test_a_link_is_early_until_its_window_opens_and_closed_after_it(client: Any, runtime: Runtime, clock: Clock):
    visitor = Visitor(client, ask(runtime, "6-weeks"))

    early = visitor.open()
    clock.move_to(administration_of(runtime, visitor.token).closes_at - dt.timedelta(microseconds=1))
    last_moment = visitor.open()
    clock.advance(microseconds=1)
    closed = visitor.open()

    assert (early.status_code, heading(early)) == (200, "It is a little early")
    assert (last_moment.status_code, heading(last_moment)) == (200, "How are you doing?")
    assert (closed.status_code, heading(closed)) == (410, "These questions are closed")


def test_late_answers_are_welcome(client: Any, runtime: Runtime, clock: Clock):
    visitor = Visitor(client, ask(runtime, "6-weeks"))
    clock.move_to(administration_of(runtime, visitor.token).late_after)

    page = visitor.open()

    assert "Your answers still count" in page.text


def test_a_withdrawn_patient_is_not_asked(visitor: Visitor, runtime: Runtime, clock: Clock):
    with runtime.transaction() as session:
        _, _, patient = behind(session, runtime, visitor.token)
        standing.withdraw(session, patient, actor="command", now=clock.now())

    page = visitor.open()

    assert (page.status_code, heading(page)) == (410, "You are not being asked any more")


def test_a_closed_episode_ends_its_questions(visitor: Visitor, runtime: Runtime, clock: Clock):
    with runtime.transaction() as session:
        _, episode, _ = behind(session, runtime, visitor.token)
        enrolment.close_episode(
            session, episode, closed_on=clock.now().date(), reason="done", actor="command", now=clock.now()
        )

    page = visitor.open()

    assert page.status_code == 410


def test_not_me_stops_the_series_kills_the_link_and_tells_the_clinic(visitor: Visitor, runtime: Runtime):
    response = visitor.press("/not-me", "not-me")

    assert heading(visitor.client.get(response.location)) == "Thank you for telling us"
    assert visitor.open().status_code == 404
    with runtime.reading() as session:
        _, _, patient = behind(session, runtime, visitor.token)
        assert patient.bounced_at is not None
        assert "not_me" in set(session.scalars(select(PatientChange.kind)))
        assert set(session.scalars(select(Message.phase))) == {"cancelled"}


def test_an_outage_says_that_earlier_answers_are_safe(visitor: Visitor, runtime: Runtime):
    with runtime.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE link RENAME TO link_gone")

    page = visitor.open()

    assert page.status_code >= 500
    assert heading(page) == "We cannot show this page right now"
