"""A link to what is open now, asked for from a link that has ended."""

from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Message, MessageEvent
from prom_service.runtime import Runtime
from prom_service.services import administrations
from tests.builders import the_administration
from tests.fakes import Clock
from tests.web.survey.visitor import Visitor, ask, behind, heading


@pytest.fixture
def closed(client: Any, runtime: Runtime, clock: Clock) -> Visitor:
    """A patient at a baseline that has closed, with the questions of 6 weeks open."""
    visitor = Visitor(client, ask(runtime))
    clock.advance(days=40, hours=4)
    with runtime.transaction() as session:
        administrations.open_due(session, now=clock.now(), limit=10)
    return visitor


def asked_for(runtime: Runtime) -> list[tuple[str, str]]:
    with runtime.reading() as session:
        rows = session.execute(
            select(MessageEvent.actor, Message.administration_id)
            .join(Message, Message.id == MessageEvent.message_id)
            .where(MessageEvent.kind == "requested")
        )
        return [(row.actor, str(row.administration_id)) for row in rows]


def test_a_closed_link_leads_to_a_mail_with_what_is_open_now(closed: Visitor, runtime: Runtime, clock: Clock):
    page = closed.open()
    response = closed.press("/fresh", "fresh")
    said = closed.client.get(response.location)

    assert (page.status_code, "Email me a link" in page.text) == (410, True)
    assert heading(said) == "If there are questions for you, a link is on its way"
    assert "@" not in said.text
    with runtime.reading() as session:
        _, episode, _ = behind(session, runtime, closed.token)
        six_weeks = the_administration(session, episode, "6-weeks")
        due = session.scalars(select(Message).where(Message.administration_id == six_weeks.id, Message.ordinal == 0))
        assert due.one().due_at == clock.now()
    assert asked_for(runtime) == [("patient", str(six_weeks.id))]


def test_asking_counts_once_a_day(closed: Visitor, runtime: Runtime, clock: Clock):
    for _ in range(3):
        closed.press("/fresh", "fresh")
    once = len(asked_for(runtime))
    clock.advance(days=1)
    closed.press("/fresh", "fresh")

    assert (once, len(asked_for(runtime))) == (1, 2)


def test_the_page_is_the_same_when_nothing_can_be_sent(closed: Visitor, runtime: Runtime):
    with runtime.transaction() as session:
        behind(session, runtime, closed.token)[2].email_allowed = False

    response = closed.press("/fresh", "fresh")

    assert heading(closed.client.get(response.location)) == "If there are questions for you, a link is on its way"
    assert asked_for(runtime) == []


def test_the_page_is_the_same_when_nothing_is_open(visitor: Visitor, runtime: Runtime):
    visitor.answer_everything()
    visitor.send()

    page = visitor.open()
    response = visitor.press("/fresh", "fresh")

    assert "Email me a link" in page.text
    assert response.location == f"/s/{visitor.token}/fresh"
    assert asked_for(runtime) == []


def test_a_form_without_its_button_asks_for_nothing(closed: Visitor, runtime: Runtime):
    closed.client.post(f"/s/{closed.token}/fresh")

    assert asked_for(runtime) == []


def test_an_unknown_link_offers_nothing(client: Any):
    page = client.post("/s/unknown/fresh", data={"go": "fresh"})

    assert page.status_code == 404
    assert "Email me a link" not in page.text
