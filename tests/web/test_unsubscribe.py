"""The stop link of every email."""

from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Message, PatientChange
from prom_service.runtime import Runtime
from tests.builders import a_clinic, an_episode, the_administration
from tests.web.survey.visitor import heading, link_to

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def address(runtime: Runtime) -> str:
    """The stop link of a patient's email."""
    with runtime.transaction() as session:
        clinic = a_clinic(session, now=runtime.now(), name="Northside Clinic")
        episode = an_episode(session, clinic, now=runtime.now())
        baseline = the_administration(session, episode, "baseline")
        return f"/u/{link_to(runtime, session, baseline, purpose='unsubscribe')}"


def stops(runtime: Runtime) -> int:
    with runtime.reading() as session:
        return list(session.scalars(select(PatientChange.kind))).count("unsubscribed")


def test_looking_and_empty_forms_stop_nothing(client: Any, runtime: Runtime, address: str):
    asked = client.get(address)
    client.head(address)
    client.post(address)

    assert heading(asked) == "Stop these emails?"
    assert stops(runtime) == 0


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_stops_all_mail_without_cookie_or_redirect(
    client: Any, runtime: Runtime, address: str, media_type: str
):
    page = client.post(address, data=ONE_CLICK, content_type=media_type)

    assert (page.status_code, heading(page)) == (200, "The emails have been stopped")
    assert "Set-Cookie" not in page.headers
    with runtime.reading() as session:
        assert set(session.scalars(select(Message.phase))) == {"cancelled"}


def test_stopping_again_is_200_and_changes_nothing(client: Any, runtime: Runtime, address: str):
    pages = [client.post(address, data=ONE_CLICK) for _ in range(2)]

    assert [page.status_code for page in pages] == [200, 200]
    assert stops(runtime) == 1
    assert heading(client.get(address)) == "The emails have been stopped"


def test_a_survey_link_does_not_stop_mail_and_a_stop_link_shows_no_survey(client: Any, runtime: Runtime, address: str):
    with runtime.transaction() as session:
        episode = an_episode(session, a_clinic(session, now=runtime.now()), now=runtime.now())
        survey = link_to(runtime, session, the_administration(session, episode, "baseline"))

    assert client.post(f"/u/{survey}", data=ONE_CLICK).status_code == 404
    assert client.get(address.replace("/u/", "/s/")).status_code == 404
    assert stops(runtime) == 0
