"""The link of a test email to staff: looking asks, pressing confirms, once."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from prom_service.models import Alert
from prom_service.runtime import Runtime
from prom_service.services import escalation
from scheduler import jobs
from tests import builders
from tests.fakes import Clock


@pytest.fixture
def link(runtime: Runtime, clock: Clock) -> str:
    """The link in the owner's test email."""
    with runtime.transaction() as session:
        clinic = builders.a_clinic(session, now=clock.now())
        builders.a_plan(session, clinic, now=clock.now())
        escalation.plan_test(session, clinic, now=clock.now())
    jobs.send_alerts(runtime)
    letters = [file.read_text() for file in (Path(runtime.settings.mailbox_dir) / "new").iterdir()]
    [letter] = [text for text in letters if "To: owner@example.org" in text]
    return re.findall(r"/confirm/[\w=-]+", letter.replace("=\n", ""))[0]


def confirmed(runtime: Runtime) -> list[str]:
    with runtime.reading() as session:
        return list(session.scalars(select(Alert.step).where(Alert.confirmed_at.is_not(None))))


def test_looking_confirms_nothing_and_pressing_does(client: Any, runtime: Runtime, link: str) -> None:
    looked = client.get(link)
    before = confirmed(runtime)
    pressed = [client.post(link), client.post(link)]

    assert ("Yes, it arrived" in looked.text, before) == (True, [])
    assert [(one.status_code, "Thank you" in one.text) for one in pressed] == [(200, True)] * 2
    assert confirmed(runtime) == ["owner"]
    assert "Thank you" in client.get(link).text


@pytest.mark.parametrize("method", ["get", "post"])
def test_another_link_is_not_one_of_ours(client: Any, method: str) -> None:
    answer = getattr(client, method)("/confirm/x")

    assert answer.status_code == 404
