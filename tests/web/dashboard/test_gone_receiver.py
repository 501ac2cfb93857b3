"""Whoever administers a clinic reads which programs are no longer told of its flags."""

from typing import Any

import pytest

from prom_service.models import Webhook
from prom_service.runtime import Runtime
from prom_service.services import webhooks
from tests import builders, hookroom
from tests.fakes import Clock
from tests.web.dashboard.desk import Desk

URL = "https://hooks.example.org/services/T0K3N?key=s3cr3t"
SAID = "A program is no longer told of flags"


@pytest.fixture
def desk(runtime: Runtime, clock: Clock, client: Any) -> Desk:
    desk = Desk(runtime, clock, client, role="clinic_admin")
    desk.log_in()
    return desk


def a_gone_receiver(desk: Desk, clinic_id: Any = None) -> Any:
    webhook, _ = hookroom.a_webhook(desk.runtime, clinic_id or desk.clinic.id, URL)
    with desk.runtime.transaction() as session:
        gone = session.get_one(Webhook, webhook)
        gone.state, gone.state_reason, gone.state_since = "disabled", "http 410", desk.clock.now()
    return webhook


def test_an_administrator_reads_it_at_the_head_of_every_page_and_in_the_settings(desk: Desk) -> None:
    before = desk.shown("/worklist")
    a_gone_receiver(desk)

    page, settings = desk.get("/worklist").text, desk.shown("/settings")

    assert SAID not in before
    assert SAID in page
    assert f'/settings?clinic={desk.clinic.id}#webhooks">Northside Clinic: hooks.example.org<' in page
    assert "Programs that are no longer told of flags hooks.example.org : disabled" in settings.replace(
        ".org:", ".org :"
    )
    assert "T0K3N" not in page + settings
    assert "s3cr3t" not in page + settings


@pytest.mark.parametrize("step", [webhooks.enable, webhooks.end])
def test_enabled_again_or_ended_it_is_not_named_any_more(desk: Desk, step: Any) -> None:
    webhook = a_gone_receiver(desk)
    with desk.runtime.transaction() as session:
        step(session, session.get_one(Webhook, webhook), now=desk.clock.now())

    assert SAID not in desk.shown("/worklist")
    assert "Programs that are no longer told" not in desk.shown("/settings")


def test_another_clinic_s_is_not_named(desk: Desk) -> None:
    with desk.runtime.transaction() as session:
        other = builders.a_clinic(session, now=desk.clock.now())
    a_gone_receiver(desk, other.id)

    assert SAID not in desk.shown("/worklist")
    assert "hooks.example.org" not in desk.shown("/settings")


def test_a_clinician_is_not_told(runtime: Runtime, clock: Clock, client: Any) -> None:
    desk = Desk(runtime, clock, client)
    desk.log_in()
    a_gone_receiver(desk)

    assert SAID not in desk.shown("/worklist")
